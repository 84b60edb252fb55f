"""The table of speeds in the README, in under ten minutes.

  python -m benchmarks.summary [--photos=../shared/data/photos]

Runs the benchmarks behind it one after another, each as its own command: figures of
one processor and one hour. They print what they measure and against whom.
"""

import subprocess
import sys

from absl import app, flags

_PHOTOS = flags.DEFINE_string('photos', '', 'Photos; without, made-up pixels.')

_COMMANDS = (
  ['benchmarks.start'],
  ['benchmarks.lut.native', '--wide'],
  ['benchmarks.lut.apply', '--count=24', '--rounds=3'],
  ['benchmarks.lut.cube_reading', '--rounds=5'],
  ['benchmarks.nn.steps', '--rounds=5'],
)
_WITH_PHOTOS = ('benchmarks.lut.native', 'benchmarks.lut.apply')


def main(argv: list[str]) -> None:
  del argv
  failed = []
  for module, *options in _COMMANDS:
    if _PHOTOS.value and module in _WITH_PHOTOS:
      options = [*options, f'--photos={_PHOTOS.value}']
    print(f'\npython -m {" ".join([module, *options])}', flush=True)
    if subprocess.run([sys.executable, '-m', module, *options], check=False).returncode:
      failed.append(module)
  if failed:
    sys.exit(f'failed: {", ".join(failed)}')


if __name__ == '__main__':
  app.run(main)
