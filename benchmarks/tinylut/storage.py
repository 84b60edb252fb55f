"""What the tables of TinyLUTs take, in memory and shipped.

  python -m benchmarks.tinylut.storage [--model=ARTEFACT,FOLDER,...]

Reads `tinylut_published/` under `LUTJAX_DATA` unless models are given: artefacts, run
folders or folders of published tables. Bytes of

* raw: int8 entries of the rows that are shipped, nothing else;
* memory: of those rows that a level reaches;
* zlib, LZMA: of the raw bytes, row after row;
* delta: differences along the levels, columns one after another, LZMA;
* ours: the whole artefact, with its header, scales and shifts.

The artefact is decoded again and compared; seconds of the CPU, one thread.
"""

import lzma
import os
import pathlib
import time
import zlib

import numpy as np
from absl import app, flags

from benchmarks import processor
from lutjax import systems
from lutjax.commands import selection
from lutjax.systems.tinylut import artefact, structure, tables

_MODELS = flags.DEFINE_list('model', [], 'Artefacts, run folders, published folders.')

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_LZMA = [{'id': lzma.FILTER_LZMA2, 'preset': 9 | lzma.PRESET_EXTREME}]


def _lzma(content):
  return len(lzma.compress(content, lzma.FORMAT_RAW, filters=_LZMA))


def _blocks(config, params):
  """Yields `[levels, outputs]`, what is stored of each position or channel."""
  for branch in structure.branches(config):
    yield from params[branch]['spatial']
    for layer, kind in zip(params[branch]['layers'], structure.layers(config)):
      rows = layer['rows']
      rows = rows.transpose(2, 1, 0) if kind.kind == 'depthwise' else rows
      stored = artefact.stored(config, branch, layer['scale'])
      yield from (block[there] for block, there in zip(rows, stored))


def figures(loaded):
  """Returns the bytes of a model by what they are, and seconds."""
  config, variables = artefact.entries(loaded.config, loaded.variables)
  blocks = list(_blocks(config, variables.params))
  raw = b''.join(block.tobytes() for block in blocks)
  steps = [np.diff(block, axis=0, prepend=np.int8(0)).T for block in blocks]
  began = time.process_time()
  content = artefact.export(config, variables)
  packed = time.process_time()
  back = systems.load(content).variables
  unpacked = time.process_time()
  if artefact.export(config, back) != content:
    raise ValueError('Expected the artefact again of what it is decoded to.')
  for one, other in zip(_blocks(config, back.params), blocks, strict=True):
    np.testing.assert_array_equal(one, other)
  return {
    'raw': len(raw),
    'memory': tables.table_bytes(config, variables),
    'zlib': len(zlib.compress(raw, 9)),
    'LZMA': _lzma(raw),
    'delta': _lzma(b''.join(step.tobytes() for step in steps)),
    'ours': len(content),
    'pack s': round(packed - began, 2),
    'unpack s': round(unpacked - packed, 2),
  }


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  print(processor.describe())
  rows = {}
  paths = _MODELS.value or [str(_DATA / 'tinylut_published')]
  if not _MODELS.value and not os.path.isdir(paths[0]):
    raise app.UsageError('needs tinylut_published under LUTJAX_DATA, or --model')
  for path in paths:
    for item in selection.open_models(path):
      rows[str(item.path)] = figures(item.loaded)
  names = list(next(iter(rows.values())))
  print('| model | ' + ' | '.join(names) + ' |')
  print('|---' * (len(names) + 1) + '|')
  for model, row in rows.items():
    print(f'| {model} | ' + ' | '.join(f'{row[name]:,}' for name in names) + ' |')


if __name__ == '__main__':
  app.run(main)
