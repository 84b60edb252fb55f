"""Fitting one network to several looks, its styles.

As `looks.task`, but all looks go into one job. A step samples either every style at
every colour, or mixes of styles at trained blend points.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import artefacts, errors, experiment
from lutjax import config as config_lib
from lutjax.data import synthetic
from lutjax.fit import loop
from lutjax.looks import decoding, normalized, style_weights, unit_cube
from lutjax.looks import report as look_report
from lutjax.looks import task as looks
from lutjax.report import page, plots
from lutjax.types import Array, Batch, Key, Loaded, PyTree

# Of the mixes that a report shows.
_STRIP = (160, 240)
_SIZE = 33


@dataclasses.dataclass(frozen=True)
class Config(looks.Config):
  """How looks are normalised and scored.

  Attributes:
    together: One network for all looks.
    curves: Baked, since looks with curves of their own beside the network cannot
      be mixed.
    drawn: `each` style at every colour, for networks with a head per style;
      or `mixed`, a style or blend point for each colour, for networks that
      take the weights as inputs.
    blend_points: With `mixed`, how many blends are trained beside the styles
      themselves, in the order of `style_weights.blend_points`; 0 draws any blend.
  """

  together: bool = True
  curves: normalized.Curves = 'baked'
  drawn: Literal['each', 'mixed'] = 'each'
  blend_points: int = 1

  def __post_init__(self):
    super().__post_init__()
    config_lib.check_ranges(self, blend_points='[0, inf)')

  def on_pictures(self) -> dict[str, Any] | None:
    return {
      'together': True,
      'drawn': self.drawn,
      'blend_points': self.blend_points,
    }


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the looks of `sources.luts` into one job; see `looks.gather`.

  Args:
    config: The task, with `together`.
    sources: What the user gave.
    say: Told what is skipped.

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
    style = style_weights.draw(
      style_key, batch_size, targets.shape[-2], config.blend_points
    )
    target = jnp.sum(targets * style[..., None], axis=-2)
    return {'rgb': rgb, 'style': style, 'target': target}

  return sample


def every_style(config: looks.Config, data: PyTree, rgb: Array) -> Array:
  """Returns colours under all styles, `[..., S, 3]`.

  Args:
    config: `interpolation` between nodes.
    data: Of all styles, stacked `[S, ...]`; see `normalized.truth`.
    rgb: `[..., 3]` in [0, 1].
  """
  one = jax.vmap(
    lambda look: normalized.truth(look, rgb, config.interpolation), out_axes=-2
  )
  return one(data)


def report(finished: experiment.Finished) -> pathlib.Path:
  """Writes the report of a run, with a strip of mixes; see `looks.report.write`."""
  figures = []
  single = finished.folder / f'model{artefacts.SUFFIX}'
  several = len(finished.gathered.context) > 1
  if finished.records and single.is_file() and several:
    loaded = finished.load(single.read_bytes(), str(single))
    held = loaded.config.looks
    if all(held[0].mixes_with(label) for label in held):
      figures = [strip(loaded, synthetic.photo(0, *_STRIP))]
  return look_report.write(finished, figures)


def strip(loaded: Loaded, photo: np.ndarray) -> page.Figure:
  """Draws a photo under mixes between each style and the next.

  Args:
    loaded: The model; its first four looks are shown. All can be mixed.
    photo: `[H, W, 3]` float32 in [0, 1].
  """
  model, config = loaded.model, loaded.config
  held = config.looks
  shown = min(4, len(held))
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
      model.apply(
        config, loaded.variables, decoding.query(model, config, seen, weights)
      ),
    )
  )
  pixels = plots.strip([np.asarray(apply(mix)) for mix in mixes], names, columns=5)
  caption = 'Mixes of the looks on a made-up photo, from each look to the next.'
  return page.Figure('mixes', caption, pixels)


TASK = looks.TASK._replace(
  name='nilut',
  config=Config,
  on_ray=False,
  gather=gather,
  sampler=sampler,
  report=report,
)
