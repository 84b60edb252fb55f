"""Looks fitted from three photos before and after, scored on other photos.

  python -m benchmarks.nilut.photos [--out=FOLDER]

Reads `photos/p512` and `luts/dev512.npz` under `LUTJAX_DATA`. Four colour
looks (dev512, seed 2) are applied to photos (trilinear, float); the three
photos are those that together show most colours. Pairs are
16-bit PNG, or JPEG of quality 95 on both sides. The network is that of
configs/nilut.py, fitted as `fit --pairs` does. Scored on 20 other photos
against the exact look (JPEG: on the decoded `before`, which is what a user
has, against the look of it), and on uniform colours inside and outside of the
cells (16 per axis) that the three photos visit. `--out` gets the map of these.
"""

import dataclasses
import functools
import json
import os
import pathlib
import tempfile

os.environ.setdefault(
  'XLA_FLAGS', '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1'
)

import jax
import numpy as np
from absl import app, flags

from lutjax import experiment, metrics
from lutjax.data import archives, images
from lutjax.fit import fleet, loop, methods
from lutjax.looks import pair_report, pairs
from lutjax.lut import interpolate
from lutjax.report import plots
from lutjax.systems.nilut import model as nilut

_OUT = flags.DEFINE_string('out', None, 'Folder for the map of visited cells.')
_LOOKS = flags.DEFINE_integer('looks', 4, 'How many looks.')
_STEPS = flags.DEFINE_integer('steps', 6000, 'Of each fit.')
_RATE = flags.DEFINE_float('rate', 1e-2, 'Peak learning rate.')
_CHOICE = flags.DEFINE_enum(
  'choice', 'colourful', ['colourful', 'random'], 'Which three photos are fitted from.'
)
_KINDS = flags.DEFINE_list('kinds', ['.png', '.jpg'], 'Of the pairs.')
_SPREAD = flags.DEFINE_float('spread', None, 'Share drawn cell by cell.')


def _folder() -> pathlib.Path:
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
  if not (folder / 'photos' / 'p512').is_dir():
    raise SystemExit(f'{folder}: no photos/p512; set LUTJAX_DATA')
  return folder


def _looks():
  folder = _folder() / 'luts'
  entries = json.loads((folder / 'names.json').read_text())
  colour = [i for i, e in enumerate(entries) if not e['stats']['monochrome']]
  picked = np.random.default_rng(2).choice(colour, _LOOKS.value, replace=False)
  archive = archives.decode((folder / 'dev512.npz').read_bytes(), 'dev512.npz')
  return {entries[i]['name']: archives.table(archive, i) for i in picked}


def _write(path, rgb, kind) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  bits = 16 if kind == '.png' else 8
  image = images.Image(images.from_float(np.asarray(rgb, np.float32), bits))
  images.write(path.with_suffix(kind), image, quality=95)


def _fit(folder):
  task = pairs.Config()
  if _SPREAD.value is not None:
    task = dataclasses.replace(task, spread=_SPREAD.value)
  sources = experiment.Sources(pairs=[str(folder)])
  gathered = pairs.gather(task, sources, print)
  model = nilut.Config()
  fit = loop.Config(steps=_STEPS.value, learning_rate=_RATE.value)
  variables = _run(task, model, fit)(fleet.model_key(0, 'look'), gathered.jobs[0].data)
  (context,) = gathered.context.values()
  return model, variables, context['cells']


@functools.cache
def _run(task, model, fit):
  system = nilut.make(model)
  method, sample = methods.make(fit, system), pairs.sampler(task)

  @jax.jit
  def run(key, data):
    state = loop.init(system, method, key)
    state, _ = loop.advance(
      method, sample, state, data, steps=fit.steps, batch_size=fit.batch_size
    )
    return state.variables

  return run


@functools.partial(jax.jit, static_argnums=0)
def _errors(model, variables, table, rgb):
  got = nilut.apply(model, variables, {'rgb': rgb})
  want = interpolate.trilinear(table, rgb)
  return (got - want) ** 2, metrics.colour_errors(got, want).cie76


def _psnr(square):
  return -10 * np.log10(np.mean(square))


def _most_colourful(read):
  """Returns the three photos that together visit most cells, one after another."""
  visits = np.stack(
    [
      np.bincount(pairs.cell_of(p.reshape(-1, 3), 16), minlength=16**3) > 0
      for p in read
    ]
  )
  chosen, seen = [], np.zeros(16**3, bool)
  for _ in range(3):
    chosen.append(int(np.argmax((visits | seen).sum(axis=1))))
    seen |= visits[chosen[-1]]
  return chosen


def main(argv):
  """Prints the table."""
  del argv
  found = sorted((_folder() / 'photos' / 'p512').glob('*.jpg'))
  read = [images.to_float(images.read(path).pixels) for path in found]
  chosen = _most_colourful(read)
  if _CHOICE.value == 'random':
    chosen = np.random.default_rng(0).choice(len(read), 3, replace=False).tolist()
  rest = [i for i in range(len(found)) if i not in chosen]
  rest = np.random.default_rng(0).permutation(rest)[:20]
  print('fitted from', ', '.join(found[i].name for i in chosen))
  uniform = np.asarray(jax.random.uniform(jax.random.key(3), (65_536, 3)))
  grade = jax.jit(interpolate.trilinear)
  heads = ('look', 'pairs', 'other photos, median PSNR dB', 'worst', 'CIE76 mean')
  heads += ('cells visited', 'CIE76 inside them', 'outside')
  print('| ' + ' | '.join(heads) + ' |\n' + '|---' * len(heads) + '|')
  for name, table in _looks().items():
    for kind in _KINDS.value:
      goal = {'.png': 45.0, '.jpg': 38.0}[kind]
      with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / 'look'
        for i in chosen:
          _write(root / 'before' / found[i].stem, read[i], kind)
          _write(root / 'after' / found[i].stem, grade(table, read[i]), kind)
        model, variables, cells = _fit(root)
      scored = [_errors(model, variables, table, read[i]) for i in rest]
      psnr = np.array([_psnr(square) for square, _ in scored])
      _, everywhere = _errors(model, variables, table, uniform)
      seen = cells.reshape(-1)[pairs.cell_of(uniform, len(cells))] > 0
      row = (
        name,
        '16-bit PNG' if kind == '.png' else 'JPEG',
        f'{np.median(psnr):.2f} ({np.sum(psnr >= goal)} of {len(psnr)} at {goal:.0f})',
        f'{psnr.min():.2f}',
        f'{np.mean([error.mean() for _, error in scored]):.3f}',
        f'{np.mean(cells > 0):.3f}',
        f'{everywhere[seen].mean():.2f}',
        f'{everywhere[~seen].mean():.2f}',
      )
      print('| ' + ' | '.join(row) + ' |', flush=True)
  if _OUT.value:
    out = pathlib.Path(_OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    plots.write_png(out / 'visited.png', pair_report.visited_map(cells))


if __name__ == '__main__':
  app.run(main)
