"""Several looks in one network: what is drawn, and mixes from end to end."""

import json
import pathlib

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, experiment, files
from lutjax.commands import fit, selection
from lutjax.data import synthetic
from lutjax.fit import loop
from lutjax.lut import cube, lattice
from lutjax.systems.nilut import model as nilut
from lutjax.systems.nilut import task as nilut_task


def _silent(line):
  del line


def _data():
  tables = list(synthetic.looks(0, count=3, size=5).values())
  return {'table': np.stack(tables), 'size': np.full(3, 5, np.int32)}


def _decoded(size=9, **flags):
  looks = selection.named_looks(**flags)
  return {name: look.decode(size) for name, look in looks.items()}


class StylesTest(parameterized.TestCase):
  @parameterized.parameters('each', 'mixed')
  def test_targets_are_what_the_looks_make_of_the_colours(self, drawn):
    config = nilut_task.Config(drawn=drawn, blend_points=0)
    batch = nilut_task.sampler(config)(jax.random.key(0), _data(), 32)
    each = nilut_task.every_style(config, _data(), batch['rgb'])
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
    settings = experiment.Experiment(
      model=nilut.Config(widths=(32, 32), styles='heads', precision='bf16'),
      task=nilut_task.Config(random_colours=512, photo_colours=512, nodes=9),
      fit=loop.Config(steps=600, learning_rate=5e-3, segment_steps=600),
      pictures='none',
    )
    run = folder / 'run'
    sources = experiment.Sources(luts=[str(folder / 'looks')])
    self.assertEmpty(fit.fit(settings, sources, run, say=_silent))
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
      nilut_task.gather(
        nilut_task.Config(together=False), experiment.Sources(), _silent
      )


if __name__ == '__main__':
  absltest.main()
