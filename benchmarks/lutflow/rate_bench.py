"""The bench of `rate`: looks, colours, runs and the table of results.

A bench scores what any coder gives for the looks, keeps a row for each point and
writes table, figures and plots anew after every row.
"""

import dataclasses
import functools
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.lutflow import rivals as lutflow_rivals
from lutjax import artefacts, experiment, files, metrics, systems
from lutjax.codec import container
from lutjax.commands import fit as fit_command
from lutjax.commands import selection
from lutjax.looks import scoring
from lutjax.looks import task as looks
from lutjax.lut import interpolate
from lutjax.report import plots
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task
from lutjax.types import Loaded

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
  """The looks, the colours and what they should come out as.

  Attributes:
    data: `table` `[L, M, M, M, 3]` and `size` `[L]`.
    labels: Of the looks.
    rgb: `[4096, 3]` uniform colours.
    rows: Those that were there, and those added.
  """

  def __init__(self, count: int, out: pathlib.Path, hasten: int):
    """Reads the first `count` looks; steps of fits are cut by `hasten`."""
    folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
    if not folder.is_dir():
      raise SystemExit(f'{folder}: missing; set LUTJAX_DATA')
    out.mkdir(parents=True, exist_ok=True)
    self.out = out
    self._hasten = hasten
    self.sources = experiment.Sources(luts=[str(_first(folder, count, out))])
    gathered = looks.gather(lutflow_task.Config(), self.sources, print)
    (job,) = gathered.jobs
    self.data = job.data
    self.labels = gathered.labels[job.name]
    self.rgb = scoring.colours(0, 4096, 2, jnp.zeros((1, 1, 3)), 1).random
    sample = jax.jit(interpolate.trilinear)
    self.want = [np.asarray(sample(table, self.rgb)) for table in self.data['table']]
    self.rows = _read(out)
    self._errors = jax.jit(metrics.colour_errors)

  def add(
    self,
    curve: str,
    name: str,
    make: Callable[[], lutflow_rivals.Coded],
    among: Sequence[int] | None = None,
  ) -> None:
    """Scores what `make` codes of all looks, or of some, unless the row is there."""
    if any((row.curve, row.name) == (curve, name) for row in self.rows):
      return
    size_bytes, outputs = make()
    want = self.want if among is None else [self.want[i] for i in among]
    kept = [
      jax.device_get(self._errors(jnp.clip(got, 0.0, 1.0), target))
      for got, target in zip(outputs, want, strict=True)
    ]
    summaries = [
      metrics.summarize([metrics.lut_statistics(getattr(one, key)) for one in kept])
      for key in ('cie76', 'ciede2000')
    ]
    self.rows.append(Row(curve, name, size_bytes, *summaries))
    print(line(self.rows[-1]), flush=True)
    write(self.rows, self.out, len(self.labels))

  def add_model(self, curve: str, name: str, make: Callable[[], bytes]) -> None:
    """Scores an artefact of LutFlow; names do not count."""

    def coded() -> lutflow_rivals.Coded:
      content = make()
      loaded = systems.load(content, name)
      size = len(content) - lutflow.names_bytes(loaded.config)
      return lutflow_rivals.Coded(size, _outputs(loaded, self.rgb))

    self.add(curve, name, coded)

  def add_tensors(
    self, curve: str, name: str, make: Callable[[], list[artefacts.Opened]]
  ) -> None:
    """Scores artefacts that together hold all looks; tensors alone count."""

    def coded() -> lutflow_rivals.Coded:
      size, outputs = 0, {}
      for model in make():
        content = model.path.read_bytes()
        size += container.layout(content).payload_bytes
        names = [label.name for label in model.loaded.config.looks]
        outputs.update(zip(names, _outputs(model.loaded, self.rgb), strict=True))
      return lutflow_rivals.Coded(size, [outputs[label.name] for label in self.labels])

    self.add(curve, name, coded)

  def fit(self, name: str, settings: experiment.Experiment) -> list[artefacts.Opened]:
    """Returns the models of a run of that name, which is made if it is not there."""
    folder = self.out / 'runs' / name
    if not (folder / f'model{artefacts.SUFFIX}').is_file():
      fit = settings.fit
      shorter = max(1, fit.steps // self._hasten)
      fit = dataclasses.replace(
        fit, steps=shorter, segment_steps=min(fit.segment_steps, shorter)
      )
      problems = fit_command.fit(
        dataclasses.replace(settings, fit=fit), self.sources, folder
      )
      if problems:
        raise SystemExit('\n'.join(problems))
    return selection.find_models(str(folder))


def _first(folder: pathlib.Path, count: int, out: pathlib.Path) -> pathlib.Path:
  """Returns an archive of the first looks, which is made unless it is all."""
  whole = folder / 'dev512.npz'
  with np.load(whole) as archive:
    delta, scale = archive['delta'], archive['scale']
  if count >= len(delta):
    return whole
  part = out / f'dev{count}.npz'
  np.savez_compressed(
    part, delta=delta[:count], scale=scale, dev512_id=np.arange(count)
  )
  shutil.copy(folder / 'names.json', out / 'names.json')
  return part


def _outputs(loaded: Loaded, rgb: jax.Array) -> Iterator[jax.Array]:
  """Yields what each look of a model gives."""
  apply = _applier(dataclasses.replace(loaded.config, looks=()))
  variables = jax.device_put(loaded.variables)
  for weights in np.eye(len(loaded.config.looks), dtype=np.float32):
    yield apply(variables, rgb, weights)


@functools.lru_cache
def _applier(config: Any) -> Any:
  model = systems.model_of(config)

  @jax.jit
  def apply(variables: Any, rgb: jax.Array, weights: jax.Array) -> jax.Array:
    return model.apply(config, variables, model.query(config, rgb, weights))

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


HEAD = (
  '| curve | point | bytes | CIE76 mean of means | of medians | p95 | worst '
  '| CIEDE2000 mean of means | of medians | p95 | worst |\n' + '|---' * 11 + '|'
)


def _read(out: pathlib.Path) -> list[Row]:
  """Returns the rows that an earlier call wrote."""
  path = out / 'rate.json'
  if not path.is_file():
    return []
  return [
    Row(
      **{
        **record,
        **{key: metrics.Summary(**record[key]) for key in ('cie76', 'ciede2000')},
      }
    )
    for record in json.loads(path.read_text())
  ]


def write(rows: list[Row], out: pathlib.Path, count: int) -> None:
  """Writes the table, the figures and the plots."""
  bytes_each, aim = _GMIC
  note = f"G'MIC's own container, quoted: {bytes_each:,} B a look ({aim})."
  table = [HEAD, *map(line, rows), '', note]
  files.write_bytes(out / 'rate.md', ('\n'.join(table) + '\n').encode())
  records = [
    {
      **row._asdict(),
      'cie76': row.cie76._asdict(),
      'ciede2000': row.ciede2000._asdict(),
    }
    for row in rows
  ]
  content = json.dumps(records, indent=1, default=float) + '\n'
  files.write_bytes(out / 'rate.json', content.encode())
  for key, name in (('cie76', 'rate'), ('ciede2000', 'rate_ciede2000')):
    series: dict[str, list[plots.Point]] = {}
    for row in sorted(rows, key=lambda row: row.size_bytes):
      point = plots.Point(row.size_bytes, getattr(row, key).mean_of_means)
      series.setdefault(row.curve, []).append(point)
    if key == 'ciede2000':
      series["G'MIC, its encoder's aim"] = [plots.Point(bytes_each * count, 0.45)]
    picture = plots.rate_distortion(
      series,
      metric=f'{key.upper()}, mean of means',
      title=f'{count} looks in one file',
      log_value=True,
    )
    plots.write_png(out / f'{name}.png', picture)
