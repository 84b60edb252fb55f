"""Fitting one network to several looks, its styles.

As `tasks.looks`, but all looks go into one job. What a step shows of them is
either every style at every colour, or styles mixed at trained blend points.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors, models
from lutjax.data import synthetic
from lutjax.fit import loop
from lutjax.report import page, plots
from lutjax.tasks import (
  experiment,
  look_report,
  looks,
  presenting,
  shipping,
  unit_cube,
)
from lutjax.types import Array, Batch, Key, PyTree

# Of the mixes that a report shows.
_STRIP = (160, 240)
_SIZE = 33


@dataclasses.dataclass(frozen=True)
class Config(looks.Config):
  """How looks are presented and scored.

  Attributes:
    together: One network for all looks.
    curves: Baked, since looks with curves of their own beside the network cannot
      be mixed.
    drawn: `each` style at every colour, for networks with a head per style;
      or `mixed`, a style or blend point for each colour, for networks that
      take the weights as inputs.
    blend_points: With `mixed`, how many blends are trained beside the styles
      themselves, in the order of `blend_points`; 0 draws any blend.
  """

  together: bool = True
  curves: presenting.Curves = 'baked'
  drawn: Literal['each', 'mixed'] = 'each'
  blend_points: int = 1

  def __post_init__(self):
    super().__post_init__()
    config_lib.check_ranges(self, blend_points='[0, inf)')


def blend_points(styles: int, count: int) -> np.ndarray:
  """Returns style weights to train at.

  Args:
    styles: S.
    count: How many blends. The first is the equal mix of all styles, as
      published; then the equal mixes of two styles, of three, and so on up to
      all but one; then mixes with one style at two thirds.

  Returns:
    `[S + count, S]` float32, the styles alone first; rows of sum 1.

  Raises:
    ValueError: if there are not so many.
  """
  points = [np.full(styles, 1.0 / styles)]
  for size in range(2, styles):
    for chosen in itertools.combinations(range(styles), size):
      points.append(np.isin(np.arange(styles), chosen) / size)
  points += [
    (2.0 * one + points[0]) / 3.0 if styles > 1 else one for one in np.eye(styles)
  ]
  if count > len(points):
    raise ValueError(
      f'Expected at most {len(points)} blend points for {styles} styles, got {count}.'
    )
  return np.concatenate([np.eye(styles), points[:count]]).astype(np.float32)


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the looks of `sources.luts` into one job; see `looks.gather`.

  Raises:
    InputError: when there is no look, or looks that cannot be mixed.
  """
  if not config.together:
    raise errors.InputError('--set=together: found false, expected one network')
  return looks.gather(config, sources, say)


def sampler(config: Config) -> loop.Sampler:
  """Returns the function that draws colours, styles and targets."""

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    colour_key, style_key = jax.random.split(key)
    rgb = looks.draw_colours(config, colour_key, batch_size)
    targets = every_style(config, data, rgb)
    if config.drawn == 'each':
      return {'rgb': rgb, 'target': targets}
    style = draw_weights(config, style_key, batch_size, targets.shape[-2])
    target = jnp.sum(targets * style[..., None], axis=-2)
    return {'rgb': rgb, 'style': style, 'target': target}

  return sample


def every_style(config: looks.Config, data: PyTree, rgb: Array) -> Array:
  """Returns what all styles make of colours `[..., 3]`: `[..., S, 3]`."""
  one = jax.vmap(
    lambda look: presenting.truth(look, rgb, config.interpolation), out_axes=-2
  )
  return one(data)


def draw_weights(config: Config, key: Key, count: int, styles: int) -> Array:
  """Draws style weights `[count, S]` to train at."""
  if not config.blend_points:
    return jax.random.dirichlet(key, jnp.ones(styles), (count,))
  points = jnp.asarray(blend_points(styles, config.blend_points))
  return points[jax.random.randint(key, (count,), 0, len(points))]


def report(
  wanted: experiment.Experiment,
  folder: pathlib.Path,
  records: Sequence[Mapping[str, Any]],
  gathered: experiment.Gathered,
  problems: Sequence[str],
) -> pathlib.Path:
  """Writes the report of a run, with a strip of mixes; see `look_report.write`."""
  figures = []
  single = folder / f'model{shipping.SUFFIX}'
  if records and single.is_file() and len(gathered.context) > 1:
    loaded = models.load(single.read_bytes(), str(single))
    held = loaded.config.looks
    if all(held[0].mixes_with(label) for label in held):
      figures = [strip(loaded, synthetic.photo(0, *_STRIP))]
  return look_report.write(wanted, folder, records, gathered, problems, figures)


def strip(loaded: models.Loaded, photo: np.ndarray) -> page.Figure:
  """Draws a photo under mixes that lead from each style to the next.

  Args:
    loaded: The model; its first four looks are shown. All can be mixed.
    photo: `[H, W, 3]` float32 in [0, 1].
  """
  held = loaded.config.looks
  shown = min(4, len(held))
  module = models.module_of(loaded.config)
  unit = np.eye(len(held), dtype=np.float32)
  mixes, names = [], []
  for i, j in itertools.pairwise(range(shown)):
    for share in (0.0, 0.25, 0.5, 0.75):
      mixes.append((1.0 - share) * unit[i] + share * unit[j])
      names.append(
        f'{100 * share:.0f} % {held[j].name}' if share else f'{held[i].name} alone'
      )
  mixes += [unit[shown - 1], np.full(len(held), 1.0 / len(held), np.float32)]
  names += [f'{held[shown - 1].name} alone', f'all {len(held)}, equally']
  seen = unit_cube.to_unit(held[0], jnp.asarray(photo))
  apply = jax.jit(
    lambda weights: unit_cube.from_unit(
      held[0],
      module.apply(
        loaded.config, loaded.variables, module.query(loaded.config, seen, weights)
      ),
    )
  )
  pixels = plots.strip([np.asarray(apply(mix)) for mix in mixes], names, columns=5)
  caption = 'Mixes of the looks on a made-up photo, from each look to the next.'
  return page.Figure('mixes', caption, pixels)
