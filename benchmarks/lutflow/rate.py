"""Rate against distortion of LutFlow and its rivals, on the 512 looks of dev512.

  python -m benchmarks.lutflow.rate --out=FOLDER

Reads `luts/dev512.npz` under `LUTJAX_DATA`. What has to be fitted is fitted into
`FOLDER/runs`, goes on there when it was stopped, and is used as it is when it is
done; folders of `launch.fit` may be put there as `default`, `paper` or a number of
bytes. Curves:

* ours: the default network corrected at every one of `--budgets` of its size or
  more, and fits of smaller budgets, each as fitted. Bytes leave out names.
* short fits: a third of the steps at half the batch, nothing corrected; trained for
  4, 5 and 6 bits, and ours at learned steps.
* the paper's recipe, in float32 and rounded after training.
* one small NILUT per look, and one CNILUT with a head per look: tensors alone,
  since a header for each look would be most of it.
* classical coders and Gaussian mixtures of `rivals`; mixtures of some
  looks only, their bytes scaled to all.

Colours are uniform, truth and grids trilinear, errors means over the colours of a
look. Writes `rate.json`, `rate.md`, `rate.png` and `rate_ciede2000.png`, anew
after every row; rows that are there are kept. `--looks=8 --hasten=200` tries the
command in minutes.
"""

import dataclasses
import functools
import pathlib

import numpy as np
from absl import app, flags

from benchmarks.lutflow import rate_bench
from benchmarks.lutflow import rivals as lutflow_rivals
from configs import cnilut, lutflow_paper, nilut
from configs import lutflow as lutflow_config
from lutjax import artefacts
from lutjax import config as config_lib
from lutjax.systems.lutflow import correction, residual_correction
from lutjax.systems.lutflow import model as lutflow

_BUDGETS = flags.DEFINE_list(
  'budgets', ['62000', '69000', '105000', '107350', '161000', '248100'], 'Bytes.'
)
_SMALL = flags.DEFINE_list(
  'small', ['44900', '30540'], 'Bytes of networks that are fitted anew.'
)
_SEARCH = flags.DEFINE_list('search', ['3', '5', '7'], 'Levels of ours without a net.')
_MIXTURES = flags.DEFINE_integer('mixtures', 16, 'Looks that get a Gaussian mixture.')
_LOOKS = flags.DEFINE_integer('looks', 512, 'Of dev512, from the first.')
_HASTEN = flags.DEFINE_integer('hasten', 1, 'What the steps of all fits are cut by.')
_ONLY = flags.DEFINE_list('only', [], 'Curves, of `_CURVES`; all by default.')
_OUT = flags.DEFINE_string('out', 'out/lutflow_rate', 'Folder.')

_SKETCH = (0.02, 0.04, 0.08, 0.16)
_GRIDS = (3, 4, 5, 6)
_BITS = ('int4', 'int5', 'int6', 'learned')
_SHORT = (
  'mended=false',
  'patience=350',
  'steps=8000',
  'batch_size=2048',
  'warmup_steps=160',
)
# Widths of the two hidden layers, for each look and for all.
_NILUTS = ((4, 6), (6, 6), (8, 8), (12, 12))
_CNILUTS = (16, 40, 96)
_ROUNDED = ('precision=int6', 'aware=true', 'learning_rate=0.005')
# Scoring within a fit is not what this reads.
_BRIEF = ('nodes=2', 'random_colours=64', 'photo_colours=64', 'pictures=none')


def ours(bench: rate_bench.Bench) -> None:
  """Adds the default network at many sizes, and networks of smaller budgets."""
  settings = dataclasses.replace(lutflow_config.get_config(), pictures='none')
  (opened,) = bench.fit('default', settings)
  bench.add_model('ours', 'default', opened.path.read_bytes)
  share = len(bench.labels) / 512
  for budget in [int(float(text) * share) for text in _SMALL.value]:
    names = lutflow.names_bytes(opened.loaded.config)
    smaller = config_lib.override(settings, [f'budget_bytes={budget + names}', *_BRIEF])
    (found,) = bench.fit(f'{budget}', smaller)
    bench.add_model('ours', f'{budget:,} B', found.path.read_bytes)
  _corrected(bench, opened, [int(float(text) * share) for text in _BUDGETS.value])


def _corrected(
  bench: rate_bench.Bench, opened: artefacts.Opened, budgets: list[int]
) -> None:
  """Adds one network at many sizes: the residual correction alone differs."""
  loaded = opened.loaded
  bare = lutflow.Variables(loaded.variables.params, {})
  config = dataclasses.replace(loaded.config, mended=True)
  alone = lutflow.export(config, bare)
  bench.add_model('ours, not corrected', 'default', lambda: alone)

  room = {b: b + lutflow.names_bytes(config) - len(alone) for b in budgets}
  room = {budget: left for budget, left in room.items() if left > 64}
  levels = {
    b: correction.levels_for(left, len(config.looks)) for b, left in room.items()
  }

  @functools.cache
  def search_levels(searched: tuple[int, ...]) -> residual_correction.Candidates:
    most = max(correction.looks_for(room[b]) for b in room if levels[b] == searched)
    return correction.search_levels(
      config, bare, bench.data, levels=searched, most=most
    )

  def correct(budget: int) -> bytes:
    candidates = search_levels(levels[budget])
    return lutflow.export(
      config, correction.allocate(config, bare, candidates, room[budget], print)
    )

  for budget in room:
    bench.add_model('ours', f'{budget:,} B', functools.partial(correct, budget))


def fixed_bits(bench: rate_bench.Bench) -> None:
  """Adds networks trained for so many bits a number, beside learned steps."""
  for precision in _BITS:
    settings = config_lib.override(
      lutflow_config.get_config(), [f'precision={precision}', *_SHORT, *_BRIEF]
    )
    (found,) = bench.fit(f'bits-{precision}', settings)
    learned = precision == 'learned'
    curve = 'ours, short fit' if learned else 'fixed bits, short fit'
    bench.add_model(curve, precision, found.path.read_bytes)


def paper(bench: rate_bench.Bench) -> None:
  """Adds the paper's recipe, as it is and rounded after training."""
  settings = config_lib.override(lutflow_paper.get_config(), _BRIEF)
  (opened,) = bench.fit('paper', settings)
  for precision in ('fp32', 'bf16', 'int8', 'int6'):
    config = dataclasses.replace(opened.loaded.config, precision=precision, aware=True)
    export = functools.partial(lutflow.export, config, opened.loaded.variables)
    curve = f"paper's recipe, {'fp32' if precision == 'fp32' else 'rounded'}"
    bench.add_model(curve, precision, export)


def niluts(bench: rate_bench.Bench) -> None:
  """Adds a network for each look, and one network with a head for each."""
  for widths in _NILUTS:
    settings = config_lib.override(
      nilut.get_config(), [f'widths={widths}', *_ROUNDED, *_BRIEF]
    )
    name = '-'.join(map(str, widths))
    fit = functools.partial(bench.fit, f'nilut-{name}', settings)
    bench.add_tensors('NILUT for each', f'{name} int6', fit)
  for width in _CNILUTS:
    settings = config_lib.override(
      cnilut.get_config(),
      [f'widths=({width}, {width})', 'precision=int8', 'batch_size=64', *_BRIEF],
    )
    name = f'{width}-{width}'
    fit = functools.partial(bench.fit, f'cnilut-{name}', settings)
    bench.add_tensors('one CNILUT', f'{name} int8', fit)


def classical(bench: rate_bench.Bench) -> None:
  """Adds coders without a network."""
  tables, rgb = bench.data['table'], bench.rgb
  rivals = {
    'DCT, 30 lines': (lutflow_rivals.sketch, 'q {}', _SKETCH),
    'DCT, searched, no network': (
      lutflow_rivals.searched,
      'level {}',
      [int(text) for text in _SEARCH.value],
    ),
    'grids of 8 bits': (lutflow_rivals.grid, '{0}^3', _GRIDS),
  }
  for curve, (code, name, settings) in rivals.items():
    for setting in settings:
      make = functools.partial(code, tables, rgb, setting)
      bench.add(curve, name.format(setting), make)


def mixtures(bench: rate_bench.Bench) -> None:
  """Adds Gaussian mixtures of looks spread evenly over all, scaled to all."""
  count = len(bench.labels)
  some = np.unique(np.linspace(0, count - 1, min(_MIXTURES.value, count)).astype(int))

  @functools.cache
  def fit() -> dict[str, lutflow_rivals.Coded]:
    steps = max(1, 3000 // _HASTEN.value)
    return lutflow_rivals.mixture(bench.data['table'][some], bench.rgb, 32, steps)

  for name in ('fp32', 'bf16'):

    def make(name: str = name) -> lutflow_rivals.Coded:
      coded = fit()[name]
      return coded._replace(size_bytes=coded.size_bytes * count // len(some))

    bench.add('Gaussian mixtures', f'32, {name}, {len(some)} looks', make, some)


_CURVES = {
  'ours': ours,
  'bits': fixed_bits,
  'paper': paper,
  'nilut': niluts,
  'classical': classical,
  'mixtures': mixtures,
}


def main(argv: list[str]) -> None:
  """Measures all curves, prints and writes them."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  unknown = set(_ONLY.value) - set(_CURVES)
  if unknown:
    raise app.UsageError(f'--only: found {sorted(unknown)}, expected {[*_CURVES]}.')
  bench = rate_bench.Bench(_LOOKS.value, pathlib.Path(_OUT.value), _HASTEN.value)
  print(rate_bench.HEAD)
  for name, curve in _CURVES.items():
    if not _ONLY.value or name in _ONLY.value:
      curve(bench)
  print(_OUT.value)


if __name__ == '__main__':
  app.run(main)
