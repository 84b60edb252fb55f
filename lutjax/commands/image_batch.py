"""Image files in, image files out: what commands that change pictures share.

Each picture is read, changed and written on its own; one that fails is named, and the
others go on.
"""

import collections
import concurrent.futures
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from lutjax import errors, files, progress
from lutjax.data import images

Say = Callable[[str], None]
_Result = TypeVar('_Result')

# Pictures in work at a time: one is coded while a device works on the other.
_WORKERS = 2


class Item(NamedTuple):
  """A picture and where it goes.

  Attributes:
    source: The file.
    relative: Where its output belongs inside a folder.
    target: The file that is written.
    shared: Whether another picture would be written to the same file, or is it.
    beside: A file that is written along with it, or None.
  """

  source: pathlib.Path
  relative: pathlib.Path
  target: pathlib.Path
  shared: bool
  beside: pathlib.Path | None = None


class Changed(NamedTuple):
  """What becomes of a picture.

  Attributes:
    image: The picture that is written.
    beside: The content of `Item.beside`.
  """

  image: images.Image
  beside: bytes = b''


def find(
  patterns: Sequence[str], out: str | os.PathLike, *, say: Say = print
) -> list[Item]:
  """Lists pictures with the files that they are written to.

  Args:
    patterns: Files, folders, globs.
    out: A folder, which gets the relative path of each picture; or a file with the
      extension of an image when there is one picture.
    say: Told what is skipped.

  Raises:
    InputError: when there is no picture, or several for one file.
  """
  if not patterns:
    raise errors.InputError('--images: found nothing, expected files or folders')
  found = images.find_images(patterns, say=say)
  out = pathlib.Path(out)
  as_file = out.suffix.lower() in images.EXTENSIONS and not out.is_dir()
  if as_file and len(found) > 1:
    raise errors.InputError(
      f'--out={out}: found {len(found)} images, expected a folder for them'
    )
  sources = {source.resolve() for source, _ in found}
  counts = collections.Counter(relative for _, relative in found)
  items = []
  for source, relative in found:
    target = out if as_file else out / relative
    resolved = target.resolve()
    taken = resolved in sources and resolved != source.resolve()
    items.append(Item(source, relative, target, counts[relative] > 1 or taken))
  return items


def check(item: Item, *, overwrite: bool = False) -> None:
  """Raises an `InputError` where a picture cannot be written as it should be.

  Args:
    item: From `find`.
    overwrite: Whether files that are there may be replaced.
  """
  source, target = item.source, item.target
  if target.resolve() == source.resolve():
    raise errors.InputError(f'{source}: --out would replace the image itself')
  if item.shared:
    raise errors.InputError(
      f"{source}: {target} is another image's, expected a folder of its own"
    )
  kind = images.EXTENSIONS.get(target.suffix.lower())
  if kind is not None and kind not in images.BITS:
    raise errors.ImageError(
      f'{target}: {kind} is read but not written, expected {", ".join(images.BITS)}'
    )
  for path in (target, item.beside):
    if path is not None and path.exists() and not overwrite:
      raise errors.InputError(f'{path}: exists already; --overwrite replaces it')


def rewrite(
  items: Sequence[Item],
  change: Callable[[pathlib.Path, images.Image], Changed],
  *,
  overwrite: bool = False,
  say: Say = print,
) -> list[str]:
  """Reads pictures, changes them and writes them.

  Args:
    items: From `find`.
    change: `(source, image) -> Changed`; an `InputError` that it raises concerns this
      picture alone. It is called by several threads.
    overwrite: Whether files that are there may be replaced.
    say: Told what is converted or dropped.

  Returns:
    One line per picture that failed.
  """

  def one(item: Item) -> str:
    try:
      check(item, overwrite=overwrite)
      image, beside = change(item.source, _read(item, say))
      images.write(item.target, image, overwrite=overwrite, say=say)
      if item.beside is not None:
        files.write_bytes(item.beside, beside, overwrite=overwrite)
    except errors.InputError as error:
      return str(error)
    return ''

  return [line for line in _each(items, one) if line]


def examine(
  items: Sequence[Item], look_at: Callable[[images.Image], _Result], *, desc: str
) -> Iterator[_Result | errors.InputError]:
  """Reads pictures, and yields what is found in each, in their order.

  Args:
    items: From `find`.
    look_at: `image -> what is found`; it is called by several threads.
    desc: Of the progress bar.

  Yields:
    What `look_at` returns, or the error of a picture that cannot be read.
  """

  def one(item: Item) -> _Result | errors.InputError:
    try:
      return look_at(_read(item, lambda line: None))
    except errors.InputError as error:
      return error

  yield from _each(items, one, desc)


def _read(item: Item, say: Say) -> images.Image:
  return images.read(item.source, convert=True, say=say)


def _each(
  items: Sequence[Item], one: Callable[[Item], _Result], desc: str | None = None
) -> Iterator[_Result]:
  """Yields what becomes of each picture, some at a time, under a progress bar."""
  with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
    yield from progress.bar(
      pool.map(one, items),
      total=len(items),
      unit='image',
      disable=len(items) < 2,
      desc=desc,
    )
