"""The tables of the GamutMLP paper, rebuilt on a folder of images, and our rows.

  python benchmarks/gamut_table.py --images=FOLDER --out=TABLE --rows=all --start=META
  python benchmarks/gamut_table.py --images=FOLDER --out=TABLE --rows=clip,tiny

Every row is a run of the gamut task under TABLE/rows, which resumes where it was
stopped. TABLE gets `table.csv`, `table.md` and `table.png` (PSNR against bytes).
With all rows and the paper's steps it takes a night on a few cores.
"""

import csv
import io
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from absl import app, flags

from lutjax import config as config_lib
from lutjax import errors, files
from lutjax.fit import runs
from lutjax.report import plots
from lutjax.tasks import experiment, fitting, gamut_scores

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_QUICK = ['clip', 'soft clip', 'clip rounded', 'tiny', 'standard', 'residual picture']
_IMAGES = flags.DEFINE_list('images', [str(_DATA / 'prophoto')], 'Wide-gamut images.')
_OUT = flags.DEFINE_string('out', 'out/gamut_table', 'Folder.')
_ROWS = flags.DEFINE_list('rows', _QUICK, 'Names of rows, or all.')
_STEPS = flags.DEFINE_integer('steps', 9000, 'Of networks without a start.')
_START = flags.DEFINE_string('start', '', 'Folder of meta32.npz and meta64.npz.')
_SET = flags.DEFINE_multi_string('set', [], 'Config fields of every row.')

_SIREN = ('octaves=0', 'activation=sine', 'biased=true', 'learning_rate=1e-4')
_META = ('steps=1200', 'segment_steps=600', 'learning_rate=5e-3')
# Rows of the paper's recipe, as fields of configs/gamut_mlp_paper.py.
_PAPER = {
  'clip': ('codec=clip', 'mode=project'),
  'soft clip': ('codec=soft',),
  'ProPhoto-sampled 135 KB': ('codec=sampled',),
  'SIREN 796 KB': (*_SIREN, 'width=256', 'hidden_layers=4', 'residual=false'),
  'SIREN-residual 796 KB': (*_SIREN, 'width=256', 'hidden_layers=4'),
  'SIREN-residual 69 KB': (*_SIREN, 'width=128'),
  'MLP 48 KB biased': ('width=64', 'biased=true'),
  'MLP 11 KB': ('width=16',),
  'MLP 23 KB': (),
  'MLP 53 KB': ('width=64',),
  'MLP 137 KB': ('width=128',),
  'MLP 23 KB meta-init': _META,
  'MLP 53 KB meta-init': ('width=64', *_META),
  'MLP 23 KB 1,200 steps': ('steps=1200', 'segment_steps=600'),
  'MLP 53 KB 1,200 steps': ('width=64', 'steps=1200', 'segment_steps=600'),
  'xy only': ('inputs=xy',),
  'RGB only': ('inputs=rgb',),
  'OG pixels': ('sampling=outside',),
  'OG 20 % and IG 2 %': ('sampling=strided',),
  'no encoding': ('octaves=0',),
  'K = 4': ('octaves=4',),
  'K = 8': ('octaves=8',),
  'MLP 23 KB projected': ('mode=project',),
  'MLP 23 KB gated': ('mode=gate',),
}
# Rows of configs/gamut_mlp.py.
_OURS = {
  'clip rounded': ('codec=clip',),
  'soft clip rounded': ('codec=soft', 'mode=plain'),
  'tiny': ('codec=seeded', 'budget_bytes=1024'),
  'standard': (),
  'standard full effort': ('effort=full',),
  'residual picture': ('codec=picture', 'effort=full'),
  'large': ('budget_bytes=23000',),
}
# Networks trained beforehand on many images, as the paper prints them.
_QUOTED = {'GamutNet (quoted from the paper)': (45.75, 41.08)}


def main(argv: list[str]) -> None:
  del argv
  jax.config.update('jax_num_cpu_devices', len(os.sched_getaffinity(0)))
  out = pathlib.Path(_OUT.value)
  rows = [*_PAPER, *_OURS]
  picked = rows if _ROWS.value == ['all'] else _ROWS.value
  unknown = set(picked) - set(rows)
  if unknown:
    raise errors.InputError(f'--rows={min(unknown)}: expected some of {rows}')
  table = {name: _row(name, out) for name in rows if name in picked}
  _write(out, {name: row for name, row in table.items() if row})


def _row(name: str, out: pathlib.Path) -> Mapping[str, Any] | None:
  """Runs and scores a row; None where it needs a start that was not given."""
  fields = [*_PAPER.get(name, _OURS.get(name, ()))]
  config = 'gamut_mlp_paper' if name in _PAPER else 'gamut_mlp'
  if 'meta-init' in name:
    if not _START.value:
      print(f'{name}: left out, --start gives no initialisation')
      return None
    size = 64 if '53 KB' in name else 32
    fields.append(f'start={pathlib.Path(_START.value).resolve()}/meta{size}.npz')
  elif name in _PAPER and not any(field.startswith('steps=') for field in fields):
    fields.append(f'steps={_STEPS.value}')
  wanted = config_lib.load(_ROOT / f'configs/{config}.py')
  wanted = config_lib.override(wanted, ['pictures=none', *fields, *_SET.value])
  folder = out / 'rows' / name.replace(' ', '_').replace('%', 'pc')
  fitting.fit(wanted, experiment.Sources(images=_IMAGES.value), folder)
  found, _ = gamut_scores.score_images([str(folder / 'images')], _IMAGES.value)
  events = runs.read_events(folder)
  seconds = [event['seconds'] for event in events if event['event'] == 'model']
  return {
    'bytes': float(np.mean([item['size_bytes'] for item in found.values()])),
    'seconds': float(np.mean(seconds)),
    'psnr': gamut_scores.psnr_both_ways(found, 'recovered', 'linear_rmse'),
    'romm': gamut_scores.psnr_both_ways(found, 'recovered', 'romm_rmse'),
    'ciede2000': float(
      np.mean([item['recovered']['ciede2000'][0] for item in found.values()])
    ),
  }


def _write(out: pathlib.Path, table: Mapping[str, Mapping[str, Any]]) -> None:
  heads = ['row', 'bytes', 'seconds', 'PSNR', 'OG', 'IG']
  heads += ['PSNR of mean RMSE', 'OG', 'IG', 'ROMM PSNR', 'OG', 'CIEDE2000']
  lines = []
  for name, row in table.items():
    numbers = [*row['psnr'].ravel(), *row['romm'][0, :2]]
    cells = [name, f'{row["bytes"]:.0f}', f'{row["seconds"]:.2f}']
    lines.append([*cells, *(f'{v:.2f}' for v in numbers), f'{row["ciede2000"]:.3f}'])
  for name, pair in _QUOTED.items():
    quoted = [name, *[''] * 5, *(f'{v:.2f}' for v in pair)]
    lines.append([*quoted, *[''] * (len(heads) - len(quoted))])
  text = io.StringIO()
  csv.writer(text).writerows([heads, *lines])
  files.write_text(out / 'table.csv', text.getvalue())
  marks = [heads, ['---'] * len(heads), *lines]
  markdown = ''.join(f'| {" | ".join(line)} |\n' for line in marks)
  files.write_text(out / 'table.md', markdown)
  series = {
    name: [plots.Point(row['bytes'], float(row['psnr'][0, 1]))]
    for name, row in table.items()
  }
  pixels = plots.rate_distortion(series, metric='PSNR out of gamut, dB')
  plots.write_png(out / 'table.png', pixels)
  print(markdown)


if __name__ == '__main__':
  app.run(main)
