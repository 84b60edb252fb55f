"""One training step of TinyLUT-S: networks once per level, or at every pixel.

  python -m benchmarks.tinylut.step [--rounds=3] [--patches=4] [--side=49]

The peer is the plain way: every network of the same config is evaluated at every
pixel, and differentiated there by JAX. Both give the same picture to the bit (checked)
and gradients that are equal but for rounding (the largest gap is printed). A step is
loss, gradients and Adam, of x4 super-resolution, random patches; by default 4 patches
of 45 x 45 in four rotations, 32,400 evaluations. One core, CPU seconds a step, of four
in a scan, after compiling; ours and the peer alternate.

The goals: at most 0.2 core-seconds a step, and a tenth of the peer's time.
"""

import os
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from benchmarks import processor
from lutjax.systems.tinylut import model, rounding, structure

_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Calls of each, of four steps.')
_PATCHES = flags.DEFINE_integer('patches', 4, 'Of a step.')
_SIDE = flags.DEFINE_integer('side', 49, 'Of a patch, with its margin of 2.')

_CONFIG = structure.Config(spatial='line', low='chain')
# Of a call, in a scan, as training has them.
_STEPS = 4


def _networks(net, state):
  """Asks the network of each channel at every pixel, `[N, C]` to `[N, O]`."""
  hidden = state[..., None]
  for i, layer in enumerate(net):
    hidden = jnp.einsum('nci,cio->nco', hidden, layer['weight']) + layer['bias']
    if i < len(net) - 1:
      hidden = jax.nn.relu(hidden)
  return jnp.sum(rounding.entry(16.0 * hidden), axis=1)


def _branch(params, branch, windows):
  """Restores pixels `[N, 9]` of levels to `[N, 16]` sub-pixels."""
  low, high = structure.level_range(_CONFIG, branch)
  line = params[branch]['spatial']['line']
  total = jnp.sum(rounding.entry(windows[:, :, None] * line[:, 0]), axis=1)
  state = rounding.clip(rounding.ste_round(total / 9) + windows[:, 8:], low, high)
  for kind, layer in zip(structure.layers(_CONFIG), params[branch]['layers']):
    state = rounding.clip(rounding.ste_round(state * layer['scale']), low, high)
    total = _networks(layer['net'], state / max(-low, high))
    ends = (rounding.LOW, rounding.HIGH) if kind.last else (low, high)
    state = rounding.clip(rounding.ste_round(total / 16) + state, *ends)
  return state


def _pixelwise(params, patches):
  """Restores `[B, P, P]` patches, as `model.apply` does."""
  inner = patches.shape[1] - 4
  out = 0.0
  for turn in range(4):
    turned = jnp.rot90(patches, turn, axes=(1, 2))
    size = inner
    windows = jnp.stack(
      [turned[:, i : i + size, j : j + size] for i in range(3) for j in range(3)],
      axis=-1,
    )
    high, low = rounding.split(windows.reshape(-1, 9), _CONFIG.msb_bits)
    summed = _branch(params, 'high', high) + _branch(params, 'low', low)
    grid = rounding.clip(summed, rounding.LOW, rounding.HIGH)
    grid = grid.reshape(-1, inner, inner, 4, 4).transpose(0, 1, 3, 2, 4)
    picture = grid.reshape(-1, 4 * inner, 4 * inner)
    out += jnp.rot90(picture, -turn, axes=(1, 2))
  return out + rounding.OFFSET


def _by_pixels(params, batch):
  gap = _pixelwise(params, batch['patch']) - batch['target'][:, 8:-8, 8:-8]
  return jnp.mean(gap * gap)


def _by_tables(params, batch):
  value, _ = model.loss(_CONFIG, params, (), batch, jax.random.key(0))
  return value


def _step(loss):
  optimizer = optax.adam(2e-3)

  def step(params, state, batch):
    value, slope = jax.value_and_grad(loss)(params, batch)
    moves, state = optimizer.update(slope, state)
    return (optax.apply_updates(params, moves), state), value

  def steps(params, state, batch):
    return jax.lax.scan(
      lambda carry, _: step(*carry, batch), (params, state), None, length=_STEPS
    )

  return optimizer, jax.jit(steps)


def main(argv: list[str]) -> None:
  """Prints the seconds of both, and their ratio."""
  del argv
  # Before JAX makes its threads.
  os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
  rng = np.random.default_rng(0)
  count, side = _PATCHES.value, _SIDE.value
  params = jax.tree.map(
    lambda leaf: leaf + 0.1 * rng.normal(size=leaf.shape).astype(np.float32),
    model.init(_CONFIG, jax.random.key(0)).params,
  )
  batch = {
    'patch': jnp.asarray(rng.integers(0, 256, (count, side, side)), jnp.float32),
    'target': jnp.asarray(
      rng.integers(0, 256, (count, 4 * side, 4 * side)), jnp.float32
    ),
  }
  print(processor.describe())
  print(f'{count * (side - 4) ** 2 * 4:,} evaluations a step')
  slopes, runs = {}, {}
  for name, loss in (('tables', _by_tables), ('pixels', _by_pixels)):
    slopes[name] = jax.jit(jax.grad(loss))(params, batch)
    optimizer, step = _step(loss)
    state = optimizer.init(params)
    began = time.perf_counter()
    compiled = step.lower(params, state, batch).compile()
    print(f'{name}: compiled in {time.perf_counter() - began:.1f} s')
    runs[name] = (compiled, (params, state, batch))
  gaps = jax.tree.map(
    lambda a, b: float(jnp.max(jnp.abs(a - b)) / (jnp.max(jnp.abs(b)) + 1e-12)),
    slopes['tables'],
    slopes['pixels'],
  )
  print(f'gradients: at most {max(jax.tree.leaves(gaps)):.1e} of their largest apart')
  seconds = {name: [] for name in runs}
  for _ in range(_ROUNDS.value + 1):
    for name, (compiled, arguments) in runs.items():
      began = time.process_time()
      jax.block_until_ready(compiled(*arguments))
      seconds[name].append((time.process_time() - began) / _STEPS)
  ours, peer = (statistics.median(seconds[name][1:]) for name in ('tables', 'pixels'))
  print(f'tables: {ours:.3f} core-seconds a step (goal 0.2)')
  print(f'pixels: {peer:.3f} core-seconds a step')
  print(f'ratio: {peer / ours:.1f}x (goal 10x)')


if __name__ == '__main__':
  app.run(main)
