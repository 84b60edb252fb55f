"""Applies a look, a LUT file or the LUTs that a model predicts to images; restores.

python -m launch.apply --lut=look.cube --images=FOLDER --out=GRADED
python -m launch.apply --model=RUN/model.lutjax --images=FOLDER --out=GRADED
python -m launch.apply --model=RUN --settings=exposure:0.25 --images=FOLDER --out=GRADED
python -m launch.apply --model=IMG2LUT --images=FOLDER --out=GRADED --lut_out=CUBES
python -m launch.apply --model=IMG2LUT --shared_lut --images=FRAMES --out=GRADED
python -m launch.apply --model=RESTORER --images=FOLDER --out=RESTORED
python -m launch.apply --lut=look.cube --images=clip.mov --out=graded.mov
python -m launch.apply --lut=first.cube,second.clf --images=FOLDER --out=GRADED
python -m launch.apply --lut=CONFIG.ocio --from=SPACE --to=SPACE --images=A --out=B
python -m launch.apply --lut=look.cube --only=colour --images=FOLDER --out=GRADED
python -m launch.apply --expand --images=FOLDER --out=WIDE
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from lutjax import errors

from . import binary

if TYPE_CHECKING:
  from lutjax.commands import look_files

_MODEL = flags.DEFINE_string(
  'model',
  None,
  'Artefact or run folder, of looks or of a model that predicts the LUT of a picture; '
  'or a model that restores pictures: its artefact, a folder of published tables, or '
  'the name of one that comes with lutjax.',
  allow_override=True,
)
_LUT = binary.define_paths(
  'lut', 'LUT file; of several, each is given what the one before makes.'
)
_EXPAND = flags.DEFINE_bool(
  'expand',
  False,
  'Recover the wide-gamut colours that sRGB files carry.',
  allow_override=True,
)
_SPACE = flags.DEFINE_string(
  'space',
  'prophoto',
  'Colour space of --expand: prophoto, display_p3, adobe_rgb or rec2020.',
  allow_override=True,
)
_ON_MISMATCH = flags.DEFINE_enum(
  'on_mismatch',
  'warn',
  ['warn', 'refuse'],
  'If a payload is missing, damaged or made for other pixels: write the image '
  'without it (clip expansion), or fail.',
  allow_override=True,
)
_IMAGES = binary.define_paths('images', 'Image files, folders or globs.')
_OUT = flags.DEFINE_string(
  'out',
  None,
  'Output folder, or a file when there is one image.',
  required=True,
  allow_override=True,
)
_LAYOUT = flags.DEFINE_enum(
  'layout',
  None,
  ['hald', 'strip', 'strip_up', 'tiles', 'tiles_up'],
  'Layout of a picture that --lut names; by default it is recognised.',
  allow_override=True,
)
_FROM = flags.DEFINE_string(
  'from', None, 'Colour space that --lut=CONFIG.ocio comes from.', allow_override=True
)
_TO = flags.DEFINE_string(
  'to', None, 'Colour space that --lut=CONFIG.ocio leads to.', allow_override=True
)
_LOOK = flags.DEFINE_string(
  'look', '', 'Name or number of a look.', allow_override=True
)
_INTERPOLATION = flags.DEFINE_enum(
  'interpolation',
  'tetrahedral',
  ['nearest', 'trilinear', 'tetrahedral', 'prism'],
  'Interpolation between the nodes of the lattice; curves are always linear.',
  allow_override=True,
)
_DECODE = flags.DEFINE_enum(
  'decode',
  'lattice',
  ['lattice', 'exact'],
  'How --model is evaluated: through a lattice of 65 nodes per axis, whose error on '
  'each image is printed, or exactly, by the network at every pixel.',
  allow_override=True,
)
_STRENGTH = flags.DEFINE_float(
  'strength', 1.0, '0 keeps the image, 1 gives the look.', allow_override=True
)
_ONLY = flags.DEFINE_enum(
  'only',
  None,
  ['luminance', 'colour'],
  'Take only the luminance of the look and keep the colours of the picture, or '
  'only its colours and keep the luminance of the picture.',
  allow_override=True,
)
_BITS = flags.DEFINE_integer(
  'bits',
  None,
  'Bit depth, 8 or 16; by default that of each image. With --expand 16, or 32 for '
  'float TIFF.',
  allow_override=True,
)
_BLEND = flags.DEFINE_list(
  'blend', [], 'NAME:WEIGHT of several looks, in place of --look.', allow_override=True
)
_SETTINGS = flags.DEFINE_list(
  'settings',
  [],
  'NAME:VALUE from 0 to 1 of each setting that --model takes beside colours.',
  allow_override=True,
)
_LUT_OUT = flags.DEFINE_string(
  'lut_out',
  None,
  'Folder for the LUT that a model predicts of each image, as .cube; or such a file '
  'when there is one LUT.',
  allow_override=True,
)
_SHARED_LUT = flags.DEFINE_bool(
  'shared_lut',
  False,
  'Frames of one scene: one LUT for all, the mean of those that a model predicts. How '
  'much those change from frame to frame is printed.',
  allow_override=True,
)
_OVERWRITE = flags.DEFINE_bool(
  'overwrite', False, 'Replace existing files.', allow_override=True
)

# Flags of models that predict LUTs.
_OF_GRADERS = ['lut_out', 'shared_lut']


def main() -> Sequence[str]:
  """Writes the images; returns what failed."""
  binary.refuse_urls()
  if (_MODEL.value, _LUT.value or None, _EXPAND.value or None).count(None) != 2:
    raise errors.InputError('expected one of --model, --lut and --expand')
  # Here, not above: `--help` and refusals of flags need none of it.
  from lutjax.commands import apply, selection, video
  from lutjax.lut import chain

  if _EXPAND.value:
    looks = ['look', 'blend', 'interpolation', 'decode', 'strength', 'from', 'to']
    looks += ['layout', 'only', 'settings']
    binary.refuse_beside('--expand, which applies no look', [*looks, *_OF_GRADERS])
    return apply.expand(
      _IMAGES.value,
      _OUT.value,
      space=_SPACE.value,
      on_mismatch=_ON_MISMATCH.value,
      bits=_BITS.value,
      overwrite=_OVERWRITE.value,
    )
  binary.refuse_beside('a look, but with --expand', ['space', 'on_mismatch'])
  spaces = binary.colour_spaces(_FROM.value, _TO.value, _LUT.value)
  if not _LUT.value:
    binary.refuse_beside('--model', ['layout'])
  if _MODEL.value is not None:
    kind = selection.kind_of(_MODEL.value)
    if kind != 'looks':
      return (_grade if kind == 'grader' else _restore)(_MODEL.value)
  binary.refuse_beside('a look, the same for all images', _OF_GRADERS)
  if _LUT.value:
    binary.refuse_beside('--lut, one look', ['look', 'blend', 'decode', 'settings'])
  if _BLEND.value:
    binary.refuse_beside('--blend', ['look'])
  if _DECODE.value == 'exact':
    binary.refuse_beside('--decode=exact, which reads no lattice', ['interpolation'])
  named = selection.named_looks(
    model=_MODEL.value,
    lut=_LUT.value or None,
    look=_LOOK.value,
    blend=_BLEND.value,
    settings=_SETTINGS.value,
    spaces=spaces,
    layout=_LAYOUT.value,
  )
  if len(named) != 1:
    raise errors.InputError(f'--look={_LOOK.value}: found {len(named)}, expected one')
  (look,) = named.values()
  if look.chain is not None and not chain.has_lattice(look.chain):
    binary.refuse_beside('steps without a lattice', ['interpolation'])
  if any(map(video.is_video, _IMAGES.value)):
    return _grade_video(look)
  if video.is_video(_OUT.value):
    raise errors.InputError(f'--out={_OUT.value}: found no video in --images')
  return apply.apply_to_images(
    look,
    _IMAGES.value,
    _OUT.value,
    interpolation=_INTERPOLATION.value,
    strength=_STRENGTH.value,
    decode=_DECODE.value,
    only=_ONLY.value,
    bits=_BITS.value,
    overwrite=_OVERWRITE.value,
  )


def _grade_video(look: 'look_files.Look') -> Sequence[str]:
  """Grades one video."""
  from lutjax.commands import apply

  if len(_IMAGES.value) != 1:
    raise errors.InputError(
      f'--images: found {len(_IMAGES.value)} names with a video among them, expected '
      'one video alone'
    )
  binary.refuse_beside('a video, which keeps its depth', ['bits'])
  apply.apply_to_video(
    look,
    _IMAGES.value[0],
    _OUT.value,
    interpolation=_INTERPOLATION.value,
    strength=_STRENGTH.value,
    decode=_DECODE.value,
    only=_ONLY.value,
    overwrite=_OVERWRITE.value,
  )
  return []


def _grade(model: str) -> Sequence[str]:
  """Grades images by the LUTs that a model predicts."""
  from lutjax.commands import grade, selection

  mode = f'--model={model}, which predicts the LUT of a picture'
  binary.refuse_beside(mode, ['look', 'blend', 'decode', 'settings'])
  options = grade.Options(
    interpolation=_INTERPOLATION.value,
    strength=_STRENGTH.value,
    bits=_BITS.value,
    lut_out=_LUT_OUT.value,
    overwrite=_OVERWRITE.value,
    only=_ONLY.value,
  )
  work = grade.grade_frames if _SHARED_LUT.value else grade.grade_images
  return work(selection.find_grader(model), _IMAGES.value, _OUT.value, options)


def _restore(model: str) -> Sequence[str]:
  """Restores images."""
  from lutjax.commands import restore, selection

  of_looks = ['look', 'blend', 'strength', 'interpolation', 'decode', 'bits']
  of_looks += ['only', 'settings']
  mode = f'--model={model}, which restores pictures'
  binary.refuse_beside(mode, [*of_looks, *_OF_GRADERS])
  return restore.restore_images(
    selection.find_restorer(model),
    _IMAGES.value,
    _OUT.value,
    overwrite=_OVERWRITE.value,
  )


def run() -> None:
  """Console entry."""
  binary.run(main)


if __name__ == '__main__':
  run()
