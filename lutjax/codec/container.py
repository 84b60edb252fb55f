"""The one artefact format: a small header, then tensors.

All integers are little-endian; a varint holds 7 bits per byte, lowest first.

  offset  bytes   what
  0       3       b'LJX'
  3       1       version of the format
  4       4       CRC-32 of the bytes before and after it
  8       varint  length of the rest
  then    1       how header (bits 0-1) and payload (bits 2-3) are packed
          varint  length of the header as stored
          varint  its length unpacked, if it is packed
          varint  number of tensors
          per tensor: 1 byte (kind * 16 + number of axes), a varint per axis
          the header: MessagePack of [system, map]
          the payload: the tensors one after another

`codec.tensors` converts tensors to bytes, `codec.packing` compresses bytes; the
writer keeps the smallest of its options.

Nothing in a file is trusted before it is checked, and no claim makes the reader
allocate more than a small multiple of `max_bytes`.
"""

import itertools
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgpack
import numpy as np

from lutjax import errors
from lutjax.codec import packing, stream
from lutjax.codec import tensors as tensors_codec

MAGIC = b'LJX'
VERSION = 1
MAX_BYTES = 1 << 28
_MAX_HEADER_BYTES = 1 << 20
_MAX_HEADER_DEPTH = 8
_PLAIN = str | int | float | bytes | None


class Artefact(NamedTuple):
  """What a file holds.

  Attributes:
    system: The name of the system that wrote it.
    header: Plain values by name, as given to `pack` (tuples as lists).
    tensors: In the order given to `pack`; their names are the system's matter.
  """

  system: str
  header: dict[str, Any]
  tensors: list[np.ndarray]


class Layout(NamedTuple):
  """Where the bytes of a file are, in bytes.

  Attributes:
    version: Of the format.
    size_bytes: Of the whole.
    header_bytes: Of the header as stored.
    payload_bytes: Of the tensors as stored.
    header_packing: `raw`, `deflate` or `lzma`.
    payload_packing: Likewise.
    stored_bits: Per tensor, bits per value before packing.
  """

  version: int
  size_bytes: int
  header_bytes: int
  payload_bytes: int
  header_packing: str
  payload_packing: str
  stored_bits: tuple[int, ...]


class _Parts(NamedTuple):
  methods: tuple[int, int]
  specs: list[tensors_codec.Spec]
  header: bytes
  payload: bytes
  header_size: int


def pack(
  system: str,
  header: Mapping[str, Any],
  tensors: Sequence[np.ndarray] = (),
  *,
  lzma: bool = True,
) -> bytes:
  """Packs a model into the bytes of an artefact.

  The same input gives the same bytes: no time, no machine, no random choice.

  Args:
    system: Name of the system.
    header: Values are str, int, float, bool, None, bytes, and lists, tuples and
      string-keyed mappings of these.
    tensors: float32, float16, bfloat16, uint8, uint16, int8, int16 or int32, at
      most 8 axes.
    lzma: Whether LZMA may be used, which browsers cannot unpack.

  Returns:
    The artefact.

  Raises:
    TypeError: if a header value or a dtype is none of those.
    ValueError: if a tensor has more axes, or all is larger than `MAX_BYTES`.
  """
  head: bytes = msgpack.packb([system, _plain(header)]) or b''
  arrays = [np.asarray(tensor) for tensor in tensors]
  options = [tensors_codec.to_bytes(arrays, narrow=narrow) for narrow in (True, False)]
  if len(head) > _MAX_HEADER_BYTES or len(options[1][1]) > MAX_BYTES:
    raise ValueError(
      f'Expected at most {_MAX_HEADER_BYTES} bytes of header and {MAX_BYTES} of '
      f'tensors, got {len(head)} and {len(options[1][1])}.'
    )
  if options[0] == options[1]:
    options.pop()
  specs, method, payload = min(
    ((specs, *packing.compress(payload, lzma_too=lzma)) for specs, payload in options),
    key=lambda option: len(option[2]),
  )
  head_method, stored_head = packing.compress(head, lzma_too=lzma)
  body = b''.join(
    [
      bytes([head_method | method << 2]),
      stream.varint_to_bytes(len(stored_head)),
      stream.varint_to_bytes(len(head)) if head_method != packing.RAW else b'',
      stream.varint_to_bytes(len(specs)),
      *(tensors_codec.spec_to_bytes(spec) for spec in specs),
      stored_head,
      payload,
    ]
  )
  start = MAGIC + bytes([VERSION])
  rest = stream.varint_to_bytes(len(body)) + body
  return start + zlib.crc32(rest, zlib.crc32(start)).to_bytes(4, 'little') + rest


def unpack(
  content: bytes, source: str = 'artefact', *, max_bytes: int = MAX_BYTES
) -> Artefact:
  """Unpacks an artefact, checking all of it.

  Args:
    content: The whole file, nothing before or after.
    source: Named in errors.
    max_bytes: Bound on what the content may claim to unpack to.

  Returns:
    The artefact; its tensors are writable and in native byte order.

  Raises:
    ArtefactError: one line, if it is foreign, of a newer version, cut short,
      altered, or claims what its bytes do not hold.
  """
  parts = _split(content, source, max_bytes)
  head = packing.decompress(parts.header, parts.methods[0], parts.header_size, source)
  system, header = _head_from_bytes(head, source)
  size = sum(spec.size_bytes for spec in parts.specs)
  payload = packing.decompress(parts.payload, parts.methods[1], size, source)
  ends = list(itertools.accumulate(spec.size_bytes for spec in parts.specs))
  tensors = [
    tensors_codec.from_bytes(payload[end - spec.size_bytes : end], spec)
    for spec, end in zip(parts.specs, ends)
  ]
  return Artefact(system, header, tensors)


def layout(content: bytes, source: str = 'artefact') -> Layout:
  """Returns the sizes of the parts of an artefact.

  Args:
    content: The artefact.
    source: Named in errors.

  Raises:
    ArtefactError: see `unpack`.
  """
  parts = _split(content, source, MAX_BYTES)
  return Layout(
    version=content[len(MAGIC)],
    size_bytes=len(content),
    header_bytes=len(parts.header),
    payload_bytes=len(parts.payload),
    header_packing=packing.METHODS[parts.methods[0]],
    payload_packing=packing.METHODS[parts.methods[1]],
    stored_bits=tuple(spec.bits for spec in parts.specs),
  )


def describe(content: bytes, source: str = 'artefact') -> str:
  """Describes an artefact in a few lines, for people.

  Args:
    content: The artefact.
    source: Its name, which the first line and errors begin with.

  Raises:
    ArtefactError: see `unpack`.
  """
  artefact, where = unpack(content, source), layout(content, source)
  lines = [
    f'{source}: {artefact.system} artefact, format {where.version}, '
    f'{where.size_bytes} bytes',
    f'  header  {where.header_bytes} bytes ({where.header_packing})',
    f'  tensors {where.payload_bytes} bytes ({where.payload_packing}), '
    f'{len(artefact.tensors)} of them',
  ]
  for name, value in artefact.header.items():
    text = repr(value)
    lines.append(f'  {name}: {text[:60] + " ..." if len(text) > 64 else text}')
  for index, (tensor, bits) in enumerate(zip(artefact.tensors, where.stored_bits)):
    shape = ' x '.join(map(str, tensor.shape)) or 'scalar'
    lines.append(f'  tensor {index}: {tensor.dtype} {shape}, {bits} bits each')
  return '\n'.join(lines)


def _split(content: bytes, source: str, max_bytes: int) -> _Parts:
  """Checks everything that can be checked without unpacking."""
  reader = stream.Reader(content, _check_envelope(content, source), source)
  packed = reader.byte()
  methods = (packed & 3, packed >> 2)
  if max(methods) >= len(packing.METHODS):
    raise errors.ArtefactError(f'{source}: found unknown packing {packed}')
  stored = reader.varint()
  header_size = stored if methods[0] == packing.RAW else reader.varint()
  if header_size > _MAX_HEADER_BYTES:
    raise errors.ArtefactError(
      f'{source}: found a header of {header_size} bytes, expected at most '
      f'{_MAX_HEADER_BYTES}'
    )
  count = reader.varint()
  if count > len(content):
    raise errors.ArtefactError(
      f'{source}: found {count} tensors in {len(content)} bytes'
    )
  specs = [tensors_codec.read_spec(reader, max_bytes) for _ in range(count)]
  claimed = sum(math.prod(spec.shape) * max(1, spec.bits // 8) for spec in specs)
  if claimed > max_bytes:
    raise errors.ArtefactError(
      f'{source}: found tensors of {claimed} bytes in all, expected at most {max_bytes}'
    )
  header = reader.take(stored)
  return _Parts(methods, specs, header, content[reader.offset :], header_size)


def _check_envelope(content: bytes, source: str) -> int:
  """Returns where the body starts, once length and checksum are right."""
  if content[: len(MAGIC)] != MAGIC:
    raise errors.ArtefactError(
      f'{source}: found content that starts with {content[:8]!r}, expected a lutjax '
      'artefact'
    )
  reader = stream.Reader(content, len(MAGIC), source)
  version = reader.byte()
  if version != VERSION:
    newer = ': a newer lutjax reads it' if version > VERSION else ''
    raise errors.ArtefactError(
      f'{source}: found format {version}, expected {VERSION}{newer}'
    )
  checksum = int.from_bytes(reader.take(4), 'little')
  start = reader.offset
  want = reader.varint()
  found = len(content) - reader.offset
  if found != want:
    state = 'cut short' if found < want else 'followed by something else'
    raise errors.ArtefactError(
      f'{source}: found {found} bytes of content, expected {want}: the artefact is '
      f'{state}'
    )
  computed = zlib.crc32(memoryview(content)[start:], zlib.crc32(content[: start - 4]))
  if computed != checksum:
    raise errors.ArtefactError(
      f'{source}: found content with checksum {computed:08x}, expected '
      f'{checksum:08x}: the artefact is damaged'
    )
  return reader.offset


def _head_from_bytes(content: bytes, source: str) -> tuple[str, dict[str, Any]]:
  try:
    head = msgpack.unpackb(content, object_pairs_hook=_unique, ext_hook=_refuse)
    if not isinstance(head, list) or len(head) != 2:
      raise TypeError('not a pair of a name and a map')
    system, header = head
    if not isinstance(system, str) or not isinstance(header, dict):
      raise TypeError('not a pair of a name and a map')
    return system, _plain(header)
  except (TypeError, ValueError, RecursionError, msgpack.UnpackException) as error:
    reason = ' '.join(str(error).split())[:120] or type(error).__name__
    raise errors.ArtefactError(
      f'{source}: found a header that cannot be read: {reason}'
    ) from error


def _unique(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
  unique = dict(pairs)
  if len(unique) != len(pairs):
    raise ValueError('a name comes twice')
  return unique


def _refuse(code: int, data: bytes) -> None:
  raise TypeError(f'an extension type {code} of {len(data)} bytes')


def _plain(value: Any, depth: int = 0) -> Any:
  """Returns `value` as lists and string-keyed dicts of plain values."""
  if depth > _MAX_HEADER_DEPTH:
    raise TypeError(f'Expected at most {_MAX_HEADER_DEPTH} levels of header, got more.')
  if isinstance(value, _PLAIN):
    return value
  if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
    return {key: _plain(item, depth + 1) for key, item in value.items()}
  if isinstance(value, list | tuple):
    return [_plain(item, depth + 1) for item in value]
  raise TypeError(f'Expected plain header values, got {type(value).__name__}.')
