"""The report on a run of the gamut task, drawn from what its folder holds."""

import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lutjax import progress, urls
from lutjax.color import difference, spaces
from lutjax.data import images
from lutjax.report import canvas, chromaticity, page, plots
from lutjax.systems.gamut_mlp import codecs, decoding, expand
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.systems.gamut_mlp import sources as gamut_sources
from lutjax.types import Array

_PANEL, _MARGIN, _GAP, _HEADER = (440, 300), 28, 24, 124
_DIAGRAM = 440
# Images whose codes are compared in the plot over all.
_PLOTTED = 8
_COLUMNS = (
  page.Column('gain_all', 'gain, dB', 2, True, 'PSNR above clipping, all pixels'),
  page.Column('gain_og', 'gain OG, dB', 2, True, 'the same out of gamut'),
  page.Column('gain_ig', 'gain IG, dB', 2, True, 'the same in gamut'),
  page.Column('psnr_all', 'PSNR, dB', 2, True, 'linear ProPhoto, all pixels'),
  page.Column('psnr_og', 'PSNR OG, dB', 2, True, 'out of gamut'),
  page.Column('og', 'OG %', 1, False, 'share of pixels out of gamut'),
  page.Column('size_bytes', 'bytes', 0, False, 'the whole payload'),
  page.Column('seconds', 'seconds', 2, False, 'fitting and selection, wall'),
)


def summary(records: Sequence[Mapping[str, Any]]) -> str:
  """Returns one line: bytes, and gain over clipping, means over images."""
  if not records:
    return 'no image was done'
  sizes = [record['size_bytes'] for record in records]
  plain = sum(record['codec'] == 'clip' for record in records)
  gains = np.array([_gains(record) for record in records])
  known = [column[np.isfinite(column)] for column in gains.T]
  means = [float(np.mean(column)) if column.size else 0.0 for column in known]
  note = f'; {plain} with a header alone, as no code earned its bytes' if plain else ''
  return (
    f'payloads of {np.mean(sizes):,.0f} bytes (most {max(sizes):,}); PSNR above '
    f'clipping: {means[0]:+.2f} dB all, {means[1]:+.2f} dB out of gamut, '
    f'{means[2]:+.2f} dB in gamut{note}'
  )


def rounding(records: Sequence[Mapping[str, Any]]) -> str:
  """Returns a line on the sources of 8 bits; see `sources`."""
  return gamut_sources.describe_rounding(
    record['source'].get('rounding') for record in records
  )


def write(
  settings: Any,
  folder: pathlib.Path,
  records: Sequence[Mapping[str, Any]],
  failed: Sequence[str],
  problems: Sequence[str],
) -> pathlib.Path:
  """Writes `report.html` and its pictures.

  Args:
    settings: The experiment that was run.
    folder: The run folder.
    records: Of the images that are done, as `metrics.jsonl` has them.
    failed: Names of images that are not done.
    problems: One line per image that failed.

  Returns:
    The path of the page.
  """
  programs = gamut_programs.Programs()
  entries = [
    page.Entry(
      record['name'],
      _scores(record),
      draw=functools.partial(_draw, programs, folder, settings.task.space, record),
    )
    for record in records
  ]
  entries += [page.Entry(name, {}, failure='see the problems') for name in failed]
  coarse, pictures = rounding(records), settings.pictures
  if pictures == 'auto' and len(records) > 200:
    pictures = 'none'
  return page.write(
    folder,
    title=f'lutjax: {len(records)} wide-gamut images',
    facts={
      'Codec': f'{settings.model.codec}, at most {settings.model.budget_bytes:,} bytes',
      'Guard and mode': f'{settings.model.guard}, {settings.model.mode}',
      'Files': f'{settings.task.format}, {settings.task.quantiser}',
      'In all': summary(records),
      **({'Sources': coarse} if coarse else {}),
    },
    columns=_COLUMNS,
    entries=entries,
    rank='gain_og',
    figures=_figures(records),
    problems=problems,
    pictures=pictures,
    noun='images',
    remark='PSNR in linear ProPhoto; pictures show colours as Display P3 codes.',
    progress=functools.partial(progress.bar, desc='pictures', unit='image'),
  )


def _gains(record: Mapping[str, Any]) -> list[float]:
  pairs = zip(record['psnr'], record['clip'])
  return [np.nan if None in pair else pair[0] - pair[1] for pair in pairs]


def _scores(record: Mapping[str, Any]) -> dict[str, float]:
  gains = dict(zip(('gain_all', 'gain_og', 'gain_ig'), _gains(record)))
  psnr = zip(('psnr_all', 'psnr_og'), record['psnr'])
  known = {name: np.nan if value is None else value for name, value in psnr}
  return (
    gains
    | known
    | {
      'og': 100 * record['out_of_gamut'],
      'size_bytes': record['size_bytes'],
      'seconds': record['seconds'],
    }
  )


def _figures(records: Sequence[Mapping[str, Any]]) -> list[page.Figure]:
  series = {}
  for record in records[:_PLOTTED]:
    tried = record.get('rivals', {}).values()
    points = [plots.Point(size, gain) for size, gain in tried if gain is not None]
    if len(points) > 1:
      series[record['name']] = points
  if not series:
    return []
  caption = 'Every code that was tried: PSNR above clipping, all pixels, against bytes.'
  pixels = plots.rate_distortion(series, metric='gain over clipping, dB')
  return [page.Figure('codes', caption, pixels)]


def _draw(
  programs: gamut_programs.Programs,
  folder: pathlib.Path,
  space: gamut_sources.Space,
  record: Mapping[str, Any],
) -> page.Picture:
  """Draws original, clipped and recovered image, errors and chromaticities."""
  path = next((folder / 'images').glob(f'{_escaped(record["name"])}.*'))
  opened = expand.open_image(path)
  codes = np.ascontiguousarray(opened.image.pixels[..., :3])
  model = codecs.Model()
  if opened.payload is not None:
    model = codecs.unpack(opened.payload)
  step = max(1, min(codes.shape[0] // _PANEL[1], codes.shape[1] // _PANEL[0]))
  source = gamut_sources.read(urls.path(record['source']['path']), space)
  few = images.to_float(source.image.pixels[::step, ::step, :3])
  del source, opened
  shown = [np.asarray(spaces.decode(few, 'prophoto'))]
  for decoded in (codecs.Model(), model):
    decoder = decoding.Decoder(programs, decoded, codes)
    rows = [
      decoder.band(start, stop)[-start % step :: step, ::step].copy()
      for start, stop in decoder.bands()
    ]
    shown.append(np.concatenate(rows))
  return _sheet(record, shown)


@canvas.one_at_a_time
def _sheet(record: Mapping[str, Any], shown: Sequence[np.ndarray]) -> page.Picture:
  width, height = _PANEL
  across = 2 * _MARGIN + 3 * width + 2 * _GAP
  sheet = canvas.Canvas(across, _HEADER + 2 * (height + 60) + _DIAGRAM + 40)
  sheet.text(_MARGIN, 20, record['name'], size=11, weight='bold')
  note = f'{record.get("label", record["codec"])}, {record["size_bytes"]} bytes'
  sheet.text(_MARGIN, 54, note, size=8, color=canvas.MUTED)
  titles = ('original', 'clipped', 'recovered')
  few = np.random.default_rng(0)
  for i, (title, prophoto) in enumerate(zip(titles, shown)):
    left, top = _MARGIN + i * (width + _GAP), _HEADER
    sheet.text(left, top - 26, title)
    preview = canvas.fit_to(canvas.to_uint8(_preview(prophoto)), width, height)
    sheet.image(preview, left, top, width, height)
    top += height + 50
    if i:
      error = _errors(prophoto, shown[0])
      sheet.text(left, top - 26, f'error of {title}: CIEDE2000 {error.mean():.3f}')
      sheet.image(error, left, top, width, height)
    else:
      sheet.text(left, top - 26, 'CIEDE2000, both maps')
      sheet.error_bar(left, top + 4, width, 16)
    flat = prophoto.reshape(-1, 3)
    picked = flat[few.integers(0, len(flat), 6000)]
    chromaticity.draw(sheet, left, top + height + 60, _DIAGRAM - 40, picked, title)
  thumbnail = canvas.fit_to(canvas.to_uint8(_preview(shown[2])), 108, 72)
  return page.Picture(sheet.pixels(), thumbnail, header=_HEADER, margin=_MARGIN - 12)


def _preview(prophoto: np.ndarray) -> np.ndarray:
  p3 = np.asarray(spaces.convert(prophoto, 'prophoto', 'display_p3'))
  return np.asarray(spaces.encode(np.clip(p3, 0.0, 1.0), 'display_p3'))


def _errors(got: np.ndarray, want: np.ndarray) -> np.ndarray:
  def to_lab(prophoto: np.ndarray) -> Array:
    return spaces.linear_to_lab(spaces.convert(prophoto, 'prophoto', 'srgb'))

  return np.asarray(difference.delta_e_2000(to_lab(got), to_lab(want)))


def _escaped(name: str) -> str:
  return ''.join(f'[{c}]' if c in '*?[' else c for c in name)
