"""Img2LUT beside a torch port of the notebook's model, on one core.

  python -m benchmarks.img2lut.speed [--only=step,apply,quality] [--rounds=3]
    [--batch=4] [--size=33] [--seconds=60]

Needs torch (the `bench` extra). Ours and the peer alternate in one process.

  step: a training step of the same model, batch and optimizer (`model.notebook`, Adam
    at 1e-2, pictures of 256 x 256): CPU seconds, two steps in a scan; compiling apart.
  apply: a lattice predicted from 256 x 256 pixels and applied to a picture of 12
    megapixels, trilinearly as there, and tetrahedrally as we do: wall seconds. The same
    weights on both sides; the largest gap between the pictures is printed.
  quality: one black-and-white look on photos (of LUTJAX_DATA, else made up), a quarter
    of them held out. Our default model and the notebook's train in turns, each for
    --seconds of CPU time; printed is when each first has the best PSNR of the peer on
    the photos that are held out.
"""

import os
import pathlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from benchmarks import processor
from configs import img2lut as default
from lutjax import systems
from lutjax.commands import apply
from lutjax.data import grid, images, synthetic
from lutjax.fit import loop, methods
from lutjax.lut import lattice
from lutjax.systems.img2lut import model, sampling
from lutjax.types import Variables

try:
  import torch

  from benchmarks.img2lut import notebook
except ImportError:
  torch = notebook = None

_ONLY = flags.DEFINE_list('only', ['step', 'apply', 'quality'], 'What is measured.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Of each side.')
_BATCH = flags.DEFINE_integer('batch', 4, 'Pictures of a step.')
_SIZE = flags.DEFINE_integer('size', 33, 'Nodes per axis.')
_SECONDS = flags.DEFINE_float('seconds', 60.0, 'Of training, for quality.')

_SIDE, _STEPS = 256, 2
_WIDTH, _HEIGHT = 4000, 3000
_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))


def main(argv: Sequence[str]) -> None:
  """Prints the tables."""
  del argv
  if torch is None:
    raise SystemExit('torch: not installed; pip install .[bench]')
  torch.set_num_threads(1)
  print(f'{processor.describe()}; torch {torch.__version__}, jax {jax.__version__}\n')
  for name in _ONLY.value:
    {'step': _step, 'apply': _apply, 'quality': _quality}[name]()


def _alternating(
  ours: Callable[[], Any], peer: Callable[[], Any], clock: Callable[[], float]
) -> tuple[float, float]:
  """Returns median seconds of each side."""
  times: tuple[list[float], list[float]] = ([], [])
  for _ in range(_ROUNDS.value):
    for side, call in zip(times, (ours, peer)):
      began = clock()
      call()
      side.append(clock() - began)
  return statistics.median(times[0]), statistics.median(times[1])


def _method(form: Any, config: loop.Config) -> tuple[Any, loop.Method]:
  system = systems.make(form)
  return system, methods.make(config, system)


def _step() -> None:
  form = model.notebook(_SIZE.value)
  config = loop.Config(steps=9, learning_rate=notebook.RATE, schedule='constant')
  system, method = _method(form, config)
  rng = np.random.default_rng(0)
  shape = (_BATCH.value, _SIDE, _SIDE, 3)
  before, after = (rng.random(shape, np.float32) for _ in range(2))
  batch = {
    'image': jnp.asarray(before),
    'rgb': jnp.asarray(before).reshape(_BATCH.value, -1, 3),
    'target': jnp.asarray(after).reshape(_BATCH.value, -1, 3),
  }
  state = loop.init(system, method, jax.random.key(0))
  peer = notebook.Trainer(notebook.with_weights(_SIZE.value, state.variables))

  def steps(state: loop.State, batch: Any) -> tuple[loop.State, Any]:
    return loop.advance(
      method, lambda *_: batch, state, None, steps=_STEPS, batch_size=1
    )

  began = time.process_time()
  compiled = jax.jit(steps, donate_argnums=0).lower(state, batch).compile()
  compiling = time.process_time() - began
  held, losses = [state], []

  def ours() -> None:
    held[0], made = compiled(held[0], batch)
    losses.append(np.asarray(made))

  tensors = [notebook.picture(of) for of in (before, after)]
  told = []

  def theirs() -> None:
    told.append([float(peer.step(*tensors)) for _ in range(_STEPS)])

  mine, other = _alternating(ours, theirs, time.process_time)
  print('| training step, core-s | ours | torch | torch / ours | compiling, ours |')
  print('|---|---|---|---|---|')
  print(
    f'| notebook, {_SIZE.value}^3, batch {_BATCH.value} | {mine / _STEPS:.2f} | '
    f'{other / _STEPS:.2f} | {other / mine:.2f} | {compiling:.1f} s |'
  )
  print(f'\nlosses of the first steps: {losses[0]}, torch {np.array(told[0])}\n')


def _apply() -> None:
  form = model.notebook(_SIZE.value)
  variables = systems.make(form).init(jax.random.key(0))
  # Far from flat grey, so that the pictures have something to differ in.
  head = variables.params['head']['layers'][-1]
  noise = np.random.default_rng(0).normal(size=head['bias'].shape).astype(np.float32)
  head['bias'] = jnp.asarray(noise)
  peer = notebook.with_weights(_SIZE.value, variables).eval()
  photo = np.tile(
    synthetic.photo(0, _HEIGHT // 4, _WIDTH // 4).astype(np.float32), (4, 4, 1)
  )
  seen = grid.sample(photo, _SIDE)
  made: dict[str, Any] = {}
  whole = default.get_config().model

  def ours(config: Any, weights: Variables, method: str) -> Callable[[], None]:
    predict = jax.jit(model.predict_lattice, static_argnums=0)

    def call() -> None:
      table = np.asarray(predict(config, weights, grid.sample(photo, config.side)))
      lut = lattice.from_table(table)
      made[method] = apply.applier(lut, interpolation=method, strength=1.0)(photo)

    call()
    return call

  def theirs() -> None:
    with torch.inference_mode():
      cube = peer(notebook.picture(seen[None]))
      made['torch'] = notebook.mapped(cube, notebook.picture(photo[None]))

  theirs()
  start = systems.make(whole).init(jax.random.key(0))
  rows = {
    'notebook, trilinear': ours(form, variables, 'trilinear'),
    'notebook, tetrahedral': ours(form, variables, 'tetrahedral'),
    'our default, tetrahedral': ours(whole, start, 'tetrahedral'),
  }
  print('| predict and apply, 12 megapixels, wall s | ours | torch | torch / ours |')
  print('|---|---|---|---|')
  for name, call in rows.items():
    mine, other = _alternating(call, theirs, time.perf_counter)
    print(f'| {name} | {mine:.2f} | {other:.2f} | {other / mine:.2f} |')
  want = made['torch'][0].permute(1, 2, 0).numpy()
  gap = np.abs(made['trilinear'] - want).max()
  print(f'\nlargest gap of the trilinear pictures: {gap:.1e}\n')


def _photos() -> np.ndarray:
  """Returns photos `[M, 256, 256, 3]` float32."""
  folder = _DATA / 'photos/p256'
  if folder.is_dir():
    found = images.find_images([str(folder)], say=lambda line: None)
    read = [images.read(path).pixels for path, _ in found]
    return images.to_float(np.stack([grid.sample(of, _SIDE) for of in read]))
  print(f'{folder}: not found, photos are made up\n')
  made = [synthetic.photo(i, _SIDE, _SIDE) for i in range(48)]
  return np.stack(made).astype(np.float32)


def _graded(rgb: np.ndarray) -> np.ndarray:
  """Makes photos black and white, with an S-curve."""
  grey = rgb @ np.array([0.3, 0.6, 0.1], np.float32)
  return np.repeat((grey * grey * (3.0 - 2.0 * grey))[..., None], 3, axis=-1)


def _psnr(got: Any, want: np.ndarray) -> float:
  return float(-10.0 * np.log10(np.mean(np.square(np.asarray(got) - want))))


def _quality() -> None:
  before = _photos()
  after = _graded(before)
  held = np.arange(len(before)) % 4 == 0
  data = {'before': before[~held], 'after': after[~held]}
  settings = default.get_config()
  task = sampling.Config(task='pairs', side=settings.model.side)
  system, method = _method(settings.model, settings.fit)
  state = loop.init(system, method, jax.random.key(0))
  sample = sampling.sampler(task)

  def advance(state: loop.State, data: Any) -> tuple[loop.State, Any]:
    return loop.advance(method, sample, state, data, steps=10, batch_size=16)

  began = time.process_time()
  compiled = jax.jit(advance).lower(state, data).compile()
  compiling = time.process_time() - began
  seen = np.stack([grid.sample(of, task.side) for of in before[held]])
  judge = jax.jit(system.apply)
  peer = notebook.Trainer(notebook.Model(_SIZE.value))
  rng = np.random.default_rng(0)
  tensors = [notebook.picture(of) for of in (data['before'], data['after'])]
  spent, scores = {'ours': 0.0, 'torch': 0.0}, {'ours': [], 'torch': []}
  slice_seconds = _SECONDS.value / 12
  while min(spent.values()) < _SECONDS.value:
    began = time.process_time()
    while time.process_time() - began < slice_seconds:
      state, losses = compiled(state, data)
      jax.block_until_ready(losses)
    spent['ours'] += time.process_time() - began
    shown = judge(state.variables, {'image': seen, 'rgb': before[held]})
    scores['ours'].append((spent['ours'], _psnr(shown, after[held])))
    began = time.process_time()
    while time.process_time() - began < slice_seconds:
      chosen = torch.from_numpy(rng.integers(0, len(tensors[0]), _BATCH.value))
      peer.step(*[of[chosen] for of in tensors])
    spent['torch'] += time.process_time() - began
    scores['torch'].append(
      (spent['torch'], _peer_psnr(peer.model, before, after, held))
    )
  best = max(value for _, value in scores['torch'])
  first = {
    name: next((at for at, value in found if value >= best), None)
    for name, found in scores.items()
  }
  print('| PSNR of photos held out, after core-s | ' + ' | '.join(scores) + ' |')
  print('|---|---|---|')
  for mine, other in zip(scores['ours'], scores['torch']):
    print(f'| {mine[0]:.0f}; {other[0]:.0f} | {mine[1]:.2f} dB | {other[1]:.2f} dB |')
  ours, theirs = first['ours'], first['torch']
  print(
    f'\n{best:.2f} dB, the best of torch: torch after {theirs:.0f} core-s, ours '
    + ('never' if ours is None else f'after {ours:.0f}, {theirs / ours:.1f} x sooner')
    + f'; compiling ours took {compiling:.1f} core-s more\n'
  )


def _peer_psnr(
  peer: Any, before: np.ndarray, after: np.ndarray, held: np.ndarray
) -> float:
  peer.eval()
  outputs = []
  with torch.inference_mode():
    for of in before[held]:
      one = notebook.picture(of[None])
      outputs.append(notebook.mapped(peer(one), one)[0].permute(1, 2, 0).numpy())
  peer.train()
  return _psnr(np.stack(outputs), after[held])


if __name__ == '__main__':
  # Before JAX counts cores.
  os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
  app.run(main)
