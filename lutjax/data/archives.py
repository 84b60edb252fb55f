"""Many lattices of one size in one numpy archive.

An `.npz` holds `luts` (or `lut`) `[L, N, N, N, 3]`, or `[N, N, N, 3]` for one:
floats, or integers over their full scale. Or it holds `delta`, the second
difference of 16-bit codes along the green and then the red axis, with `scale`,
the code of 1: codes are the running sums of `delta` along both, wrapping. A
`domain` `[2, 3]`, rows minimum and maximum, is that of all its lattices, and so are
curves in front of them, `shaper` `[S, 3]` over `shaper_domain` `[2, 3]`.

Names come from a `names.json` beside it: a list of names, or of objects that
have a `name`. It belongs to the archive if the lengths match, or if the
archive picks from it by `dev512_id`.
"""

import io
import json
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lutjax import errors
from lutjax.lut import lattice

MAX_SIZE = 256
MAX_CURVE = 1 << 16
MAX_ARRAY_BYTES = 1 << 32
# Deflate cannot pack more than this many bytes into one.
_MAX_DEFLATE_RATIO = 1032
_TABLES = ('luts', 'lut')
_KEYS = (*_TABLES, 'delta', 'scale', 'domain', 'shaper', 'shaper_domain', 'dev512_id')


class Archive(NamedTuple):
  """What an `.npz` holds.

  Attributes:
    tables: `[L, N, N, N, 3]`, as stored.
    scale: The code of 1 in delta-coded `tables`; None where they are plain.
    ids: Where each LUT is in `names.json`; None if it follows their order.
    domain: `[2, 3]` float32; None is the unit cube.
    shaper: Curves in front of every lattice, or None.
  """

  tables: np.ndarray
  scale: float | None = None
  ids: tuple[int, ...] | None = None
  domain: np.ndarray | None = None
  shaper: lattice.Shaper | None = None


def encode(lut: lattice.Lut) -> bytes:
  """Returns the archive of one LUT, which `decode` gives back bit for bit.

  Args:
    lut: 3D, three outputs, even knots.
  """
  arrays: dict[str, Any] = {'lut': lut.table, 'domain': lut.domain}
  if lut.shaper is not None:
    arrays |= {'shaper': lut.shaper.table, 'shaper_domain': lut.shaper.domain}
  stream = io.BytesIO()
  np.savez_compressed(stream, **arrays)
  return stream.getvalue()


def decode(content: bytes, source: str) -> Archive:
  """Reads the arrays of an archive, without unpickling.

  Args:
    content: The file.
    source: Its name, for messages.

  Raises:
    LutError: if it is damaged or holds no lattices.
  """
  arrays = read_arrays(content, source, _KEYS)
  name = next((name for name in ('delta', *_TABLES) if name in arrays), None)
  if name is None or (name == 'delta' and 'scale' not in arrays):
    found = ', '.join(sorted(arrays)) or 'no known arrays'
    if 'map' in read_arrays(content, source, ('map',)):
      found = 'a map with settings, which --config=nilut_settings fits'
    message = f'{source}: found {found}, expected luts, lut, or delta with scale'
    raise errors.LutError(message)
  tables = arrays[name]
  if tables.ndim == 4:
    tables = tables[None]
  shape = tables.shape
  cubic = tables.ndim == 5 and len(set(shape[1:4])) == 1 and shape[4] == 3
  if not (cubic and shape[0] and 2 <= shape[1] <= MAX_SIZE):
    message = f'{source}: found {name} {arrays[name].shape}, expected [L, N, N, N, 3]'
    raise errors.LutError(f'{message} or [N, N, N, 3] with N from 2 to {MAX_SIZE}')
  kinds, held = ('u', 'unsigned') if name == 'delta' else ('fui', 'float or integer')
  if tables.dtype.kind not in kinds:
    message = f'{source}: found {name} of {tables.dtype}, expected {held} values'
    raise errors.LutError(message)
  scale = _scale(arrays['scale'], source) if name == 'delta' else None
  domain = _domain(arrays, 'domain', source)
  ids = _ids(arrays.get('dev512_id'), len(tables))
  return Archive(tables, scale, ids, domain, _shaper(arrays, source))


def table(archive: Archive, index: int) -> np.ndarray:
  """Returns one lattice.

  Args:
    archive: From `decode`.
    index: From 0 to L - 1.

  Returns:
    `[N, N, N, 3]` float32.
  """
  stored = archive.tables[index]
  if archive.scale is not None:
    codes = np.cumsum(stored, axis=1, dtype=stored.dtype)
    codes = np.cumsum(codes, axis=0, dtype=stored.dtype)
    return codes.astype(np.float32) / np.float32(archive.scale)
  if stored.dtype.kind == 'f':
    with np.errstate(over='ignore'):
      return stored.astype(np.float32)
  full_scale = np.iinfo(stored.dtype).max
  return (stored / full_scale).astype(np.float32)


def names(path: pathlib.Path, archive: Archive) -> list[str]:
  """Returns a name for each lattice of an archive.

  Args:
    path: The archive.
    archive: What it holds.

  Returns:
    Names from `names.json` where that belongs to it, else STEM-0000 and on.
  """
  count = len(archive.tables)
  known = _known_names(path.with_name('names.json'))
  ids = range(count) if archive.ids is None else archive.ids
  belongs = len(known) == count if archive.ids is None else max(ids) < len(known)
  if belongs:
    return [known[i] for i in ids]
  return [f'{path.stem}-{i:04d}' for i in range(count)]


def read_arrays(
  content: bytes, source: str, keys: Sequence[str]
) -> dict[str, np.ndarray]:
  """Returns those of some arrays that an archive has, without unpickling.

  Args:
    content: The file.
    source: Its name, for messages.
    keys: Of the arrays; others are not read.

  Raises:
    LutError: if it is damaged.
  """
  # On broken content zipfile, zlib and numpy raise whatever comes to their minds.
  try:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
      members = {item.filename.removesuffix('.npy'): item for item in archive.filelist}
      known = {name: members[name] for name in keys if name in members}
      return {name: _array(archive, item) for name, item in known.items()}
  except Exception as error:
    reason = ' '.join(str(error).split())[:120] or type(error).__name__
    message = f'{source}: found an archive that does not decode ({reason})'
    raise errors.LutError(f'{message}, expected a numpy .npz') from error


def _array(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> np.ndarray:
  """Returns one array, once its claimed size is plausible."""
  possible = min(MAX_ARRAY_BYTES, (item.compress_size + 64) * _MAX_DEFLATE_RATIO)
  if item.file_size > possible:
    raise ValueError(f'{item.filename} claims {item.file_size} bytes')
  data = io.BytesIO(archive.read(item))
  version = np.lib.format.read_magic(data)
  readers = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
  }
  shape, _, dtype = readers[version](data)
  if dtype.hasobject:
    raise ValueError(f'{item.filename} holds Python objects, which are never loaded')
  claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize
  if claimed != item.file_size - data.tell():
    raise ValueError(f'{item.filename} claims shape {shape} of {dtype}')
  data.seek(0)
  return np.lib.format.read_array(data, allow_pickle=False)


def _scale(scale: np.ndarray, source: str) -> float:
  """Returns the code of 1."""
  if scale.size != 1 or scale.dtype.kind not in 'fui' or not 0 < scale.item() < np.inf:
    message = f'{source}: found scale {scale.ravel()[:3]}, expected one positive number'
    raise errors.LutError(message)
  return float(scale.item())


def _domain(arrays: dict[str, np.ndarray], key: str, source: str) -> np.ndarray | None:
  """Returns the domain of all lattices or of their curves, where it is given."""
  if key not in arrays:
    return None
  domain = arrays[key]
  fits = domain.shape == (2, 3) and domain.dtype.kind in 'fui'
  if not fits or not np.isfinite(domain).all() or (domain[0] >= domain[1]).any():
    message = f'{source}: found {key} {domain.tolist()}'
    raise errors.LutError(f'{message[:120]}, expected rows minimum and maximum')
  return domain.astype(np.float32)


def _shaper(arrays: dict[str, np.ndarray], source: str) -> lattice.Shaper | None:
  """Returns the curves in front of all lattices."""
  if 'shaper' not in arrays:
    return None
  table = arrays['shaper']
  fits = table.ndim == 2 and table.shape[1] == 3 and table.dtype.kind == 'f'
  if not fits or not 2 <= len(table) <= MAX_CURVE or not np.isfinite(table).all():
    message = f'{source}: found shaper {table.shape} of {table.dtype}'
    raise errors.LutError(f'{message}, expected finite floats [2 to {MAX_CURVE}, 3]')
  domain = _domain(arrays, 'shaper_domain', source)
  if domain is None:
    domain = np.array([[0.0] * 3, [1.0] * 3], np.float32)
  return lattice.Shaper(table.astype(np.float32), domain)


def _ids(ids: np.ndarray | None, count: int) -> tuple[int, ...] | None:
  """Returns the places in `names.json`, if they are any."""
  if (
    ids is None or ids.shape != (count,) or ids.dtype.kind not in 'ui' or ids.min() < 0
  ):
    return None
  return tuple(ids.tolist())


def _known_names(path: pathlib.Path) -> list[str]:
  """Returns the names in `names.json`, or none if it is not such a list."""
  try:
    entries = json.loads(path.read_bytes())
  except (OSError, ValueError, RecursionError):
    return []
  if not isinstance(entries, list):
    return []
  found = [item.get('name') if isinstance(item, dict) else item for item in entries]
  names = [name for name in found if isinstance(name, str)]
  return names if len(names) == len(found) else []
