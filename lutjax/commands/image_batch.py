"""Image files in, image files out: what commands that change pictures share.

Each picture is read, changed and written on its own; one that fails is named, and the
others go on.
"""

import collections
import concurrent.futures
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lutjax import errors, progress
from lutjax.data import images

Say = Callable[[str], None]

# Pictures in work at a time: one is coded while a device works on the other.
_WORKERS = 2


class Item(NamedTuple):
  """A picture and where it goes.

  Attributes:
    source: The file.
    target: The file that is written.
    shared: Whether another picture would be written to the same file, or is it.
  """

  source: pathlib.Path
  target: pathlib.Path
  shared: bool


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
    items.append(Item(source, target, counts[relative] > 1 or taken))
  return items


def rewrite(
  items: Sequence[Item],
  change: Callable[[pathlib.Path, images.Image], images.Image],
  *,
  overwrite: bool = False,
  say: Say = print,
) -> list[str]:
  """Reads pictures, changes them and writes them.

  Args:
    items: From `find`.
    change: `(source, image) -> image`; an `InputError` that it raises concerns this
      picture alone. It is called by several threads.
    overwrite: Whether files that are there may be replaced.
    say: Told what is converted or dropped.

  Returns:
    One line per picture that failed.
  """

  def one(item: Item) -> str:
    source, target = item.source, item.target
    try:
      if target.resolve() == source.resolve():
        raise errors.InputError(f'{source}: --out would replace the image itself')
      if item.shared:
        raise errors.InputError(
          f"{source}: {target} is another image's, expected a folder of its own"
        )
      if target.exists() and not overwrite:
        raise errors.InputError(f'{target}: exists already; --overwrite replaces it')
      changed = change(source, images.read(source, convert=True, say=say))
      images.write(target, changed, overwrite=overwrite, say=say)
    except errors.InputError as error:
      return str(error)
    return ''

  with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
    lines = progress.bar(
      pool.map(one, items), total=len(items), unit='image', disable=len(items) < 2
    )
    return [line for line in lines if line]
