"""The page of a report: a table of all rows, pictures of some.

The page is one HTML file without external links. The pictures in it share the rest
of `LIMIT_BYTES`; each is also stored beside the page as a PNG, which a click opens.
"""

import concurrent.futures
import math
import os
import pathlib
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from lutjax import files
from lutjax.report import album as album_lib
from lutjax.report import selection

LIMIT_BYTES = 20_000_000

# One picture is drawn while another is computed or encoded.
_WORKERS = 2
_THUMBNAIL_BYTES = 8_000
# What the markup around one picture takes, generously.
_MARKUP_BYTES = 4_000
_MINUS = '\N{MINUS SIGN}'
_THIN_SPACE = '\N{THIN SPACE}'


class Column(NamedTuple):
  """A column of the table.

  Attributes:
    key: Of the scores.
    label: Its heading, with unit.
    digits: Decimals; 0 for counts and bytes.
    higher_is_better: Whether the worst is the smallest.
    hint: What is measured, on which colours; shown when pointed at.
  """

  key: str
  label: str
  digits: int = 2
  higher_is_better: bool = False
  hint: str = ''


class Picture(NamedTuple):
  """What is drawn of an entry.

  Attributes:
    pixels: `[H, W, 3]` uint8.
    thumbnail: `[h, w, 3]` uint8, about 108 pixels wide, or None.
    header: Pixels at the top that name the entry, which the page does, too.
    margin: Pixels of white at the other sides.
  """

  pixels: np.ndarray
  thumbnail: np.ndarray | None = None
  header: int = 0
  margin: int = 0


class Entry(NamedTuple):
  """A row of the table.

  Attributes:
    name: Any text.
    scores: By the keys of the columns; what is missing shows as a dash.
    failure: Why there is no result; empty when there is one.
    draw: Makes the picture; called once, for entries that are shown, by any thread
      (see `canvas.one_at_a_time`).
  """

  name: str
  scores: Mapping[str, float]
  failure: str = ''
  draw: Callable[[], Picture] | None = None


class Table(NamedTuple):
  """A small table of figures.

  Attributes:
    caption: What is measured, on which colours.
    header: One heading per column; the first column holds names.
    rows: Text, or numbers that are printed with `digits` decimals.
    digits: Decimals.
  """

  caption: str
  header: Sequence[str]
  rows: Sequence[Sequence[str | float]]
  digits: int = 3


class Figure(NamedTuple):
  """A picture over all entries.

  Attributes:
    name: Of its PNG file.
    caption: What is drawn, with metric and colour set.
    pixels: `[H, W, 3]` uint8.
  """

  name: str
  caption: str
  pixels: np.ndarray


def write(
  folder: str | os.PathLike,
  *,
  title: str,
  facts: Mapping[str, str],
  columns: Sequence[Column],
  entries: Sequence[Entry],
  rank: str,
  tables: Sequence[Table] = (),
  figures: Sequence[Figure] = (),
  problems: Sequence[str] = (),
  pictures: str = 'auto',
  noun: str = 'looks',
  remark: str = '',
  links: Mapping[str, str] = types.MappingProxyType({}),
  progress: Callable[[Sequence[Entry]], Iterable[Entry]] = iter,
) -> pathlib.Path:
  """Writes `report.html`, and its pictures under `report/`.

  Args:
    folder: Where to; made when missing.
    title: Of the page.
    facts: What was done, by name: config, seed, device, seconds, ...
    columns: Of the table.
    entries: Rows, in any order; failed ones come first, then the worst.
    rank: Key of the column that says which is worse.
    tables: Figures over all entries.
    figures: Pictures over all entries.
    problems: Lines on what has no entry, such as an input that is broken.
    pictures: `auto` draws the worst 12, the median 6 and the best 6, `all`
      every entry (those 24 inside the page, the others beside it), `none` none.
    noun: What the entries are, in the plural.
    remark: A sentence on the table, such as which colours were scored.
    links: Files beside the page that it points to, by what they are.
    progress: Wraps the entries that are drawn, for instance in a bar.

  Returns:
    The path of the page.

  Raises:
    ValueError: if `pictures` or `rank` is none of the above.
    InputError: if a file cannot be written.
  """
  by_key = {column.key: column for column in columns}
  if rank not in by_key:
    raise ValueError(f'Expected rank to be one of {sorted(by_key)}, got {rank!r}.')
  entries = worst_first(entries, by_key[rank])
  drawable = [i for i, e in enumerate(entries) if e.draw and not e.failure]
  groups = selection.choose(drawable, pictures)
  album = album_lib.Album(pathlib.Path(folder))
  content: dict[str, Any] = {
    'title': title,
    'noun': noun,
    'remark': remark,
    'links': links,
    'facts': facts,
    'problems': [*problems, *_failures(entries, problems)],
    'tables': [_table_cells(table) for table in tables],
    'figures': [_figure(album, figure) for figure in figures],
    'columns': columns,
    'rank': by_key[rank],
    'rows': _rows(entries, columns, by_key[rank]),
  }
  room = LIMIT_BYTES - len(_render(content, []))
  chosen = [entries[i] for group in groups for i in group.rows]
  if not chosen:
    progress = iter
  sections = _sections(album, groups, content['rows'], chosen, room, progress)
  path = pathlib.Path(folder) / 'report.html'
  files.write_bytes(path, _render(content, sections))
  return path


def worst_first(entries: Iterable[Entry], column: Column) -> list[Entry]:
  """Returns entries with failed ones first, then from the worst to the best.

  Args:
    entries: In any order.
    column: Says which is worse; a missing or NaN score counts as failed.
  """
  sign = -1 if column.higher_is_better else 1

  def order(entry: Entry) -> tuple[int, float, str]:
    score = entry.scores.get(column.key, math.nan)
    if entry.failure:
      return 0, 0.0, entry.name
    if math.isnan(score):
      return 1, 0.0, entry.name
    return 2, -sign * score, entry.name

  return sorted(entries, key=order)


def text_of(value: float, digits: int) -> str:
  """Returns a number as tables print it, with a dash for NaN.

  Args:
    value: May be NaN or infinite.
    digits: After the decimal point.
  """
  if math.isnan(value):
    return '\N{EN DASH}'
  if math.isinf(value):
    return '∞' if value > 0 else f'{_MINUS}∞'
  return f'{value:,.{digits}f}'.replace(',', _THIN_SPACE).replace('-', _MINUS)


def _sections(
  album: album_lib.Album,
  groups: Sequence[selection.Group],
  rows: Sequence[dict[str, Any]],
  chosen: Sequence[Entry],
  room: int,
  progress: Callable[[Sequence[Entry]], Iterable[Entry]],
) -> list[dict[str, Any]]:
  """Draws `chosen`, those of all groups in turn, and adds to their `rows`."""
  inside = sum(len(group.rows) for group in groups if group.inside)
  room = room // max(inside, 1) - _MARKUP_BYTES - _THUMBNAIL_BYTES
  places = [(i, group.inside) for group in groups for i in group.rows]
  with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
    waiting = [
      pool.submit(_shown, album, album.take(entry.name), entry.draw, inside, room)
      for entry, (_, inside) in zip(chosen, places)
      if entry.draw
    ]
    try:
      for _, (i, _), made in zip(progress(chosen), places, waiting):
        rows[i].update(made.result())
    except BaseException:
      pool.shutdown(cancel_futures=True)
      raise
  return [
    {'heading': group.heading, 'pictures': [rows[i] for i in group.rows]}
    for group in groups
  ]


def _shown(
  album: album_lib.Album,
  path: pathlib.Path,
  draw: Callable[[], Picture],
  inside: bool,
  room: int,
) -> dict[str, Any]:
  """Draws and files a picture; returns what its row tells the page in `room` bytes."""
  picture = draw()
  link = album.add(path, picture.pixels)
  bottom, right = (size - picture.margin for size in picture.pixels.shape[:2])
  inner = picture.pixels[picture.header : bottom, picture.margin : right]
  source = thumbnail = None
  if inside:
    source = album_lib.jpeg_uri(inner, limit_bytes=room)
  if inside and picture.thumbnail is not None:
    small = _THUMBNAIL_BYTES
    thumbnail = album_lib.jpeg_uri(picture.thumbnail, limit_bytes=small)
  height, width = (inner if source else picture.pixels).shape[:2]
  return {
    'link': link,
    'source': source or link,
    'thumbnail': thumbnail,
    'width': width,
    'height': height,
  }


def _failures(entries: Sequence[Entry], problems: Sequence[str]) -> list[str]:
  """Returns a line for each failed entry that `problems` do not speak of."""
  return [
    f'{entry.name}: {entry.failure}'
    for entry in entries
    if entry.failure and not any(line.startswith(f'{entry.name}:') for line in problems)
  ]


def _rows(
  entries: Sequence[Entry], columns: Sequence[Column], rank: Column
) -> list[dict[str, Any]]:
  scores = [entry.scores.get(rank.key, math.nan) for entry in entries]
  most = max((abs(score) for score in scores if math.isfinite(score)), default=0.0)
  return [
    {
      'id': f'p{i + 1}',
      'place': i + 1,
      'name': entry.name,
      'failure': entry.failure,
      'cells': [_cell(entry.scores.get(c.key, math.nan), c.digits) for c in columns],
      'share': f'{100 * abs(score) / most:.1f}'
      if most and math.isfinite(score)
      else '',
      'thumbnail': None,
      'link': None,
    }
    for i, (entry, score) in enumerate(zip(entries, scores))
  ]


def _cell(value: float, digits: int) -> tuple[str, str]:
  """Returns a number as it is read, and as a script sorts it."""
  value = float(value)
  if math.isinf(value):
    return text_of(value, digits), 'Infinity' if value > 0 else '-Infinity'
  return text_of(value, digits), '' if math.isnan(value) else f'{value:.9g}'


def _table_cells(table: Table) -> dict[str, Any]:
  rows = [
    [v if isinstance(v, str) else text_of(v, table.digits) for v in row]
    for row in table.rows
  ]
  return {'caption': table.caption, 'header': table.header, 'rows': rows}


def _figure(album: album_lib.Album, figure: Figure) -> dict[str, Any]:
  height, width = figure.pixels.shape[:2]
  return {
    'caption': figure.caption,
    'link': album.add(album.take(figure.name), figure.pixels),
    'source': album_lib.png_uri(figure.pixels),
    'width': width,
    'height': height,
  }


def _render(content: Mapping[str, Any], sections: Sequence[Any]) -> bytes:
  import jinja2

  text = resources.files('lutjax.report').joinpath('page.html').read_text('utf-8')
  environment = jinja2.Environment(
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  html = environment.from_string(text).render(**content, sections=sections)
  return html.encode('utf-8', 'replace')
