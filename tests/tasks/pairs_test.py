"""From a blank Hald picture to a look that fits, and from photos to styles."""

import json
import pathlib

import numpy as np
from absl.testing import absltest

from lutjax import config, errors, files
from lutjax.data import images, synthetic
from lutjax.fit import loop
from lutjax.lut import cube, lattice
from lutjax.models import dct, nilut
from lutjax.tasks import (
  evaluating,
  experiment,
  exporting,
  fitting,
  lattices,
  looks,
  pairs,
  scorecard,
  shipping,
  styles,
)

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
  looks = shipping.named_looks(**flags)
  return {name: look.decode(size) for name, look in looks.items()}


class PairsTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_a_graded_hald_picture_becomes_the_look(self):
    blank = self.folder / 'blank.png'
    identity = shipping.named_looks(lut='identity')['identity']
    exporting.write(identity, blank, 'hald', exporting.Options(level=4))
    rgb = images.to_float(images.read(blank).pixels)
    _write(self.folder / 'graded.png', _grade(rgb, 0.5))
    wanted = experiment.Experiment(
      model=nilut.Config(widths=(32, 32)),
      task=pairs.from_looks(looks.Config()),
      fit=FIT,
      pictures='none',
    )
    sources = experiment.Sources(pairs=[str(blank), str(self.folder / 'graded.png')])
    problems = fitting.fit(wanted, sources, self.folder / 'run', say=_silent)
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
    wanted = experiment.Experiment(
      model=nilut.Config(widths=(32, 32), styles='heads'),
      task=pairs.from_looks(styles.Config()),
      fit=FIT,
      pictures='none',
    )
    sources = experiment.Sources(pairs=[str(self.folder / 'set')])
    fitting.fit(wanted, sources, self.folder / 'run', say=_silent)
    (record,) = _records(self.folder / 'run')
    self.assertEqual(list(record['looks']), ['cold', 'warm', 'blend'])
    for scores in record['looks'].values():
      self.assertGreater(scores['psnr'], 33.0)
      self.assertLess(scores['visited'], 0.6)
    task = evaluating.config_for(str(self.folder / 'run'), [], sources)
    figures, problems = evaluating.evaluate(
      str(self.folder / 'run'), task, sources, say=_silent
    )
    self.assertEmpty(problems)
    self.assertEqual(list(figures['looks']), ['cold', 'warm', 'blend'])
    self.assertIn('| blend |', scorecard.render(figures))
    self.assertIn('blend', (self.folder / 'run/report.html').read_text())

  def test_rare_colours_are_drawn_as_often_as_common_ones(self):
    rgb = np.full((10_000, 3), 0.1, np.float32)
    rgb[:3] = 0.9
    index = pairs.balanced(rgb, 4000, spread=0.5, cells=8, seed=0)
    share = np.mean(index < 3)
    self.assertBetween(share, 0.2, 0.3)
    plain = pairs.balanced(rgb, 4000, spread=0.0, cells=8, seed=0)
    self.assertLess(np.mean(plain < 3), 0.01)

  def test_refuses_what_cannot_be_fitted_to_pictures(self):
    with self.assertRaisesRegex(errors.InputError, 'found a config for lattices'):
      pairs.from_looks(lattices.Config())
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
    wanted = experiment.Experiment(
      model=dct.Config(size=9, size_bytes=200),
      task=lattices.Config(random_colours=512, photo_colours=512, nodes=9),
      fit=loop.Config(steps=0, schedule='constant'),
      pictures='none',
    )
    sources = experiment.Sources(luts=[str(self.folder / 'graded.cube')])
    fitting.fit(wanted, sources, self.folder / 'run', say=_silent)
    (record,) = _records(self.folder / 'run')
    self.assertLessEqual(record['size_bytes'], 200)
    self.assertGreater(record['looks']['graded']['psnr'], 35.0)
    got = _decoded(model=str(self.folder / 'run'))['graded']
    np.testing.assert_allclose(got.table, table, atol=0.08)
    recorded = config.from_dict(config.to_dict(wanted), 'run.json')
    self.assertEqual(recorded, wanted)


if __name__ == '__main__':
  absltest.main()
