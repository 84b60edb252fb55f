"""The pictures of a report: PNG files beside the page, small copies inside it."""

import base64
import pathlib
import re
import unicodedata
import urllib.parse

import numpy as np

from lutjax.report import canvas, plots


class Album:
  """Writes pictures under names that are safe and used once.

  Attributes:
    folder: Of the page.
  """

  FOLDER = 'report'

  def __init__(self, folder: pathlib.Path):
    self.folder = folder
    self._taken: set[str] = set()

  def take(self, name: str) -> pathlib.Path:
    """Returns the PNG file of a picture, which no other gets.

    Args:
      name: Any text; the file is named after it.
    """
    return self.folder / self.FOLDER / self._file_name(name)

  def add(self, path: pathlib.Path, pixels: np.ndarray) -> str:
    """Writes a picture and returns its address from the page.

    Args:
      path: From `take`.
      pixels: `[H, W, 3]` uint8.
    """
    plots.write_png(path, pixels)
    return f'{self.FOLDER}/{urllib.parse.quote(path.name)}'

  def _file_name(self, name: str) -> str:
    stem = safe_stem(name)
    unique, count = stem, 1
    while unique.casefold() in self._taken:
      count += 1
      unique = f'{stem}-{count}'
    self._taken.add(unique.casefold())
    return f'{unique}.png'


def safe_stem(name: str) -> str:
  """Returns a file name without extension for any text.

  Letters of all scripts, digits, spaces and `-_.()+` stay; the rest, slashes
  and quotes among it, becomes an underscore. At most 120 bytes of UTF-8.
  """
  name = unicodedata.normalize('NFC', name)
  stem = re.sub(r'[^\w\-.()+ ]', '_', name)
  stem = stem.encode('utf-8', 'replace')[:120].decode('utf-8', 'ignore')
  return stem.strip(' .') or 'picture'


def jpeg_uri(pixels: np.ndarray, *, limit_bytes: int) -> str | None:
  """Returns a picture as a data URI of limited length, or None (see `to_jpeg`).

  Args:
    pixels: `[H, W, 3]` uint8.
    limit_bytes: Of the URI.
  """
  head = 'data:image/jpeg;base64,'
  content = canvas.to_jpeg(pixels, limit_bytes=(limit_bytes - len(head)) // 4 * 3 - 3)
  if content is None:
    return None
  return head + base64.b64encode(content).decode('ascii')


def png_uri(pixels: np.ndarray) -> str:
  """Returns a picture as a data URI without loss."""
  return 'data:image/png;base64,' + base64.b64encode(canvas.to_png(pixels)).decode()
