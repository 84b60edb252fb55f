"""NILUT on the published Hald pair: quality against core-seconds, beside torch.

  python -m benchmarks.nilut.speed [--seeds=5] [--torch_steps=40]

Reads `nilut_published/` under `LUTJAX_DATA`. One thread, pinned to one core;
process time without compilation; PSNR over the whole Hald, float outputs. Ours
and torch alternate in this process. Torch rows:

* published: the repository's network and loss, Adam 1e-3, 16,384 random
  colours a step for 1,000 steps, which end at 43.3 dB; its time is
  extrapolated from `--torch_steps` measured steps.
* ours in torch: the same network, loss, colours per step and schedule as our
  row, extrapolated likewise.
"""

import functools
import itertools
import math
import os
import pathlib
import statistics
import time

os.environ.setdefault(
  'XLA_FLAGS', '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1'
)

import imageio.v3 as iio
import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from lutjax.fit import loop, methods
from lutjax.lut import tabulate
from lutjax.systems.nilut import model as nilut

_SEEDS = flags.DEFINE_integer('seeds', 5, 'Fits per row.')
_TORCH_STEPS = flags.DEFINE_integer('torch_steps', 40, 'Steps that torch is timed for.')

_ROWS = {
  '43.3 dB': (43.3, 0.2, loop.Config(steps=400)),
  '50 dB': (50.0, 0.6, loop.Config(steps=2000)),
  '52 dB': (52.0, 1.2, loop.Config(steps=6000)),
}


def _pair() -> tuple[np.ndarray, np.ndarray]:
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
  folder = folder / 'nilut_published'
  if not folder.is_dir():
    raise SystemExit(f'{folder}: missing; set LUTJAX_DATA')
  images = [iio.imread(folder / f'hald_{name}.png') for name in ('input', 'LUT01')]
  before, after = [(i[..., :3].reshape(-1, 3) / 255).astype(np.float32) for i in images]
  return before, after


def _sample(key, data, batch_size):
  index = jax.random.randint(key, (batch_size,), 0, len(data['rgb']))
  return {name: values[index] for name, values in data.items()}


def _fitter(model: nilut.Config, fit: loop.Config):
  system = nilut.make(model)
  method = methods.make(
    fit, system, lambda params, batch: nilut.linearize(model, params, batch)
  )

  @jax.jit
  def run(key, data):
    state = loop.init(system, method, key)
    state, _ = loop.advance(
      method, _sample, state, data, steps=fit.steps, batch_size=fit.batch_size
    )
    return state.variables

  return run


@functools.partial(jax.jit, static_argnums=0)
def _squared_error(model, variables, data):
  def slab(part):
    got = nilut.apply(model, variables, part)
    return jnp.sum((got - part['target']) ** 2)

  slabs = jax.tree.map(lambda x: x.reshape(256, -1, 3), data)
  return jnp.sum(jax.lax.map(slab, slabs))


def _psnr(model, variables, data) -> float:
  return -10 * math.log10(
    float(_squared_error(model, variables, data)) / data['rgb'].size
  )


def _torch_seconds(steps: int, batch: int, before, after, *, published: bool) -> float:
  """Returns torch's process seconds per step."""
  import torch

  torch.set_num_threads(1)
  x, y = torch.from_numpy(before), torch.from_numpy(after)
  units = 128 if published else 64
  last = torch.nn.Tanh if published else torch.nn.ReLU
  layers = [torch.nn.Linear(3, units), torch.nn.ReLU()]
  for _ in range(2 if published else 1):
    layers += [torch.nn.Linear(units, units), last()]
  net = torch.nn.Sequential(*layers, torch.nn.Linear(units, 3))
  optimizer = torch.optim.Adam(
    net.parameters(), 1e-3 if published else 1e-2, fused=True
  )
  schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))

  def step():
    index = torch.randint(len(x), (batch,))
    rgb, target = x[index], y[index]
    if published:
      loss = (torch.clamp(rgb + net(rgb), 0, 1) - target).abs().mean()
    else:
      raw = rgb + net(2 * rgb - 1)
      saturated = ((target >= 1) & (raw > 1)) | ((target <= 0) & (raw < 0))
      loss = torch.where(saturated, 0.0, raw - target).abs().mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if not published:
      schedule.step()

  for _ in range(5):
    step()
  began = time.process_time()
  for _ in range(steps):
    step()
  return (time.process_time() - began) / steps


def _ours(before, after) -> None:
  data = {'rgb': jnp.asarray(before), 'target': jnp.asarray(after)}
  model = nilut.Config(precision='fp32')
  print(
    f'{"target":10s} {"core-s":>8s} {"PSNR dB mean (min..max)":>26s} {"compile s":>9s} '
    f'{"x published torch":>18s} {"x ours in torch":>16s}'
  )
  for name, (goal, budget, fit) in _ROWS.items():
    run = _fitter(model, fit)
    began = time.perf_counter()
    jax.block_until_ready(run(jax.random.key(1000), data))
    compile_seconds = time.perf_counter() - began
    seconds, scores, published, ported = [], [], [], []
    for seed in range(_SEEDS.value):
      began = time.process_time()
      variables = jax.block_until_ready(run(jax.random.key(seed), data))
      seconds.append(time.process_time() - began)
      scores.append(_psnr(model, variables, data))
      per_step = _torch_seconds(
        _TORCH_STEPS.value, 16_384, before, after, published=True
      )
      published.append(per_step * 1000)
      per_step = _torch_seconds(
        10 * _TORCH_STEPS.value, fit.batch_size, before, after, published=False
      )
      ported.append(per_step * fit.steps)
    took = statistics.median(seconds)
    reached = statistics.mean(scores) >= goal and took <= budget
    print(
      f'{name:10s} {took:8.3f} {statistics.mean(scores):10.2f} '
      f'({min(scores):.2f}..{max(scores):.2f}) {compile_seconds:9.1f} '
      f'{statistics.median(published) / took:18.0f} '
      f'{statistics.median(ported) / took:16.2f}   '
      f'{"reached" if reached else "missed"} ({goal} dB in {budget} core-s)'
    )


def _decode(size: int = 33) -> None:
  """Prints milliseconds to decode to a lattice, beside torch."""
  import torch

  for name, model in (
    ('ours 64', nilut.Config()),
    ('published 128', nilut.published()),
  ):
    variables = nilut.init(model, jax.random.key(0))
    decode = jax.jit(
      lambda v, model=model: tabulate.tabulate(
        lambda rgb: nilut.apply(model, v, {'rgb': rgb}), size
      )
    )
    jax.block_until_ready(decode(variables))
    layers = []
    widths = (3, *model.widths, 3)
    for i, (a, b) in enumerate(itertools.pairwise(widths)):
      layers.append(torch.nn.Linear(a, b))
      if i < len(model.activations):
        kinds = {'relu': torch.nn.ReLU, 'tanh': torch.nn.Tanh}
        layers.append(kinds[model.activations[i]]())
    net = torch.nn.Sequential(*layers)
    axis = torch.linspace(0, 1, size)
    nodes = torch.stack(torch.meshgrid(axis, axis, axis, indexing='ij'), -1).reshape(
      -1, 3
    )
    ours, theirs = [], []
    for _ in range(30):
      began = time.process_time()
      jax.block_until_ready(decode(variables))
      ours.append(time.process_time() - began)
      began = time.process_time()
      with torch.inference_mode():
        torch.clamp(nodes + net(nodes), 0, 1)
      theirs.append(time.process_time() - began)
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(
      f'decode {name} to {size}^3: {1e3 * mine:.1f} core-ms, torch {1e3 * other:.1f}, '
      f'{other / mine:.2f}x'
    )


def main(argv):
  """Prints both tables."""
  del argv
  os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
  before, after = _pair()
  _ours(before, after)
  _decode()


if __name__ == '__main__':
  app.run(main)
