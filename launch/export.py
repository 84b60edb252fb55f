"""Writes a fitted look, or a LUT file, as `.cube`, Hald image or `.npz`.

A model that restores pictures is written as an artefact, as tables or as C.

python -m launch.export --model=RUN --out=FOLDER
python -m launch.export --model=BIJECTIVE --look=NAME --inverse --out=NAME-inverse.cube
python -m launch.export --lut=FILE --max_error=0.1 --out=smaller.cube
python -m launch.export --lut=LOOK.cube --inverse --out=LOOK-inverse.cube
python -m launch.export --lut=first.cube,second.clf --size=65 --out=both.cube
python -m launch.export --model=RUN --format=html --out=looks.html
python -m launch.export --model=RUN --settings=exposure:0.25 --out=FOLDER
python -m launch.export --model=RUN --format=npz --out=MAP.npz
python -m launch.export --model=RUN --info
python -m launch.export --lut=identity --format=hald --level=8 --out=hald.png
python -m launch.export --model=RESTORER --format=npy,c,lutjax --out=FOLDER
"""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from lutjax import errors

from . import binary

if TYPE_CHECKING:
  from lutjax import artefacts

_MODEL = flags.DEFINE_string(
  'model',
  None,
  'Artefact, run folder, or a model that restores pictures: its artefact, a folder of '
  'published tables, or the name of one that comes with lutjax.',
  allow_override=True,
)
_LUT = binary.define_paths(
  'lut',
  'LUT file to convert, or "identity"; several become one look, in which each is given '
  'what the one before makes. With --format=html each file is a look, and folders and '
  'globs stand for their files.',
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
  'Output formats, any of cube, hald, npz, and by OpenColorIO clf, ctf, 3dl, csp, '
  'spi1d, spi3d, itx; of a model that restores pictures any '
  'that it has, such as npy, c and lutjax, by default all. html is one page for a '
  'browser, which decodes all looks, blends them, and shows them on photos.',
  allow_override=True,
)
_SIZE = flags.DEFINE_integer(
  'size',
  None,
  'Nodes per axis; by default 33 for a model or an inverse, its own size for a LUT '
  'file.',
  allow_override=True,
)
_MAX_ERROR = flags.DEFINE_float(
  'max_error',
  None,
  'In place of --size: the fewest nodes per axis (of 9, 17, 25, 33, 49, 65 and those '
  'of a LUT file) that are off by this CIEDE2000 at most.',
  allow_override=True,
)
_LEVEL = flags.DEFINE_integer(
  'level', 8, 'Level of the Hald image.', allow_override=True
)
_BITS = flags.DEFINE_integer(
  'bits', 16, 'Bit depth of the Hald image, 8 or 16.', allow_override=True
)
_DOMAIN = flags.DEFINE_list(
  'domain',
  ['0', '1'],
  'LOW,HIGH: the inputs that a lattice made of several steps keeps.',
  allow_override=True,
)
_SHAPER = flags.DEFINE_string(
  'shaper',
  None,
  'How the nodes of such a lattice are placed: none (evenly) or log (by a curve in '
  'front, for scene-linear inputs); by default none, or with --max_error whichever '
  'takes fewer nodes.',
  allow_override=True,
)
_CLIP = flags.DEFINE_bool(
  'clip', False, 'Clip values outside [0, 1] in the Hald image.', allow_override=True
)
_LAYOUT = flags.DEFINE_enum(
  'layout',
  None,
  ['hald', 'strip', 'strip_up', 'tiles', 'tiles_up'],
  'Layout of a picture that --lut names, by default recognised; of --format=hald, by '
  'default hald.',
  allow_override=True,
)
_FROM = flags.DEFINE_string(
  'from', None, 'Colour space that --lut=CONFIG.ocio comes from.', allow_override=True
)
_TO = flags.DEFINE_string(
  'to', None, 'Colour space that --lut=CONFIG.ocio leads to.', allow_override=True
)
_LOOK = flags.DEFINE_string(
  'look', 'all', 'Name or number of a look.', allow_override=True
)
_BLEND = flags.DEFINE_list(
  'blend', [], 'NAME:WEIGHT of several looks, in place of --look.', allow_override=True
)
_SETTINGS = flags.DEFINE_list(
  'settings',
  [],
  'NAME:VALUE from 0 to 1 of each setting that --model takes beside colours; without, '
  '--format=npz writes the whole map.',
  allow_override=True,
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
_IMAGES = binary.define_paths(
  'images', 'Photos of --format=html, by default two that are made up.'
)
_OVERWRITE = flags.DEFINE_bool(
  'overwrite', False, 'Replace existing files.', allow_override=True
)


def main() -> Sequence[str]:
  """Writes the files; returns what failed."""
  binary.refuse_urls()
  if (_MODEL.value is None) == (not _LUT.value):
    raise errors.InputError('expected one of --model and --lut')
  spaces = binary.colour_spaces(_FROM.value, _TO.value, _LUT.value)
  if _INFO.value:
    writing = ['out', 'format', 'size', 'max_error', 'level', 'bits', 'clip', 'look']
    writing += ['blend', 'domain', 'shaper', 'layout', 'images']
    more = [*writing, 'inverse', 'overwrite', 'from', 'to', 'settings']
    binary.refuse_beside('--info, which writes no file', more)
    # Here, not above: `--help` and refusals of flags need none of it.
    from lutjax.commands import describe

    if _LUT.value:
      if len(_LUT.value) != 1:
        raise errors.InputError(
          f'--info: found {len(_LUT.value)} files in --lut, expected one'
        )
      lines = describe.describe_lut(_LUT.value[0])
    else:
      lines = describe.describe(_MODEL.value or '')
    for line in lines:
      print(line)
    return []
  if _OUT.value is None:
    raise errors.InputError('--out: expected a folder, or a file')
  if 'html' in _FORMAT.value:
    return _export_page(pathlib.Path(_OUT.value))
  binary.refuse_beside(f'--format={",".join(_FORMAT.value)}, no page', ['images'])
  from lutjax.commands import export, selection

  if _MODEL.value is not None and selection.kind_of(_MODEL.value) == 'restorer':
    return _export_tables(_MODEL.value, _OUT.value)
  if _MODEL.value is not None and _FORMAT.value == ['npz'] and not _SETTINGS.value:
    held = selection.find_maps(_MODEL.value)
    if held:
      return _export_maps(held, pathlib.Path(_OUT.value))
  if 'hald' not in _FORMAT.value:
    formats = ','.join(_FORMAT.value)
    mode = f'--format={formats}, of no Hald image'
    binary.refuse_beside(mode, ['level', 'bits', 'clip'])
  layout = _LAYOUT.value or 'hald'
  if layout.startswith('strip'):
    binary.refuse_beside('a strip, whose size is that of --size', ['level'])
    if _FORMAT.value == ['hald']:
      binary.refuse_beside('a strip', ['max_error'])
  elif _FORMAT.value == ['hald']:
    mode = 'a Hald image, whose size is that of its --level'
    binary.refuse_beside(mode, ['size', 'max_error'])
  if not _LUT.value and 'hald' not in _FORMAT.value:
    binary.refuse_beside('--model and no picture', ['layout'])
  if _MAX_ERROR.value is not None:
    binary.refuse_beside('--max_error, which chooses it', ['size'])
  if _LUT.value:
    binary.refuse_beside('--lut, one look', ['look', 'blend', 'settings'])
  if _BLEND.value:
    binary.refuse_beside('--blend', ['look', 'inverse'])
  named = selection.named_looks(
    model=_MODEL.value,
    lut=_LUT.value or None,
    look=_LOOK.value,
    blend=_BLEND.value,
    settings=_SETTINGS.value,
    inverse=_INVERSE.value,
    spaces=spaces,
    layout=None if 'hald' in _FORMAT.value else _LAYOUT.value,
  )
  if all(look.chain is None for look in named.values()):
    binary.refuse_beside('a look that is no chain of steps', ['domain', 'shaper'])
  problems: list[str] = []
  options = export.Options(
    size=_SIZE.value,
    level=_LEVEL.value,
    bits=_BITS.value,
    layout=layout,
    domain=_domain(_DOMAIN.value),
    shaper=_SHAPER.value,
    clip=_CLIP.value,
    overwrite=_OVERWRITE.value,
    max_error=_MAX_ERROR.value,
  )
  out = pathlib.Path(_OUT.value)
  for path in export.write_all(named, out, _FORMAT.value, options, problems=problems):
    print(path)
  return problems


def _export_page(out: pathlib.Path) -> Sequence[str]:
  """Writes looks as a page."""
  from lutjax.commands import look_page

  if _FORMAT.value != ['html']:
    raise errors.InputError(
      f'--format={",".join(_FORMAT.value)}: found html among others, expected it alone'
    )
  of_files = ['size', 'max_error', 'level', 'bits', 'clip', 'look', 'blend', 'inverse']
  of_files += ['domain', 'shaper', 'layout', 'from', 'to', 'settings']
  binary.refuse_beside('--format=html, a page of all looks', of_files)
  problems = look_page.write(
    out,
    model=_MODEL.value,
    lut=_LUT.value,
    images=_IMAGES.value,
    overwrite=_OVERWRITE.value,
  )
  print(out)
  return problems


def _export_maps(
  held: 'Sequence[artefacts.Opened]', out: pathlib.Path
) -> Sequence[str]:
  """Writes whole maps of colours and settings."""
  from lutjax.commands import maps

  of_looks = ['max_error', 'level', 'bits', 'clip', 'blend', 'inverse', 'domain']
  of_looks += ['shaper', 'layout']
  binary.refuse_beside('--format=npz of a whole map', of_looks)
  for path in maps.write_all(
    held, out, look=_LOOK.value, size=_SIZE.value, overwrite=_OVERWRITE.value
  ):
    print(path)
  return []


def _domain(texts: Sequence[str]) -> tuple[float, float]:
  """Reads LOW,HIGH."""
  try:
    low, high = map(float, texts)
  except ValueError as error:
    raise errors.InputError(
      f'--domain={",".join(texts)}: expected two rising numbers'
    ) from error
  return low, high


def _export_tables(model: str, out: str) -> Sequence[str]:
  """Writes a model that restores pictures."""
  from lutjax.commands import selection, tables

  of_looks = ['size', 'max_error', 'level', 'bits', 'clip', 'look', 'blend', 'inverse']
  of_looks += ['domain', 'shaper', 'layout', 'settings']
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
