import pathlib
from unittest import mock

import imageio.v3 as iio
import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, files
from lutjax.codec import labels
from lutjax.lut import cube, hald, interpolate, lattice
from lutjax.models import nilut
from lutjax.tasks import shipping

LOOKS = [labels.Label(name) for name in ('Café', 'cold', 'warm')]


class MixTest(parameterized.TestCase):
  def test_names_what_is_wanted(self):
    self.assertEqual(list(shipping.mix(LOOKS, look='all')), ['Café', 'cold', 'warm'])
    (weights,) = shipping.mix(LOOKS, look='warm').values()
    np.testing.assert_array_equal(weights, [0, 0, 1])
    (weights,) = shipping.mix(LOOKS, look='1').values()
    np.testing.assert_array_equal(weights, [0, 1, 0])

  def test_weights_of_a_blend_sum_to_one(self):
    mixed = shipping.mix(LOOKS, blend=['warm:3', 'cold:1'])
    np.testing.assert_allclose(mixed['warm+cold'], [0, 0.25, 0.75])

  @parameterized.parameters(
    ({'look': 'wram'}, r'did you mean warm\?'),
    ({'look': ''}, 'holds 3 looks'),
    ({'blend': ['warm']}, 'expected NAME:WEIGHT'),
    ({'blend': ['warm:-1']}, 'expected NAME:WEIGHT'),
    ({'blend': ['warm:nan']}, 'expected NAME:WEIGHT'),
    ({'blend': ['warm:0']}, 'all zero'),
    ({'blend': ['wram:1']}, r'did you mean warm\?'),
    ({'blend': ['warm:1'], 'look': 'cold'}, 'found --blend beside it'),
  )
  def test_refuses(self, wanted, message):
    with self.assertRaisesRegex(errors.InputError, message):
      shipping.mix(LOOKS, **wanted)


class ShippingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def save(self, name, bias):
    config = nilut.Config(
      widths=(4,),
      activations=('relu',),
      precision='fp32',
      looks=(labels.Label(name),),
    )
    variables = nilut.init(config, jax.random.key(0))
    variables.params[-1]['bias'] = np.full(3, bias, np.float32)
    content = nilut.export(config, variables)
    files.write_bytes(self.folder / f'run/models/{name}.lutjax', content)

  def test_a_run_is_a_set_of_looks(self):
    self.save('up', 0.25)
    self.save('down', -0.25)
    named = shipping.named_luts(model=str(self.folder / 'run'), look='all', size=5)
    self.assertEqual(list(named), ['down', 'up'])
    want = np.clip(lattice.identity(5) + 0.25, 0, 1)
    np.testing.assert_allclose(named['up'].table, want, atol=1e-6)

  def test_a_blend_is_the_mixture_of_the_decoded_looks(self):
    self.save('up', 0.25)
    self.save('down', -0.25)
    (got,) = shipping.named_luts(
      model=str(self.folder / 'run'), blend=['up:0.3', 'down:0.7'], size=5
    ).values()
    nodes = lattice.identity(5)
    want = 0.3 * np.clip(nodes + 0.25, 0, 1) + 0.7 * np.clip(nodes - 0.25, 0, 1)
    np.testing.assert_allclose(got.table, want, atol=1e-6)

  def test_looks_are_decoded_one_by_one(self):
    self.save('up', 0.25)
    self.save('down', -0.25)
    with mock.patch.object(shipping, 'decode', wraps=shipping.decode) as decode:
      named = shipping.named_luts(model=str(self.folder / 'run'), look='all', size=5)
      options = {'level': 4, 'bits': 16, 'overwrite': False}
      paths = shipping.write_all(named, self.folder / 'out', ['cube'], **options)
      self.assertEqual(next(paths).name, 'down.cube')
      self.assertEqual(decode.call_count, 1)

  def test_files_that_exist_are_found_before_anything_is_made(self):
    self.save('up', 0.25)
    self.save('down', -0.25)
    there = self.folder / 'out/up.cube'
    files.write_bytes(there, b'kept')
    named = shipping.named_luts(model=str(self.folder / 'run'), look='all', size=5)
    options = {'level': 4, 'bits': 16}
    with self.assertRaisesRegex(errors.InputError, 'up.cube: exists already'):
      list(
        shipping.write_all(named, there.parent, ['cube'], overwrite=False, **options)
      )
    self.assertEqual([path.name for path in there.parent.iterdir()], ['up.cube'])
    list(shipping.write_all(named, there.parent, ['cube'], overwrite=True, **options))
    self.assertGreater(len(there.read_bytes()), 100)

  def test_one_look_that_cannot_be_made_leaves_the_others(self):
    lut = lattice.from_table(lattice.identity(2))

    def broken():
      raise errors.InputError('b: squeezes colours')

    named = shipping._Looks({'a': lambda: lut, 'b': broken, 'c': lambda: lut})
    options = {'level': 4, 'bits': 16, 'overwrite': False}
    problems = []
    written = list(
      shipping.write_all(
        named, self.folder / 'o', ['cube'], problems=problems, **options
      )
    )
    self.assertEqual([path.name for path in written], ['a.cube', 'c.cube'])
    self.assertEqual(problems, ['b: squeezes colours'])

  @parameterized.parameters(8, 16)
  def test_the_blank_hald_is_exact(self, bits):
    named = shipping.named_luts(lut='identity')
    (path,) = shipping.write_all(
      named, self.folder / 'h.png', ['hald'], level=4, bits=bits, overwrite=False
    )
    pixels = iio.imread(path) if bits == 8 else None
    if bits == 8:
      np.testing.assert_array_equal(pixels, np.rint(hald.identity(4) * 255))
    looks = shipping.named_luts(lut=str(path))['h']
    tolerance = 0.5 / (2**bits - 1) + 1e-7
    np.testing.assert_allclose(looks.table, lattice.identity(16), atol=tolerance)

  def test_formats_and_names_are_checked_before_anything_is_written(self):
    self.save('up', 0.25)
    named = shipping.named_luts(model=str(self.folder / 'run'))
    options = {'level': 4, 'bits': 16, 'overwrite': False}
    for out, formats, message in (
      ('a', ['cubes'], r'did you mean cube\?'),
      ('a.png', ['cube'], 'expected the extension .cube'),
      ('a.cube', ['cube', 'npz'], '2 files to write, expected a folder'),
    ):
      with self.assertRaisesRegex(errors.InputError, message):
        list(shipping.write_all(named, self.folder / out, formats, **options))
      self.assertFalse((self.folder / out).exists())

  def test_npz_reads_back(self):
    self.save('up', 0.25)
    named = shipping.named_luts(model=str(self.folder / 'run'), size=5)
    (path,) = shipping.write_all(
      named, self.folder / 'up.npz', ['npz'], level=4, bits=16, overwrite=False
    )
    again = shipping.named_luts(lut=str(path))['up']
    np.testing.assert_array_equal(again.table, named['up'].table)

  def test_npz_keeps_curves_and_domain(self):
    (self.folder / 'curve.cube').write_text(
      'LUT_1D_SIZE 3\nDOMAIN_MIN -1 -1 -1\n0 0 0\n.7 .7 .7\n1 1 1\n'
    )
    named = shipping.named_luts(lut=str(self.folder / 'curve.cube'))
    (path,) = shipping.write_all(
      named, self.folder / 'out', ['npz'], level=4, bits=16, overwrite=False
    )
    again = shipping.named_luts(lut=str(path))['curve']
    rgb = np.random.default_rng(0).uniform(-1, 1, (64, 3)).astype(np.float32)
    np.testing.assert_allclose(
      interpolate.sample(again, rgb, method='trilinear'),
      interpolate.sample(named['curve'], rgb, method='trilinear'),
      atol=1e-6,
    )

  def test_a_name_leads_nowhere_else(self):
    named = {'../up': lattice.from_table(lattice.identity(2))}
    options = {'level': 4, 'bits': 16, 'overwrite': False}
    with self.assertRaisesRegex(errors.InputError, 'no file can be called'):
      list(shipping.write_all(named, self.folder / 'out', ['cube'], **options))

  def test_says_what_it_looked_for(self):
    with self.assertRaisesRegex(errors.InputError, 'no such file or folder'):
      shipping.find_models(str(self.folder / 'nowhere'))
    with self.assertRaisesRegex(errors.InputError, 'found no model.lutjax'):
      shipping.find_models(str(self.folder))
    (self.folder / 'a.lutjax').write_bytes(b'not one')
    with self.assertRaisesRegex(errors.ArtefactError, 'a.lutjax: '):
      shipping.find_models(str(self.folder / 'a.lutjax'))
    with self.assertRaisesRegex(errors.InputError, 'expected 2 to 256'):
      shipping.named_luts(lut='identity', size=1)

  def test_a_cube_converts_to_another_size(self):
    path = self.folder / 'a.cube'
    path.write_bytes(cube.render(lattice.from_table(lattice.identity(3) * 0.5)))
    got = shipping.named_luts(lut=str(path), size=5)['a']
    np.testing.assert_allclose(got.table, lattice.identity(5) * 0.5, atol=1e-6)


if __name__ == '__main__':
  absltest.main()
