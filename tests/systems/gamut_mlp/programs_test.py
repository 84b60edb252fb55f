import functools
import unittest
from unittest import mock

import jax
import numpy as np

from lutjax import errors
from lutjax.fit import mesh
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.systems.gamut_mlp import seeded

_WAVES = seeded.Config(waves=32)


def _samples(seed, padded):
  """What a ridge regression takes: 700 colours of three channels, filled up."""
  rng = np.random.default_rng(seed)
  encoded = rng.uniform(size=(700, 3)).astype(np.float32)
  codes = gamut_programs.Programs().reduce(encoded, 'round')
  where = rng.uniform(-1, 1, (700, 5)).astype(np.float32)
  arrays = [gamut_programs.pad(array, padded) for array in (encoded, codes, where)]
  return (*arrays, np.array([200, 500, 700], np.int32))


def _solve(samples, devices=1, group=1):
  chosen = mesh.make_mesh(jax.devices()[:devices])
  found = gamut_programs.Programs().solve(_WAVES, (1.0,), samples, chosen, group)
  return [weights[0] for weights in found]


def _predict(weight, samples):
  """Returns what weights say of each sample's own channel."""
  _, codes, where, ends = samples
  drawn = seeded.waves_of(_WAVES)
  predict = gamut_programs.Programs().predict_waves
  number = np.arange(ends[2])
  found = predict(drawn, weight, codes[number], where[number])
  return found[number, np.searchsorted(ends, number, side='right')]


class _Cramped(gamut_programs.Programs):
  """A device without memory for blocks of more than `most` rows."""

  def __init__(self, most, say):
    super().__init__(say)
    self.most = most

  def call(self, name, function, *args):
    if len(jax.tree.leaves(args)[-1]) > self.most:
      raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating')
    return super().call(name, function, *args)


class GamutProgramsTest(unittest.TestCase):
  def test_a_fit_is_the_same_alone_mapped_vmapped_and_padded(self):
    several = [_samples(seed, 1024) for seed in range(3)]
    alone = [_solve([samples])[0] for samples in several]
    one = functools.partial(gamut_programs.solve_waves, _WAVES, (1.0,))
    mapped = jax.jit(lambda *stacked: jax.lax.map(lambda leaves: one(*leaves), stacked))
    stacked = [np.stack(leaves) for leaves in zip(*several)]
    for got, want in zip(np.asarray(mapped(*stacked))[:, 0], alone):
      np.testing.assert_array_equal(got, want)
    vmapped = _solve(several, group=3)
    filled = _solve(several[:2], group=3)
    padded = [_solve([_samples(seed, 4096)])[0] for seed in range(3)]
    # Sums in another order round otherwise: a part of what int8 weights round.
    for found in (vmapped, filled, padded):
      for weight, want, samples in zip(found, alone, several):
        got, expected = (_predict(w, samples) for w in (weight, want))
        np.testing.assert_allclose(got, expected, atol=2e-4)

  def test_sizes_share_programs(self):
    programs = gamut_programs.Programs()
    rng = np.random.default_rng(0)
    for count in (1, 500, 20_000, 65_536, 65_537, 100_000, 262_144, 300_000):
      encoded = rng.integers(0, 65536, (count, 3)).astype(np.uint16)
      codes = programs.reduce(encoded, 'round')
      self.assertEqual(programs.expand(codes).shape, (count, 3))
    # Quarter blocks and whole ones, of two functions.
    self.assertEqual(programs.compilations, 4)

  def test_a_device_out_of_memory_goes_on_with_smaller_blocks(self):
    codes = np.random.default_rng(0).integers(0, 256, (70_000, 3)).astype(np.uint8)
    lines = []
    cramped = _Cramped(1 << 13, lines.append)
    usual = gamut_programs.Programs(lines.append)
    np.testing.assert_array_equal(cramped.expand(codes), usual.expand(codes))
    # Quarters of 65,536 rows were tried first.
    self.assertEqual(len(lines), 3)
    self.assertRegex(lines[0], '^a device .* for 65536 pixels .* going on with 32768$')
    self.assertRegex(lines[2], 'going on with 8192$')
    # What is known is not tried again, whatever the program.
    encoded = np.random.default_rng(1).uniform(size=(9_000, 3)).astype(np.float32)
    np.testing.assert_array_equal(
      cramped.reduce(encoded, 'round'), usual.reduce(encoded, 'round')
    )
    got, want = (made.soft_bounds(encoded) for made in (cramped, usual))
    self.assertEqual(got, want)
    self.assertEqual(len(lines), 3)

  def test_a_device_without_memory_for_any_block_is_one_line(self):
    lines = []
    cramped = _Cramped(0, lines.append)
    with self.assertRaisesRegex(errors.InputError, '^a device .* for 1024 pixels; '):
      cramped.expand(np.zeros((5, 3), np.uint8))
    self.assertEqual(len(lines), 2)

  def test_other_errors_of_a_device_stay_what_they_are(self):
    broken = gamut_programs.Programs(self.fail)
    error = jax.errors.JaxRuntimeError('INTERNAL: a cable is loose')
    with (
      mock.patch.object(broken, 'call', side_effect=error),
      self.assertRaisesRegex(jax.errors.JaxRuntimeError, 'a cable'),
    ):
      broken.expand(np.zeros((5, 3), np.uint8))


if __name__ == '__main__':
  unittest.main()
