"""Figures of `evaluation` as Markdown and as CSV."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lutjax.restoration import scores

# How the names of methods are written, by their roles.
_NAMES = {'ours': '**{}**', 'published': '{} (published)'}


def render(figures: Mapping[str, Any]) -> str:
  """Returns the figures as Markdown: a table for each degradation, a column a set.

  Args:
    figures: From `evaluation.evaluate`.
  """
  lines = []
  for table in figures['tables']:
    lines += _table(table)
  ran = [one for one in figures['sets'] if not one['not_run']]
  lines += [
    f'{one["name"]}: {one["pictures"]} pictures of {one["source"]}' for one in ran
  ]
  lines += [
    f'{one["name"]}: not run, {one["not_run"]} ({one["source"]})'
    for one in figures['sets']
    if one['not_run']
  ]
  if figures['repeats']:
    lines.append(
      f'ms: median over pictures, after compiling, on {figures["processor"]}.'
    )
  return '\n'.join(_separated(lines)) + '\n'


def to_csv(figures: Mapping[str, Any]) -> str:
  """Returns the figures as CSV: a line for each degradation, method and set.

  Lines of the mean over sets have the set `mean`. Sets that are not run have a line
  without a method.

  Args:
    figures: From `evaluation.evaluate`.
  """
  measures = list(
    dict.fromkeys(key for table in figures['tables'] for key in table['measures'])
  )
  columns = ['degradation', 'method', 'role', 'size_bytes', 'table_bytes', 'set']
  counts = {one['name']: one['pictures'] for one in figures['sets']}
  stream = io.StringIO()
  writer = csv.writer(stream, lineterminator='\n')
  writer.writerow([*columns, 'pictures', 'ms', *measures])
  for table in figures['tables']:
    for row in table['rows']:
      start = [table['degradation'], row['name'], row['role']]
      start += [_blank(row['size_bytes']), _blank(row['table_bytes'])]
      for name, found in [*row['sets'].items(), ('mean', row['mean'])]:
        count = counts.get(name, '') if row['role'] != 'published' else ''
        values = [_blank(found.get(key)) for key in ('ms', *measures)]
        if found:
          writer.writerow([*start, name, count, *values])
  for one in figures['sets']:
    if one['not_run']:
      writer.writerow(
        ['', '', 'not run', '', '', one['name'], 0, '', *[''] * len(measures)]
      )
  return stream.getvalue()


def finite(value: Any) -> Any:
  """Returns figures as JSON can hold them: None where a number is not finite.

  Args:
    value: Figures, or a part of them.
  """
  if isinstance(value, Mapping):
    return {key: finite(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [finite(item) for item in value]
  return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(table: Mapping[str, Any]) -> list[str]:
  measures = table['measures']
  names = list(table['pictures'])
  heading = ' / '.join(
    scores.HEADINGS[key] + ' in dB' * key.startswith('psnr') for key in measures
  )
  start = ['method', 'shipped', 'in memory', 'ms']
  lines = [
    f'## {table["degradation"]}{", pairs as given" if table["pairs"] else ""}',
    '',
    f'Cells: {heading}.',
    '',
    f'| {" | ".join([*start, *map(_plain, names), "mean"])} |',
    '|---' * (len(start) + len(names) + 1) + '|',
  ]
  for row in table['rows']:
    cells = [
      _NAMES.get(row['role'], '{}').format(_plain(row['name'])),
      _bytes(row['size_bytes'], row['role']),
      _bytes(row['table_bytes'], row['role']),
      '' if row['ms'] is None else f'{row["ms"]:.1f}',
    ]
    found = [row['sets'].get(name, {}) for name in names]
    cells += [_cell(one, measures, row['role']) for one in [*found, row['mean']]]
    lines.append(f'| {" | ".join(cells)} |')
  return [*lines, '', f'{table["defined"]}.', '']


def _cell(found: Mapping[str, float], measures: Sequence[str], role: str) -> str:
  if not found:
    return ''
  # Papers print two digits.
  digits = 2 if role == 'published' else 3
  return ' / '.join(
    f'{found[key]:.{digits if key.startswith("psnr") else 4}f}' if key in found else '-'
    for key in measures
  )


def _bytes(count: int | None, role: str) -> str:
  if count is None:
    return ''
  return f'{count / 1024:,.0f} KB' if role == 'published' else f'{count:,}'


def _plain(name: str) -> str:
  """Returns a name as a cell of a table can hold it."""
  return name.replace('|', r'\|')


def _blank(value: float | None) -> Any:
  return '' if value is None else value


def _separated(lines: Sequence[str]) -> list[str]:
  """Puts lines that are no table into paragraphs of their own."""
  found: list[str] = []
  for line in lines:
    inside = line.startswith('|') and found and found[-1].startswith('|')
    if line and found and found[-1] and not inside:
      found.append('')
    if line or (found and found[-1]):
      found.append(line)
  return found
