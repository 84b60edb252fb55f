import lzma
import pathlib
import re

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, viewer
from lutjax.codec import container
from lutjax.viewer import artefact, page
from tests.viewer import models

_SCRIPTS = pathlib.Path(viewer.__file__).parent / 'scripts'


class ForPageTest(parameterized.TestCase):
  def test_lzma_is_replaced_and_the_codes_stay(self):
    content = models.small()['lutflow']
    packed = artefact.for_page(content)
    before, after = container.unpack(content), container.unpack(packed)
    where = container.layout(packed)
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


class ScriptsTest(parameterized.TestCase):
  def test_all_scripts_are_listed_once(self):
    found = [path.name for path in _SCRIPTS.glob('*.js')]
    self.assertCountEqual((*artefact.DECODERS, *page.SCRIPTS), found)

  def test_scripts_are_strict_and_short_and_add_one_object(self):
    for path in _SCRIPTS.glob('*.js'):
      if path.name == 'lutjax.js':
        continue
      with self.subTest(path.name):
        text = path.read_text('utf-8')
        self.assertIn("(() => {\n  'use strict';\n", text)
        self.assertLen(re.findall(r'^  lutjax\.\w+ = ', text, re.MULTILINE), 1)
        lines = text.splitlines()
        self.assertLess(len(lines), 500)
        self.assertLessEqual(max(map(len, lines)), 88)
        self.assertNotRegex(text, r'\beval\b|innerHTML|fetch\(|https?:')


if __name__ == '__main__':
  absltest.main()
