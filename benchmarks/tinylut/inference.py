"""Running TinyLUT-S tables x4: ours, a torch port and a NumPy peer, alternating.

  python -m benchmarks.tinylut.inference [--rounds=7] [--large]

Three planes of 128 x 128, and of 512 x 512 pixels in a third of the rounds; four
rotations. All engines give the same pixels, which is checked. One core, CPU seconds of
the whole call, medians; the first call, which compiles, is timed alone. The torch port
is the arithmetic of the official script: a whole picture per rotation, `tensor[index]`
per table. The NumPy peer takes whole rows of 16 bits. `--large` restores pictures to
1920 x 1080 and 3840 x 2160 pixels first, and prints how much memory that takes.

The goals: 6.6 and 4.6 times as fast as torch and NumPy, then 11 and 8 times; compiling
in 2.5 s. Published tables where LUTJAX_DATA has them, else random ones of their shape.
"""

import os
import pathlib
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import app, flags

from benchmarks import processor
from lutjax.systems.tinylut import model, processing, published, structure, tables

try:
  import torch
except ModuleNotFoundError:
  torch = None

_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Runs of each engine.')
_LARGE = flags.DEFINE_bool('large', False, 'Restore to 4k, and print the memory.')

_GOALS = {'torch': (6.6, 11), 'numpy': (4.6, 8)}


def _tables() -> tuple[structure.Config, Any]:
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
  folder = folder / 'tinylut_published'
  if folder.is_dir():
    return published.read(str(folder))
  print(f'{folder}: missing, random tables instead')
  config = structure.Config()
  rng = np.random.default_rng(0)
  variables = jax.tree.map(
    lambda leaf: leaf + 0.2 * rng.normal(size=leaf.shape).astype(np.float32),
    model.init(config, jax.random.key(0)),
  )
  return tables.to_tables(config, variables)


def _branches(config: structure.Config, params: Any) -> list[tuple]:
  """Returns each branch as its range, spatial entries, and layers with their levels."""
  found = []
  for branch in ('high', 'low'):
    low, high = structure.level_range(config, branch)
    first, _ = structure.row_range(config, branch)
    layers = [
      (layer['rows'], tables.levels_of(config, branch, layer['scale']) - first)
      for layer in params[branch]['layers']
    ]
    found.append((low, high, first, params[branch]['spatial'], layers))
  return found


def _numpy(config: structure.Config, params: Any) -> Callable[[np.ndarray], np.ndarray]:
  """Returns the peer: whole rows of 16 bits are taken, pictures are turned.

  `take` with places of the machine's own width is twice as fast as brackets.
  """
  branches = []
  for low, high, first, spatial, layers in _branches(config, params):
    wide = [(rows.astype(np.int16), levels) for rows, levels in layers]
    branches.append((low, high, first, spatial.astype(np.int16), wide))

  def quarter(plane: np.ndarray) -> np.ndarray:
    padded = np.pad(plane, [(2, 0), (2, 0)], mode='reflect')
    split = (padded >> 2) - 32, padded & 3
    height, width = plane.shape
    total = 0
    for levels, (low, high, first, spatial, layers) in zip(split, branches):
      sums = np.zeros((height, width, 16), np.int16)
      for k in range(9):
        i, j = divmod(k, 3)
        seen = levels[i : i + height, j : j + width] - low
        sums += spatial[k].take(seen.astype(np.intp), axis=0)
      state = np.rint(sums / np.float32(9)).astype(np.int16)
      state = np.clip(state + levels[2:, 2:, None], low, high)
      for i, (rows, scaled) in enumerate(layers):
        sums = np.zeros((height, width, 16), np.int16)
        place = np.empty_like(state)
        for c in range(16):
          seen = scaled[c].take((state[..., c] - low).astype(np.intp))
          sums += rows[c].take(seen, axis=0)
          place[..., c] = seen
        mean = np.rint(sums / np.float32(16)).astype(np.int16)
        ends = (-128, 127) if i else (low, high)
        state = np.clip(mean + place + first, *ends)
      total = total + state
    grid = np.clip(total, -128, 127).reshape(height, width, 4, 4)
    return grid.transpose(0, 2, 1, 3).reshape(4 * height, 4 * width)

  def restore(picture: np.ndarray) -> np.ndarray:
    planes = []
    for c in range(picture.shape[2]):
      plane = picture[..., c].astype(np.int16)
      turns = [np.rot90(quarter(np.rot90(plane, k)), -k) for k in range(4)]
      planes.append(np.clip(sum(turns), -128, 127) + 128)
    return np.stack(planes, -1).astype(np.uint8)

  return restore


def _torch(config: structure.Config, params: Any) -> Callable[[np.ndarray], np.ndarray]:
  """Returns the port of the official script: float tensors, one index per table."""
  torch.set_num_threads(1)
  branches = []
  for low, high, first, spatial, layers in _branches(config, params):
    made = [
      (torch.tensor(rows).float(), torch.tensor(levels).long())
      for rows, levels in layers
    ]
    branches.append((low, high, first, torch.tensor(spatial).float(), made))

  def quarter(planes: Any) -> Any:
    _, height, width = planes.shape
    padded = torch.nn.functional.pad(planes[None], (2, 0, 2, 0), mode='reflect')[0]
    split = torch.floor(padded / 4) - 32, torch.remainder(padded, 4)
    total = 0
    for levels, (low, high, first, spatial, layers) in zip(split, branches):
      sums = 0
      for k in range(9):
        i, j = divmod(k, 3)
        seen = levels[:, i : i + height, j : j + width]
        sums = sums + spatial[k][(seen - low).long().flatten()].reshape(
          -1, height, width, 16
        )
      state = torch.round(sums / 9) + levels[:, 2:, 2:, None]
      state = torch.clamp(state, low, high)
      for i, (rows, scaled) in enumerate(layers):
        places, sums = [], 0
        for c in range(16):
          place = scaled[c][(state[..., c] - low).long()]
          places.append(place)
          sums = sums + rows[c][place.flatten()].reshape(-1, height, width, 16)
        state = torch.stack(places, -1) + first + torch.round(sums / 16)
        state = torch.clamp(state, -128, 127) if i else torch.clamp(state, low, high)
      total = total + state
    grid = torch.clamp(total, -128, 127).reshape(-1, height, width, 4, 4)
    return grid.permute(0, 1, 3, 2, 4).reshape(-1, 4 * height, 4 * width)

  def restore(picture: np.ndarray) -> np.ndarray:
    planes = torch.tensor(picture).permute(2, 0, 1).float()
    total = 0
    for k in range(4):
      turned = quarter(torch.rot90(planes, k, (1, 2)))
      total = total + torch.rot90(turned, -k, (1, 2))
    codes = torch.clamp(total, -128, 127) + 128
    return codes.permute(1, 2, 0).to(torch.uint8).numpy()

  return restore


def _seconds(function: Callable[[], object]) -> float:
  began = time.process_time()
  function()
  return time.process_time() - began


def _compare(side: int, engines: dict[str, Callable], rounds: int) -> None:
  picture = np.random.default_rng(side).integers(0, 256, (side, side, 3))
  picture = picture.astype(np.uint8)
  want = engines['lutjax'](picture)
  for name, engine in engines.items():
    got = engine(picture)
    if np.any(got != want):
      raise SystemExit(f'{name}: gives other pixels')
  spent = {name: [] for name in engines}
  for _ in range(rounds):
    for name, engine in engines.items():
      spent[name].append(_seconds(lambda: engine(picture)))  # noqa: B023
  medians = {name: statistics.median(values) for name, values in spent.items()}
  megapixels = want.shape[0] * want.shape[1] / 1e6
  print(f'\n{side} x {side} x 3 to {4 * side} x {4 * side}')
  for name, seconds in medians.items():
    line = f'{name:8s} {seconds:8.4f} core-s {megapixels / seconds:7.2f} MP/s'
    if name in _GOALS:
      least, goal = _GOALS[name]
      ratio = seconds / medians['lutjax']
      line += f'   ours is {ratio:.1f} times as fast (target {least}, goal {goal})'
    print(line)


def _large(restore: Callable[[np.ndarray], np.ndarray]) -> None:
  for width, height in ((480, 270), (960, 540)):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    picture = picture.astype(np.uint8)
    restore(picture)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = _seconds(lambda: restore(picture))  # noqa: B023
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    megapixels = 16 * width * height / 1e6
    print(
      f'{4 * width} x {4 * height}: {seconds:.3f} core-s, {megapixels / seconds:.1f} '
      f'MP/s, peak memory of the process {before / 1024:.0f} MB, grown by '
      f'{grown / 1024:.0f} MB'
    )


def main(argv: list[str]) -> None:
  """Prints seconds, megapixels per second and ratios."""
  del argv
  # Before JAX makes its threads.
  os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
  config, variables = _tables()
  print(processor.describe())
  engines = {
    'lutjax': processing.process(config, variables),
    'numpy': _numpy(config, variables.params),
  }
  if torch is None:
    print('torch: not installed (extra bench), not run')
  else:
    engines['torch'] = _torch(config, variables.params)
  began = time.perf_counter()
  first = _seconds(lambda: engines['lutjax'](np.zeros((8, 8, 3), np.uint8)))
  clock = time.perf_counter() - began
  print(f'first call: {first:.2f} core-s, {clock:.2f} s by the clock (goal 2.5 s)')
  if _LARGE.value:  # First, or the memory would be that of torch.
    _large(engines['lutjax'])
  for side, rounds in ((128, _ROUNDS.value), (512, -(-_ROUNDS.value // 3))):
    _compare(side, engines, rounds)


if __name__ == '__main__':
  app.run(main)
