"""SIGTERM and Ctrl-C end a command at once, with one line.

A thread waits for the signals, which all other threads block: it runs even while the
main thread imports, compiles or waits, when a signal handler could not run. Files
that are being written are removed; complete files, and the checkpoints of a run,
stay. This module imports only `lutjax.files`, since it must be active before the
slow imports.
"""

import os
import signal
import sys
import threading

from lutjax import files

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_WORDS = {signal.SIGINT: 'interrupted', signal.SIGTERM: 'terminated'}
# Flushing the output may block, if nobody reads it.
_SECONDS = 1.0


def watch() -> None:
  """Makes the signals end this process.

  Signals that are ignored at the start (`nohup`, a background job) stay ignored. The
  exit code is 128 plus the signal's number, as in shells.
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
  terminal = sys.stderr.fileno()
  os.write(terminal, ('\n' * os.isatty(terminal) + line).encode())
  os._exit(128 + number)
