import lzma

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.codec import container
from lutjax.viewer import artefact
from tests.viewer import models


class ForPageTest(parameterized.TestCase):
  def test_lzma_is_replaced_and_the_codes_stay(self):
    content = models.small()['lutflow']
    page = artefact.for_page(content)
    before, after = container.unpack(content), container.unpack(page)
    where = container.layout(page)
    self.assertNotIn('lzma', (where.header_packing, where.payload_packing))
    self.assertEqual(after.header, {**before.header, 'for_page': len(content)})
    names = lzma.decompress(before.tensors[0].tobytes(), lzma.FORMAT_ALONE)
    self.assertEqual(after.tensors[0].tobytes(), names)
    # All codes but the last, which has a mask, are the same bytes.
    same = int(before.tensors[-2][:-1].sum())
    np.testing.assert_array_equal(before.tensors[-1][:same], after.tensors[-1][:same])

  def test_a_system_that_pages_cannot_show_is_named(self):
    content = container.pack('img2lut', {})
    with self.assertRaisesRegex(
      errors.ArtefactError, r"run/model: found system 'img2lut', which a page cannot"
    ):
      artefact.for_page(content, 'run/model')

  def test_a_damaged_artefact_is_named(self):
    with self.assertRaisesRegex(errors.ArtefactError, 'run/model: .* damaged'):
      artefact.for_page(models.small()['grid'][:-1] + b'\0', 'run/model')


if __name__ == '__main__':
  absltest.main()
