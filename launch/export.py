"""Writes a fitted look, or a LUT file, as `.cube`, Hald image or `.npz`.

A model that restores pictures is written as an artefact, as tables or as C.

python -m launch.export --model=RUN --out=FOLDER
python -m launch.export --model=BIJECTIVE --look=NAME --inverse --out=NAME-inverse.cube
python -m launch.export --lut=LOOK.cube --inverse --out=LOOK-inverse.cube
python -m launch.export --model=RUN --info
python -m launch.export --lut=identity --format=hald --level=8 --out=hald.png
python -m launch.export --model=RESTORER --format=npy,c,lutjax --out=FOLDER
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from lutjax import errors

from . import binary

_MODEL = flags.DEFINE_string(
  'model',
  None,
  'Artefact, run folder, or a model that restores pictures: its artefact, a folder of '
  'published tables, or the name of one that comes with lutjax.',
  allow_override=True,
)
_LUT = flags.DEFINE_string(
  'lut', None, 'LUT file to convert, or "identity".', allow_override=True
)
_OUT = flags.DEFINE_string(
  'out',
  None,
  'Output folder, or a file when there is one output.',
  allow_override=True,
)
_FORMAT = flags.DEFINE_list(
  'format',
  ['cube'],
  'Output formats, any of cube, hald and npz; of a model that restores pictures any '
  'that it has, such as npy, c and lutjax, by default all.',
  allow_override=True,
)
_SIZE = flags.DEFINE_integer(
  'size',
  None,
  'Nodes per axis; by default 33 for a model or an inverse, its own size for a LUT '
  'file.',
  allow_override=True,
)
_LEVEL = flags.DEFINE_integer(
  'level', 8, 'Level of the Hald image.', allow_override=True
)
_BITS = flags.DEFINE_integer(
  'bits', 16, 'Bit depth of the Hald image, 8 or 16.', allow_override=True
)
_CLIP = flags.DEFINE_bool(
  'clip', False, 'Clip values outside [0, 1] in the Hald image.', allow_override=True
)
_LOOK = flags.DEFINE_string(
  'look', 'all', 'Name or number of a look.', allow_override=True
)
_BLEND = flags.DEFINE_list(
  'blend', [], 'NAME:WEIGHT of several looks, in place of --look.', allow_override=True
)
_INVERSE = flags.DEFINE_bool(
  'inverse', False, 'Export the inverses of looks, or of --lut.', allow_override=True
)
_INFO = flags.DEFINE_bool(
  'info',
  False,
  'Describe --model (a run, an artefact, an image with a payload) or --lut.',
  allow_override=True,
)
_OVERWRITE = flags.DEFINE_bool(
  'overwrite', False, 'Replace existing files.', allow_override=True
)


def main() -> Sequence[str]:
  """Writes the files; returns what failed."""
  if (_MODEL.value is None) == (_LUT.value is None):
    raise errors.InputError('expected one of --model and --lut')
  # `--help` and refusals of flags need none of what is imported here.
  if _INFO.value:
    writing = ['out', 'format', 'size', 'level', 'bits', 'clip', 'look', 'blend']
    more = [*writing, 'inverse', 'overwrite']
    binary.refuse_beside('--info, which writes no file', more)
    from lutjax.commands import describe

    if _LUT.value is not None:
      lines = describe.describe_lut(_LUT.value)
    else:
      lines = describe.describe(_MODEL.value or '')
    for line in lines:
      print(line)
    return []
  if _OUT.value is None:
    raise errors.InputError('--out: expected a folder, or a file')
  from lutjax.commands import export, selection

  if _MODEL.value is not None and selection.kind_of(_MODEL.value) == 'restorer':
    return _export_tables(_MODEL.value, _OUT.value)
  if 'hald' not in _FORMAT.value:
    formats = ','.join(_FORMAT.value)
    mode = f'--format={formats}, of no Hald image'
    binary.refuse_beside(mode, ['level', 'bits', 'clip'])
  if _FORMAT.value == ['hald']:
    binary.refuse_beside('a Hald image, whose size is that of its --level', ['size'])
  if _LUT.value is not None:
    binary.refuse_beside('--lut, one look', ['look', 'blend'])
  if _BLEND.value:
    binary.refuse_beside('--blend', ['look', 'inverse'])
  named = selection.named_looks(
    model=_MODEL.value,
    lut=_LUT.value,
    look=_LOOK.value,
    blend=_BLEND.value,
    inverse=_INVERSE.value,
  )
  problems: list[str] = []
  options = export.Options(
    size=_SIZE.value,
    level=_LEVEL.value,
    bits=_BITS.value,
    clip=_CLIP.value,
    overwrite=_OVERWRITE.value,
  )
  out = pathlib.Path(_OUT.value)
  for path in export.write_all(named, out, _FORMAT.value, options, problems=problems):
    print(path)
  return problems


def _export_tables(model: str, out: str) -> Sequence[str]:
  """Writes a model that restores pictures."""
  from lutjax.commands import selection, tables

  of_looks = ['size', 'level', 'bits', 'clip', 'look', 'blend', 'inverse']
  binary.refuse_beside(f'--model={model}, which restores pictures', of_looks)
  opened = selection.find_restorer(model)
  formats = _FORMAT.value if flags.FLAGS['format'].present else None
  for path in tables.write_all(
    opened,
    selection.name_of(opened),
    pathlib.Path(out),
    formats,
    overwrite=_OVERWRITE.value,
  ):
    print(path)
  return []


def run() -> None:
  """Console entry."""
  binary.run(main)


if __name__ == '__main__':
  run()
