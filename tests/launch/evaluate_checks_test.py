"""Checks of a LUT file, as a shell gets them."""

import json
import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from tests.launch import in_process

CASES = pathlib.Path(__file__).resolve().parent.parent / 'cases'


def write_cube(path, function, size=5):
  """Writes a `.cube` file, the red index first."""
  axis = np.linspace(0, 1, size)
  rows = [function(np.array([r, g, b])) for b in axis for g in axis for r in axis]
  lines = [f'LUT_3D_SIZE {size}', *(' '.join(f'{v:.6f}' for v in row) for row in rows)]
  path.write_text('\n'.join(lines) + '\n')
  return str(path)


def _tint(found):
  return next(c['figure'] for c in found['checks'] if c['name'] == 'neutral_cie76')


class ChecksTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_figures_are_written_and_the_page_shows_them(self):
    lut = write_cube(self.folder / 'warm.cube', lambda rgb: rgb * [1, 1, 0.8])
    photo = self.folder / 'photo.png'
    pixels = np.full((374, 560, 3), 100, np.uint8)
    PIL.Image.fromarray(pixels).save(photo)
    out = self.folder / 'out'
    problems, printed = in_process.run('evaluate', lut=lut, out=out, images=photo)
    self.assertEmpty(problems)  # Warnings alone are no failure.
    found = json.loads((out / 'evaluate.json').read_text())
    self.assertEqual(found['verdict'], 'warn')
    self.assertEqual((found['size'], found['own_nodes']), (5, True))
    self.assertEqual(found['range'], [0, 1])
    verdicts = {check['name']: check['verdict'] for check in found['checks']}
    warned = [name for name, verdict in verdicts.items() if verdict == 'warn']
    self.assertEqual(warned, ['neutral_cie76', 'neutral_ciede2000'])
    self.assertEqual(found['warnings'], 2)
    keys = {'name', 'figure', 'unit', 'limit', 'verdict', 'sentence'}
    for check in found['checks']:
      self.assertEqual(set(check), keys)
      self.assertEqual(check['verdict'] == 'pass', check['figure'] <= check['limit'])
    text = (out / 'evaluate.md').read_text()
    self.assertIn('14 of 16 checks pass, 2 warn (its own nodes, 5 x 5 x 5)', text)
    self.assertIn(text, printed)
    page = (out / 'report.html').read_text()
    self.assertIn('greys become coloured', page)
    (drawn,) = (out / 'report').glob('*.png')
    shown = np.asarray(PIL.Image.open(drawn))
    np.testing.assert_array_equal(shown[200, 200], [100, 100, 100])
    np.testing.assert_array_equal(shown[200, 800], [100, 100, 80])
    with self.assertRaisesRegex(errors.InputError, 'exists already; --overwrite'):
      in_process.run('evaluate', lut=lut, out=out)

  def test_strict_fails_where_a_check_warns(self):
    lut = write_cube(self.folder / 'fold.cube', lambda rgb: abs(2 * rgb - 1))
    out = self.folder / 'checks.json'
    problems, _ = in_process.run('evaluate', lut=lut, out=out, strict=True)
    found = {c['name']: c for c in json.loads(out.read_text())['checks']}
    # Two of three channels keep their order, or none: a half is turned over.
    self.assertAlmostEqual(found['reversed']['figure'], 50)
    self.assertAlmostEqual(found['monotonic_red']['figure'], 255)
    warned = [name for name, check in found.items() if check['verdict'] == 'warn']
    self.assertEqual([line.split(':')[0] for line in problems], warned)
    self.assertFalse((self.folder / 'report.html').exists())

  def test_limits_can_be_set_and_the_identity_passes(self):
    problems, printed = in_process.run(
      'evaluate', lut='identity', strict=True, set=['folding=0', 'clipped=0']
    )
    self.assertEmpty(problems)
    self.assertIn('16 of 16 checks pass, 0 warn', printed)

  def test_curves_are_checked_as_one_lattice(self):
    _, printed = in_process.run('evaluate', lut=CASES / 'shaper_ranges.cube')
    self.assertIn('(a lattice made of it, 33 x 33 x 33)', printed)

  @parameterized.parameters(
    ('0 0 0', '2 2 2', '0 to 2'),
    ('0.5 0 0', '1 2 3', '0.5 to 1'),
    ('0 2 4', '1 3 5', '0 to 5'),  # No grey is within the domains of all.
  )
  def test_greys_are_those_that_all_channels_take(self, low, high, span):
    lut = self.folder / 'wide.cube'
    write_cube(lut, lambda rgb: rgb)
    lut.write_text(f'DOMAIN_MIN {low}\nDOMAIN_MAX {high}\n{lut.read_text()}')
    in_process.run('evaluate', lut=lut, out=self.folder / 'x.json', overwrite=True)
    found = json.loads((self.folder / 'x.json').read_text())
    self.assertEqual('{:g} to {:g}'.format(*found['greys']), span)
    domain = [[float(end) for end in ends.split()] for ends in (low, high)]
    self.assertEqual(found['domain'], domain)
    # Greys stay neutral where all channels have the same domain, and only there.
    ends = np.array(domain)
    grey = np.linspace(*found['greys'], 256)[:, None]
    want = np.clip((grey - ends[0]) / (ends[1] - ends[0]), 0, 1)
    self.assertEqual(_tint(found) < 0.01, np.ptp(want, axis=1).max() < 1e-6)

  @parameterized.parameters(
    ({}, 'expected one of --model and --lut'),
    ({'lut': 'identity', 'model': 'a'}, 'expected one of --model and --lut'),
    ({'lut': 'identity', 'look': 'a'}, '--look: nothing to do with --lut'),
    ({'lut': 'identity', 'luts': 'a.cube'}, '--luts: nothing to do with --lut'),
    ({'lut': 'identity', 'pairs': 'a'}, '--pairs: nothing to do with --lut'),
    ({'lut': 'identity', 'inverse': 'true'}, '--inverse: nothing to do with --lut'),
    ({'lut': 'identity', 'overwrite': 'true'}, '--overwrite: nothing to do with'),
    ({'lut': 'identity', 'images': 'a.png'}, '--images: nothing to do with --lut with'),
    (
      {'lut': 'identity', 'images': 'a.png', 'out': 'x.json'},
      '--images: nothing to do with --lut without a folder',
    ),
    ({'model': 'a.lutjax', 'strict': 'true'}, '--strict: nothing to do with --model'),
    ({'lut': 'identity', 'set': ['foldin=1']}, '--set=foldin: .* folding'),
    ({'lut': 'missing.cube'}, 'missing.cube'),
  )
  def test_refuses_in_one_line(self, given, message):
    with self.assertRaisesRegex(errors.InputError, message) as caught:
      in_process.run('evaluate', **given)
    self.assertNotIn('\n', str(caught.exception))


if __name__ == '__main__':
  absltest.main()
