"""Several looks in one network: what is drawn, and mixes from end to end."""

import json
import pathlib

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, files
from lutjax.data import synthetic
from lutjax.fit import loop
from lutjax.lut import cube, lattice
from lutjax.models import nilut
from lutjax.tasks import experiment, fitting, shipping, styles


def _silent(line):
  del line


def _data():
  tables = list(synthetic.looks(0, count=3, size=5).values())
  return {'table': np.stack(tables), 'size': np.full(3, 5, np.int32)}


def _decoded(size=9, **flags):
  looks = shipping.named_looks(**flags)
  return {name: look.decode(size) for name, look in looks.items()}


class StylesTest(parameterized.TestCase):
  def test_blend_points_begin_as_published(self):
    points = styles.blend_points(3, 7)
    np.testing.assert_array_equal(points[:3], np.eye(3))
    np.testing.assert_allclose(points[3], [1 / 3] * 3, atol=1e-6)
    np.testing.assert_allclose(
      points[4:7], [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    )
    np.testing.assert_allclose(points.sum(axis=1), 1.0, atol=1e-6)
    self.assertLen(np.unique(points, axis=0), 10)
    with self.assertRaisesRegex(ValueError, 'at most 7 blend points for 3 styles'):
      styles.blend_points(3, 8)

  @parameterized.parameters('each', 'mixed')
  def test_targets_are_what_the_looks_make_of_the_colours(self, drawn):
    config = styles.Config(drawn=drawn, blend_points=0)
    batch = styles.sampler(config)(jax.random.key(0), _data(), 32)
    each = styles.every_style(config, _data(), batch['rgb'])
    if drawn == 'each':
      np.testing.assert_array_equal(batch['target'], each)
      return
    want = np.einsum('bsc,bs->bc', each, batch['style'])
    np.testing.assert_allclose(batch['target'], want, atol=1e-6)
    np.testing.assert_allclose(batch['style'].sum(axis=1), 1.0, atol=1e-5)

  def test_a_mix_from_the_shell_is_the_mix_of_the_looks(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    made = synthetic.looks(0, count=3, size=9)
    for name, table in made.items():
      lut = lattice.from_table(table)
      files.write_bytes(folder / 'looks' / f'{name}.cube', cube.render(lut))
    wanted = experiment.Experiment(
      model=nilut.Config(widths=(32, 32), styles='heads', precision='bf16'),
      task=styles.Config(random_colours=512, photo_colours=512, nodes=9),
      fit=loop.Config(steps=600, learning_rate=5e-3, segment_steps=600),
      pictures='none',
    )
    run = folder / 'run'
    sources = experiment.Sources(luts=[str(folder / 'looks')])
    self.assertEmpty(fitting.fit(wanted, sources, run, say=_silent))
    names = list(made)
    blend = [f'{names[0]}:0.3', f'{names[2]}:0.7']
    (mixed,) = _decoded(model=str(run), blend=blend).values()
    each = _decoded(model=str(run), look='all')
    want = 0.3 * each[names[0]].table + 0.7 * each[names[2]].table
    np.testing.assert_allclose(mixed.table, want, atol=1e-5)
    lines = map(json.loads, (run / 'metrics.jsonl').read_text().splitlines())
    (record,) = [line for line in lines if 'looks' in line]
    self.assertEqual(set(record['looks']), set(names))
    for scores in record['looks'].values():
      self.assertGreater(scores['psnr'], 25.0)
    self.assertTrue((run / 'report' / 'mixes.png').is_file())

  def test_refuses_one_network_for_each(self):
    with self.assertRaisesRegex(errors.InputError, 'found false, expected one network'):
      styles.gather(styles.Config(together=False), experiment.Sources(), _silent)


if __name__ == '__main__':
  absltest.main()
