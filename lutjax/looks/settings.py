"""Maps of colours that depend on settings, such as exposure: 4 and 5 dimensions.

A place is a colour and K settings, `[..., 3 + K]` in [0, 1], as the axes of a lattice
have it (`lut.lattice`). Models with `Model.settings` take the two apart. They are
fitted by `fit` as all models are; only the sampler is another.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lutjax.fit import loop
from lutjax.lut import interpolate, lattice, tabulate
from lutjax.types import Array, Batch, Key, Model, PyTree, Variables

# What places should become: (data, places [B, 3 + K]) -> [B, 3].
Truth = Callable[[PyTree, Array], Array]


def of_lattice(data: PyTree, places: Array) -> Array:
  """Returns what a lattice says of places, read multilinearly.

  Args:
    data: `table` `[N1, ..., ND, 3]` in [0, 1].
    places: `[..., D]`.
  """
  return interpolate.trilinear(data['table'], places)


def sampler(count: int, truth: Truth = of_lattice) -> loop.Sampler:
  """Returns the function that draws uniform places and asks what they should become.

  Args:
    count: K, settings beside the colour.
    truth: The map, of the data of a job.
  """

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    places = jax.random.uniform(key, (batch_size, 3 + count))
    return {**query(places), 'target': truth(data, places)}

  return sample


def several(count: int, truth: Truth = of_lattice) -> loop.Sampler:
  """Returns the sampler of one model of many maps, equally many places of each.

  Args:
    count: K, settings beside the colour.
    truth: Of one map; data are stacks `[L, ...]`. Batches are multiples of L.
  """

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    maps = jax.tree.leaves(data)[0].shape[0]
    each, rest = divmod(batch_size, maps)
    if rest:
      raise ValueError(f'Expected a batch_size of {maps} times n, got {batch_size}.')
    places = jax.random.uniform(key, (maps, each, 3 + count))
    target = jax.vmap(truth)(data, places)
    batch = {**query(places), 'target': target}
    flat = {name: leaf.reshape(batch_size, -1) for name, leaf in batch.items()}
    return {**flat, 'lut': jnp.repeat(jnp.arange(maps), each)}

  return sample


def query(places: Array) -> Batch:
  """Returns places as a batch has them: `rgb`, and `settings` where there are some.

  Args:
    places: `[..., 3 + K]`.
  """
  if places.shape[-1] == 3:
    return {'rgb': places}
  return {'rgb': places[..., :3], 'settings': places[..., 3:]}


def to_lattice(
  model: Model,
  config: Any,
  variables: Variables,
  sizes: Sequence[int],
  more: Batch | None = None,
) -> lattice.Lut:
  """Evaluates a model at the nodes of a lattice of 3 + K dimensions.

  Args:
    model: What the model offers.
    config: The model's.
    variables: The model.
    sizes: Nodes per axis, those of red, green and blue first.
    more: What the batch has besides, such as `lut`.

  Raises:
    ValueError: if the model takes another number of settings.
  """
  wanted = 3 + (0 if model.settings is None else model.settings(config))
  if len(sizes) != wanted:
    raise ValueError(f'Expected sizes of {wanted} axes, got {tuple(sizes)}.')

  def evaluate(places: Array) -> Array:
    return model.apply(config, variables, {**query(places), **(more or {})})

  return tabulate.from_function(evaluate, sizes)
