"""An Img2LUT as an artefact: its form, then its weights, then its library.

Weights are those of `params` in the order of their names, in the precision of the
config; vectors, and running statistics, are float32 in any case. Integers have a scale
for each column; of lattices that are mixed, for each lattice.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.codec import container, quantize
from lutjax.nn import resnet
from lutjax.systems.img2lut import heads, model
from lutjax.types import PyTree, Variables

_NAME = 'img2lut'
# What is learned for all pictures with a lattice in front: its columns are lattices.
_STACKED = ('bases', 'cores')
_FORM = (
  'side',
  'histogram',
  'interpolation',
  'precision',
  # By which lattices are fitted that stand beside the model in scores.
  'loss',
  'smoothness',
  'bending',
  'monotonicity',
  'all_axes',
  'neutrality',
  'energy',
)
# Of a layer, at most: a dense lattice of 65 nodes per axis has 823,875.
_MOST_UNITS, _MOST_LAYERS = 1 << 20, 64
# Characters of what a header says that messages repeat.
_SHOWN = 200


def export(config: model.Config, variables: Variables) -> bytes:
  """Packs a model.

  Args:
    config: The model's.
    variables: Of it.

  Returns:
    The artefact.
  """
  header = {
    'form': [getattr(config, name) for name in _FORM],
    'network': list(dataclasses.astuple(config.network)),
    'head': list(dataclasses.astuple(config.head)),
  }
  tensors: list[np.ndarray] = []
  for path, leaf in jax.tree_util.tree_leaves_with_path(variables.params):
    weight = _columns_last(path, np.asarray(leaf, np.float32))
    if weight.ndim < 2:
      tensors.append(weight)
    else:
      tensors += quantize.to_tensors(weight, config.precision)
  tensors += [np.asarray(leaf) for leaf in jax.tree.leaves(variables.stats)]
  if config.held is not None:
    tensors.append(np.frombuffer(config.held.content, np.uint8))
  return container.pack(_NAME, header, tensors)


def config_of(artefact: container.Artefact, source: str) -> model.Config:
  """Reads the config that an artefact carries.

  Args:
    artefact: Unpacked.
    source: Named in errors.

  Returns:
    The config; a library is held, but not opened.

  Raises:
    ArtefactError: when the header does not fit.
  """
  header = artefact.header
  try:
    network = config_lib.checked(resnet.Shape(*_tuples(header['network'])))
    head = config_lib.checked(heads.Shape(*_tuples(header['head'])))
    held = None
    if head.kind == 'library':
      held = model.Held(f'{source}: its library', artefact.tensors[-1].tobytes())
    form = dict(zip(_FORM, header['form'], strict=True))
    config = config_lib.checked(
      model.Config(network=network, head=head, held=held, **form)
    )
  except (KeyError, TypeError, ValueError, IndexError) as error:
    raise errors.ArtefactError(
      f'{source}: found an {_NAME} header that does not fit: {_brief(error)}'
    ) from error
  return config


def restore(
  config: model.Config, content: bytes, source: str = 'artefact'
) -> Variables:
  """Unpacks what `export` packed.

  Args:
    config: From `config_of`, its library opened.
    content: The artefact.
    source: Named in errors.

  Returns:
    Host arrays, float32.

  Raises:
    ArtefactError: when the artefact is damaged or of another form.
  """
  tensors = iter(container.unpack(content, source).tensors)
  try:
    shapes = _shapes(config)
    params = []
    leaves, structure = jax.tree_util.tree_flatten_with_path(shapes.params)
    for path, shape in leaves:
      blank = _columns_last(path, np.empty(shape.shape, np.bool_)).shape
      if len(blank) < 2:
        stored = next(tensors)
      else:
        stored = quantize.from_tensors(tensors, config.precision)
      if stored.shape != blank or stored.dtype != np.float32:
        raise ValueError(
          f'{jax.tree_util.keystr(path)} {stored.dtype} {list(stored.shape)}, '
          f'expected float32 {list(blank)}'
        )
      params.append(_columns_back(path, stored))
    stats = [next(tensors) for _ in jax.tree.leaves(shapes.stats)]
    wanted = [leaf.shape for leaf in jax.tree.leaves(shapes.stats)]
    if [(one.dtype, one.shape) for one in stats] != [(np.float32, s) for s in wanted]:
      raise ValueError('running statistics of another form')
    rest = len(list(tensors)) - (config.held is not None)
    if rest:
      raise ValueError(f'{rest} tensors more than expected')
  except errors.ArtefactError:
    raise
  except (StopIteration, ValueError) as error:
    raise errors.ArtefactError(
      f'{source}: found {_NAME} weights that do not fit: {error or "too few"}'
    ) from error
  return Variables(
    jax.tree.unflatten(structure, params),
    jax.tree.unflatten(jax.tree.structure(shapes.stats), stats),
  )


def _shapes(config: model.Config) -> Variables:
  """Returns the form of the variables; a header may claim anything."""
  features = config.features
  count = heads.outputs(config.head, config.functions)
  layers = (*config.head.hidden, *config.network.widths)
  most = max(features, count, config.network.stem, *layers, *config.head.ranks)
  if most > _MOST_UNITS or len(layers) > _MOST_LAYERS:
    raise ValueError(
      f'{len(layers)} layers of up to {most} units, expected at most {_MOST_LAYERS} '
      f'of {_MOST_UNITS}'
    )
  shapes = jax.eval_shape(lambda key: model.init(config, key), jax.random.key(0))
  size = sum(leaf.size for leaf in jax.tree.leaves(shapes))
  if size > model.MOST_PARAMETERS:
    raise ValueError(f'{size} parameters, expected at most {model.MOST_PARAMETERS}')
  return shapes


def _columns_last(path: Any, weight: np.ndarray) -> np.ndarray:
  """Puts the axis that has a scale each last."""
  if _is_stacked(path):
    return np.moveaxis(weight, 0, -1)
  return weight


def _columns_back(path: Any, weight: np.ndarray) -> PyTree:
  if _is_stacked(path):
    return np.ascontiguousarray(np.moveaxis(weight, -1, 0))
  return weight


def _is_stacked(path: Any) -> bool:
  return jax.tree_util.keystr(path[-1:], simple=True) in _STACKED


def _brief(value: Any) -> str:
  """Returns one short line, whatever a header says."""
  return ' '.join(str(value).split())[:_SHOWN]


def _tuples(values: Sequence[Any]) -> list[Any]:
  return [tuple(value) if isinstance(value, list) else value for value in values]
