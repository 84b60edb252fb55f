"""Maps of colours that depend on settings, such as exposure: 4 and 5 dimensions.

A place is a colour and K settings, `[..., 3 + K]` in [0, 1], as the axes of a lattice
have it (`lut.lattice`). Models with `Model.settings` take the two apart. They are
fitted by `fit` as all models are; only the sampler is another. Where settings are
fixed (`bind`), what is left is a model of looks.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.codec import labels
from lutjax.fit import loop
from lutjax.looks import decoding
from lutjax.lut import interpolate, lattice, tabulate
from lutjax.types import Array, Batch, Key, Loaded, Model, PyTree, Variables

# What places should become: (data, places [B, 3 + K]) -> [B, 3].
Truth = Callable[[PyTree, Array], Array]


def of_lattice(data: PyTree, places: Array) -> Array:
  """Returns what a lattice says of places, read multilinearly.

  Args:
    data: `table` `[N1, ..., ND, 3]` in [0, 1]; where there are `sizes` `[D]`, so many
      of its nodes per axis count.
    places: `[..., D]`.
  """
  table = data['table']
  if 'sizes' in data:
    last = np.array(table.shape[:-1], np.float32) - 1.0
    places = places * ((data['sizes'] - 1).astype(jnp.float32) / last)
  return interpolate.trilinear(table, places)


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

  Where the batch is no multiple of the maps, the surplus of some that are drawn anew
  each time is left out.

  Args:
    count: K, settings beside the colour.
    truth: Of one map; data are stacks `[L, ...]`.
  """

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    maps = jax.tree.leaves(data)[0].shape[0]
    each = -(-batch_size // maps)
    place_key, kept_key = key, None
    if batch_size % maps:
      place_key, kept_key = jax.random.split(key)
    places = jax.random.uniform(place_key, (maps, each, 3 + count))
    target = jax.vmap(truth)(data, places)
    batch = {**query(places), 'target': target}
    flat = {name: leaf.reshape(maps * each, -1) for name, leaf in batch.items()}
    flat['lut'] = jnp.repeat(jnp.arange(maps), each)
    if kept_key is None:
      return flat
    kept = jax.random.permutation(kept_key, maps * each)[:batch_size]
    return {name: leaf[kept] for name, leaf in flat.items()}

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


def count_of(model: Model, config: Any) -> int:
  """Returns how many settings a model takes.

  Args:
    model: What the model offers.
    config: The model's.
  """
  return 0 if model.settings is None else model.settings(config)


def with_count(model: Model, config: Any, count: int) -> Any:
  """Returns a model's config for samples of so many settings beside colours.

  Args:
    model: What the model offers.
    config: The model's.
    count: K, none for samples of colours alone.

  Raises:
    InputError: if the model takes none, or its config says another number.
  """
  if not count:
    decoding.check_colours_alone(model, config)
    return config
  if model.with_settings is None:
    raise errors.InputError(
      f'--luts: found maps with settings, expected looks for a {model.name}'
    )
  found = count_of(model, config)
  if found not in (0, count):
    raise errors.InputError(
      f'--luts: found maps of {count} settings, expected {found}, as the config says '
      'instead of leaving it to the maps'
    )
  try:
    return model.with_settings(config, count)
  except ValueError as error:
    raise errors.InputError(f'--set: {error}') from error


def at(loaded: Loaded, places: Array, weights: Array | np.ndarray) -> Array:
  """Evaluates a model of looks with settings; the caller may jit this.

  Args:
    loaded: The model.
    places: `[..., 3 + K]`.
    weights: `[L]`, which of its looks are mixed.
  """
  model, config, variables = loaded
  if model.query is None:
    raise ValueError(f'Expected a model of looks, got {model.name}.')
  asked = query(places)
  mixed = model.query(config, asked['rgb'], jnp.asarray(weights, jnp.float32))
  return model.apply(config, variables, {**mixed, **asked})


def describe(looks: Sequence[labels.Label]) -> str:
  """Returns the names of the settings of looks, each once, as text."""
  names = [setting.name for look in looks for setting in look.settings]
  return ', '.join(dict.fromkeys(names)) or 'no names'


def bind(loaded: Loaded, values: Mapping[str, float], used: Sequence[bool]) -> Loaded:
  """Returns the model of looks that one with settings is where these are fixed.

  Args:
    loaded: The model; each look names its settings.
    values: In [0, 1], by name; those of other names change nothing.
    used: `[L]`, the looks that are asked for; those that lack a value must not be.

  Raises:
    InputError: where a value is missing, or an artefact does not name its settings.
  """
  model, looks = loaded.model, loaded.config.looks
  count = count_of(model, loaded.config)
  if any(len(look.settings) != count for look in looks):
    raise errors.InputError(
      f'--settings: found {describe(looks)} for {count} inputs of a {model.name}, '
      'expected a name for each'
    )
  rows = []
  for look, wanted in zip(looks, used):
    names = [setting.name for setting in look.settings]
    missing = [name for name in names if name not in values]
    if missing and wanted:
      raise errors.InputError(
        f'--settings: found no value for {", ".join(missing)} of {look.name}, expected '
        f'{",".join(f"{name}:VALUE" for name in names)} with values from 0 to 1'
      )
    rows.append(tuple(values.get(name, 0.0) for name in names))
  return loaded._replace(model=_bound(model, tuple(rows)))


@functools.lru_cache(64)
def _bound(model: Model, rows: tuple[tuple[float, ...], ...]) -> Model:
  """Returns a model whose queries carry settings `[L, K]`, by look.

  The same function each time, so that models alike share their programs.
  """

  def ask(config: Any, rgb: Array, weights: Array) -> Batch:
    if model.query is None:
      raise ValueError(f'Expected a model of looks, got {model.name}.')
    fixed = jnp.matmul(weights, jnp.array(rows, jnp.float32), precision='highest')
    fixed = jnp.broadcast_to(fixed, (*rgb.shape[:-1], fixed.shape[-1]))
    return {**model.query(config, rgb, weights), 'settings': fixed}

  # Whatever else a model offers knows nothing of settings.
  return model._replace(
    query=ask,
    settings=None,
    with_settings=None,
    tabulate=None,
    linearize=None,
    library=None,
    invertible=None,
    inverse_lattice=None,
  )
