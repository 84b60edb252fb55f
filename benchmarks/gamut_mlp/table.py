"""The tables of the GamutMLP paper, rebuilt on a folder of images, and our rows.

  python -m benchmarks.gamut_mlp.table --images=FOLDER --out=TABLE --start=META
  python -m benchmarks.gamut_mlp.table --images=FOLDER --out=TABLE --rows=clip,tiny

Every row is a run of the gamut task under TABLE/rows. A row that was finished is
read, not run again, and one that was stopped goes on. TABLE gets `table.csv`,
`table.md` and `table.png` (PSNR against bytes), written anew after every row.

`--recipe=short` (the default) moves networks by 2,400 steps of 512 pixels, Adam with
a cosine from 1e-2; the two largest SIRENs take 600 steps, rows with and without a
meta-initialisation 320. That is a 480th of the paper's work and not its quality: the
23 KB network ends 4 dB below what 9,000 steps of 8,192 reach, so rows compare with each
other only. `--recipe=paper` is the published 9,000 constant steps, of 8,192 pixels, or
65,536 with `--set=batch_size=65536`. Each row says what it took. PSNR is in linear
ProPhoto, bytes are of the whole payload.
"""

import csv
import io
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from absl import app, flags

from launch import binary
from lutjax import config as config_lib
from lutjax import errors, experiment, files
from lutjax.commands import fit
from lutjax.fit import runs
from lutjax.report import plots

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_IMAGES = flags.DEFINE_list('images', [str(_DATA / 'prophoto')], 'Wide-gamut images.')
_OUT = flags.DEFINE_string('out', 'out/gamut_table', 'Folder.')
_ROWS = flags.DEFINE_list('rows', ['all'], 'Names of rows, or all.')
_RECIPE = flags.DEFINE_enum('recipe', 'short', ['short', 'paper'], 'Of networks.')
_START = flags.DEFINE_string('start', '', 'Folder of meta32.npz and meta64.npz.')
_SET = flags.DEFINE_multi_string('set', [], 'Config fields of every row.')

# How networks are moved: the usual ones, SIRENs, the largest of those, and the 1,200
# steps of the paper with and without a meta-initialisation.
_SHORT = ('batch_size=512', 'learning_rate=1e-2', 'schedule=cosine')
_RECIPES = {
  'short': {
    'usual': (*_SHORT, 'steps=2400', 'segment_steps=2400'),
    'siren': (*_SHORT, 'steps=2400', 'segment_steps=2400', 'learning_rate=3e-4'),
    'large': (*_SHORT, 'steps=600', 'segment_steps=600', 'learning_rate=3e-4'),
    'brief': (*_SHORT, 'steps=320', 'segment_steps=320'),
  },
  'paper': {
    'usual': ('steps=9000', 'segment_steps=600'),
    'siren': ('steps=9000', 'segment_steps=600', 'learning_rate=1e-4'),
    'large': ('steps=9000', 'segment_steps=600', 'learning_rate=1e-4'),
    'brief': ('steps=1200', 'segment_steps=600', 'learning_rate=5e-3'),
  },
}
_SIREN = ('octaves=0', 'activation=sine', 'biased=true')
_LARGE = (*_SIREN, 'width=256', 'hidden_layers=4')
# By section and name: the recipe, if any, and fields of configs/gamut_mlp_paper.py.
_PAPER: Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]] = {
  'rivals': {
    'clip': ('', ('codec=clip', 'mode=project')),
    'soft clip': ('', ('codec=soft',)),
    'ProPhoto-sampled 135 KB': ('', ('codec=sampled',)),
    'MLP 48 KB biased': ('usual', ('width=64', 'biased=true')),
    'SIREN-residual 69 KB': ('siren', (*_SIREN, 'width=128')),
    'SIREN-residual 796 KB': ('large', _LARGE),
    'SIREN 796 KB': ('large', (*_LARGE, 'residual=false')),
  },
  'widths': {
    'MLP 11 KB': ('usual', ('width=16',)),
    'MLP 23 KB': ('usual', ()),
    'MLP 53 KB': ('usual', ('width=64',)),
    'MLP 137 KB': ('usual', ('width=128',)),
  },
  'meta-init': {
    'MLP 23 KB meta-init': ('brief', ()),
    'MLP 53 KB meta-init': ('brief', ('width=64',)),
  },
  'as few steps without': {
    'MLP 23 KB no meta-init': ('brief', ()),
    'MLP 53 KB no meta-init': ('brief', ('width=64',)),
  },
  'inputs': {
    'xy only': ('usual', ('inputs=xy',)),
    'RGB only': ('usual', ('inputs=rgb',)),
  },
  'encoding': {
    'no encoding': ('usual', ('octaves=0',)),
    'K = 4': ('usual', ('octaves=4',)),
    'K = 8': ('usual', ('octaves=8',)),
  },
  'sampling': {
    'OG pixels': ('usual', ('sampling=outside',)),
    'OG 20 % and IG 2 %': ('usual', ('sampling=strided',)),
  },
  'codes kept': {
    'MLP 23 KB gated': ('usual', ('mode=gate',)),
    'MLP 23 KB projected': ('usual', ('mode=project',)),
  },
}
# By section and name: fields of configs/gamut_mlp.py.
_OURS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
  'ours': {
    'tiny': ('codec=seeded', 'budget_bytes=1024'),
    'standard': (),
    'large': ('budget_bytes=23000',),
  },
  'rounded': {
    'clip rounded': ('codec=clip',),
    'soft clip rounded': ('codec=soft', 'mode=plain'),
    'network': ('codec=mlp',),
    'residual picture': ('codec=picture', 'effort=full'),
  },
}
# Sections that the plot joins by lines, and those that it draws as one series.
_CURVES = ('ours', 'widths', 'meta-init', 'as few steps without')
_ABLATIONS = ('inputs', 'encoding', 'sampling', 'codes kept')
# Networks trained beforehand on many images, as the paper prints them.
_QUOTED = {'GamutNet (quoted from the paper, its images)': (45.75, 41.08)}
_HEADS = ['section', 'row', 'steps x pixels', 'bytes', 'PSNR', 'OG', 'IG']
_HEADS += ['PSNR of mean RMSE', 'OG', 'IG']


def main(argv: list[str]) -> None:
  del argv
  jax.config.update('jax_num_cpu_devices', len(os.sched_getaffinity(0)))
  out = pathlib.Path(_OUT.value)
  asked = _asked()
  picked = list(asked) if _ROWS.value == ['all'] else _ROWS.value
  unknown = set(picked) - set(asked)
  if unknown:
    raise errors.InputError(f'--rows={min(unknown)}: expected some of {list(asked)}')
  table = {}
  for name, (section, config, fields) in asked.items():
    if name not in picked:
      continue
    if section == 'meta-init' and not _START.value:
      print(f'{name}: left out, --start gives no initialisation')
      continue
    table[name] = {'section': section, **_row(out, name, config, fields)}
    _write(out, table)
  print((out / 'table.md').read_text())


def _asked() -> dict[str, tuple[str, str, tuple[str, ...]]]:
  """Returns section, config file and fields of each row, by its name."""
  asked = {}
  for section, rows in _PAPER.items():
    for name, (recipe, fields) in rows.items():
      fields += _RECIPES[_RECIPE.value].get(recipe, ())
      if section == 'meta-init':
        size = 64 if 'width=64' in fields else 32
        start = pathlib.Path(_START.value).resolve() / f'meta{size}.npz'
        fields += (f'start={start}',)
      asked[name] = (section, 'gamut_mlp_paper', fields)
  for section, rows in _OURS.items():
    asked |= {name: (section, 'gamut_mlp', fields) for name, fields in rows.items()}
  return asked


def _row(
  out: pathlib.Path, name: str, config: str, fields: tuple[str, ...]
) -> Mapping[str, Any]:
  """Runs a row, or reads it where it was finished with the same request."""
  folder = out / 'rows' / name.replace(' ', '_').replace('%', 'pc')
  request = [config, *fields, *_SET.value, *_IMAGES.value]
  done = folder / 'row.json'
  if done.exists():
    row = json.loads(done.read_text())
    if row['request'] == request:
      return row
  settings = config_lib.load(config, [binary.CONFIGS])
  settings = config_lib.override(settings, ['pictures=none', *fields, *_SET.value])
  fit.fit(settings, experiment.Sources(images=_IMAGES.value), folder)
  images = [item for item in runs.read_events(folder) if item['event'] == 'model']
  moved = settings.model.codec == 'mlp'
  row = {
    'request': request,
    'work': f'{settings.fit.steps:,} x {settings.fit.batch_size:,}' if moved else '',
    'bytes': float(np.mean([item['size_bytes'] for item in images])),
    'psnr': [item['psnr'] for item in images],
  }
  files.write_text(done, json.dumps(row, indent=1))
  return row


def _write(out: pathlib.Path, table: Mapping[str, Mapping[str, Any]]) -> None:
  lines, series = [], {'ours': []}
  for name, row in table.items():
    psnr = np.array(row['psnr'], float)
    both = [psnr.mean(axis=0), -20 * np.log10(np.mean(10 ** (-psnr / 20), axis=0))]
    cells = [row['section'], name, row['work'], f'{row["bytes"]:,.0f}']
    lines.append([*cells, *(f'{value:.2f}' for value in np.ravel(both))])
    point = plots.Point(row['bytes'], float(both[0][1]), name)
    section = 'ablations' if row['section'] in _ABLATIONS else row['section']
    series.setdefault(section, []).append(point)
  for name, pair in _QUOTED.items():
    lines.append(['quoted', name, *[''] * 5, *(f'{v:.2f}' for v in pair), ''])
  text = io.StringIO()
  csv.writer(text).writerows([_HEADS, *lines])
  files.write_text(out / 'table.csv', text.getvalue())
  marks = [_HEADS, ['---'] * len(_HEADS), *lines]
  markdown = ''.join(f'| {" | ".join(line)} |\n' for line in marks)
  files.write_text(out / 'table.md', markdown)
  pixels = plots.rate_distortion(
    series, metric='PSNR out of gamut, dB', loose=set(series) - set(_CURVES)
  )
  plots.write_png(out / 'table.png', pixels)


if __name__ == '__main__':
  app.run(main)
