"""What a figure was measured on."""

import os
import pathlib
import platform

_VECTORS = ('avx', 'avx2', 'fma', 'avx512f', 'avx512_vnni', 'asimd', 'sve')


def describe() -> str:
  """Returns the processor's name, its vector flags and the number of cores."""
  cores = len(os.sched_getaffinity(0))
  info = pathlib.Path('/proc/cpuinfo')
  if not info.is_file():
    return f'{platform.processor() or platform.machine()}, {cores} cores'
  fields = dict(
    (part.strip() for part in line.split(':', 1))
    for line in info.read_text().splitlines()
    if ':' in line
  )
  name = fields.get('model name', platform.machine())
  flags = fields.get('flags', fields.get('Features', '')).split()
  vectors = [flag for flag in _VECTORS if flag in flags]
  return f'{name} ({" ".join(vectors) or "no vector flags"}), {cores} cores'
