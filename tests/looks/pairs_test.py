"""From a blank Hald picture to a look that fits, and from photos to styles."""

import json
import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized
from scipy import ndimage

from lutjax import config, errors, experiment, files
from lutjax.baselines import dct
from lutjax.baselines import task as baseline_task
from lutjax.commands import evaluate, export, fit, scorecard, selection
from lutjax.data import images, synthetic
from lutjax.fit import loop
from lutjax.looks import pairs
from lutjax.looks import task as looks
from lutjax.lut import cube, lattice
from lutjax.systems.nilut import model as nilut
from lutjax.systems.nilut import task as nilut_task

CASES = pathlib.Path(__file__).resolve().parent.parent / 'cases'
FIT = loop.Config(steps=400, segment_steps=400)


def _silent(line):
  del line


def _grade(rgb, strength):
  """Returns what an editor makes of colours."""
  bent = rgb ** (1.0 + strength) * np.array([1.0, 0.95, 0.85])
  return np.clip(bent + 0.05 * strength, 0.0, 1.0)


def _write(path, rgb, bits=16):
  path.parent.mkdir(parents=True, exist_ok=True)
  images.write(path, images.Image(images.from_float(rgb.astype(np.float32), bits)))


def _records(folder):
  lines = (folder / 'metrics.jsonl').read_text().splitlines()
  return [record for record in map(json.loads, lines) if 'looks' in record]


def _decoded(size=9, **flags):
  looks = selection.named_looks(**flags)
  return {name: look.decode(size) for name, look in looks.items()}


class PairsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_a_graded_hald_picture_becomes_the_look(self):
    blank = self.folder / 'blank.png'
    identity = selection.named_looks(lut='identity')['identity']
    export.write(identity, blank, 'hald', export.Options(level=4))
    rgb = images.to_float(images.read(blank).pixels)
    _write(self.folder / 'graded.png', _grade(rgb, 0.5))
    settings = experiment.Experiment(
      model=nilut.Config(widths=(32, 32)),
      task=pairs.from_looks(looks.Config()),
      fit=FIT,
      pictures='none',
    )
    sources = experiment.Sources(pairs=[str(blank), str(self.folder / 'graded.png')])
    problems = fit.fit(settings, sources, self.folder / 'run', say=_silent)
    self.assertEmpty(problems)
    lut = _decoded(model=str(self.folder / 'run'))['graded']
    np.testing.assert_allclose(lut.table, _grade(lattice.identity(9), 0.5), atol=0.06)
    (record,) = _records(self.folder / 'run')
    self.assertGreater(record['looks']['graded']['psnr'], 33.0)
    self.assertEqual(record['looks']['graded']['visited'], 1.0)

  def test_styles_and_their_blend_are_scored_by_name(self):
    photo = synthetic.photo(1, 96, 128)
    for name, strength in (('warm', 0.5), ('cold', -0.3)):
      _write(self.folder / f'set/001_{name}.png', _grade(photo, strength))
    _write(self.folder / 'set/001.png', photo)
    blend = (_grade(photo, 0.5) + _grade(photo, -0.3)) / 2
    _write(self.folder / 'set/001_blend.png', blend)
    settings = experiment.Experiment(
      model=nilut.Config(widths=(32, 32), styles='heads'),
      task=pairs.from_looks(nilut_task.Config()),
      fit=FIT,
      pictures='none',
    )
    sources = experiment.Sources(pairs=[str(self.folder / 'set')])
    fit.fit(settings, sources, self.folder / 'run', say=_silent)
    (record,) = _records(self.folder / 'run')
    self.assertEqual(list(record['looks']), ['cold', 'warm', 'blend'])
    for scores in record['looks'].values():
      self.assertGreater(scores['psnr'], 33.0)
      self.assertLess(scores['visited'], 0.6)
    task = evaluate.config_for(str(self.folder / 'run'), [], sources)
    figures, problems = evaluate.evaluate(
      str(self.folder / 'run'), task, sources, say=_silent
    )
    self.assertEmpty(problems)
    self.assertEqual(list(figures['looks']), ['cold', 'warm', 'blend'])
    self.assertIn('| blend |', scorecard.render(figures))
    self.assertIn('blend', (self.folder / 'run/report.html').read_text())

  @parameterized.parameters('pair_before_orientation3', 'pair_before_transparent')
  def test_the_look_of_turned_and_transparent_pictures_is_found(self, name):
    settings = experiment.Experiment(
      model=nilut.Config(widths=(32, 32)),
      task=pairs.from_looks(looks.Config()),
      fit=FIT,
      pictures='none',
    )
    lines = []
    sources = experiment.Sources(
      pairs=[str(CASES / f'{name}.png'), str(CASES / 'pair_after.png')]
    )
    problems = fit.fit(settings, sources, self.folder / 'run', say=lines.append)
    self.assertEmpty(problems)
    (lut,) = _decoded(33, model=str(self.folder / 'run')).values()
    with PIL.Image.open(CASES / f'{name}.png') as image:
      pixels = np.asarray(image)
    rgb = pixels[:, 60:, :3] / 255.0
    got = [
      ndimage.map_coordinates(channel, np.moveaxis(rgb, -1, 0) * 32, order=1)
      for channel in np.moveaxis(np.asarray(lut.table, np.float64), -1, 0)
    ]
    gap = np.stack(got, axis=-1) - rgb**0.8
    self.assertLess(np.sqrt(np.mean(gap**2)), 0.01)
    self.assertLess(np.abs(gap).max(), 0.06)
    (record,) = _records(self.folder / 'run')
    scores = record['looks']['pair_after']
    self.assertEqual(scores['floor_cause'], 'rounding')
    self.assertGreater(scores['floor_psnr'], 50.0)
    self.assertRegex('|'.join(lines), r'pair_after: floor [56]\d\.\d dB')
    self.assertRegex('|'.join(lines), r'the model has .* dB .*, the floor is [56]\d')

  def test_what_no_lut_can_remove_is_told(self):
    photo = synthetic.photo(3, 240, 320)
    after = np.clip(_grade(photo, -0.2), 0.0, 1.0)
    y, x = np.mgrid[0:240, 0:320]
    from_centre = (x / 320 - 0.5) ** 2 + (y / 240 - 0.5) ** 2
    noise = np.random.default_rng(0).normal(0.0, 0.03, photo.shape)
    _write(self.folder / 'set/001.png', photo, bits=8)
    made = {
      'clean': after,
      'vignette': after * (1.0 - 1.2 * from_centre)[..., None],
      'shifted': np.roll(after, (1, 2), (0, 1)),
      'noisy': np.clip(after + noise, 0.0, 1.0),
    }
    for name, rgb in made.items():
      _write(self.folder / f'set/001_{name}.png', rgb, bits=8)
    PIL.Image.fromarray(images.from_float(after.astype(np.float32), 8)).save(
      self.folder / 'set/001_jpeg.jpg', quality=50
    )
    settings = experiment.Experiment(
      model=nilut.Config(widths=(32, 32)),
      task=pairs.from_looks(looks.Config()),
      fit=FIT,
      pictures='none',
    )
    lines = []
    sources = experiment.Sources(pairs=[str(self.folder / 'set')])
    fit.fit(settings, sources, self.folder / 'run', say=lines.append)
    scores = {
      name: stats
      for record in _records(self.folder / 'run')
      for name, stats in record['looks'].items()
    }
    causes = {name: stats['floor_cause'] for name, stats in scores.items()}
    self.assertEqual(
      causes,
      {
        'clean': 'rounding',
        'vignette': 'place',
        'shifted': 'shift',
        'noisy': 'noise',
        'jpeg': 'jpeg',
      },
    )
    self.assertEqual(scores['shifted']['floor_shift'], [2, 1])
    for name, stats in scores.items():
      self.assertLess(stats['psnr'], stats['floor_psnr'] + 0.5, name)
      if name != 'clean':
        self.assertGreater(stats['psnr'], stats['floor_psnr'] - 3.0, name)
    told = '|'.join(lines)
    self.assertRegex(told, r'--pairs: vignette: no LUT can .*\d % of it depends on the')
    page = (self.folder / 'run/report.html').read_text()
    self.assertIn('What no LUT can remove', page)
    self.assertRegex(
      page, r'no LUT can bring these pictures closer than about \d\d\.\d dB'
    )

  def test_rare_colours_are_drawn_as_often_as_common_ones(self):
    rgb = np.full((10_000, 3), 0.1, np.float32)
    rgb[:3] = 0.9
    index = pairs.balanced(rgb, 4000, spread=0.5, cells=8, seed=0)
    share = np.mean(index < 3)
    self.assertBetween(share, 0.2, 0.3)
    plain = pairs.balanced(rgb, 4000, spread=0.0, cells=8, seed=0)
    self.assertLess(np.mean(plain < 3), 0.01)

  def test_refuses_what_cannot_be_fitted_to_pictures(self):
    with self.assertRaisesRegex(errors.InputError, 'found a config for baselines'):
      pairs.from_looks(baseline_task.Config())
    _write(self.folder / 'a.png', np.zeros((4, 4, 3)))
    for name in ('a_x', 'b', 'b_y'):
      _write(self.folder / f'{name}.png', np.zeros((4, 4, 3)))
    sources = experiment.Sources(pairs=[str(self.folder)])
    with self.assertRaisesRegex(errors.InputError, 'a.png: found no y picture'):
      pairs.gather(pairs.Config(together=True), sources, _silent)

  def test_a_coder_keeps_to_its_bytes_under_the_same_verbs(self):
    table = _grade(lattice.identity(9), 0.5).astype(np.float32)
    lut = lattice.from_table(table)
    files.write_bytes(self.folder / 'graded.cube', cube.render(lut))
    settings = experiment.Experiment(
      model=dct.Config(size=9, size_bytes=200),
      task=baseline_task.Config(random_colours=512, photo_colours=512, nodes=9),
      fit=loop.Config(steps=0, schedule='constant'),
      pictures='none',
    )
    sources = experiment.Sources(luts=[str(self.folder / 'graded.cube')])
    fit.fit(settings, sources, self.folder / 'run', say=_silent)
    (record,) = _records(self.folder / 'run')
    self.assertLessEqual(record['size_bytes'], 200)
    self.assertGreater(record['looks']['graded']['psnr'], 35.0)
    got = _decoded(model=str(self.folder / 'run'))['graded']
    np.testing.assert_allclose(got.table, table, atol=0.08)
    recorded = config.from_dict(config.to_dict(settings), 'run.json')
    self.assertEqual(recorded, settings)


if __name__ == '__main__':
  absltest.main()
