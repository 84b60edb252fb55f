"""Looks as commands take them, and those that LUT files hold."""

import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lutjax import errors, files
from lutjax.data import images, luts, ocio_files
from lutjax.looks import inverse_lattice, round_trip
from lutjax.lut import chain as chain_lib
from lutjax.lut import lattice, tabulate
from lutjax.types import Array


class Look(NamedTuple):
  """A look that can be written or applied.

  Attributes:
    decode: `size -> Lut`, as a plain lattice of that many nodes per axis.
    own: The LUT as its file has it; None for what a model holds.
    network: `rgb [..., 3] -> [..., 3]` float32, what a model gives for each colour,
      for the caller to jit; None for a file, and for looks run backwards.
    title: Of the file.
    comments: Of the file.
    dense: Like `decode`, with a curve in front that places nodes densely in the dark.
    chain: The steps of a file or of a transform between colour spaces, where they are
      more than one LUT; `own` is None then.
  """

  decode: Callable[[int], lattice.Lut]
  own: lattice.Lut | None = None
  network: Callable[[Array], Array] | None = None
  title: str = ''
  comments: tuple[str, ...] = ()
  dense: Callable[[int], lattice.Lut] | None = None
  chain: chain_lib.Chain | None = None


class Spaces(NamedTuple):
  """The colour spaces of `--from` and `--to`, in the config that `--lut` names."""

  source: str
  target: str


def of_lut(lut: lattice.Lut) -> Look:
  """Returns the look of a LUT; other nodes are evaluated tetrahedrally."""
  return Look(
    lambda size: tabulate.bake(lut, size, method='tetrahedral'),
    own=lut,
  )


def of_chain(chain: chain_lib.Chain) -> Look:
  """Returns the look of a chain: of its one LUT where it is no more than that."""
  lut = chain_lib.as_lut(chain)
  if lut is not None:
    return of_lut(lut)
  return Look(functools.partial(chain_lib.bake, chain), chain=chain)


def open_files(
  names: Sequence[str], layout: str | None = None, spaces: Spaces | None = None
) -> tuple[str, Look]:
  """Opens LUT files as one look, each given what the one before makes.

  Args:
    names: Of the files; `identity` is one, too.
    layout: Of those that are pictures, see `luts.load`.
    spaces: Where the one file is an OCIO config.

  Returns:
    Its name for output, and the look.

  Raises:
    InputError: on whatever is missing or damaged, or does not go together.
  """
  for lut in names:
    if spaces is None and (lut.startswith('ocio://') or lut.endswith('.ocio')):
      raise errors.InputError(
        f'--lut={lut}: found a config, expected --from and --to beside it'
      )
  pictures = [
    lut for lut in names if pathlib.Path(lut).suffix.lower() in images.EXTENSIONS
  ]
  if layout is not None and not pictures:
    found = ', '.join(names)
    raise errors.InputError(f'--layout={layout}: found {found}, expected a picture')
  if spaces is not None:
    if len(names) != 1:
      raise errors.InputError(
        f'--from and --to: found {len(names)} files in --lut, expected one config'
      )
    name = luts.file_name(f'{spaces.source} to {spaces.target}')
    return name, of_chain(ocio_files.between(names[0], *spaces))
  looks = [_of_file(lut, layout if lut in pictures else None) for lut in names]
  name = '-then-'.join(pathlib.Path(lut).stem for lut in names)
  if len(names) == 1:
    return name, looks[0]
  # Nothing is baked: the steps of all are one chain.
  return name, of_chain(sum(map(_steps, looks), ()))


def inverse_of(name: str, look: Look, say: Callable[[str], None]) -> Look:
  """Returns the inverse of the look of a file, which reports its error when made.

  Curves alone become curves.

  Args:
    name: Of the look.
    look: From `open_files`.
    say: Told of the error.

  Raises:
    InputError: on a look of several steps.
  """
  forward = look.own
  if look.chain is not None:
    raise errors.InputError(
      f'--inverse: found {chain_lib.describe(look.chain)}, expected a file of one '
      'lattice or of curves'
    )
  if forward is None:  # The identity, of any size.
    return look

  def decode(size: int) -> lattice.Lut:
    baked = inverse_lattice.bake(forward, size)
    say(f'{name}: {round_trip.file_statement(forward, baked)}')
    return baked.lut

  if not lattice.is_curves(forward):
    return Look(decode)
  curves = inverse_lattice.bake_curves(forward)
  say(f'{name}: {round_trip.file_statement(forward, curves)}')
  return Look(decode, own=curves.lut)


def _steps(look: Look) -> chain_lib.Chain:
  """Returns the look of a file as steps; the identity has none."""
  if look.own is not None:
    return chain_lib.of_lut(look.own)
  return look.chain or ()


def _of_file(lut: str, layout: str | None) -> Look:
  """Opens a LUT file."""
  if lut == 'identity':
    return Look(lambda size: lattice.from_table(lattice.identity(size)))
  if pathlib.Path(lut).suffix.lower() in (*ocio_files.EXTENSIONS, *ocio_files.NAMED):
    content = files.read_bytes(lut, error=errors.LutError)
    return of_chain(ocio_files.decode(content, lut))
  looks, problems = luts.load([lut], layout=layout)
  if problems:
    raise errors.LutError(problems[0])
  if len(looks) != 1:
    raise errors.InputError(f'--lut={lut}: found {len(looks)} LUTs, expected one')
  (found,) = looks
  return of_lut(found.lut)._replace(title=found.title, comments=found.comments)
