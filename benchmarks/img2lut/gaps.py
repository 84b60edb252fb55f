"""How much of what one LUT for all pictures leaves Img2LUT takes away, task by task.

  python -m benchmarks.img2lut.gaps --out=FOLDER [--tasks=white_balance,exposure]
    [--heads=factors,basis,dense] [--seeds=3] [--set=steps=5000]

Each row is trained by the command behind `launch.fit` with `configs/img2lut.py` on the
photos of LUTJAX_DATA, and measured on test photos that no seed trains on, at full size.
`undo` takes the 512 looks, a fifth of them for the test alone; `look` takes the
black-and-white one that --look names. Means over seeds, with the lowest and highest.
Minutes are wall time of the steps; core-minutes CPU time of the whole run, compiling,
scoring and report included. FOLDER keeps the runs: called again, it goes on.
"""

import dataclasses
import json
import os
import pathlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from absl import app, flags

from benchmarks import processor
from lutjax import config as config_lib
from lutjax import experiment, files
from lutjax.commands import fit
from lutjax.data import luts
from lutjax.fit import runs
from lutjax.lut import cube

_OUT = flags.DEFINE_string('out', None, 'Folder for the runs.', required=True)
_TASKS = flags.DEFINE_list('tasks', ['white_balance', 'exposure'], 'Tasks.')
_HEADS = flags.DEFINE_list('heads', ['factors'], 'Kinds of head.')
_SEEDS = flags.DEFINE_integer('seeds', 1, 'Trainings of each row.')
_LOOK = flags.DEFINE_string('look', 'Ilford HP5', 'Of the task look.')
_SET = flags.DEFINE_multi_string('set', [], 'Config field, as key=value.')

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))


def main(argv: Sequence[str]) -> None:
  """Prints the table."""
  del argv
  if not (_DATA / 'photos').is_dir():
    raise SystemExit(f'{_DATA}/photos: not found; LUTJAX_DATA names the folder of data')
  print(f'{processor.describe()}\n')
  print(
    '| task | head | gap closed, CIE76 | dB | as it is | constant | classical | ours '
    '| oracle | ours, dB | parameters, bytes | steps, core-min; run |'
  )
  print('|---' * 12 + '|')
  for task in _TASKS.value:
    for head in _HEADS.value:
      records = [_run(task, head, seed) for seed in range(_SEEDS.value)]
      print(_row(task, head, records), flush=True)


def _run(task: str, head: str, seed: int) -> dict[str, Any]:
  """Trains one model, or reads what was trained."""
  name = re.sub(r'\W+', '-', '_'.join([task, head, str(seed), *_SET.value]))
  out = pathlib.Path(_OUT.value) / name
  given: dict[str, Any] = {'images': [str(_DATA / 'photos')]}
  if task == 'undo':
    given['luts'] = [str(_DATA / 'luts/dev512.npz')]
  if task == 'look':
    given['luts'] = [_one_look()]
  settings = config_lib.load('configs/img2lut.py')
  fields = [f'task.task={task}', f'head.kind={head}', *_SET.value]
  settings = config_lib.override(settings, fields)
  settings = dataclasses.replace(settings, seed=seed)
  began = time.process_time()
  fit.fit(settings, experiment.Sources(**given), out)
  spent = time.process_time() - began
  (record,) = (e for e in runs.read_events(out) if e['event'] == 'model')
  # A run that was done before took what it then took.
  kept = out / 'core_seconds.json'
  if not kept.exists():
    kept.write_text(json.dumps(spent))
  return record | {'core_seconds': json.loads(kept.read_text())}


def _one_look() -> str:
  path = pathlib.Path(_OUT.value) / f'{_LOOK.value}.cube'
  if not path.exists():
    path.parent.mkdir(parents=True, exist_ok=True)
    loaded = luts.load([str(_DATA / 'luts/dev512.npz')])
    found = next(look for look in loaded.looks if look.name.startswith(_LOOK.value))
    files.write_bytes(path, cube.render(found.lut))
  return str(path)


def _row(task: str, head: str, records: Sequence[Mapping[str, Any]]) -> str:
  def spread(values: Sequence[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
      return 'no gap'
    middle = format(sum(known) / len(known), form)
    if len(known) == 1:
      return middle
    return f'{middle} ({format(min(known), form)} to {format(max(known), form)})'

  def mean(method: str, key: str = 'cie76') -> str:
    values = [r['methods'].get(method, {}).get(key) for r in records]
    return '' if None in values else spread(values, '.2f')

  cells = [
    task,
    head,
    spread([r['gap_closed'] for r in records], '.1%'),
    spread([r['gap_closed_db'] for r in records], '.1%'),
    *map(mean, ('identity', 'constant', 'classical', 'ours', 'oracle')),
    mean('ours', 'psnr'),
    f'{records[0]["parameters"]:,}, {records[0]["size_bytes"]:,}',
    f'{spread([r["seconds"] / 60 for r in records], ".1f")} min; '
    f'{spread([r["core_seconds"] / 60 for r in records], ".1f")}',
  ]
  return '| ' + ' | '.join(cells) + ' |'


if __name__ == '__main__':
  app.run(main)
