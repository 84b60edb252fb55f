"""Commands as a shell calls them, within the process of a test."""

import contextlib
import importlib
import io
from collections.abc import Sequence
from typing import Any

from absl import flags
from absl.testing import flagsaver


def run(command: str, **given: Any) -> tuple[list[str], str]:
  """Runs a command with flags.

  Args:
    command: Name of a module in `launch`.
    **given: Flags; lists are of a flag that may be repeated.

  Returns:
    A line for each failure, and what was printed.
  """
  # Of flags that share a name, the one defined last gives the default.
  module = importlib.reload(importlib.import_module(f'launch.{command}'))
  flags.FLAGS.mark_as_parsed()
  texts = {key: v if isinstance(v, list) else str(v) for key, v in given.items()}
  printed = io.StringIO()
  with flagsaver.as_parsed(**texts), contextlib.redirect_stdout(printed):
    problems: Sequence[str] = module.main()
  return list(problems), printed.getvalue()
