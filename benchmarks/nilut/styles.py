"""Several looks in one network: error at mixes, beside the published way.

  python -m benchmarks.nilut.styles [--only=mixes|bytes|published]

Reads `luts/dev512.npz` and `nilut_published/` under `LUTJAX_DATA`. One thread.

* mixes: 3 and 8 looks (colour looks of dev512, drawn with seed 0) in one
  network; PSNR against the true mixture, the mix of the looks' own values, at
  100 random mixes (uniform on the simplex, seed 1) of 4,096 random colours.
  Ours has a head per style; the published way takes the weights as inputs and
  is trained at the styles and 1, 4 or 7 blend points, or at random mixes. Once
  in the published network and recipe (ReLU, Tanh 256, Adam 1e-3 held, clamped
  loss) and once in ours.
* bytes: the 8 looks in one network against 8 networks, at equal bytes.
* published: the published network of 3 styles, and copies of it in few bits.
"""

import dataclasses
import functools
import json
import math
import os
import pathlib
import time

os.environ.setdefault(
  'XLA_FLAGS', '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1'
)

import imageio.v3 as iio
import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from lutjax import systems
from lutjax.codec import labels
from lutjax.data import archives
from lutjax.fit import loop, methods
from lutjax.looks import normalized, scoring
from lutjax.looks import task as looks
from lutjax.systems.nilut import model as nilut
from lutjax.systems.nilut import task as nilut_task

_ONLY = flags.DEFINE_list('only', ['mixes', 'bytes', 'published'], 'Tables.')
_STEPS = flags.DEFINE_integer('steps', 30_000, 'Of ours.')
_PAPER_STEPS = flags.DEFINE_integer('paper_steps', 2000, 'Of the published recipe.')
_WIDTH = flags.DEFINE_integer('width', 128, 'Of ours.')
_RATE = flags.DEFINE_float('rate', 3e-3, 'Peak rate of ours.')
_COUNTS = flags.DEFINE_list('counts', ['3', '8'], 'Numbers of styles.')

_POINTS = {'1': 1, '4': 4, '7': 7, 'random': 0}


def _folder() -> pathlib.Path:
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
  if not (folder / 'luts' / 'dev512.npz').is_file():
    raise SystemExit(f'{folder}: no luts/dev512.npz; set LUTJAX_DATA')
  return folder


def _eight() -> tuple[list[str], np.ndarray]:
  """Returns eight colour looks by name."""
  folder = _folder() / 'luts'
  entries = json.loads((folder / 'names.json').read_text())
  colour = [i for i, e in enumerate(entries) if not e['stats']['monochrome']]
  picked = np.random.default_rng(0).choice(colour, 8, replace=False)
  archive = archives.decode((folder / 'dev512.npz').read_bytes(), 'dev512.npz')
  tables = np.stack([archives.table(archive, i) for i in picked])
  return [entries[i]['name'] for i in picked], tables


def _fitter(model, task, fit: loop.Config):
  system = nilut.make(model)
  method = methods.make(fit, system)
  module = nilut_task if isinstance(task, nilut_task.Config) else looks
  sample = module.sampler(task)

  @jax.jit
  def run(key, data):
    state = loop.init(system, method, key)
    state, _ = loop.advance(
      method, sample, state, data, steps=fit.steps, batch_size=fit.batch_size
    )
    return state.variables

  return run


def _timed(run, key, data):
  compiled = run.lower(key, data).compile()
  began = time.process_time()
  variables = jax.block_until_ready(compiled(key, data))
  return variables, time.process_time() - began


@functools.partial(jax.jit, static_argnums=0)
def _mix_psnr(model, variables, data, rgb, mixes):
  """Returns the PSNR `[X]` at mixes `[X, S]` against the true mixture."""
  truth = nilut_task.every_style(looks.Config(), data, rgb)

  def one(weights):
    got = nilut.apply(model, variables, nilut.query(model, rgb, weights))
    want = jnp.einsum('msc,s->mc', truth, weights, precision='highest')
    return -10.0 * jnp.log10(jnp.mean((got - want) ** 2))

  return jax.lax.map(one, mixes)


def _rows(count: int):
  """Yields name, network, task and fit of each row."""
  width = _WIDTH.value
  named = tuple(labels.Label(str(i)) for i in range(count))
  mine = loop.Config(steps=_STEPS.value, learning_rate=_RATE.value)
  heads = nilut.Config(
    widths=(width, width), styles='heads', looks=named, precision='fp32'
  )
  yield 'ours, heads', heads, nilut_task.Config(), mine
  paper = dataclasses.replace(
    nilut.published(256, 2), styles='inputs', looks=named, widths=(256,) * 3
  )
  recipe = loop.Config(
    steps=_PAPER_STEPS.value,
    batch_size=4096,
    learning_rate=1e-3,
    schedule='constant',
  )
  for name, points in _POINTS.items():
    task = nilut_task.Config(drawn='mixed', blend_points=points, overshoot=0.0)
    yield f'published network and recipe, {name} blend points', paper, task, recipe
  ours = dataclasses.replace(heads, styles='inputs')
  for name, points in _POINTS.items():
    task = nilut_task.Config(drawn='mixed', blend_points=points)
    yield f'style inputs, our recipe, {name} blend points', ours, task, mine


def _mixes(names, tables) -> None:
  rgb = jax.random.uniform(jax.random.key(7), (4096, 3))
  for count in map(int, _COUNTS.value):
    data = {
      'table': jnp.asarray(tables[:count]),
      'size': jnp.full(count, tables.shape[1], jnp.int32),
    }
    mixes = np.random.default_rng(1).dirichlet(np.ones(count), 100).astype(np.float32)
    print(f'\n{count} styles: {", ".join(names[:count])}')
    print('| network | PSNR dB at 100 mixes, mean | worst | at the styles | core-s |')
    print('|---|---|---|---|---|')
    for name, model, task, fit in _rows(count):
      run = _fitter(model, task, fit)
      variables, seconds = _timed(run, jax.random.key(0), data)
      at_mixes = np.asarray(_mix_psnr(model, variables, data, rgb, mixes))
      unit = np.eye(count, dtype=np.float32)
      at_styles = np.asarray(_mix_psnr(model, variables, data, rgb, unit))
      print(
        f'| {name} | {at_mixes.mean():.2f} | {at_mixes.min():.2f} | '
        f'{at_styles.mean():.2f} | {seconds:.1f} |',
        flush=True,
      )


def _equal_bytes(names, tables) -> None:
  """Compares one network of 8 looks with 8 networks of one, in bf16."""
  held = tuple(labels.Label(name) for name in names)
  data = {'table': jnp.asarray(tables), 'size': jnp.full(8, tables.shape[1], jnp.int32)}
  rgb = jax.random.uniform(jax.random.key(7), (4096, 3))
  fit = loop.Config(steps=_STEPS.value, learning_rate=_RATE.value)

  def stats(content, index, look):
    loaded = systems.load(content)
    weights = np.eye(len(loaded.config.looks), dtype=np.float32)[index]
    gap = scoring.compare(
      lambda c: nilut.apply(
        loaded.config, loaded.variables, nilut.query(loaded.config, c, weights)
      ),
      lambda c: normalized.truth(look, c, 'trilinear'),
      rgb,
    )
    return float(gap.psnr), float(gap.errors.cie76.mean())

  print('\n| 8 looks in bf16 | bytes in all | PSNR dB mean (worst) | CIE76 mean |')
  print('|---|---|---|---|')
  for single, together in ((32, 88), (48, 132), (64, 177)):
    model = nilut.Config(widths=(single, single), precision='bf16')
    run = _fitter(model, looks.Config(), fit)
    scores, size = [], 0
    for i in range(8):
      look = _one(data, i)
      variables = run(jax.random.key(i), look)
      content = nilut.export(
        dataclasses.replace(model, looks=held[i : i + 1]), variables
      )
      size += len(content)
      scores.append(stats(content, 0, look))
    _print_bytes(f'8 networks of {single}-{single}', size, scores)
    model = nilut.Config(
      widths=(together,) * 2, styles='heads', precision='bf16', looks=held
    )
    variables = _fitter(model, nilut_task.Config(), fit)(jax.random.key(0), data)
    content = nilut.export(model, variables)
    scores = [stats(content, i, _one(data, i)) for i in range(8)]
    _print_bytes(f'one of {together}-{together}, 8 heads', len(content), scores)


def _one(data, index):
  return jax.tree.map(lambda leaf: leaf[index], data)


def _print_bytes(name, size, scores) -> None:
  psnr, cie76 = np.array(scores).T
  quality = f'{psnr.mean():.2f} ({psnr.min():.2f}) | {cie76.mean():.3f}'
  print(f'| {name} | {size:,} | {quality} |', flush=True)


def _published() -> None:
  """Prints the published network's own agreement, its score, and small copies."""
  folder = _folder() / 'nilut_published'
  loaded = systems.load((folder / 'nilutx3style.npz').read_bytes(), 'nilutx3style.npz')
  with np.load(folder / 'nilutx3style_expected.npz') as expected:
    rgb, style, out = (expected[name] for name in ('rgb', 'style', 'out'))
  batch = [nilut.query(loaded.config, rgb, weights) for weights in style]
  got = [nilut.apply(loaded.config, loaded.variables, one) for one in batch]
  print(
    f'\nlargest difference to expected outputs: {np.abs(np.array(got) - out).max():.2g}'
  )
  pair = [
    (iio.imread(folder / f'hald_{name}.png')[..., :3].reshape(-1, 3) / 255)
    for name in ('input', 'LUT01')
  ]
  before, after = (jnp.asarray(part, jnp.float32) for part in pair)

  @functools.partial(jax.jit, static_argnums=0)
  def square(config, variables):
    def slab(part):
      rgb, want = part
      weights = jnp.array([1.0, 0.0, 0.0])
      return jnp.mean(
        (nilut.apply(config, variables, nilut.query(config, rgb, weights)) - want) ** 2
      )

    return jnp.mean(
      jax.lax.map(slab, (before.reshape(512, -1, 3), after.reshape(512, -1, 3)))
    )

  print('| published network, style 1, whole Hald | bytes | PSNR dB |')
  print('|---|---|---|')
  for precision in ('fp32', 'bf16', 'int8', 'int7', 'int6'):
    config = dataclasses.replace(loaded.config, precision=precision)
    content = nilut.export(config, loaded.variables)
    copy = systems.load(content)
    psnr = -10 * math.log10(float(square(copy.config, copy.variables)))
    print(f'| {precision} | {len(content):,} | {psnr:.2f} |', flush=True)


def main(argv):
  """Prints the tables."""
  del argv
  names, tables = _eight()
  if 'published' in _ONLY.value:
    _published()
  if 'mixes' in _ONLY.value:
    _mixes(names, tables)
  if 'bytes' in _ONLY.value:
    _equal_bytes(names, tables)


if __name__ == '__main__':
  app.run(main)
