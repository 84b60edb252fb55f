"""Progress of long tasks: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Any

import tqdm

# Between two lines where no terminal shows a bar.
_SECONDS = 5.0


# What `bar` returns.
Bar = tqdm.tqdm
_silent = False


def silence() -> None:
  """Makes bars show nothing from now on, in a process that leaves it to another."""
  global _silent
  _silent = True


def bar(*args: Any, **options: Any) -> Bar:
  """Returns a bar that shows on stderr.

  Where that is no terminal (a file, a pipe, a log), it is a line every few seconds
  instead, and none at all for a work that takes less.

  Args:
    *args: Of `tqdm.tqdm`: what is gone through, if anything.
    **options: Of `tqdm.tqdm`.
  """
  if _silent or sys.stderr.isatty():
    return tqdm.tqdm(*args, **options | {'disable': _silent})
  return _Lines(*args, **options)


class _Lines(tqdm.tqdm):
  """A bar that is a line now and then."""

  def __init__(self, *args: Any, **options: Any):
    # As `set_description` has it.
    if desc := options.pop('desc', ''):
      options['desc'] = f'{desc}: '
    super().__init__(
      *args,
      **options,
      file=_Stripped(),
      # A bar within another one would move the cursor up to its line.
      position=0,
      mininterval=_SECONDS,
      delay=_SECONDS,
      miniters=1,
      bar_format='{desc}{n_fmt}/{total_fmt} {unit} in {elapsed}{postfix}',
    )

  def refresh(
    self,
    nolock: bool = False,
    lock_args: tuple[bool | None] | tuple[bool | None, float | None] | None = None,
  ) -> None:
    """Shows a line, unless one was shown just now."""
    now = time.time()
    if now - max(self.last_print_t, self.start_t) >= self.mininterval:
      self.last_print_t = now
      super().refresh(nolock, lock_args)


class _Stripped:
  """Writes what tqdm writes without the returns that go back to a line's start."""

  def write(self, text: str) -> None:
    """Writes a line, unless it is blank."""
    if line := text.strip():
      sys.stderr.write(f'{line}\n')

  def flush(self) -> None:
    """Flushes the text."""
    sys.stderr.flush()
