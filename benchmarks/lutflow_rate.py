"""Rate against distortion of LutFlow and its rivals, on the 512 looks of dev512.

  python -m benchmarks.lutflow_rate --runs=RUN,RUN --paper=RUN --out=FOLDER

Reads `luts/dev512.npz` under `LUTJAX_DATA`. `--runs` are fits of
`configs/lutflow.py`: each is a point as it is, and the first is mended anew for
every one of `--budgets`, the bytes of all but the names. `--paper` is a fit of
`configs/lutflow_paper.py`, also rounded to int8 after training. `--others` are
run folders of any system. Beside them: the plain cosine transform coder of 30
lines (opponent axes, DCT-II, dead zone, zlib or LZMA), ours without a network,
and 8-bit grids. Bytes leave out names; colours are uniform, truth and grids
trilinear, errors means over the colours of a look. Writes `rate.json`,
`rate.md`, `rate.png` and `rate_ciede2000.png`, anew after every row.
"""

import dataclasses
import functools
import json
import lzma
import os
import pathlib
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from lutjax import metrics, models
from lutjax.codec import spectrum
from lutjax.lut import interpolate, lattice
from lutjax.models import lutflow, lutflow_mend
from lutjax.report import plots
from lutjax.tasks import experiment, flows, looks, mending, scoring, shipping

_RUNS = flags.DEFINE_list('runs', [], 'Run folders of LutFlow.')
_PAPER = flags.DEFINE_string('paper', None, "Run folder of the paper's recipe.")
_OTHERS = flags.DEFINE_list('others', [], 'Run folders of any system.')
_BUDGETS = flags.DEFINE_list(
  'budgets', ['62000', '69000', '105000', '161000', '248100'], 'Bytes, names apart.'
)
_SEARCH = flags.DEFINE_list('search', ['3', '5', '7'], 'Levels of ours without a net.')
_LOOKS = flags.DEFINE_integer('looks', 512, 'Of dev512, from the first.')
_OUT = flags.DEFINE_string('out', 'out/lutflow_rate', 'Folder.')

_SKETCH = (0.02, 0.04, 0.08, 0.16)
_GRIDS = (3, 4, 5, 6)
# G'MIC's own container: bytes a look, and what its encoder aims at.
_GMIC = (2931, 'CIEDE2000 at most 0.45 on average')


class Row(NamedTuple):
  """One point.

  Attributes:
    curve: What it belongs to.
    name: What it is.
    size_bytes: Without names.
    cie76: Over all looks.
    ciede2000: Likewise.
  """

  curve: str
  name: str
  size_bytes: int
  cie76: metrics.Summary
  ciede2000: metrics.Summary


class Bench:
  """The looks, the colours and what they should come out as."""

  def __init__(self, count: int):
    folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
    if not folder.is_dir():
      raise SystemExit(f'{folder}: missing; set LUTJAX_DATA')
    sources = experiment.Sources(luts=[str(folder / 'dev512.npz')])
    gathered = looks.gather(flows.Config(), sources, print)
    (job,) = gathered.jobs
    self.data = jax.tree.map(lambda leaf: leaf[:count], job.data)
    self.labels = gathered.labels[job.name][:count]
    self.rgb = scoring.colours(0, 4096, 2, jnp.zeros((1, 1, 3)), 1).random
    sample = jax.jit(interpolate.trilinear)
    self.want = [np.asarray(sample(table, self.rgb)) for table in self.data['table']]
    self.rows: list[Row] = []
    self._errors = jax.jit(metrics.colour_errors)

  def add(self, curve: str, name: str, size_bytes: int, outputs: Any) -> None:
    """Scores `[M, 3]` outputs, one after another for each look."""
    kept = [
      jax.device_get(self._errors(jnp.clip(got, 0.0, 1.0), want))
      for got, want in zip(outputs, self.want, strict=True)
    ]
    summaries = [
      metrics.summarize([metrics.lut_statistics(getattr(one, key)) for one in kept])
      for key in ('cie76', 'ciede2000')
    ]
    row = Row(curve, name, size_bytes, *summaries)
    self.rows.append(row)
    print(line(row), flush=True)
    write(self.rows, pathlib.Path(_OUT.value), len(self.labels))

  def add_model(self, curve: str, name: str, contents: list[bytes]) -> None:
    """Scores artefacts that together hold all looks in their order."""
    size, outputs = 0, []
    for content in contents:
      loaded = models.load(content, name)
      module = models.module_of(loaded.config)
      names = getattr(module, 'names_bytes', lambda config: 0)
      size += len(content) - names(loaded.config)
      outputs.append(self._outputs(loaded))
    self.add(curve, name, size, (got for part in outputs for got in part))

  def _outputs(self, loaded: models.Loaded) -> Iterator[jax.Array]:
    apply = _applier(dataclasses.replace(loaded.config, looks=()))
    variables = jax.device_put(loaded.variables)
    unit = np.eye(len(loaded.config.looks), dtype=np.float32)
    for weights in unit:
      yield apply(variables, self.rgb, weights)


@functools.lru_cache
def _applier(config: Any) -> Any:
  module = models.module_of(config)

  @jax.jit
  def apply(variables: Any, rgb: jax.Array, weights: jax.Array) -> jax.Array:
    return module.apply(config, variables, module.query(config, rgb, weights))

  return apply


def line(row: Row) -> str:
  """Returns a row of the table."""
  cells = [row.curve, row.name, f'{row.size_bytes:,}']
  for summary in (row.cie76, row.ciede2000):
    cells += [
      f'{summary.mean_of_means:.3f}',
      f'{summary.mean_of_medians:.3f}',
      f'{summary.p95_of_means:.2f}',
      f'{summary.max_of_means:.2f}',
    ]
  return '| ' + ' | '.join(cells) + ' |'


def mended(bench: Bench, run: str, budgets: list[int]) -> None:
  """Adds one network at many sizes: the mending alone differs."""
  (opened,) = shipping.find_models(run)
  loaded = opened.loaded
  bare = lutflow.Variables(loaded.variables.params, {})
  config = dataclasses.replace(loaded.config, mended=True)
  bench.add_model('ours', 'network alone', [lutflow.export(config, bare)])
  climbed: dict[tuple[int, ...], lutflow_mend.Rungs] = {}
  for budget in budgets:
    total = budget + lutflow.names_bytes(config)
    wanted = dataclasses.replace(config, budget_bytes=total)
    left = total - len(lutflow.export(wanted, bare))
    if left > 0:
      levels = mending.levels_for(left, len(config.looks))
      if levels not in climbed:
        climbed[levels] = mending.climb(config, bare, bench.data, levels=levels)
      rungs = climbed[levels]
      found = mending.spend(wanted, bare, rungs, left, print)
      bench.add_model('ours', f'{budget:,} B', [lutflow.export(wanted, found)])


def paper(bench: Bench, run: str) -> None:
  """Adds the paper's recipe, as it is and rounded after training."""
  (opened,) = shipping.find_models(run)
  loaded = opened.loaded
  for precision in ('fp32', 'bf16', 'int8', 'int6'):
    config = dataclasses.replace(loaded.config, precision=precision, aware=True)
    content = lutflow.export(config, loaded.variables)
    bench.add_model("paper's recipe", precision, [content])


def sketch(bench: Bench, step: float) -> None:
  """Adds the transform coder of 30 lines at a step."""
  nodes = lattice.identity(33)
  waves, turn = spectrum.basis(33, 33), spectrum.OPPONENT
  order = np.argsort(spectrum.frequencies(33).ravel(), kind='stable')
  units = step * (1 + 0.3 * spectrum.frequencies(33)[..., None])
  size, outputs = 0, []
  for table in bench.data['table']:
    gap = (table - nodes) @ turn.T
    found = np.einsum('rgbc,ir,jg,kb->ijkc', gap, waves, waves, waves, optimize=True)
    kept = np.sign(found) * np.floor(np.abs(found) / units + 0.6)
    flat = kept.reshape(-1, 3)[order].ravel().astype(np.int64)
    size += _deflated(flat)
    back = np.einsum(
      'ijkc,ir,jg,kb->rgbc', kept * units, waves, waves, waves, optimize=True
    )
    coded = np.clip(back @ turn + nodes, 0, 1).astype(np.float32)
    outputs.append(_trilinear(coded, bench.rgb))
  bench.add('DCT, 30 lines', f'q {step}', size, outputs)


def _deflated(flat: np.ndarray) -> int:
  """Returns the bytes of integers as int8 with escapes, packed, and a header."""
  last = np.flatnonzero(flat)
  flat = flat[: last[-1] + 1] if last.size else flat[:1]
  small = np.where(np.abs(flat) > 126, 127, flat).astype(np.int8)
  content = small.tobytes() + flat[np.abs(flat) > 126].astype('<i2').tobytes()
  filters = [{'id': lzma.FILTER_LZMA2, 'preset': 9}]
  packed = lzma.compress(content, lzma.FORMAT_RAW, filters=filters)
  return 12 + min(len(packed), len(zlib.compress(content, 9)))


def searched(bench: Bench, level: int) -> None:
  """Adds our cosine coder without a network, every look at one level."""
  nodes = jnp.asarray(lattice.identity(33))

  @jax.jit
  def one(table: jax.Array) -> tuple[jax.Array, jax.Array]:
    found = lutflow_mend.search(nodes, table, jnp.float32(level), iterations=60)[0]
    held = {'levels': jnp.full(1, level), 'spectra': found[None]}
    return found, jnp.clip(nodes + lutflow_mend.lattice(held, jnp.int32(0), 33), 0, 1)

  found = [jax.device_get(one(table)) for table in bench.data['table']]
  size = len(spectrum.pack(np.stack([spectra for spectra, _ in found]))) + 2
  outputs = [_trilinear(coded, bench.rgb) for _, coded in found]
  bench.add('DCT, searched, no network', f'level {level}', size, outputs)


def grid(bench: Bench, size: int) -> None:
  """Adds 8-bit grids of so many nodes per axis."""
  nodes = lattice.identity(size)
  outputs = []
  for table in bench.data['table']:
    coded = np.round(np.asarray(_trilinear(table, nodes)) * 255) / 255
    outputs.append(_trilinear(coded.astype(np.float32), bench.rgb))
  bytes_all = size**3 * 3 * len(bench.labels)
  bench.add('grids of 8 bits', f'{size}^3', bytes_all, outputs)


_trilinear = jax.jit(interpolate.trilinear)

_HEAD = (
  '| curve | point | bytes | CIE76 mean of means | of medians | p95 | worst '
  '| CIEDE2000 mean of means | of medians | p95 | worst |\n' + '|---' * 11 + '|'
)


def main(argv: list[str]) -> None:
  """Measures all curves, prints and writes them."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  bench = Bench(_LOOKS.value)
  print(_HEAD)
  for i, run in enumerate(_RUNS.value):
    content = shipping.find_models(run)[0].path.read_bytes()
    bench.add_model('ours', f'{pathlib.Path(run).name}, as fitted', [content])
    if i == 0 and _BUDGETS.value:
      mended(bench, run, [int(budget) for budget in _BUDGETS.value])
  if _PAPER.value:
    paper(bench, _PAPER.value)
  for run in _OTHERS.value:
    contents = [item.path.read_bytes() for item in shipping.find_models(run)]
    bench.add_model(pathlib.Path(run).name, 'as fitted', contents)
  for step in _SKETCH:
    sketch(bench, step)
  for level in _SEARCH.value:
    searched(bench, int(level))
  for size in _GRIDS:
    grid(bench, size)
  print(_OUT.value)


def write(rows: list[Row], out: pathlib.Path, count: int) -> None:
  """Writes the table, the figures and the plot."""
  out.mkdir(parents=True, exist_ok=True)
  bytes_each, aim = _GMIC
  note = f"G'MIC's own container, quoted: {bytes_each:,} B a look ({aim})."
  table = [_HEAD, *map(line, rows), '', f'{note}']
  (out / 'rate.md').write_text('\n'.join(table) + '\n')
  records = [
    {
      **row._asdict(),
      'cie76': row.cie76._asdict(),
      'ciede2000': row.ciede2000._asdict(),
    }
    for row in rows
  ]
  (out / 'rate.json').write_text(json.dumps(records, indent=1, default=float) + '\n')
  for key, name in (('cie76', 'rate'), ('ciede2000', 'rate_ciede2000')):
    series: dict[str, list[plots.Point]] = {}
    for row in sorted(rows, key=lambda row: row.size_bytes):
      point = plots.Point(row.size_bytes, getattr(row, key).mean_of_means)
      series.setdefault(row.curve, []).append(point)
    if key == 'ciede2000':
      series["G'MIC, its encoder's aim"] = [plots.Point(bytes_each * count, 0.45)]
    picture = plots.rate_distortion(
      series, metric=f'mean {key}', title=f'{count} looks in one file', log_value=True
    )
    plots.write_png(out / f'{name}.png', picture)


if __name__ == '__main__':
  app.run(main)
