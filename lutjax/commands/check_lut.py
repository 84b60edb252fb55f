"""Checking a LUT file: the figures, and a page that shows it."""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors, files
from lutjax.commands import scorecard, selection
from lutjax.data import images, synthetic
from lutjax.looks import checks
from lutjax.lut import interpolate, lattice, tabulate
from lutjax.report import canvas, comparison, look_picture, page

# Nodes per axis, at least, of what is no plain lattice.
_NODES = 33
# Pixels across of the disc of hues.
_DISC = 373
_REPORT = 'report.html'

_COLUMNS = (
  page.Column('times', 'Figure / limit', hint='1 or less passes'),
  page.Column('figure', 'Figure', 3),
  page.Column('limit', 'Limit', 3),
)


class Checked(NamedTuple):
  """A look and what was found.

  Attributes:
    name: Of the file.
    lut: What the file does, as one LUT.
    table: `[N, N, N, 3]`, its values at the nodes that were checked.
    greys: `[K, 3]`, what becomes of greys.
    span: The darkest of them and the lightest.
    found: The checks.
    figures: All of it, for JSON.
  """

  name: str
  lut: lattice.Lut
  table: np.ndarray
  greys: np.ndarray
  span: tuple[float, float]
  found: Sequence[checks.Check]
  figures: dict[str, Any]


def check(path: str, limits: checks.Limits) -> Checked:
  """Checks a LUT file.

  A lattice is checked at its own nodes. Curves in front of it, uneven knots, unequal
  axes and files of several steps are first made one lattice.

  Args:
    path: The file, or `identity`.
    limits: What is too much.

  Raises:
    InputError: when it cannot be read, or holds values that are not finite.
  """
  ((name, look),) = selection.named_looks(lut=path).items()
  lut = look.own if look.own is not None else look.decode(_NODES)
  sizes = lut.table.shape[:-1]
  plain = lut.shaper is None and lut.knots is None and len(set(sizes)) == 1
  nodes = lut if plain else tabulate.bake(lut, max(_NODES, *sizes))
  table = np.asarray(nodes.table, np.float32)
  low, high = _grey_span(lut)
  ramp = np.linspace(low, high, checks.GREYS, dtype=np.float32)
  greys = np.asarray(_sample(lut, np.repeat(ramp[:, None], 3, axis=1)))
  if not (np.isfinite(table).all() and np.isfinite(greys).all()):
    raise errors.InputError(
      f'--lut={path}: found NaN or infinite values, expected finite ones'
    )
  found = checks.check(table, greys, limits)
  warnings = sum(one.verdict == 'warn' for one in found)
  figures = {
    'lut': path,
    'sha256': '' if path == 'identity' else files.digest(files.read_bytes(path)),
    'size': len(table),
    'own_nodes': plain and look.chain is None,
    'domain': np.asarray(lattice.input_domain(lut)).tolist(),
    'greys': [low, high],
    'range': [float(table.min()), float(table.max())],
    'verdict': 'warn' if warnings else 'pass',
    'warnings': warnings,
    'checks': [one._asdict() for one in found],
  }
  return Checked(name, lut, table, greys, (low, high), found, figures)


def render(checked: Checked) -> str:
  """Returns what was found as Markdown."""
  figures = checked.figures
  size = figures['size']
  nodes = 'its own nodes' if figures['own_nodes'] else 'a lattice made of it'
  count, warnings = len(checked.found), figures['warnings']
  return (
    f'{figures["lut"]}: {count - warnings} of {count} checks pass, {warnings} warn '
    f'({nodes}, {size} x {size} x {size})\n\n{checks.render(checked.found)}'
  )


def check_out(out: str | os.PathLike, *, overwrite: bool = False) -> None:
  """Raises an error, before any work is done, if `write` would replace a file.

  Args:
    out: `X.json`, or a folder; see `scorecard.check_out`.
    overwrite: Whether files that are there may be replaced.

  Raises:
    InputError: when one is there.
  """
  scorecard.check_out(out, overwrite=overwrite)
  report = pathlib.Path(out) / _REPORT
  if has_page(out) and report.exists() and not overwrite:
    raise errors.InputError(f'{report}: exists already; --overwrite replaces it')


def has_page(out: str | os.PathLike) -> bool:
  """Returns whether `write` makes a page: in a folder, but not beside `X.json`."""
  return pathlib.Path(out).suffix != '.json'


def write(
  checked: Checked,
  out: str | os.PathLike,
  *,
  photos: Sequence[str] = (),
  overwrite: bool = False,
  say: Callable[[str], None] = print,
) -> pathlib.Path:
  """Writes figures as JSON and Markdown and, into a folder, a page.

  Args:
    checked: From `check`.
    out: See `check_out`.
    photos: The first is shown before and after; by default a synthetic one.
    overwrite: Whether files that are there may be replaced.
    say: Told what is converted or skipped.

  Returns:
    The path of the JSON file, or of the page.

  Raises:
    InputError: when the photo cannot be read, or a file is there already.
  """
  text = render(checked)
  if not has_page(out):
    return scorecard.write(checked.figures, text, out, overwrite=overwrite)
  pixels = _picture(checked, _photo(photos, say))  # First, since photos may be broken.
  scorecard.write(checked.figures, text, out, overwrite=overwrite)
  figures = checked.figures
  caption = 'The look on a photo, on greys, channels, nodes, hues, and in slices.'
  return page.write(
    out,
    title=f'Checks of {checked.name}',
    facts={
      'file': figures['lut'],
      'nodes per axis': str(figures['size']),
      'verdict': figures['verdict'],
      'warnings': f'{figures["warnings"]} of {len(checked.found)}',
      'values': '{:.6g} to {:.6g}'.format(*figures['range']),
    },
    columns=_COLUMNS,
    entries=[
      page.Entry(f'{one.name} ({one.unit})', _scores(one)) for one in checked.found
    ],
    rank='times',
    figures=[page.Figure(f'{checked.name} look', caption, pixels)],
    problems=checks.warnings(checked.found),
    noun='checks',
    remark='What is above its limit warns.',
  )


@jax.jit
def _sample(lut: lattice.Lut, rgb: Any) -> Any:
  return interpolate.sample(lut, rgb)


def _grey_span(lut: lattice.Lut) -> tuple[float, float]:
  """Returns the darkest and the lightest grey that every channel takes, or any."""
  low, high = np.asarray(lattice.input_domain(lut), np.float64)
  if low.max() < high.min():
    return float(low.max()), float(high.min())
  return float(low.min()), float(high.max())


def _photo(photos: Sequence[str], say: Callable[[str], None]) -> np.ndarray:
  """Returns the picture that is shown, `[H, W, 3]` uint8."""
  if not photos:
    return canvas.to_uint8(synthetic.photo(0, *comparison.PHOTO[::-1]))
  first, *_ = images.find_images(photos, say=say)
  pixels = images.read(first.path, convert=True, say=say).pixels
  return canvas.fit_to(images.to_float(pixels[..., :3]), *comparison.PHOTO)


def _picture(checked: Checked, photo: np.ndarray) -> np.ndarray:
  """Draws the look."""
  shown = photo.astype(np.float32) / 255.0
  disc = look_picture.hue_disc(_DISC)
  pixels = np.concatenate([shown.reshape(-1, 3), disc.reshape(-1, 3)])
  mapped = np.asarray(_sample(checked.lut, jnp.asarray(pixels)))
  count = len(pixels) - _DISC**2
  figures = checked.figures
  return look_picture.draw(
    checked.name,
    checked.table,
    checked.greys,
    photo,
    mapped[:count].reshape(shown.shape),
    mapped[count:].reshape(disc.shape),
    domain=checked.span,
    note=f'{figures["size"]} nodes per axis, {figures["warnings"]} of '
    f'{len(checked.found)} checks warn',
  )


def _scores(one: checks.Check) -> dict[str, float]:
  if one.limit:
    times = one.figure / one.limit
  else:
    times = float('inf') if one.figure else 0.0
  return {'times': times, 'figure': one.figure, 'limit': one.limit}
