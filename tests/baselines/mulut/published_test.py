import io
import os
import pathlib
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.baselines import mulut
from lutjax.baselines.mulut import artefact, model, published
from lutjax.data import degradations
from lutjax.types import Variables

DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'mulut_published'
CONFIG = model.Config(('sy', 'd'), 7, degradations.Degradation('bicubic', 2))


def _npy(array):
  stream = io.BytesIO()
  np.save(stream, array)
  return stream.getvalue()


class PublishedTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    rng = np.random.default_rng(0)
    self.variables = Variables(
      tuple(rng.integers(-128, 128, shape, np.int8) for shape in CONFIG.shapes)
    )
    for name, content in published.render(CONFIG, self.variables).items():
      (self.folder / name).write_bytes(content)
    (self.folder / 'README.md').write_text('Tables.')

  def test_reads_what_it_wrote(self):
    self.assertCountEqual(
      [path.name for path in self.folder.iterdir()],
      [
        'LUT_ft_x2_7bit_int8_s1_s.npy',
        'LUT_ft_x2_7bit_int8_s1_y.npy',
        'LUT_ft_x2_7bit_int8_s2_d.npy',
        'README.md',
      ],
    )
    loaded = systems.load_folder(self.folder)
    self.assertEqual(loaded.config, CONFIG)
    self.assertEqual(loaded.model.name, 'mulut')
    for got, want in zip(loaded.variables.params, self.variables.params, strict=True):
      np.testing.assert_array_equal(got, want)

  def test_reads_tables_before_fine_tuning_and_columns_first(self):
    for path in self.folder.glob('*.npy'):
      array = np.asfortranarray(np.load(path))
      path.unlink()
      name = path.name.replace('LUT_ft_', 'LUT_')
      (self.folder / name).write_bytes(_npy(array))
    loaded = mulut.load(str(self.folder))
    np.testing.assert_array_equal(
      loaded.variables.params[-1], self.variables.params[-1]
    )

  @unittest.skipUnless(DATA.is_dir(), 'needs mulut_published under LUTJAX_DATA')
  def test_published_tables_come_back_byte_for_byte(self):
    loaded = mulut.load(str(DATA))
    self.assertEqual(loaded.config, model.Config())
    content = artefact.export(loaded.config, loaded.variables)
    self.assertLess(len(content), 2_030_000)
    back = systems.load(content)
    files = loaded.model.restorer.formats['npy'](back.config, back.variables, 'any')
    want = {path.name: path.read_bytes() for path in DATA.glob('*.npy')}
    self.assertEqual(files, want)

  def test_folders_of_others_are_not_claimed(self):
    self.assertFalse(published.claims([]))
    self.assertFalse(published.claims(['Model_V_UP_x4_H6.npy', 'README.md']))
    self.assertIsNone(systems.load_folder(self.folder / 'nowhere'))
    self.assertIsNone(systems.load_folder(self.folder / 'README.md'))
    self.assertIsNone(systems.load_folder(self.folder.parent))

  @parameterized.parameters(
    ('s1_s', None, 'LUT_x2_7bit_int8_s1_s', 'found 2 models'),
    ('s1_s', None, 'LUT_ft_x3_7bit_int8_s1_s', 'found 2 models'),
    ('s2_d', None, '', 'found int8 .81, 1., expected int8 .81, 4.'),
    ('s2_d', None, 'LUT_ft_x2_7bit_int8_s3_d', "got .'sy', '', 'd'"),
    ('s1_s', None, 'LUT_ft_x2_7bit_int8_s1_e', 'found pattern e, expected one of s'),
    ('s1_s', _npy(np.zeros((81, 1))), '', 'found float64 .81, 1., expected int8'),
    ('s1_s', _npy(np.zeros((81, 2), np.int8)), '', r'found int8 \[81, 2\]'),
    ('s1_s', _npy(np.zeros((81, 1), np.int8))[:-1], '', 'found 80 bytes of values'),
    ('s1_s', b'\x93NUMPY\x09\x00', '', 'header that cannot be read'),
    ('s1_s', b'', '', 'header that cannot be read'),
    ('s1_s', _npy(np.zeros((81, 1), np.int8))[:60], '', 'header that cannot be read'),
  )
  def test_refuses(self, which, content, renamed, message):
    (path,) = self.folder.glob(f'*_{which}.npy')
    if content is not None:
      path.write_bytes(content)
    elif renamed:
      path.rename(self.folder / f'{renamed}.npy')
    else:
      path.unlink()
    with self.assertRaisesRegex(errors.ArtefactError, message) as raised:
      systems.load_folder(self.folder)
    self.assertStartsWith(str(raised.exception), str(self.folder))
    self.assertNotIn('\n', str(raised.exception))

  def test_refuses_scales_of_no_model(self):
    for path in self.folder.glob('*.npy'):
      path.rename(self.folder / path.name.replace('_x2_', '_x7_'))
    with self.assertRaisesRegex(errors.ArtefactError, 'bicubic from 1 to 4, got 7'):
      systems.load_folder(self.folder)


if __name__ == '__main__':
  absltest.main()
