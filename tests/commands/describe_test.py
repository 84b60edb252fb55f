import hashlib
import json
import pathlib
import unittest

import jax
import numpy as np
from absl.testing import absltest

from lutjax import errors, experiment
from lutjax.baselines.mulut import artefact, published
from lutjax.baselines.mulut import model as mulut
from lutjax.codec import labels
from lutjax.commands import describe
from lutjax.data import ocio_writing
from lutjax.fit import runs
from lutjax.looks import task as looks
from lutjax.lut import chain, lattice
from lutjax.systems.nilut import model as nilut

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

CASES = pathlib.Path(__file__).parent.parent / 'cases'
_LABEL = labels.Label('film', ((0.0,) * 3, (4.0,) * 3), (0.0, 16.0))
_CONFIG = nilut.Config(widths=(8,), activations=('tanh',), looks=(_LABEL,))


def _content() -> bytes:
  shapes = jax.eval_shape(lambda key: nilut.init(_CONFIG, key), jax.random.key(0))
  return nilut.export(
    _CONFIG, jax.tree.map(lambda leaf: np.full(leaf.shape, 0.5, np.float32), shapes)
  )


class DescribingTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_an_artefact(self):
    path = self.folder / 'a.lutjax'
    path.write_bytes(_content())
    text = '\n'.join(describe.describe(str(path)))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    size = path.stat().st_size
    self.assertStartsWith(text, f'{path}: nilut, {size} bytes, sha256 {digest}\n')
    self.assertIn("widths=(8,), activations=('tanh',)", text)
    self.assertIn('film: domain 0 to 4, range 0 to 16', text)
    self.assertIn(f'{3 * 8 + 8 + 8 * 3 + 3} numbers', text)

  def test_a_run(self):
    settings = experiment.Experiment(model=_CONFIG, task=looks.Config(), seed=7)
    inputs = {'film': 'ab' * 32}
    run = runs.open_run(
      self.folder, config=settings, inputs=inputs, resume=True, overwrite=False
    )
    run.commit('film', _content(), {'size_bytes': 300, 'seconds': 1.0})
    run.close()
    text = '\n'.join(describe.describe(str(self.folder)))
    for line in (
      f'{self.folder}: a run of nilut for looks',
      'seed=7',
      'steps=6000',
      f'film: sha256 {"ab" * 32}',
      'models/film.lutjax: nilut',
    ):
      self.assertIn(line, text)
    event = json.loads((self.folder / 'metrics.jsonl').read_text().splitlines()[0])
    self.assertIn(event['digest'], text)

  def test_models_that_restore_pictures(self):
    config = mulut.Config(('s',), 7)
    variables = mulut.init(config, jax.random.key(0))
    path = self.folder / 'a.lutjax'
    path.write_bytes(artefact.export(config, variables))
    (self.folder / 'tables').mkdir()
    for name, content in published.render(config, variables).items():
      (self.folder / 'tables' / name).write_bytes(content)
    size = path.stat().st_size
    for where, start in (
      (path, f'{path}: mulut, {size} bytes, sha256 '),
      (self.folder / 'tables', f'tables: mulut, {128 + 81 * 16} bytes of tables as'),
    ):
      text = '\n'.join(describe.describe(str(where)))
      for line in (start, 'undoes bicubic x4', f'{81 * 16} bytes of tables in memory'):
        self.assertIn(line, text)
      self.assertNotIn('looks', text)

  def test_lut_files(self):
    text = '\n'.join(describe.describe_lut(str(CASES / 'shaper_ranges.cube')))
    self.assertRegex(text, r'curves explain [\d.]+ %, curves and a matrix [\d.]+ %')
    self.assertIn('.cube 1D+3D', text)
    self.assertRegex(text, r'curves of \d+ nodes, domain -0.1 to 1.2')
    named = CASES / 'film, look [v1] (2).cube'
    text = '\n'.join(describe.describe_lut(str(named)))
    self.assertIn(hashlib.sha256(named.read_bytes()).hexdigest(), text)
    self.assertRegex(text, r'lattice of \d+ x \d+ x \d+ nodes, domain 0 to 1')
    self.assertIn('0x1A', next(describe.describe_lut(str(CASES / 'ctrl_z.cube'))))

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_steps_are_named_and_not_baked(self):
    (line,) = describe.describe_lut('identity')
    self.assertIn('gives every colour back', line)
    steps = self.folder / 'a.clf'
    matrix = chain.Matrix(2 * np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    shaper = lattice.Shaper(np.ones((3, 3), np.float32), np.float32([[0] * 3, [1] * 3]))
    for one, more in (
      ((matrix,), []),
      ((shaper,), ['curves', 'lattice', 'values', 'of']),
    ):
      steps.write_bytes(ocio_writing.encode(one, 'clf'))
      first, *rest = describe.describe_lut(str(steps))
      self.assertIn(f'{steps}: {chain.describe(one)}, sha256 ', first)
      self.assertEqual([line.split()[0] for line in rest], more)

  def test_an_image_without_a_payload(self):
    text = '\n'.join(describe.describe(str(CASES / 'pair_after.png')))
    self.assertIn('payload: none', text)

  def test_what_is_none_of_these(self):
    with self.assertRaisesRegex(errors.InputError, 'no such file or folder'):
      list(describe.describe(str(self.folder / 'nothing')))
    with self.assertRaisesRegex(errors.InputError, 'found no model.lutjax'):
      list(describe.describe(str(self.folder)))
    with self.assertRaisesRegex(errors.ArtefactError, 'expected a lutjax artefact'):
      list(describe.describe(str(CASES / 'steep17.cube')))


if __name__ == '__main__':
  absltest.main()
