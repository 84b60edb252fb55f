"""General-purpose compression with a bound on the decompressed size.

Three methods: raw, deflate (with and without matching), and LZMA2 without a
container. Small weights have little to match, so plain Huffman coding often
wins; headers full of names favour LZMA.
"""

import lzma
import zlib

from lutjax import errors

METHODS = ('raw', 'deflate', 'lzma')
RAW, DEFLATE, LZMA = range(3)
_FILTERS = [{'id': lzma.FILTER_LZMA2, 'dict_size': 1 << 22, 'lc': 0, 'lp': 0, 'pb': 0}]
# LZMA packs a few MB per second; longer content is only deflated.
_MAX_LZMA_BYTES = 1 << 22


def compress(content: bytes, *, lzma_too: bool = True) -> tuple[int, bytes]:
  """Compresses with the method that gives the fewest bytes.

  Args:
    content: Any bytes.
    lzma_too: Whether LZMA is among them, which browsers cannot unpack.

  Returns:
    The method, an index of `METHODS`, and the packed bytes.
  """
  options = [(RAW, content)]
  for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY):
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, strategy)
    options.append((DEFLATE, deflater.compress(content) + deflater.flush()))
  if lzma_too and len(content) <= _MAX_LZMA_BYTES:
    packed = lzma.compress(content, lzma.FORMAT_RAW, filters=_FILTERS)
    options.append((LZMA, packed))
  return min(options, key=lambda option: len(option[1]))


def decompress(data: bytes, method: int, size: int, source: str) -> bytes:
  """Unpacks what `compress` packed.

  Args:
    data: The packed bytes.
    method: As `compress` gave it.
    size: Of the content in bytes; no more than one byte beyond is unpacked.
    source: Named in errors.

  Returns:
    The content, `size` bytes.

  Raises:
    ArtefactError: if the bytes are damaged or hold more or less than that.
  """
  if method == RAW:
    content, done = data, True
  else:
    if method == DEFLATE:
      inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    else:
      inflater = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    try:
      content = inflater.decompress(data, size + 1)
    except (zlib.error, lzma.LZMAError, EOFError) as error:
      raise errors.ArtefactError(
        f'{source}: found {METHODS[method]} content that does not unpack: {error}'
      ) from error
    done = inflater.eof and not inflater.unused_data
  if len(content) != size or not done:
    amount = f'over {size}' if len(content) > size else str(len(content))
    raise errors.ArtefactError(
      f'{source}: found {amount} bytes of unpacked content, expected {size}'
    )
  return content
