"""SIGTERM and Ctrl-C end a command at once, with one line.

A thread waits for the signals, which all others leave to it: it comes to its turn
while the main thread imports, compiles or waits for others, where a handler would
have to wait, too. Files that are being written are removed; those that are whole,
and the checkpoints of a run, stay. This module loads nothing else than `lutjax.files`,
since it is at work before all that takes time to load.
"""

import os
import signal
import sys
import threading

from lutjax import files

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_WORDS = {signal.SIGINT: 'interrupted', signal.SIGTERM: 'terminated'}
# What was printed may wait for a reader that never comes.
_SECONDS = 1.0


def watch() -> None:
  """Lets the signals end this process, from here on.

  Those that whoever started it wants ignored (`nohup`, a job in the background) stay
  ignored. The exit code is 128 and the signal's number, as shells have it.
  """
  watched = {s for s in _SIGNALS if signal.getsignal(s) != signal.SIG_IGN}
  if watched:
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    threading.Thread(target=_wait, args=(watched,), daemon=True).start()


def _wait(watched: set[signal.Signals]) -> None:
  number = signal.sigwait(watched)
  files.remove_unfinished()
  # Nothing that threads hold, wait for or print in the end may delay the end.
  printed = threading.Thread(target=sys.stdout.flush, daemon=True)
  printed.start()
  printed.join(_SECONDS)
  line = f'lutjax: {_WORDS[signal.Signals(number)]}; what was finished is kept\n'
  # A bar on a terminal has left its line open.
  os.write(2, ('\n' * os.isatty(2) + line).encode())
  os._exit(128 + number)
