"""Adding looks to a finished LutFlow and removing them; the network is unchanged.

A new look needs only a code. With the network frozen, every output of a
colour depends on the few biases of that code, so that three backward passes
give the whole Jacobian and a damped Gauss-Newton step solves a system as small
as the code (Levenberg-Marquardt, reweighted so that CIE76 and not its square
is made least).

The looks that stay keep their bits where steps are learned. Those of `int8` and
the like follow the largest code, and so may move by a fraction of a step.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.codec import labels
from lutjax.color import spaces
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import residual_correction
from lutjax.types import Array, PyTree, Variables

# CIE76 below which errors count squared.
_SOFT = 0.5


def fit_code(
  shape: residual_flow.Shape,
  flow: PyTree,
  codes: Array,
  rgb: Array,
  target: Array,
  *,
  step: Array | None = None,
  iterations: int = 24,
) -> tuple[Array, Array]:
  """Finds the code of a new look.

  Args:
    shape: The flow's form.
    flow: Its parameters, frozen.
    codes: `[L, T]`, of the looks that are there; the nearest is the start.
    rgb: `[B, 3]`, where the look is known.
    target: `[B, 3]`, what it gives there.
    step: `[T]`, learned steps; the code is rounded to multiples of them.
    iterations: Of Gauss-Newton.

  Returns:
    The code `[T]` and its mean CIE76 on these colours.
  """
  target_lab = spaces.srgb_to_lab(target)

  def gap(code: Array) -> Array:
    raw = residual_flow.apply(shape, flow, rgb, code)
    above, below = (target >= 1.0) & (raw > 1.0), (target <= 0.0) & (raw < 0.0)
    return spaces.srgb_to_lab(jnp.where(above | below, target, raw)) - target_lab

  def cost(code: Array) -> Array:
    return jnp.mean(jnp.sqrt(jnp.sum(gap(code) ** 2, -1) + _SOFT**2))

  def system(code: Array) -> tuple[Array, Array]:
    left, pull = jax.vjp(gap, jnp.broadcast_to(code, (rgb.shape[0], code.shape[0])))
    basis = jnp.broadcast_to(jnp.eye(3)[:, None], (3, *left.shape))
    rows = jax.vmap(pull)(basis)[0]
    weight = jax.lax.rsqrt(jnp.sum(left**2, -1) + _SOFT**2)
    normal = jnp.einsum('cbi,cbj,b->ij', rows, rows, weight, precision='highest')
    return normal, jnp.einsum('cbi,bc,b->i', rows, left, weight, precision='highest')

  def move(carry: tuple[Array, Array, Array], _: None) -> tuple:
    code, least, damping = carry
    normal, slope = system(code)
    ridge = damping * (jnp.diag(jnp.diag(normal)) + 1e-3 * jnp.eye(len(slope)))
    tried = code - jax.scipy.linalg.solve(normal + ridge, slope, assume_a='pos')
    found = cost(tried)
    better = found < least
    code, least = jnp.where(better, tried, code), jnp.where(better, found, least)
    return (code, least, damping * jnp.where(better, 0.4, 5.0)), None

  some = slice(None, None, max(1, rgb.shape[0] // 256))

  def distance(code: Array) -> Array:
    raw = residual_flow.apply(shape, flow, rgb[some], code)
    lab = spaces.srgb_to_lab(jnp.clip(raw, 0.0, 1.0))
    return jnp.mean(jnp.sum((lab - target_lab[some]) ** 2, -1))

  start = codes[jnp.argmin(jax.lax.map(distance, codes))]
  first = (start, cost(start), jnp.float32(0.01))
  (code, _, _), _ = jax.lax.scan(move, first, length=iterations)
  if step is not None:
    # In float32 the making up may run away where numbers hardly differ in effect.
    plain, corrected = (
      step * jnp.round(code / step),
      _rounded(code, step, system(code)[0]),
    )
    code = jnp.where(cost(corrected) < cost(plain), corrected, plain)
  return code, jnp.mean(jnp.sqrt(jnp.sum(gap(code) ** 2, -1)))


def add(
  config: lutflow.Config,
  variables: Variables,
  label: labels.Label,
  code: np.ndarray,
  level: int,
  spectra: np.ndarray,
) -> tuple[lutflow.Config, Variables]:
  """Returns the model with one look more, the last.

  Args:
    config: The model's.
    variables: The model, host arrays.
    label: Of the new look.
    code: `[T]`, from `fit_code`; rounded when exported.
    level: Of its residual correction; 0 is none.
    spectra: `[K, K, K, 3]` of its residual correction.
  """
  params = {**variables.params}
  params['codes'] = np.concatenate([params['codes'], np.asarray(code)[None]])
  correction = _correction_of(variables)
  stats = {**variables.stats}
  if 'correction' in stats or level:
    stats['correction'] = {
      'levels': np.append(correction['levels'], level),
      'spectra': np.concatenate([correction['spectra'], spectra[None]]),
    }
  config = dataclasses.replace(config, looks=(*config.looks, label))
  return config, Variables(params, stats)


def keep(
  config: lutflow.Config, variables: Variables, indices: Sequence[int]
) -> tuple[lutflow.Config, Variables]:
  """Returns the model with some of its looks, in the order given.

  Args:
    config: The model's.
    variables: The model.
    indices: Of the looks to keep.
  """
  at = np.array(indices, np.int64)
  params = {**variables.params, 'codes': np.asarray(variables.params['codes'])[at]}
  stats = {**variables.stats}
  if 'correction' in stats:
    stats['correction'] = jax.tree.map(
      lambda leaf: np.asarray(leaf)[at], stats['correction']
    )
  looks = tuple(config.looks[i] for i in at)
  return dataclasses.replace(config, looks=looks), Variables(params, stats)


def _rounded(code: Array, step: Array, normal: Array) -> Array:
  """Rounds one number after the other; the rest compensate for each.

  What a rounded number moves is taken back by those not rounded yet, as the
  normal matrix tells (Hassibi and Stork's optimal brain surgeon, 1993).
  """
  size = code.shape[0]
  damping = 1e-3 * jnp.trace(normal) / size * jnp.eye(size)
  inverse = jnp.linalg.inv(normal + damping)
  order = jnp.argsort(-step * jnp.sqrt(jnp.diag(normal)))

  def one(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
    code, inverse = carry
    at = order[i]
    row, pivot = inverse[at], jnp.maximum(inverse[at, at], 1e-12)
    off = code[at] - step[at] * jnp.round(code[at] / step[at])
    left = jnp.outer(row, row) / pivot
    moved = (code - row * off / pivot).at[at].set(code[at] - off)
    return moved, inverse - left

  code, _ = jax.lax.fori_loop(0, size, one, (code, inverse))
  return step * jnp.round(code / step)


def _correction_of(variables: Variables) -> PyTree:
  if 'correction' in variables.stats:
    return jax.tree.map(np.asarray, variables.stats['correction'])
  count, order = len(variables.params['codes']), residual_correction.ORDER
  return {
    'levels': np.zeros(count, np.int64),
    'spectra': np.zeros((count, order, order, order, 3), np.int16),
  }
