"""Pictures that models are trained and measured on, known by their content."""

import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lutjax import errors, files, progress
from lutjax.data import images

# Names in one line, at most.
_NAMED = 4
# Of digits of a digest, which are spread evenly.
_DIGITS = 8


class Picture(NamedTuple):
  """A file with a picture.

  Attributes:
    name: Unique among the pictures of a run.
    path: Where it is.
    digest: SHA-256 of the file.
  """

  name: str
  path: pathlib.Path
  digest: str

  @property
  def rank(self) -> float:
    """A number in [0, 1) made of the digest, by which pictures are held out."""
    return rank(self.digest)

  @property
  def seed(self) -> int:
    """Of the noise that the picture gets wherever it is measured."""
    return int(self.digest[:_DIGITS], 16)


class Pixels(NamedTuple):
  """What is in a file.

  Attributes:
    pixels: `[H, W, 3]` uint8, or `[H, W, 1]` where it is grey.
    alpha: Whether there was an alpha channel, which is left out.
  """

  pixels: np.ndarray
  alpha: bool


def rank(digest: str) -> float:
  """Returns a number in [0, 1) made of a SHA-256, spread evenly.

  Args:
    digest: In hexadecimal digits.
  """
  return int(digest[:_DIGITS], 16) / 16**_DIGITS


def find(
  patterns: Sequence[str], say: Callable[[str], None]
) -> tuple[list[Picture], list[str]]:
  """Lists pictures in the order of their digests, whatever their names.

  Args:
    patterns: Files, folders and globs.
    say: Told what is skipped, and which files are the same.

  Returns:
    The pictures, and a line for each file that cannot be read.

  Raises:
    InputError: if a pattern means no file at all.
  """
  found: dict[str, Picture] = {}
  names: set[str] = set()
  same, problems = [], []
  for path, relative in progress.bar(
    images.find_images(patterns, say=say), desc='listing', unit='picture', leave=False
  ):
    try:
      digest = files.digest(files.read_bytes(path, error=errors.ImageError))
    except errors.ImageError as error:
      problems.append(str(error))
      continue
    if digest in found:
      same.append(str(path))
      continue
    name = relative.as_posix()
    found[digest] = Picture(str(path) if name in names else name, path, digest)
    names.add(name)
  if same:
    say(f'same as others, used once: {listed(same)}')
  return [found[digest] for digest in sorted(found)], problems


def read(path: pathlib.Path, say: Callable[[str], None] = print) -> Pixels:
  """Reads a picture of 8 bits.

  Args:
    path: The file.
    say: Told of conversions, but for that of grey.

  Returns:
    Its pixels.

  Raises:
    ImageError: if it cannot be read, or has more than 8 bits.
  """

  def unless_grey(line: str) -> None:
    if 'converted from grey to RGB' not in line:
      say(line)

  pixels = images.read(path, convert=True, say=unless_grey).pixels
  if pixels.dtype != np.uint8:
    raise errors.ImageError(f'{path}: found {pixels.dtype} pixels, expected 8 bits')
  colours = pixels[..., :3]
  grey = (colours == colours[..., :1]).all()
  return Pixels(colours[..., :1] if grey else colours, pixels.shape[2] == 4)


def listed(names: Sequence[str]) -> str:
  """Returns the first names, and how many more there are.

  Args:
    names: At least one.
  """
  more = f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''
  return ', '.join(names[:_NAMED]) + more
