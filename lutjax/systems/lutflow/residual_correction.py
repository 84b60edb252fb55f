"""Residual correction: cosine coefficients for the errors of a flow on a look.

The spectrum (`codec.spectrum`) of a look at one of several levels of step is
searched by synthesis: coefficients move down the gradient of the error
between display colours plus the price of their bits, rounded on the way
forward. So a coefficient that has no effect after the clamp, or none on the colour
difference, takes no bits. Which look gets which level is a knapsack problem, solved
by a price per byte.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lutjax.codec import spectrum
from lutjax.color import difference, spaces
from lutjax.types import Array, PyTree

SIZE = 33
ORDER = 17
# Level 0 is no correction; level n has this step, over sqrt(2)^(n - 1).
_COARSEST = 0.32
LEVELS = 12
_SLOPE = 0.2
# Price of a byte at a level, over the step: where both curves have one slope.
_PRICE = 0.075
_RATE = 0.15
# What an error beyond a share of the target counts on top: the worst looks, three
# times the mean and more, are corrected before all others.
_TAIL = ((1.0, 5.0), (1.6, 20.0))
# Of all that was searched, budgets that a curve shows.
_CURVE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)


class Candidates(NamedTuple):
  """Corrections of L looks at R levels, to choose from.

  Attributes:
    levels: `[R]`, the first is 0.
    spectra: `[R, L, K, K, K, 3]` int16.
    errors: `[R, L]` mean CIE76 on the lattice.
    size_bytes: `[R, L]` estimated.
  """

  levels: np.ndarray
  spectra: np.ndarray
  errors: np.ndarray
  size_bytes: np.ndarray


def steps(level: Array) -> Array:
  """Returns the steps of the coefficients at a level, `[K, K, K, 1]`."""
  coarse = _COARSEST * 2.0 ** (-0.5 * (level - 1.0))
  return coarse * jnp.asarray(
    1.0 + _SLOPE * spectrum.frequencies(ORDER)[..., None], jnp.float32
  )


def lattice(correction: PyTree, index: Array, size: int) -> Array:
  """Returns the correction of a look at the nodes of `[size, size, size, 3]`.

  Args:
    correction: `spectra` `[L, K, K, K, 3]` and `levels` `[L]` integers.
    index: Of the look.
    size: Nodes per axis.
  """
  waves = jnp.asarray(spectrum.basis(SIZE, ORDER, size))
  return _synthesise(_coefficients(correction, index), waves)


def at(correction: PyTree, rgb: Array, index: Array) -> Array:
  """Returns the corrections of looks at colours `[..., 3]`; see `lattice`.

  Args:
    correction: As `lattice` takes it.
    rgb: `[..., 3]`.
    index: Of the look of all colours, or `[...]`, of each.
  """
  if jnp.ndim(index):
    looks = jnp.broadcast_to(index, rgb.shape[:-1]).reshape(-1)
    colours = (rgb.reshape(-1, 1, 3), looks)
    each = jax.lax.map(lambda one: at(correction, *one), colours, batch_size=64)
    return each.reshape(rgb.shape)
  coefficients = _coefficients(correction, index)

  def one(colour: Array) -> Array:
    position = colour * (SIZE - 1.0) + 0.5
    frequency = jnp.arange(ORDER)
    scale = jnp.where(frequency == 0, 1.0, 2.0**0.5) / SIZE**0.5
    wave = scale * jnp.cos(jnp.pi / SIZE * position[:, None] * frequency)
    return jnp.einsum(
      'ijkc,i,j,k->c', coefficients, *wave, precision='highest'
    ) @ jnp.asarray(spectrum.OPPONENT)

  def corrected() -> Array:
    return jax.lax.map(one, rgb.reshape(-1, 3), batch_size=64).reshape(rgb.shape)

  needed = jnp.asarray(correction['levels'])[index] > 0
  return jax.lax.cond(needed, corrected, lambda: jnp.zeros_like(rgb))


def search(
  base: Array,
  target: Array,
  level: Array,
  *,
  iterations: int,
  shares: Array | None = None,
) -> tuple[Array, Array, Array]:
  """Finds a spectrum for one look at one level.

  Args:
    base: `[33, 33, 33, 3]`, the flow's, not clamped.
    target: `[33, 33, 33, 3]`, the look's.
    level: At least 1.
    iterations: Of Adam.
    shares: As `error_of` takes them.

  Returns:
    The spectrum `[K, K, K, 3]` int16, the mean CIE76 and the estimated bytes.
  """
  step = steps(level)
  price = _PRICE * _COARSEST * 2.0 ** (-0.5 * (level - 1.0))
  full = jnp.asarray(spectrum.basis(SIZE, ORDER))
  gap = target - jnp.clip(base, -0.1, 1.1)
  start = _analyse(gap, full) / step
  start = jnp.sign(start) * jnp.maximum(jnp.abs(start) - 0.1, 0.0)
  every_second = slice(None, None, 2)
  seen = (every_second,) * 3
  waves = full[:, every_second]
  coarse = None if shares is None else _coarser(shares)

  def error_seen(units: Array) -> Array:
    corrected = base[seen] + _synthesise(units * step, waves)
    return error_of(corrected, target[seen], coarse)

  def objective(units: Array) -> Array:
    rounded = units + jax.lax.stop_gradient(jnp.round(units) - units)
    return error_seen(rounded) + price * _bits(units) / 8.0

  optimizer = optax.adam(optax.linear_schedule(_RATE, 0.0, iterations), b1=0.9, b2=0.99)

  def body(carry: PyTree, _: None) -> tuple[PyTree, None]:
    units, state = carry
    updates, state = optimizer.update(jax.grad(objective)(units), state)
    return (optax.apply_updates(units, updates), state), None

  (units, _), _ = jax.lax.scan(body, (start, optimizer.init(start)), length=iterations)
  units = jnp.round(units)
  if shares is None:
    error = error_seen(units)
  else:
    # Colours of photos crowd between the nodes that were seen, where a sharp look may
    # have become worse.
    error = error_of(base + _synthesise(units * step, full), target, shares)
  return units.astype(jnp.int16), error, _bits(units) / 8.0


def error_of(raw: Array, target: Array, shares: Array | None = None) -> Array:
  """Returns the mean CIE76 over a lattice.

  Args:
    raw: `[N, N, N, 3]`, not clamped.
    target: `[N, N, N, 3]`.
    shares: `[N, N, N]`, what each node counts, of sum 1; `even_shares` unless
      given.
  """
  if shares is None:
    shares = jnp.asarray(even_shares(target.shape[0]))
  above, below = (target >= 1.0) & (raw > 1.0), (target <= 0.0) & (raw < 0.0)
  got = jnp.where(above | below, target, raw)
  gaps = difference.delta_e_76(spaces.srgb_to_lab(got), spaces.srgb_to_lab(target))
  return jnp.sum(shares * gaps)


def even_shares(size: int) -> np.ndarray:
  """Returns the part of the unit cube nearest to each node, `[N, N, N]` float32."""
  half = np.ones(size, np.float32)
  half[[0, -1]] = 0.5
  half /= half.sum()
  return np.einsum('i,j,k->ijk', half, half, half)


def shares_of(rgb: np.ndarray) -> np.ndarray:
  """Returns the weights of the nodes of the correction lattice for colours.

  Args:
    rgb: `[P, 3]` in [0, 1]; each is shared among the nodes of its cell as
      trilinear interpolation would.

  Returns:
    `[33, 33, 33]` float32 of sum 1.
  """
  position = rgb.astype(np.float64) * (SIZE - 1)
  corner = np.clip(np.floor(position).astype(np.int64), 0, SIZE - 2)
  part = position - corner
  total = np.zeros(SIZE**3)
  for vertex in np.ndindex(2, 2, 2):
    share = np.prod(np.where(np.array(vertex) == 1, part, 1.0 - part), axis=-1)
    node = np.ravel_multi_index(tuple((corner + vertex).T), (SIZE,) * 3)
    total += np.bincount(node, share, minlength=SIZE**3)
  return (total / len(rgb)).reshape((SIZE,) * 3).astype(np.float32)


def choose(
  candidates: Candidates,
  size_of: Callable[[np.ndarray], int],
  *,
  budget_bytes: int,
  target: float | None,
) -> np.ndarray:
  """Chooses a candidate for each look within a budget.

  The sum of the errors is made least; an error beyond the target counts several
  times and one far beyond it more, so that the tail is corrected first.

  Args:
    candidates: What there is to choose from.
    size_of: Bytes of a choice `[L]`, exactly.
    budget_bytes: For all.
    target: Error that looks should reach; 1.7 times the mean unless given.

  Returns:
    `[L]` indices into `candidates`.
  """
  low, high, aim = 0.0, np.inf, float(budget_bytes)
  best, spent = np.zeros(candidates.errors.shape[1], np.int64), -1
  for _ in range(10):
    chosen = _knapsack(candidates, aim, target)
    size = size_of(chosen)
    if size > budget_bytes:
      # A little lower than in proportion: what every choice takes would lead back.
      high, aim = aim, 0.98 * aim
    else:
      low = aim
      if size > spent:
        best, spent = chosen, size
      if 0.985 * budget_bytes <= spent or (chosen == len(candidates.levels) - 1).all():
        break
    aim *= budget_bytes / max(size, 1)
    if not low < aim < high:
      aim = 0.5 * (low + min(high, 4.0 * low))
  return best


def curve(
  candidates: Candidates, size_of: Callable[[np.ndarray], int], *, target: float | None
) -> list[tuple[int, float]]:
  """Returns the error at other budgets.

  Args:
    candidates: What there is to choose from.
    size_of: As `choose` takes it.
    target: Likewise.

  Returns:
    Bytes and mean error over looks, from none to all that was searched.
  """
  most = float(candidates.size_bytes.max(axis=0).sum())
  points = {0: float(candidates.errors[0].mean())}
  for share in _CURVE:
    chosen = _knapsack(candidates, share * most, target)
    if chosen.any():
      points[size_of(chosen)] = _total(candidates.errors, chosen) / len(chosen)
  return sorted(points.items())


def size_of(correction: PyTree) -> int:
  """Returns about how many bytes a residual correction takes in an artefact."""
  levels = np.asarray(correction['levels'])
  spectra = np.asarray(correction['spectra'])[levels > 0]
  packed = len(spectrum.pack(spectra)) if len(spectra) else 0
  return packed + len(levels) // 2 + 24


def _knapsack(
  candidates: Candidates, budget_bytes: float, target: float | None
) -> np.ndarray:
  """Chooses by price per byte; sizes are the estimates of the candidates."""
  size_bytes = candidates.size_bytes
  mean, rounds = float(candidates.errors[0].mean()), 8 if target is None else 1
  chosen = np.zeros(candidates.errors.shape[1], np.int64)
  for _ in range(rounds):
    aim = 1.7 * mean if target is None else target
    cost = candidates.errors.copy()
    for share, weight in _TAIL:
      cost += weight * np.maximum(candidates.errors - share * aim, 0.0)
    low, high = 1e-7, 10.0
    for _ in range(40):
      price = (low * high) ** 0.5
      chosen = np.argmin(cost + price * size_bytes, axis=0)
      if _total(size_bytes, chosen) > budget_bytes:
        low = price
      else:
        high = price
    chosen = _filled(
      cost, size_bytes, budget_bytes, np.argmin(cost + high * size_bytes, 0)
    )
    mean = _total(candidates.errors, chosen) / len(chosen)
  return chosen


def _filled(
  cost: np.ndarray, size_bytes: np.ndarray, budget_bytes: float, chosen: np.ndarray
) -> np.ndarray:
  """Uses the rest of the budget greedily, largest gain per byte first."""
  looks = np.arange(len(chosen))
  while True:
    gain = cost[chosen, looks] - cost
    extra = size_bytes - size_bytes[chosen, looks]
    fits = (gain > 0.0) & (extra <= budget_bytes - _total(size_bytes, chosen))
    if not fits.any():
      return chosen
    bargain = np.where(fits, gain / np.maximum(extra, 1e-6), 0.0)
    level_index, look = np.unravel_index(np.argmax(bargain), bargain.shape)
    chosen = np.where(looks == look, level_index, chosen)


def _total(table: np.ndarray, chosen: np.ndarray) -> float:
  return float(np.take_along_axis(table, chosen[None], 0).sum())


def _coefficients(correction: PyTree, index: Array) -> Array:
  level = jnp.asarray(correction['levels'])[index]
  spectra = jnp.asarray(correction['spectra'])[index].astype(jnp.float32)
  return spectra * steps(level)


def _analyse(table: Array, waves: Array) -> Array:
  opponent = jnp.asarray(spectrum.OPPONENT)
  return jnp.einsum(
    'rgbd,ir,jg,kb,cd->ijkc', table, waves, waves, waves, opponent, precision='highest'
  )


def _synthesise(coefficients: Array, waves: Array) -> Array:
  """Returns the lattice of coefficients, one axis after the other."""
  rows = jnp.einsum('ijkc,kb->ijbc', coefficients, waves, precision='highest')
  rows = jnp.einsum('ijbc,jg->igbc', rows, waves, precision='highest')
  rows = jnp.einsum('igbc,ir->rgbc', rows, waves, precision='highest')
  return jnp.einsum(
    'rgbc,cd->rgbd', rows, jnp.asarray(spectrum.OPPONENT), precision='highest'
  )


def _coarser(shares: Array) -> Array:
  """Gives the shares of every second node to its neighbours, axis by axis."""
  fine, coarse = np.arange(shares.shape[0]), np.arange(0, shares.shape[0], 2)
  hat = np.maximum(1.0 - np.abs(fine - coarse[:, None]) / 2.0, 0.0).astype(np.float32)
  return jnp.einsum('ijk,ri,gj,bk->rgb', shares, hat, hat, hat, precision='highest')


def _bits(units: Array) -> Array:
  """Estimates what the coder spends: Laplacian, of the scale seen nearby."""
  sizes = jnp.abs(units)
  seen = jax.lax.stop_gradient(jnp.where(sizes > 0.5, sizes, 0.0))
  total = spectrum.frequencies(ORDER)
  count = np.bincount(total.ravel())[:, None]
  shells = jax.ops.segment_sum(seen.reshape(-1, 3), total.ravel(), len(count)) / count
  padded = jnp.pad(shells, ((1, 1), (0, 0)), mode='edge')
  shells = (padded[:-2] + 2.0 * shells + padded[2:]) / 4.0
  lower = sum(
    jnp.pad(seen, [(int(axis == i), 0) for i in range(4)])[:ORDER, :ORDER, :ORDER]
    for axis in range(3)
  )
  scale = 0.6 * shells[total] + 0.4 * lower / 3.0 + 0.02
  inner = jnp.minimum(sizes, 0.5)
  within = 1.0 - jnp.exp(-0.5 / scale) * jnp.cosh(inner / scale)
  beyond = sizes / scale - jnp.log(jnp.sinh(0.5 / scale))
  nats = jnp.where(sizes < 0.5, -jnp.log(jnp.maximum(within, 1e-6)), beyond)
  return jnp.sum(nats) / jnp.log(2.0)
