"""Reading weights that the NILUT repository publishes.

An `.npz` archive of `net.{0, 2, 4, ...}.{weight, bias}`, weights
`[outputs, inputs]`: a ReLU layer, Tanh layers, a linear layer. Inputs beyond
the three of the colour are weights of styles, which have no names there.
"""

import io
import itertools
import re
import zipfile

import numpy as np

from lutjax import errors
from lutjax.codec import labels
from lutjax.systems.nilut import model as nilut
from lutjax.types import Loaded, Variables

_MAX_BYTES = 1 << 28


def claims(content: bytes) -> bool:
  """Returns whether a file is a zip archive, as `.npz` is."""
  return content[:4] == b'PK\x03\x04'


def load(content: bytes, source: str) -> Loaded:
  """Reads the archive.

  Args:
    content: The file.
    source: Named in errors.

  Returns:
    The network; styles are called `style-1` and on.

  Raises:
    ArtefactError: when the archive is damaged or holds anything else.
  """
  layers = _layers(_arrays(content, source), source)
  shapes = [layer['weight'].shape for layer in layers]
  chained = all(one[1] == two[0] for one, two in itertools.pairwise(shapes))
  if len(layers) < 2 or not chained or shapes[0][0] < 3 or shapes[-1][1] != 3:
    raise errors.ArtefactError(
      f'{source}: found layers of shapes {shapes}, expected a network of colours'
    )
  styles = shapes[0][0] - 3
  config = nilut.Config(
    widths=tuple(shape[1] for shape in shapes[:-1]),
    activations=('relu',) + ('tanh',) * (len(layers) - 2),
    encoding='unit',
    start='uniform',
    loss='clamped',
    precision='fp32',
    styles='inputs' if styles else 'one',
    looks=tuple(labels.Label(f'style-{i + 1}') for i in range(max(1, styles))),
  )
  return Loaded(nilut.MODEL, config, Variables(layers))


def _arrays(content: bytes, source: str) -> dict[str, np.ndarray]:
  try:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
      if sum(item.file_size for item in archive.infolist()) > _MAX_BYTES:
        raise ValueError(f'more than {_MAX_BYTES} bytes')
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
      return {name: archive[name] for name in archive.files}
  except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
    raise errors.ArtefactError(
      f'{source}: found an archive that cannot be read: {error}'
    ) from error


def _layers(arrays: dict[str, np.ndarray], source: str) -> list[dict[str, np.ndarray]]:
  numbers = {}
  for name in arrays:
    match = re.fullmatch(r'net\.(\d+)\.(weight|bias)', name)
    if not match:
      raise errors.ArtefactError(
        f'{source}: found {name!r}, expected an artefact, or published weights '
        'net.0.weight and on'
      )
    numbers.setdefault(int(match[1]), {})[match[2]] = arrays[name]
  layers = []
  for number, layer in sorted(numbers.items()):
    weight, bias = layer.get('weight'), layer.get('bias')
    if (
      weight is None
      or bias is None
      or weight.dtype != np.float32
      or weight.ndim != 2
      or bias.shape != weight.shape[:1]
    ):
      raise errors.ArtefactError(
        f'{source}: found no layer in net.{number}, expected float32 weight '
        '[outputs, inputs] and bias [outputs]'
      )
    layers.append({'weight': weight.T.copy(), 'bias': bias.astype(np.float32)})
  return layers
