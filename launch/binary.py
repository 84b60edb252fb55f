"""What the launchers share: start-up, parsing of flags, exit codes."""

import ctypes
import io
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from absl import app, flags, logging

from lutjax import errors
from lutjax.data import listing

if TYPE_CHECKING:
  from lutjax.commands import look_files

# glibc's number for the most heaps that threads spread over, and what suffices.
_M_ARENA_MAX, _ARENAS = -8, 2

# Flags that take no URL of an object store, and why not.
_WRITTEN = 'files are renamed when they are whole, so copy them in the end'
_LOCAL = {
  'out': _WRITTEN,
  'lut_out': _WRITTEN,
  'model': 'copy it first',
  'pairs': 'pairs are matched in folders',
}

# Flags that are defined here belong to the launcher that asks for them.
flags.disclaim_key_flags()

# Beside this package both in a checkout and in an installation.
CONFIGS = pathlib.Path(__file__).resolve().parent.parent / 'configs'


def run(main: Callable[[], Sequence[str]]) -> None:
  """Parses flags and runs a launcher.

  Exits with 0 when all went well, 1 when something failed (each failure is
  listed on stderr), 2 on input that cannot be used (one line on stderr); see
  `stopping` for signals.

  Args:
    main: The work; returns one line per failure.
  """

  def guarded(argv: Sequence[str]) -> None:
    try:
      if argv[1:]:
        raise errors.InputError(
          f'found {argv[1:]} beside the flags; lists are separated by commas, and '
          'globs are quoted'
        )
      if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be text.
        sys.stdout.reconfigure(errors='backslashreplace')
      _share_heaps()
      start_jax()
      failures = main()
      sys.stdout.flush()
    except errors.InputError as error:
      _exit(_fail(2, [str(error)]))
    except errors.Stopped as error:
      line = f'terminated; {error}; the same command goes on from there'
      _exit(_fail(128 + signal.SIGTERM, [line]))
    except BrokenPipeError:
      # Whoever read the output has seen enough, as `head` does.
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
      sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
      if isinstance(error, OSError) and error.filename is not None:
        _exit(_fail(2, [f'{error.filename}: {error.strerror}']))
      if not _together():
        raise
      from lutjax.fit import hosts

      _exit(_fail(1, [hosts.fault_of(error)]))
    if failures:
      sys.exit(_fail(1, [f'{len(failures)} failed:', *failures]))

  _show_in_help(main.__module__)
  app.run(guarded)


def define_paths(name: str, text: str) -> flags.FlagHolder:
  """Defines a flag of paths, separated by commas, which names may hold, too.

  Args:
    name: Of the flag.
    text: Its help.

  Returns:
    Its holder; the value is a list of str, empty by default.
  """
  return flags.DEFINE(
    _PathsParser(),
    name,
    [],
    text,
    serializer=flags.ListSerializer(','),
    allow_override=True,
  )


class _PathsParser(flags.ArgumentParser):
  """Reads what `listing.split` reads."""

  def parse(self, argument: str | list[str]) -> list[str]:
    return argument if isinstance(argument, list) else listing.split(argument)

  def flag_type(self) -> str:
    return 'paths separated by commas'


def unread(sources: Sequence[str]) -> list[str]:
  """Returns the flags of sources that a task does not read.

  Args:
    sources: Those that it declares to read, of `luts`, `images` and `pairs`.
  """
  return [name for name in ('luts', 'images', 'pairs') if name not in sources]


def refuse_beside(mode: str, names: Sequence[str]) -> None:
  """Refuses flags that have no meaning in a mode.

  Args:
    mode: What is asked for, as the user would write it.
    names: Of the flags.

  Raises:
    InputError: one line that names those that were given.
  """
  given = [f'--{name}' for name in names if flags.FLAGS[name].present]
  if given:
    raise errors.InputError(f'{", ".join(given)}: nothing to do with {mode}')


def refuse_urls() -> None:
  """Refuses URLs of object stores where they cannot be.

  Raises:
    InputError: one line that names the first.
  """
  from lutjax import urls

  for name, reason in _LOCAL.items():
    value = flags.FLAGS[name].value if name in flags.FLAGS else None
    for path in value if isinstance(value, list) else [value]:
      if path is not None and urls.is_url(path):
        raise errors.InputError(
          f'--{name}: found {path}, expected a path of this machine: {reason}'
        )


def colour_spaces(
  source: str | None, target: str | None, luts: Sequence[str]
) -> 'look_files.Spaces | None':
  """Returns the colour spaces that an OCIO config is asked for, if it is.

  Args:
    source: Value of `--from`.
    target: Of `--to`.
    luts: Of `--lut`.

  Raises:
    InputError: on one without the others.
  """
  from lutjax.commands import look_files

  if source is None and target is None:
    return None
  if source is None or target is None or not luts:
    raise errors.InputError('expected --from and --to together, with --lut=CONFIG.ocio')
  return look_files.Spaces(source, target)


def start_jax() -> None:
  """Sets JAX up for a launcher, before any device is started.

  Every core becomes a device, since a network this small fills one, unless
  `JAX_NUM_CPU_DEVICES` says otherwise, and
  compiled programs are kept under `LUTJAX_CACHE` (by default
  `~/.cache/lutjax`; `off` keeps none).
  """
  # JAX takes half a second to load, which `--help` need not wait for.
  import jax

  from lutjax.fit import mesh

  logging.set_verbosity(logging.WARNING)
  if 'JAX_NUM_CPU_DEVICES' not in os.environ:
    jax.config.update('jax_num_cpu_devices', mesh.host_cores())
  cache = os.environ.get('LUTJAX_CACHE', '~/.cache/lutjax')
  if cache != 'off':
    jax.config.update(
      'jax_compilation_cache_dir', str(pathlib.Path(cache).expanduser())
    )
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)


def _share_heaps() -> None:
  """Makes threads share their heaps, where the C library is glibc.

  By default each thread has its own, and what is freed in one serves no other:
  a hundred megabytes lie idle, and more the longer images of many sizes pass.
  """
  mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
  if mallopt is not None:
    mallopt(_M_ARENA_MAX, _ARENAS)


def _show_in_help(module: str) -> None:
  """Makes `--help` of a console script show the launcher behind it."""
  if module == '__main__':
    return
  for flag in flags.FLAGS.get_flags_for_module(module):
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
  sys.modules['__main__'].__doc__ = sys.modules[module].__doc__


def _together() -> bool:
  """Returns whether this is one of several processes that wait for each other."""
  hosts = sys.modules.get('lutjax.fit.hosts')
  return hosts is not None and hosts.joined()


def _exit(code: int) -> NoReturn:
  """Ends the command; of several processes at once, since others may wait."""
  if _together():
    from lutjax.fit import hosts

    hosts.end(code)
  sys.exit(code)


def _fail(code: int, lines: Sequence[str]) -> int:
  for line in lines:
    print(f'lutjax: {line}', file=sys.stderr)
  return code
