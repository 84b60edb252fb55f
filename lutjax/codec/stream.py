"""Reading fields one after another from untrusted bytes."""

from lutjax import errors

_MAX_VARINT_BYTES = 5


class Reader:
  """Reads fields one after another, and refuses to read past the end.

  Attributes:
    content: The bytes.
    offset: Of the next field.
    source: Named in errors.
  """

  def __init__(self, content: bytes, offset: int, source: str):
    self.content = content
    self.offset = offset
    self.source = source

  def take(self, count: int) -> bytes:
    """Returns the next `count` bytes.

    Raises:
      ArtefactError: if there are fewer.
    """
    taken = self.content[self.offset : self.offset + count]
    if len(taken) < count:
      raise errors.ArtefactError(
        f'{self.source}: found {len(taken)} bytes at byte {self.offset}, expected '
        f'{count}: the artefact is cut short'
      )
    self.offset += count
    return taken

  def byte(self) -> int:
    """Returns the next byte."""
    return self.take(1)[0]

  def varint(self) -> int:
    """Returns the whole number that comes next.

    Raises:
      ArtefactError: if it is cut short or over five bytes.
    """
    value = 0
    for place in range(_MAX_VARINT_BYTES):
      digit = self.byte()
      value |= (digit & 127) << 7 * place
      if digit < 128:
        return value
    raise errors.ArtefactError(
      f'{self.source}: found a number of over {_MAX_VARINT_BYTES} bytes at byte '
      f'{self.offset}'
    )


def varint_to_bytes(value: int) -> bytes:
  """Writes a whole number in 7 bits per byte, lowest first."""
  digits = bytearray()
  while value >= 128:
    digits.append(value & 127 | 128)
    value >>= 7
  return bytes([*digits, value])
