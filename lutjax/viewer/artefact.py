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
