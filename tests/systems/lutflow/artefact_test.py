"""A LutFlow decodes alike wherever it is decoded.

Weights must be equal bit for bit, lattices within 1/4095. One machine stands for
many by other instruction sets, thread counts and compiler levels, each in a
process of its own; a float64 computation in numpy stands for all backends.
"""

import functools
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import systems
from lutjax.codec import labels, spectrum
from lutjax.lut import lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import residual_correction

_ROOT = pathlib.Path(__file__).parents[3]
_SIZE = 17
_STEP = 1.0 / 4095.0
_SHAPE = residual_flow.Shape(
  conditioned=(1,), gains=(3,), activation='rational', turned=True
)
_LOOKS = tuple(labels.Label(name) for name in ('velvia', 'sepia'))


def _artefact(precision):
  """Packs a model of the default form, of sizes that training leaves."""
  config = lutflow.Config(flow=_SHAPE, looks=_LOOKS, precision=precision)
  variables = lutflow.init(config, jax.random.key(0))
  rng = np.random.default_rng(0)
  params = dict(variables.params)
  params['codes'] = jnp.asarray(0.4 * rng.laplace(size=params['codes'].shape))
  params['flow'] = {
    **params['flow'],
    'weights': jax.tree.map(
      lambda w: w + 0.15 * rng.normal(size=w.shape).astype(np.float32),
      params['flow']['weights'],
    ),
  }
  order = residual_correction.ORDER
  spectra = np.zeros((2, order, order, order, 3), np.int16)
  spectra[0, :3, :3, :3] = rng.integers(-3, 4, (3, 3, 3, 3))
  correction = {'levels': np.array([5, 0]), 'spectra': spectra}
  return lutflow.export(config, lutflow.Variables(params, {'correction': correction}))


def decoded(content):
  """Returns a digest of the weights and the lattices of both looks."""
  loaded = systems.load(content)
  numbers = jax.tree.leaves((loaded.variables.params['flow'], loaded.variables))
  digest = hashlib.sha256()
  for leaf in numbers:
    digest.update(np.asarray(leaf).tobytes())
  decode = jax.jit(functools.partial(lutflow.lattice, loaded.config, size=_SIZE))
  tables = [decode(loaded.variables, index=jnp.int32(i)) for i in range(2)]
  return digest.hexdigest(), np.stack([np.asarray(table) for table in tables])


def _in_float64(content):
  """Decodes both looks in numpy and float64, after the equations."""
  loaded = systems.load(content)
  params, stats = loaded.variables
  flow = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params['flow'])
  nodes = lattice.identity(_SIZE).astype(np.float64).reshape(-1, 3)
  tables = []
  for look, code in enumerate(np.asarray(params['codes'], np.float64)):
    steered = code + flow['bias']
    blocks, (first, last) = (
      steered[:-18].reshape(3, 2, 32),
      steered[-18:].reshape(2, 3, 3),
    )
    state = np.arctanh(0.83 * (2.0 * nodes - 1.0))
    state = state + 0.3 * state @ first
    for layers, scale, (bias, gain) in zip(flow['weights'], flow['scales'], blocks):
      hidden = _gated(state @ layers[0] + bias)
      hidden = _gated(_gated(hidden @ layers[1]) @ layers[2])
      state = state + scale * ((hidden * (1.0 + gain)) @ layers[3])
    state = state + 0.3 * state @ last
    table = 0.5 * (np.tanh(state) / 0.83 + 1.0)
    table = table + _correction(stats['correction'], look).reshape(-1, 3)
    tables.append(np.clip(table, 0.0, 1.0).reshape((_SIZE,) * 3 + (3,)))
  return np.stack(tables)


def _gated(x):
  return x * (1.0 + x / np.sqrt(1.0 + x * x)) * 0.5 / 1.05


def _correction(correction, look):
  level, order = float(correction['levels'][look]), residual_correction.ORDER
  if not level:
    return np.zeros((_SIZE,) * 3 + (3,))
  growth = 1.0 + 0.2 * spectrum.frequencies(order)[..., None]
  held = correction['spectra'][look] * 0.32 * 2.0 ** (-0.5 * (level - 1.0)) * growth
  at = np.linspace(0.0, 32.0, _SIZE) + 0.5
  wave = np.sqrt(2.0 / 33) * np.cos(np.pi / 33 * np.arange(order)[:, None] * at)
  wave[0] /= np.sqrt(2.0)
  opponent = np.array(
    [
      np.full(3, 1.0) / np.sqrt(3.0),
      np.array([1.0, 0.0, -1.0]) / np.sqrt(2.0),
      np.array([-1.0, 2.0, -1.0]) / np.sqrt(6.0),
    ]
  )
  return np.einsum('ijkc,ir,jg,kb,cd->rgbd', held, wave, wave, wave, opponent)


class EverywhereTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.contents = {name: _artefact(name) for name in ('learned', 'int6')}
    cls.found = {name: decoded(content) for name, content in cls.contents.items()}

  @parameterized.parameters('learned', 'int6')
  def test_lattices_are_those_of_float64(self, precision):
    want = _in_float64(self.contents[precision])
    _, got = self.found[precision]
    self.assertGreater(float(np.abs(want - lattice.identity(_SIZE)).mean()), 0.05)
    self.assertLess(float(np.abs(got - want).max()), _STEP)

  def test_lattices_need_no_compiler(self):
    loaded = systems.load(self.contents['learned'])
    with jax.disable_jit():
      got = lutflow.lattice(loaded.config, loaded.variables, jnp.int32(0), 5)
    want = self.found['learned'][1][0][::4, ::4, ::4]
    self.assertLess(float(np.abs(got - want).max()), _STEP)

  @parameterized.parameters(
    '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1',
    '--xla_cpu_max_isa=SSE4_2',
    '--xla_backend_optimization_level=0',
  )
  def test_other_machines_agree(self, flags):
    with tempfile.TemporaryDirectory() as name:
      folder = pathlib.Path(name)
      (folder / 'model.lutjax').write_bytes(self.contents['learned'])
      program = (
        'import pathlib, sys, numpy\n'
        'from tests.systems.lutflow import artefact_test as test\n'
        'folder = pathlib.Path(sys.argv[1])\n'
        "digest, tables = test.decoded((folder / 'model.lutjax').read_bytes())\n"
        "numpy.save(folder / 'tables.npy', tables)\n"
        'print(digest)\n'
      )
      done = subprocess.run(
        [sys.executable, '-c', program, name],
        cwd=_ROOT,
        env={**os.environ, 'XLA_FLAGS': flags, 'PYTHONPATH': str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
      )
      self.assertEqual(done.returncode, 0, done.stderr[-2000:])
      tables = np.load(folder / 'tables.npy')
    digest, want = self.found['learned']
    self.assertEqual(done.stdout.split()[-1], digest)
    self.assertLess(float(np.abs(tables - want).max()), _STEP)


if __name__ == '__main__':
  absltest.main()
