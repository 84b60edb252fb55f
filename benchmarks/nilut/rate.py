"""Quality against bytes on LUT01, beside classical coders and published points.

  python -m benchmarks.nilut.rate [--only=rate|networks] [--out=FOLDER]

Reads `nilut_published/` under `LUTJAX_DATA`. One thread. Sizes are those of
whole artefacts; quality is over all colours of the published Hald pair, float
outputs. Networks are fitted to the pair, coders to the `.cube` behind it. The
published points: NILUT's network and recipe, and the Gaussian-mixture LUT of
arXiv 2605.19889 with 32 Gaussians, whose score is on the colours that the pair
leaves out.

* rate: the table, and with `--out` `rate_lut01.png` and `rate_lut01.json`.
* networks: ReLU, SIREN, random Fourier and frequency encodings at about equal
  bytes, with equal steps and with equal core-seconds; the mean of `--seeds`.
"""

import dataclasses
import functools
import json
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

from lutjax import metrics, systems
from lutjax.baselines import dct, grid
from lutjax.codec import labels
from lutjax.fit import loop, methods
from lutjax.lut import cube
from lutjax.report import plots
from lutjax.systems.nilut import model as nilut

_ONLY = flags.DEFINE_list('only', ['rate', 'networks'], 'Tables.')
_STEPS = flags.DEFINE_integer('steps', 20_000, 'Of each network of the rate table.')
_SEEDS = flags.DEFINE_integer('seeds', 3, 'Fits per row of the networks table.')
_OUT = flags.DEFINE_string('out', None, 'Folder for the plot and the figures.')

_LOOKS = (labels.Label('LUT01'),)
_PUBLISHED = (
  ('NILUT, 128 x 3 layers, fp32', 135_692, 43.28),
  ('Gaussian mixture, 32', 2_864, 52.64),
)
# Widths, precision, and the rate that suits rounding in training.
_NETWORKS = (
  (8, 'int6'),
  (12, 'int6'),
  (16, 'int6'),
  (24, 'int6'),
  (32, 'int6'),
  (48, 'int4'),
  (48, 'int5'),
  (48, 'int6'),
  (64, 'int4'),
  (64, 'int5'),
  (64, 'int6'),
  (64, 'int8'),
  (64, 'bf16'),
  (64, 'fp32'),
  (128, 'int8'),
  (128, 'bf16'),
)
_SIRENS = ((12, 'int8'), (24, 'int8'), (32, 'int8'), (48, 'int8'), (64, 'int8'))
_FREQUENCIES = tuple((width, 'int6') for width in (24, 32, 40, 44, 48))
_BUDGETS = (200, 300, 450, 700, 1100, 1700, 2850, 5000, 9000, 18_000, 34_000)
_GRIDS = (4, 5, 6, 7, 9, 11, 13, 17, 21, 25)

_KINDS = {
  'ReLU': nilut.Config(),
  'SIREN': nilut.Config(activations=('sine',) * 2, start='siren', omega=4.0),
  'random Fourier': nilut.Config(encoding='fourier', features=32, spread=2.0),
  'frequency': nilut.Config(encoding='frequency', features=2),
}
_RATES = {'SIREN': 5e-3}


def _folder() -> pathlib.Path:
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
  folder = folder / 'nilut_published'
  if not folder.is_dir():
    raise SystemExit(f'{folder}: missing; set LUTJAX_DATA')
  return folder


def _pair():
  images = [iio.imread(_folder() / f'hald_{name}.png') for name in ('input', 'LUT01')]
  before, after = [(i[..., :3].reshape(-1, 3) / 255).astype(np.float32) for i in images]
  return {'rgb': jnp.asarray(before), 'target': jnp.asarray(after)}


def _sample(key, data, batch_size):
  index = jax.random.randint(key, (batch_size,), 0, len(data['rgb']))
  return {name: values[index] for name, values in data.items()}


def _fitted(model, fit, data, seeds):
  """Returns the networks of some seeds and the core-seconds that one took."""
  method = methods.make(fit, nilut.make(model))

  def run(key, data):
    state = loop.init(nilut.make(model), method, key)
    state, _ = loop.advance(
      method, _sample, state, data, steps=fit.steps, batch_size=fit.batch_size
    )
    return state.variables

  compiled = jax.jit(run).lower(jax.random.key(0), data).compile()
  began = time.process_time()
  found = [jax.block_until_ready(compiled(jax.random.key(s), data)) for s in seeds]
  return found, (time.process_time() - began) / len(found)


@functools.partial(jax.jit, static_argnums=0)
def _measure(model, variables, data):
  apply = systems.model_of(model).apply

  def slab(part):
    got = apply(model, variables, part)
    errors = metrics.colour_errors(got, part['target'])
    return jnp.mean((got - part['target']) ** 2), errors.cie76.mean()

  slabs = jax.tree.map(lambda x: x.reshape(256, -1, 3), data)
  square, cie76 = jax.lax.map(slab, slabs)
  return -10.0 * jnp.log10(square.mean()), cie76.mean()


def _score(content, data):
  """Returns bytes, PSNR and mean CIE76 of an artefact, decoded."""
  loaded = systems.load(content)
  config = dataclasses.replace(loaded.config, looks=())
  psnr, cie76 = _measure(config, loaded.variables, data)
  return len(content), float(psnr), float(cie76)


def _network(width, precision, data, **fields):
  model = nilut.Config(
    widths=(width, width),
    precision=precision,
    aware=precision in ('int4', 'int5', 'int6'),
    looks=_LOOKS,
    **fields,
  )
  rate = 5e-3 if precision.startswith('int') or fields else 1e-2
  fit = loop.Config(steps=_STEPS.value, learning_rate=rate)
  (variables,), _ = _fitted(model, fit, data, [0])
  return nilut.export(model, variables)


def _rate(data) -> None:
  table = np.asarray(cube.read(_folder() / 'LUT01.cube').lut.table)
  rows = [('published', name, size, psnr, None) for name, size, psnr in _PUBLISHED]
  for budget in _BUDGETS:
    model = dct.Config(size_bytes=budget, interpolation='tetrahedral', looks=_LOOKS)
    content = dct.export(model, dct.from_lattice(model, table))
    rows.append(('DCT', f'DCT {budget}', *_score(content, data)))
    _print(rows[-1])
  for size in _GRIDS:
    model = grid.Config(size=size, looks=_LOOKS)
    content = grid.export(model, grid.from_lattice(model, table))
    rows.append(('grid, 8 bit', f'grid {size}^3', *_score(content, data)))
    _print(rows[-1])
  for width, precision in _NETWORKS:
    content = _network(width, precision, data)
    name = f'NILUT {width}-{width} {precision}'
    rows.append(('NILUT', name, *_score(content, data)))
    _print(rows[-1])
  siren = {'activations': ('sine',) * 2, 'start': 'siren', 'omega': 4.0}
  octaves = {'encoding': 'frequency', 'features': 2}
  for kind, sizes, fields in (
    ('SIREN', _SIRENS, siren),
    ('frequency', _FREQUENCIES, octaves),
  ):
    for width, precision in sizes:
      content = _network(width, precision, data, **fields)
      name = f'{kind} {width}-{width} {precision}'
      rows.append((kind, name, *_score(content, data)))
      _print(rows[-1])
  print('\n| | bytes | PSNR dB | CIE76 mean |\n|---|---|---|---|')
  for _, name, size, psnr, cie76 in sorted(rows, key=lambda row: row[2]):
    error = f'{cie76:.3f}' if cie76 else ''
    print(f'| {name} | {size:,} | {psnr:.2f} | {error} |')
  if _OUT.value:
    _draw(rows, pathlib.Path(_OUT.value))


def _print(row) -> None:
  print(f'{row[1]:24s} {row[2]:7,} bytes {row[3]:6.2f} dB', flush=True)


def _draw(rows, out) -> None:
  out.mkdir(parents=True, exist_ok=True)
  (out / 'rate_lut01.json').write_text(json.dumps(rows, indent=1) + '\n')
  series = {}
  for kind, name, size, psnr, _ in rows:
    key = name if kind == 'published' else kind
    series.setdefault(key, []).append(plots.Point(size, psnr))
  pixels = plots.rate_distortion(
    series, metric='PSNR dB, all colours of the pair', title='LUT01'
  )
  plots.write_png(out / 'rate_lut01.png', pixels)


def _networks(data) -> None:
  """Compares kinds at equal bytes: equal steps, then equal core-seconds."""
  print('\n| network, bf16 | bytes | steps | core-s | PSNR dB mean (least) |')
  print('|---|---|---|---|---|')
  for goal in (2000, 6500):
    allowed = None
    for equal in ('steps', 'seconds'):
      for name, kind in _KINDS.items():
        model = _of_size(kind, goal)
        steps = 6000
        fit = loop.Config(steps=steps, learning_rate=_RATES.get(name, 1e-2))
        if equal == 'seconds':
          probe = dataclasses.replace(fit, steps=500)
          _, seconds = _fitted(model, probe, data, [0])
          fit = dataclasses.replace(fit, steps=max(500, int(500 * allowed / seconds)))
        found, seconds = _fitted(model, fit, data, range(_SEEDS.value))
        allowed = allowed or seconds
        scores = [_score(nilut.export(model, one), data) for one in found]
        psnr = [score[1] for score in scores]
        widths = '-'.join(map(str, model.widths))
        print(
          f'| {name} {widths}, equal {equal} | {scores[0][0]:,} | {fit.steps} | '
          f'{seconds:.2f} | {np.mean(psnr):.2f} ({min(psnr):.2f}) |',
          flush=True,
        )


def _of_size(kind, goal):
  """Returns the widest network of a kind within a number of bytes."""
  best = None
  for width in range(8, 128):
    model = dataclasses.replace(
      kind, widths=(width, width), precision='bf16', looks=_LOOKS
    )
    weights = sum(a * b + b for a, b in zip(model.layer_widths, model.layer_widths[1:]))
    if 2 * weights > goal:
      break
    best = model
  return best


def main(argv):
  """Prints the tables."""
  del argv
  data = _pair()
  if 'rate' in _ONLY.value:
    _rate(data)
  if 'networks' in _ONLY.value:
    _networks(data)


if __name__ == '__main__':
  app.run(main)
