"""Times of LutFlow to train, load, decode and map pixels, compared with torch.

  python -m benchmarks.lutflow.speed [--model=RUN] [--rounds=5]

One thread, pinned to one core; process time, compilation apart, medians over
rounds in which the sides take turns. Training is the paper's shape and recipe
on 512 random looks, `--steps` steps a round, scaled to 30,760: ours, torch with
the code gathered by index, torch with the one-hot matrix product. Targets are
read trilinearly by all three. Decoding is to 33^3: the paper's shape, and the
model of `--model` (or our shape, not trained).
"""

import functools
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault(
  'XLA_FLAGS', '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1'
)

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from configs import lutflow as lutflow_config
from configs import lutflow_paper
from lutjax.codec import labels
from lutjax.commands import selection
from lutjax.fit import loop, methods
from lutjax.lut import interpolate, lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task
from lutjax.types import Loaded

_MODEL = flags.DEFINE_string('model', None, 'Run folder or artefact of LutFlow.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Turns of each side.')
_STEPS = flags.DEFINE_integer('steps', 100, 'Training steps a turn.')
_LOOKS = flags.DEFINE_integer('looks', 512, 'Looks that are trained.')
_FULL = 30_760
_BATCH = 2048
_PAPER = lutflow_paper.get_config().model.flow
_OURS = lutflow_config.get_config().model.flow
_PIXELS = 1 << 20


def _alternate(sides: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
  """Returns the median process seconds of each side, which take turns."""
  for side in sides.values():
    side()
  taken: dict[str, list[float]] = {name: [] for name in sides}
  for _ in range(_ROUNDS.value):
    for name, side in sides.items():
      began = time.process_time()
      side()
      taken[name].append(time.process_time() - began)
  return {name: statistics.median(values) for name, values in taken.items()}


def _config(shape: residual_flow.Shape, count: int) -> lutflow.Config:
  names = tuple(labels.Label(str(i)) for i in range(count))
  return lutflow.Config(flow=shape, loss='l2', precision='fp32', looks=names)


def _ours(tables: np.ndarray) -> Callable[[], Any]:
  system = lutflow.make(_config(_PAPER, len(tables)))
  fit = loop.Config(learning_rate=0.04, schedule='halving')
  method = methods.make(fit, system)
  sample = lutflow_task.sampler(lutflow_task.Config(at_nodes=False))
  data = {'table': jnp.asarray(tables), 'size': jnp.full(len(tables), 33)}
  advance = jax.jit(
    functools.partial(
      loop.advance, method, sample, steps=_STEPS.value, batch_size=_BATCH
    ),
    donate_argnums=0,
  )
  state = loop.init(system, method, jax.random.key(0))

  def run() -> None:
    nonlocal state
    state, losses = advance(state, data)
    losses.block_until_ready()

  return run


def _torch(tables: np.ndarray, one_hot: bool) -> Callable[[], Any]:
  import torch

  torch.set_num_threads(1)
  torch.manual_seed(0)
  count = len(tables)
  flat = torch.from_numpy(tables.reshape(-1, 3))
  vertices = torch.tensor([*np.ndindex(2, 2, 2)])
  weights = [
    [torch.nn.Parameter(0.01 * torch.randn(fan) / fan[0] ** 0.5) for fan in _PAPER.fans]
    for _ in range(_PAPER.blocks)
  ]
  codes = [torch.nn.Parameter(0.01 * torch.randn(count, 32)) for _ in weights]
  scales = [torch.nn.Parameter(torch.ones(3)) for _ in weights]
  every = [*(w for layers in weights for w in layers), *codes, *scales]
  adam = torch.optim.Adam(every, lr=0.04)

  def truth(look: Any, rgb: Any) -> Any:
    position = rgb * 32
    corner = position.floor().clamp(0, 31).long()
    part = position - corner
    share = torch.where(vertices == 1, part[:, None], 1 - part[:, None]).prod(-1)
    node = corner[:, None] + vertices
    index = (look[:, None] * 33 + node[..., 0]) * 33 + node[..., 1]
    return torch.einsum('bv,bvc->bc', share, flat[index * 33 + node[..., 2]])

  def step() -> None:
    look, rgb = torch.randint(count, (_BATCH,)), torch.rand(_BATCH, 3)
    target = truth(look, rgb)
    z = torch.atanh(1.66 * (rgb - 0.5))
    hot = torch.nn.functional.one_hot(look, count).float() if one_hot else None
    for layers, code, scale in zip(weights, codes, scales):
      added = hot @ code if one_hot else code[look]
      hidden = torch.nn.functional.silu(z @ layers[0] + added) / 1.1
      for layer in layers[1:-1]:
        hidden = torch.nn.functional.silu(hidden @ layer) / 1.1
      z = z + scale * (hidden @ layers[-1])
    loss = ((torch.tanh(z) + 1) / 2 - target).square().mean()
    adam.zero_grad()
    loss.backward()
    adam.step()

  return lambda: [step() for _ in range(max(1, _STEPS.value // 5))]


def train() -> None:
  """Prints the seconds of a full training, ours and torch's."""
  rng = np.random.default_rng(0)
  noise = rng.uniform(-0.1, 0.1, (_LOOKS.value, 1, 1, 1, 3)).astype(np.float32)
  tables = np.clip(lattice.identity(33) + noise, 0, 1).astype(np.float32)
  sides = {'ours': _ours(tables)}
  shares = {'ours': _FULL / _STEPS.value}
  try:
    sides |= {
      'torch gather': _torch(tables, False),
      'torch one-hot': _torch(tables, True),
    }
    shares |= dict.fromkeys(list(sides)[1:], _FULL / max(1, _STEPS.value // 5))
  except ImportError:
    print('torch is not installed: the `bench` extra brings it')
  taken = {name: value * shares[name] for name, value in _alternate(sides).items()}
  for name, seconds in taken.items():
    print(
      f'train {_FULL} x {_BATCH}, {name}: {seconds:.0f} core-seconds, '
      f'{seconds / taken["ours"]:.2f}x ours'
    )


def _loaded() -> Loaded:
  if _MODEL.value:
    return selection.find_models(_MODEL.value)[0].loaded
  return _fresh(_OURS, _LOOKS.value)


def _fresh(shape: residual_flow.Shape, count: int) -> Loaded:
  config = _config(shape, count)
  variables = jax.device_get(lutflow.init(config, jax.random.key(0)))
  return Loaded(lutflow.MODEL, config, variables)


def decode() -> None:
  """Prints what decoding and applying take."""
  began = time.process_time()
  loaded = _loaded()
  print(f'load: {1e3 * (time.process_time() - began):.0f} core-ms')
  sides = {}
  for name, one in {
    "the paper's shape": _fresh(_PAPER, len(loaded.config.looks)),
    'this model': loaded,
  }.items():
    decoder = jax.jit(functools.partial(lutflow.lattice, _plain(one.config), size=33))
    variables = jax.device_put(one.variables)
    sides[name] = functools.partial(_wait, decoder, variables, jnp.int32(3))
  for name, seconds in _alternate(sides).items():
    print(f'decode one look to 33^3, {name}: {1e3 * seconds:.1f} core-ms')
  config, variables = _plain(loaded.config), jax.device_put(loaded.variables)
  count = len(loaded.config.looks)
  every = jax.jit(
    lambda variables: jax.lax.map(
      lambda i: lutflow.lattice(config, variables, i, 33), jnp.arange(count)
    )
  )
  every(variables).block_until_ready()
  began = time.process_time()
  every(variables).block_until_ready()
  print(
    f'decode {count} looks in one call: {time.process_time() - began:.2f} core-seconds'
  )
  _map_pixels(config, variables)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  print(f'peak memory of this process: {peak:.0f} MiB')


def _map_pixels(config: lutflow.Config, variables: Any) -> None:
  rgb = jax.random.uniform(jax.random.key(0), (_PIXELS, 3))

  def network(variables: Any, rgb: jax.Array) -> jax.Array:
    def part(rgb: jax.Array) -> jax.Array:
      return lutflow.apply(config, variables, {'rgb': rgb, 'lut': jnp.int32(3)})

    return jax.lax.map(part, rgb.reshape(-1, 1024, 3))

  def by_lattice(variables: Any, rgb: jax.Array) -> jax.Array:
    table = lutflow.lattice(config, variables, jnp.int32(3), 33)
    return interpolate.apply(lattice.from_table(table), rgb, method='tetrahedral')

  sides = {
    'network per pixel': functools.partial(_wait, jax.jit(network), variables, rgb),
    'decode, then interpolate': functools.partial(
      _wait, jax.jit(by_lattice), variables, rgb
    ),
  }
  for name, seconds in _alternate(sides).items():
    print(f'12 megapixels, {name}: {seconds * 12e6 / _PIXELS:.2f} core-seconds')


def _plain(config: lutflow.Config) -> lutflow.Config:
  return config.__class__(**{**vars(config), 'looks': ()})


def _wait(function: Callable[..., jax.Array], *args: Any) -> None:
  function(*args).block_until_ready()


def main(argv: list[str]) -> None:
  """Prints all figures."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
  decode()
  train()


if __name__ == '__main__':
  app.run(main)
