"""What each part of TinyLUT is worth: one table, small budgets, the same seeds.

  python -m benchmarks.tinylut.ablations [--steps=1000] [--seeds=1] [--only=bits,ours]

Every row is trained on Train400, x4, with the same patches and steps, exported and run
as tables on Set5 (PSNR of Y in dB, bicubic beside it); core-seconds are those of
training without compiling. Bytes are those of the tables in memory, and as shipped.
The structure of the paper's ablations, at budgets of a minute a row: figures are lower
than those of long trainings. Needs LUTJAX_DATA. `--out` gets the table. The levels
that channels use are drawn in the report of every training run.
"""

import dataclasses
import functools
import pathlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import imageio.v3 as iio
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from benchmarks import processor
from benchmarks.tinylut import dense, restoration_data
from lutjax import systems
from lutjax.baselines import mulut
from lutjax.data import degradations, patches, resize
from lutjax.fit import loop, methods
from lutjax.restoration import quality
from lutjax.systems.tinylut import model, structure, tables

_STEPS = flags.DEFINE_integer('steps', 1000, 'Of each training.')
_SEEDS = flags.DEFINE_integer('seeds', 1, 'Trainings of each row.')
_ONLY = flags.DEFINE_list('only', [], 'Groups of rows; all by default.')
_OUT = flags.DEFINE_string('out', None, 'Folder for the table.')

_X4 = degradations.Degradation('bicubic', 4)
_PAPER = structure.Config(restores=_X4)
_FULL = dataclasses.replace(_PAPER, msb_bits=8, scaled=False)
_OURS = dataclasses.replace(_PAPER, spatial='curve', low='fused')
_PATCH, _BATCH, _RATE = 45, 4, 2e-3


class Row(NamedTuple):
  """A line of the table.

  Attributes:
    group: Of `--only`.
    name: In the table.
    config: Of a TinyLUT; or the side of the window of a dense network.
  """

  group: str
  name: str
  config: structure.Config | int


def rows() -> list[Row]:
  """Returns all rows."""
  found = [
    Row('structure', 'original network, 3 x 3, not separated', 3),
    Row('structure', 'uniform 4-D table, 17 nodes, 2 x 2', 2),
    Row('structure', 'separable, 8 bits', _FULL),
    Row('structure', 'separable, 6/2', dataclasses.replace(_PAPER, scaled=False)),
    Row('structure', 'separable, 6/2, scaled', _PAPER),
  ]
  for bits in range(1, 9):
    split = dataclasses.replace(_PAPER, msb_bits=bits, scaled=False)
    found.append(Row('bits', f'bits {bits}/{8 - bits}', split))
  for kernel in (1, 2, 3):
    field = dataclasses.replace(_PAPER, kernel=kernel)
    found.append(Row('field', f'window {kernel} x {kernel}', field))
  for penalty in (0.0, 0.1, 1.0):
    scaled = dataclasses.replace(_PAPER, scale_penalty=penalty)
    found.append(Row('scales', f'scaled, penalty {penalty:g}', scaled))
  found += [
    Row('ours', 'curved spatial tables', dataclasses.replace(_PAPER, spatial='curve')),
    Row('ours', 'curved, low branch fused', _OURS),
    Row('ours', 'and shifts of 2', dataclasses.replace(_OURS, shift_radius=2)),
    Row(
      'ours',
      'and learned shifts',
      dataclasses.replace(_OURS, shift_radius=2, learn_shifts=True),
    ),
    Row(
      'ours',
      'and 5/3, 2 pointwise layers',
      dataclasses.replace(_OURS, shift_radius=2, msb_bits=5, pointwise=2),
    ),
    Row(
      'ours',
      'and 5/3, 3 pointwise layers',
      dataclasses.replace(_OURS, shift_radius=2, msb_bits=5, pointwise=3),
    ),
  ]
  return found


def storage() -> str:
  """Returns the paper's table of receptive fields: bytes for x4, 8-bit entries."""
  lines = ['| window | full | sampled at 17 nodes | separable | with scales, paper |']
  lines.append('|---|---|---|---|---|')
  for side in (1, 2, 3):
    count = side * side
    separable = count * 256 * 16
    lines.append(
      f'| {side} x {side} | {_bytes(256**count * 16)} | {_bytes(17**count * 16)} | '
      f'{_bytes(separable)} | {_bytes(separable / 4.48)} |'
    )
  return '\n'.join(lines)


def _bytes(count: float) -> str:
  for unit in ('B', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB'):
    if count < 1024:
      return f'{count:.4g} {unit}'
    count /= 1024
  return f'{count:.4g} ZB'


def _planes(folder: pathlib.Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
  high = [iio.imread(path) for path in sorted(folder.glob('train400/*.png'))]
  return [resize.shrink(plane, 4) for plane in high], high


def _pool(folder: pathlib.Path, margin: int) -> Any:
  pool = patches.Pool(1 << 30, patch=_PATCH + 2 * margin, scale=4)
  for low, high in zip(*_planes(folder)):
    wide = np.pad(high, 4 * margin, mode='reflect')
    pool.add(patches.Pair(np.pad(low, margin, mode='reflect'), wide))
  return jax.device_put(pool.pack())


def _sampler(margin: int) -> loop.Sampler:
  return functools.partial(patches.sample, patch=_PATCH + 2 * margin, scale=4)


def _train(system: Any, method: loop.Method, margin: int, seed: int) -> Any:
  """Returns the variables, and the core-seconds without compiling."""
  data = _pool(restoration_data.folder(), margin)
  state = loop.init(system, method, jax.random.key(seed))
  half = _STEPS.value // 2
  run = (
    jax.jit(
      lambda state, data: loop.advance(
        method, _sampler(margin), state, data, steps=half, batch_size=_BATCH
      )[0]
    )
    .lower(state, data)
    .compile()
  )
  began = time.process_time()
  for _ in range(2):
    state = jax.block_until_ready(run(state, data))
  return state.variables, time.process_time() - began


def _tinylut(config: structure.Config, seed: int) -> tuple[Any, float, dict[str, int]]:
  system = model.make(config)
  fit = loop.Config(steps=_STEPS.value, batch_size=_BATCH, learning_rate=_RATE)
  margin = structure.margins(config)[0]
  variables, seconds = _train(system, methods.make(fit, system), margin, seed)
  content = system.export(variables)
  loaded = systems.load(content)
  sizes = {
    'tables': tables.table_bytes(loaded.config, loaded.variables),
    'shipped': len(content),
  }
  restorer = loaded.model.restorer
  assert restorer is not None
  return restorer.process(loaded.config, loaded.variables), seconds, sizes


def _dense(kernel: int, seed: int) -> tuple[Any, float, dict[str, int]]:
  """Trains a dense network; that of 2 x 2 pixels is sampled, the other run as it is."""
  layers = 3 if kernel == 3 else 1
  margin = kernel - 1

  def init(key):
    return model.Variables(dense.init(key, kernel=kernel, layers=layers, scale=4))

  def loss(params, stats, batch, key):
    del key
    got = dense.restore(params, batch['patch'], kernel, 4)
    rim = 4 * margin
    gap = got - batch['target'][:, rim:-rim, rim:-rim]
    error = jnp.mean(gap * gap)
    return error, (stats, {'error': error})

  system = model.make(_PAPER)._replace(init=init, loss=loss)
  schedule = optax.cosine_decay_schedule(_RATE, _STEPS.value)
  method = methods.gradient(system, optax.adam(schedule))
  variables, seconds = _train(system, method, margin, seed)
  if kernel == 2:
    config = mulut.model.Config(stages=('s',))
    found = mulut.model.Variables([dense.sampled(variables.params, 4)])
    sizes = {'tables': found.params[0].nbytes, 'shipped': 0}
    return mulut.model.process(config, found), seconds, sizes
  restore = jax.jit(functools.partial(dense.restore, kernel=kernel, scale=4))

  def process(pixels: np.ndarray) -> np.ndarray:
    height, width, _ = pixels.shape
    side = -(-max(height, width) // 64) * 64
    around = [(margin, margin + side - height), (margin, margin + side - width)]
    inner = np.pad(pixels, [(margin, margin)] * 2 + [(0, 0)], mode='reflect')
    rest = [(0, a[1] - margin) for a in around] + [(0, 0)]
    square = np.pad(inner, rest, mode='edge').transpose(2, 0, 1).astype(np.float32)
    got = np.asarray(restore(variables.params, square))
    cut = got[:, : 4 * height, : 4 * width].transpose(1, 2, 0)
    return np.clip(np.rint(cut), 0, 255).astype(np.uint8)

  return process, seconds, {'tables': 0, 'shipped': 0}


def _score(process: Callable[[np.ndarray], np.ndarray]) -> float:
  """Returns the mean PSNR of Y on Set5."""
  return statistics.mean(
    quality.psnr_y(process(low), high, 4) for low, high in restoration_data.set5()
  )


def _measured() -> Iterator[str]:
  for row in rows():
    if _ONLY.value and row.group not in _ONLY.value:
      continue
    scores, seconds, sizes = [], [], {}
    for seed in range(_SEEDS.value):
      make = _dense if isinstance(row.config, int) else _tinylut
      process, spent, sizes = make(row.config, seed)
      scores.append(_score(process))
      seconds.append(spent)
    spread = f' +- {statistics.pstdev(scores):.2f}' if len(scores) > 1 else ''
    yield (
      f'| {row.group} | {row.name} | {statistics.mean(scores):.2f}{spread} | '
      f'{_size(sizes["tables"])} | {_size(sizes["shipped"])} | '
      f'{statistics.mean(seconds):.0f} |'
    )


def _size(count: int) -> str:
  return f'{count:,}' if count else '-'


def main(argv: list[str]) -> None:
  """Prints the tables."""
  del argv
  restoration_data.folder()
  print(processor.describe())
  print(f'{_STEPS.value} steps of {_BATCH} patches of {_PATCH} x {_PATCH}\n')
  lines = [
    '| group | row | Set5 x4, PSNR-Y | table bytes | shipped | core-s |',
    '|---|---|---|---|---|---|',
  ]
  print(storage() + '\n')
  print('\n'.join(lines), flush=True)
  for line in _measured():
    print(line, flush=True)
    lines.append(line)
  if _OUT.value:
    folder = pathlib.Path(_OUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'ablations.md').write_text(storage() + '\n\n' + '\n'.join(lines) + '\n')


if __name__ == '__main__':
  app.run(main)
