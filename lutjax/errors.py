"""Errors that a user can correct.

Launchers print the message of an `InputError` as one line and exit with 2;
any other exception is a defect of lutjax and keeps its traceback.
"""


class InputError(ValueError):
  """A file, flag or field that cannot be used; the message is one line.

  The message names where (file, line or field), what was found and what was
  expected, in that order.
  """


class LutError(InputError):
  """A LUT file that cannot be read as one."""


class ImageError(InputError):
  """An image file that cannot be read or written as asked."""


class ArtefactError(InputError):
  """An artefact that is cut short, altered, foreign or of a newer version."""


class DiskFullError(InputError):
  """A file that cannot be written for want of room, nor what comes after it."""


class Stopped(Exception):  # noqa: N818
  """The run was asked to end; what it did is saved, and the message says how far."""


def printable(name: bytes) -> str:
  """Returns a name that a file has, for a message of one line.

  Args:
    name: Bytes of any kind, taken as Latin-1.
  """
  return ''.join(c if c.isprintable() else '?' for c in name.decode('latin-1'))
