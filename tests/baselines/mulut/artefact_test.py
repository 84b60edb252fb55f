import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.baselines.mulut import artefact, model
from lutjax.codec import container
from lutjax.data import degradations
from lutjax.types import Variables

CONFIG = model.Config(('sd', 'y'), 6, degradations.Degradation('bicubic', 3))


def _variables():
  rng = np.random.default_rng(0)
  return Variables(
    tuple(rng.integers(-128, 128, shape, np.int8) for shape in CONFIG.shapes)
  )


class ArtefactTest(parameterized.TestCase):
  def test_holds_what_it_was_given(self):
    variables = _variables()
    content = artefact.export(CONFIG, variables)
    loaded = systems.load(content)
    self.assertEqual(loaded.config, CONFIG)
    for got, want in zip(loaded.variables.params, variables.params, strict=True):
      self.assertEqual(got.dtype, np.int8)
      np.testing.assert_array_equal(got, want)
    self.assertEqual(artefact.export(loaded.config, loaded.variables), content)

  @parameterized.parameters(
    ({'stages': ['sd', 'q']}, 'letters of sdy'),
    ({'stages': ['sd', 's', 'y']}, r'tables uint8\[2, 625, 1\]'),
    ({'stages': 7}, 'header that does not fit'),
    ({'stages': [7]}, 'header that does not fit'),
    ({'sampling_bits': 5}, r'tables uint8\[2, 625, 1\]'),
    ({'sampling_bits': 6.0}, 'sampling_bits'),
    ({'sampling_bits': None}, 'header that does not fit'),
    ({'kind': 'blur'}, 'kind bicubic, noise, jpeg'),
    ({'kind': []}, 'header that does not fit'),
    ({'strength': 3.0}, 'strength'),
    ({'strength': 4}, r'tables uint8\[2, 625, 1\]'),
  )
  def test_refuses_headers_that_do_not_fit(self, change, message):
    held = container.unpack(artefact.export(CONFIG, _variables()))
    content = container.pack('mulut', {**held.header, **change}, held.tensors)
    with self.assertRaisesRegex(errors.ArtefactError, f'a.lutjax: found .*{message}'):
      systems.load(content, 'a.lutjax')

  def test_refuses_tables_of_another_type(self):
    held = container.unpack(artefact.export(CONFIG, _variables()))
    for tensors, message in (
      ([tensor.astype(np.int16) for tensor in held.tensors], 'int16'),
      ([], 'none'),
    ):
      content = container.pack('mulut', held.header, tensors)
      with self.assertRaisesRegex(errors.ArtefactError, f'tables {message}'):
        systems.load(content)


if __name__ == '__main__':
  absltest.main()
