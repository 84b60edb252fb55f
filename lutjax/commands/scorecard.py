"""Scores of artefacts as text and as files."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lutjax import errors, files
from lutjax.looks import scoring

# Columns of the printed table: statistic, heading, decimals.
_COLUMNS = (
  ('psnr', 'PSNR dB', 2),
  ('floor_psnr', 'floor dB', 2),
  ('cie76_mean', 'CIE76 mean', 3),
  ('cie76_median', 'median', 3),
  ('cie76_p90', 'p90', 3),
  ('cie76_max', 'max', 2),
  ('ciede2000_mean', 'CIEDE2000 mean', 3),
  ('ciede2000_max', 'max', 2),
  ('grid_cie76_mean', 'grid of equal bytes, CIE76 mean', 3),
  ('natural_cie76_mean', 'natural, CIE76 mean', 3),
  ('outside_cie76_mean', 'outside, CIE76 mean', 3),
  ('undone_psnr', 'look, then inverse: PSNR dB', 2),
  ('undone_cie76_mean', 'CIE76 mean', 3),
  ('undone_cie76_p90', 'p90', 3),
  ('undone_cie76_max', 'max', 2),
  ('returned_cie76_mean', 'model, then inverse: CIE76 mean', 3),
  ('returned_cie76_max', 'max', 2),
  ('folded', 'folded', 3),
  ('flat', 'flat', 3),
)


# Statistics over all looks, with their headings.
SUMMARY = {
  'mean_of_means': 'mean of means',
  'mean_of_medians': 'mean of medians',
  'p95_of_means': 'p95 of means',
  'max_of_means': 'worst mean',
  'max_of_maxima': 'max',
}


def render(figures: Mapping[str, Any]) -> str:
  """Returns the figures as Markdown, looks sorted worst first."""
  found = figures['looks']
  records = list(found.values())
  sets = figures['colours']
  columns = [c for c in _COLUMNS if all(c[0] in record for record in records)]
  backwards = not sets
  rank = 'undone_cie76_mean' if backwards else 'cie76_mean'
  heading = 'Pixels of the images, after look and inverse' if backwards else sets['']
  sources = figures.get('sources', {})
  names = figures['names_bytes']
  lines = [
    f'{len(found)} looks, {figures["size_bytes"]:,} bytes'
    + (f', of which {names:,} hold names and curves' if names else ''),
    '',
    *_summary(records, {'undone_': heading} if backwards else sets),
    '',
    f'{heading[0].upper()}{heading[1:]}, worst look first:',
    '',
    '| look | ' + ' | '.join(head for _, head, _ in columns) + ' |',
    '|---' * (len(columns) + 1) + '|',
  ]
  ranked = sorted(found.items(), key=lambda item: -item[1][rank])
  for name, stats in ranked:
    cells = [f'{stats[key]:.{digits}f}' for key, _, digits in columns]
    lines.append(f'| {name}{_against(sources.get(name))} | ' + ' | '.join(cells) + ' |')
  means = [
    f'{sum(stats[key] for stats in found.values()) / len(found):.{digits}f}'
    for key, _, digits in columns
  ]
  lines.append('| **mean over looks** | ' + ' | '.join(means) + ' |')
  return '\n'.join(lines) + '\n'


def _against(source: Mapping[str, str] | None) -> str:
  """Names the file that a look is compared with, if it was not fitted to it."""
  if source is None or source['matched'] == 'content':
    return ''
  if source['matched'] == 'name':
    return ' (matched by name)'
  return f' (against {source["file"]}: not the file it was fitted to)'


def check_out(
  out: str | os.PathLike,
  *,
  endings: Sequence[str] = (),
  overwrite: bool = False,
) -> pathlib.Path:
  """Returns the JSON file that `write` makes of `out`, before any work is done.

  Args:
    out: `X.json` gets X.md beside it; any other name is a folder that gets
      `evaluate.json` and `evaluate.md`.
    endings: Of more files beside it, such as `.csv` for X.csv.
    overwrite: Whether files that are there may be replaced.

  Raises:
    InputError: when one of them is there already.
  """
  path = _json_path(out)
  for file in (path, *(_beside(path, ending) for ending in ('.md', *endings))):
    if file.exists() and not overwrite:
      raise errors.InputError(f'{file}: exists already; --overwrite replaces it')
  return path


def folder_of(out: str | os.PathLike) -> pathlib.Path:
  """Returns the folder that pictures beside the figures go to."""
  return _json_path(out).parent


def write(
  figures: Mapping[str, Any],
  text: str,
  out: str | os.PathLike,
  *,
  more: Mapping[str, bytes] | None = None,
  overwrite: bool = False,
) -> pathlib.Path:
  """Writes figures as JSON, and `text`, their Markdown; see `check_out`.

  Args:
    figures: What is written as JSON.
    text: The same as Markdown.
    out: Path of the JSON file, or of a folder; see `check_out`.
    more: Content of more files beside it, by their endings.
    overwrite: Whether existing files may be replaced.

  Returns:
    The path of the JSON file.
  """
  more = more or {}
  path = check_out(out, endings=[*more], overwrite=overwrite)
  content = json.dumps(figures, indent=1, ensure_ascii=False) + '\n'
  files.write_text(path, content, overwrite=overwrite)
  files.write_text(_beside(path, '.md'), text, overwrite=overwrite)
  for ending, data in more.items():
    files.write_bytes(_beside(path, ending), data, overwrite=overwrite)
  return path


def _beside(path: pathlib.Path, ending: str) -> pathlib.Path:
  return path.with_name(f'{path.stem}{ending}')


def _json_path(out: str | os.PathLike) -> pathlib.Path:
  path = pathlib.Path(out)
  return path if path.suffix == '.json' else path / 'evaluate.json'


def _summary(
  records: Sequence[Mapping[str, Any]], sets: Mapping[str, str]
) -> list[str]:
  """Returns the statistics over all looks, a row for each set of colours."""
  lines = [
    '| over looks | ' + ' | '.join(SUMMARY.values()) + ' |',
    '|---' * (len(SUMMARY) + 1) + '|',
  ]
  for measure, label in (('cie76', 'CIE76'), ('ciede2000', 'CIEDE2000')):
    for prefix, name in sets.items():
      summary = scoring.summarize(records, f'{prefix}{measure}')
      cells = [f'{getattr(summary, key):.3f}' for key in SUMMARY]
      lines.append(f'| {label}, {name} | ' + ' | '.join(cells) + ' |')
  return lines
