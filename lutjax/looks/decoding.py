"""Decoding models to LUTs, and to inverse LUTs."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import artefacts, errors
from lutjax.codec import labels
from lutjax.looks import unit_cube
from lutjax.lut import lattice, tabulate
from lutjax.types import Array, Batch, Loaded, Model, Variables

# Default nodes per axis of a model that is exported, and that is applied.
EXPORT_SIZE = 33
APPLY_SIZE = 65
# Of the iteration that runs looks backwards, at most.
_RESIDUAL = 1e-4


def query(model: Model, config: Any, rgb: Array, weights: Array) -> Batch:
  """Returns the batch that asks a model for a mix of its looks.

  Args:
    model: What the model offers.
    config: The model's.
    rgb: `[..., 3]` float32 in the unit cube.
    weights: `[L]` float32.

  Raises:
    ValueError: if the model holds no looks.
    InputError: if the model takes settings beside colours.
  """
  if model.query is None:
    raise ValueError(f'Expected a model of looks, got {model.name}.')
  check_colours_alone(model, config)
  return model.query(config, rgb, weights)


def check_colours_alone(model: Model, config: Any) -> None:
  """Raises an `InputError` where a model takes settings beside colours.

  Args:
    model: What the model offers.
    config: The model's.
  """
  count = 0 if model.settings is None else model.settings(config)
  if count:
    raise errors.InputError(
      f'{model.name}: found settings={count} beside the colour, expected a model of '
      'colours alone'
    )


def decoder(
  model: Model, config: Any, size: int
) -> Callable[[Variables, Array], Array]:
  """Returns `(variables, weights) -> lattice`, which the caller may jit.

  Args:
    model: What the model offers.
    config: The model's.
    size: Nodes per axis.

  Returns:
    The function. `weights` `[L]` float32 mix the looks of the model; the
    lattice is `[size, size, size, 3]` float32 on the unit cube.

  Raises:
    InputError: if the model takes settings beside colours.
  """
  check_colours_alone(model, config)
  if model.tabulate is not None:
    quick = model.tabulate
    return lambda variables, weights: quick(config, variables, weights, size)

  def decode(variables: Variables, weights: Array) -> Array:
    return tabulate.tabulate(
      lambda rgb: model.apply(config, variables, query(model, config, rgb, weights)),
      size,
    )

  return decode


def decode(loaded: Loaded, weights: np.ndarray, size: int) -> lattice.Lut:
  """Decodes a look, or a mix of looks, to a LUT over its own domain and range.

  Args:
    loaded: The model.
    weights: `[L]` float32, sum 1.
    size: Nodes per axis.

  Returns:
    The LUT; where the look's label has a curve, with that curve in front.

  Raises:
    InputError: when looks of different domains, curves, ranges or settings are mixed.
  """
  return unit_cube.to_lut(*decoded(loaded, weights, size))


def decoded(
  loaded: Loaded, weights: np.ndarray, size: int
) -> tuple[labels.Label, np.ndarray]:
  """Returns the label of what is decoded, and its lattice on the unit cube.

  Args:
    loaded: The model.
    weights: `[L]` float32, sum 1.
    size: Nodes per axis.

  Raises:
    InputError: as `decode` does.
  """
  used = [label for label, w in zip(loaded.config.looks, weights) if w]
  for label in used[1:]:
    if not used[0].mixes_with(label):
      raise errors.InputError(
        f'--blend: {used[0].name} and {label.name} have different domains, curves, '
        'ranges or settings'
      )
  table = _jitted_decoder(loaded.model, unlabelled(loaded.config), size)(
    loaded.variables, jnp.array(weights)
  )
  return used[0], np.asarray(table)


def evaluate(loaded: Loaded, weights: np.ndarray, rgb: Array) -> Array:
  """Evaluates a model at colours; the caller may jit this.

  Args:
    loaded: The model.
    weights: `[L]` float32, sum 1, of looks of one domain, curve and range.
    rgb: `[..., 3]` float32 in the domain of the looks; clamped to it.

  Returns:
    `[..., 3]` float32 in their range.
  """
  model, config = loaded.model, unlabelled(loaded.config)
  label = loaded.config.looks[int(np.argmax(weights))]
  unit = unit_cube.to_unit(label, rgb)
  batch = query(model, config, unit, jnp.asarray(weights, jnp.float32))
  return unit_cube.from_unit(label, model.apply(config, loaded.variables, batch))


def unlabelled(config: Any) -> Any:
  """Returns a model's config without its labels: one program for models alike."""
  return dataclasses.replace(config, looks=())


@functools.lru_cache(16)
def _jitted_decoder(
  model: Model, config: Any, size: int
) -> Callable[[Variables, Array], Array]:
  """Compiles once for all looks of a model, and for models of one form."""
  return jax.jit(decoder(model, config, size))


@functools.lru_cache(16)
def _jitted_inverse(
  inverse_lattice: Callable[..., Any], config: Any, size: int
) -> Callable[[Variables, int], Any]:
  return jax.jit(
    lambda variables, index: inverse_lattice(config, variables, index, size)
  )


def check_invertible(item: artefacts.Opened) -> None:
  """Raises an `InputError` where the looks of a model have no inverse."""
  model, config = item.loaded.model, item.loaded.config
  if model.invertible is None or not model.invertible(config):
    raise errors.InputError(
      f'--inverse: {item.path} is not bijective, expected a lutflow fitted with '
      '--config=configs/lutflow_bijective.py'
    )


def invert(loaded: Loaded, index: int, size: int) -> lattice.Lut:
  """Returns the LUT from the range of a look back to its domain.

  Args:
    loaded: A model whose looks can be run backwards (`check_invertible`).
    index: Of the look.
    size: Nodes per axis.

  Raises:
    InputError: when the iteration does not come to an end, or the look has a
      curve that neither rises nor falls throughout.
  """
  inverse_lattice = loaded.model.inverse_lattice
  if inverse_lattice is None:
    raise ValueError(f'Expected a model with an inverse, got {loaded.model.name}.')
  label, config = loaded.config.looks[index], unlabelled(loaded.config)
  solved = _jitted_inverse(inverse_lattice, config, size)(loaded.variables, index)
  residual = float(np.max(solved.residual))
  if residual > _RESIDUAL:
    raise errors.InputError(
      f'--inverse: {label.name} squeezes colours too closely to be told apart: a '
      f'residual of {residual:.2g} is left, expected {_RESIDUAL:g} at most'
    )
  table = unit_cube.invert_curve(label, np.asarray(solved.rgb))
  low, high = (np.array(row, np.float32) for row in label.domain)
  edges = tuple((value,) * 3 for value in label.range)
  return lattice.from_table(low + (high - low) * table, edges)
