"""SIGTERM and Ctrl-C end a command, with one line: at once, or once it has saved.

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
# SLURM and Kubernetes kill a process 30 s after SIGTERM.
_PATIENCE_SECONDS = 25.0


class _Deferred:
  """How a first SIGTERM is told to a command that saves before it ends.

  Attributes:
    event: Set by it; None while such a signal ends the command at once.
  """

  event: threading.Event | None = None


def watch() -> None:
  """Makes the signals end this process.

  Signals that are ignored at the start (`nohup`, a background job) stay ignored. The
  exit code is 128 plus the signal's number, as in shells.
  """
  watched = {s for s in _SIGNALS if signal.getsignal(s) != signal.SIG_IGN}
  if watched:
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    threading.Thread(target=_wait, args=(watched,), daemon=True).start()


def defer() -> threading.Event:
  """Returns an event that a first SIGTERM sets from now on, instead of ending.

  The process ends nevertheless after 25 s, at a second signal, and at Ctrl-C.
  """
  _Deferred.event = threading.Event()
  return _Deferred.event


def _wait(watched: set[signal.Signals]) -> None:
  number = signal.sigwait(watched)
  event = _Deferred.event
  if number == signal.SIGTERM and event is not None:
    event.set()
    _say('terminated; what is at hand is finished and saved first')
    again = signal.sigtimedwait(watched, _PATIENCE_SECONDS)
    number = number if again is None else again.si_signo
  files.remove_unfinished()
  # Nothing that threads hold, wait for or print in the end may delay the end.
  printed = threading.Thread(target=sys.stdout.flush, daemon=True)
  printed.start()
  printed.join(_SECONDS)
  _say(f'{_WORDS[signal.Signals(number)]}; what was finished is kept')
  os._exit(128 + number)


def _say(line: str) -> None:
  # A bar on a terminal has left its line open.
  terminal = sys.stderr.fileno()
  os.write(terminal, ('\n' * os.isatty(terminal) + f'lutjax: {line}\n').encode())
