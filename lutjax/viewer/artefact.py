"""Artefacts as a page reads them.

The entropy-coded body of an artefact travels as it is. LZMA, which browsers have no
decoder for, is replaced by deflate: in the container, and in what a LutFlow packs by
itself, the names of its looks and the mask of its spectra, which are then stored plain
for the container to pack. Its header says so, and how large the artefact was.
"""

import lzma
from collections.abc import Sequence

import numpy as np

from lutjax import errors
from lutjax.codec import container, spectrum

# The scripts that decode artefacts, in the order in which a page needs them.
DECODERS: tuple[str, ...] = (
  'lutjax.js',
  'bytes.js',
  'messagepack.js',
  'tensors.js',
  'container.js',
  'range_decoder.js',
  'entropy.js',
  'spectrum.js',
  'cosines.js',
  'labels.js',
  'dense.js',
  'waves.js',
  'interpolate.js',
  'looks.js',
  'nilut.js',
  'lutflow.js',
  'baselines.js',
  'lattices.js',
  'artefact.js',
  'piecewise.js',
  'tinylut.js',
  'restoration.js',
  'payload.js',
  'gamut_codecs.js',
  'gamut.js',
)
# Those of looks, which `lutjax.artefact.read` takes, and `lutjax.tinylut.read`'s.
SYSTEMS = ('nilut', 'lutflow', 'dct', 'grid', 'tinylut')
MAX_SIZE = 129
_TOP = 65535


def has_decoder(content: bytes) -> bool:
  """Returns whether `for_page` takes a file: an artefact of one of `SYSTEMS`.

  Args:
    content: The file.

  Raises:
    ArtefactError: when it is an artefact, and damaged.
  """
  if not content.startswith(container.MAGIC):
    return False
  return container.unpack(content).system in SYSTEMS


def for_page(content: bytes, source: str = 'artefact') -> bytes:
  """Repacks an artefact so that browsers can read it.

  Args:
    content: The artefact, one that Python reads.
    source: Named in errors.

  Returns:
    An artefact without LZMA; `for_page` in its header is the size of `content`.

  Raises:
    ArtefactError: when it is damaged, or of a system that pages cannot show.
  """
  artefact = container.unpack(content, source)
  if artefact.system not in SYSTEMS:
    raise errors.ArtefactError(
      f'{source}: found system {artefact.system!r}, which a page cannot show, expected '
      f'one of {", ".join(SYSTEMS)}'
    )
  tensors = artefact.tensors
  if artefact.system == 'lutflow':
    tensors = _lutflow_unpacked(tensors, bool(artefact.header['mended']), source)
  header = {**artefact.header, 'for_page': len(content)}
  return container.pack(artefact.system, header, tensors, lzma=False)


def lattices(names: Sequence[str], tables: Sequence[np.ndarray]) -> bytes:
  """Packs lattices as an artefact that only pages read: LUT files, predicted LUTs.

  A value is rounded to 16 bits between the smallest and the largest of its lattice.
  Stored are the differences along all three axes, signs in the last bit, for the
  container to deflate: tables repeat themselves, so that deflate makes them smaller
  than an entropy coder does that has contexts of their neighbours.

  Args:
    names: Of the looks, all different.
    tables: `[N, N, N, 3]` float32 each, indexed `[r, g, b]`, N from 2 to 129, in any
      range.

  Returns:
    The artefact; values come back within 1/131070 of their range.

  Raises:
    InputError: on names that are not all different, other shapes, and values that are
      not finite; the look is named.
  """
  if len(set(names)) < len(names) or len(names) != len(tables) or not names:
    raise errors.InputError(
      f'page: found {len(names)} names of {len(tables)} lattices, expected one of its '
      'own for each'
    )
  for name, table in zip(names, tables):
    size = len(table)
    if table.shape != (size, size, size, 3) or not 2 <= size <= MAX_SIZE:
      raise errors.InputError(
        f'page: {name}: found a lattice {list(table.shape)}, expected [N, N, N, 3] of '
        f'2 to {MAX_SIZE} nodes'
      )
    if not np.isfinite(table).all():
      raise errors.InputError(f'page: {name}: found NaN or infinity in its lattice')
  ranges = [[float(table.min()), float(table.max())] for table in tables]
  codes = [_differences(table, *span) for table, span in zip(tables, ranges)]
  header = {
    'looks': list(names),
    'ranges': ranges,
    'bytes': [len(container.pack('', {}, [code], lzma=False)) for code in codes],
  }
  return container.pack('lattices', header, codes, lzma=False)


def _lutflow_unpacked(
  tensors: Sequence[np.ndarray], mended: bool, source: str
) -> list[np.ndarray]:
  """Returns the tensors of a LutFlow with plain names and masks."""
  try:
    names = lzma.decompress(tensors[0].tobytes(), lzma.FORMAT_ALONE)
  except (lzma.LZMAError, IndexError) as error:
    raise errors.ArtefactError(f'{source}: found names that do not unpack') from error
  unpacked = [np.frombuffer(names, np.uint8), *tensors[1:]]
  if mended:
    # The spectra are the last of the codes in the last tensor.
    *_, lengths, joined = unpacked
    start = len(joined) - int(lengths[-1])
    spectra = spectrum.with_plain_mask(joined[start:].tobytes())
    parts = [joined[:start], np.frombuffer(spectra, np.uint8)]
    lengths = np.append(lengths[:-1], len(spectra)).astype(np.int32)
    unpacked[-2:] = [lengths, np.concatenate(parts)]
  return unpacked


def _differences(table: np.ndarray, low: float, high: float) -> np.ndarray:
  unit = (table.astype(np.float64) - low) / (high - low or 1.0)
  values = np.rint(unit * _TOP).astype(np.int64)
  for axis in range(3):
    values = np.diff(values, axis=axis, prepend=0)
  wrapped = values.astype(np.int16).astype(np.int64)
  return np.where(wrapped < 0, -2 * wrapped - 1, 2 * wrapped).astype(np.uint16)
