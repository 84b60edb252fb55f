"""The seeded-wave codec: a closed-form fit of which only the last layer is stored.

The excess of the clipped channels (`recovery.excess`) is modelled as a linear
combination of seeded waves of position, clip-expanded colour, and of how many
of the pixels around are clipped (`recovery.surroundings`, which tells the edge of
a clipped region from its depth at no cost in bytes), plus those eight inputs and
a constant. The waves come back from the seed; their weights solve a ridge
regression and are stored as entropy-coded integers.
"""

import dataclasses
import struct

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.codec import entropy
from lutjax.nn import encodings
from lutjax.types import Array

# The inputs themselves, and a constant.
_LINEAR = 9
_HEAD = struct.Struct('<HBBBB')
_MAX_WAVES = 4096
_MAX_LEVEL = 127
# Rows of features made and multiplied at a time: they stay in the cache.
_ROWS = 1024


@dataclasses.dataclass(frozen=True)
class Config:
  """The codec.

  Attributes:
    waves: Count of seeded waves.
    space_spread: Spread of the waves' frequencies along row and column,
      radians per half picture; a multiple of 1/8 below 32.
    colour_spread: The same along R, G and B, per half of [0, 1].
    around_spread: The same along the share of clipped pixels around.
    ridge: Regularisation per sample.
    levels: Steps of a stored weight either side of zero, 1 to 127.
    seed: Of the waves.
  """

  waves: int = 256
  space_spread: float = 5.0
  colour_spread: float = 2.5
  around_spread: float = 0.5
  ridge: float = 1e-5
  levels: int = 127
  seed: int = 0

  def __post_init__(self):
    if not 1 <= self.waves <= _MAX_WAVES or not 1 <= self.levels <= _MAX_LEVEL:
      raise ValueError(
        f'Expected 1 to {_MAX_WAVES} waves and 1 to {_MAX_LEVEL} levels, got '
        f'{self.waves} and {self.levels}.'
      )
    if any(8 * s != int(8 * s) or not 0 < s < 32 for s in self.spreads):
      raise ValueError(
        f'Expected spreads that are multiples of 1/8 below 32, got {self.spreads}.'
      )

  @property
  def spreads(self) -> tuple[float, float, float]:
    """The spreads along position, colour and surroundings."""
    return self.space_spread, self.colour_spread, self.around_spread


def waves_of(config: Config) -> encodings.Waves:
  """Draws the waves of a config."""
  spread = np.repeat(config.spreads, (2, 3, 3)).tolist()
  return encodings.draw_waves(config.seed, config.waves, tuple(spread))


def features(drawn: encodings.Waves, inputs: Array) -> Array:
  """Evaluates what the excess is linear in.

  Args:
    drawn: From `waves_of`.
    inputs: `[..., 8]` float32: row, column, R, G, B, and the signed share of
      clipped pixels around in each channel, each in [-1, 1].

  Returns:
    `[..., waves + 9]` float32.
  """
  ones = jnp.ones((*inputs.shape[:-1], 1), inputs.dtype)
  return jnp.concatenate([encodings.waves(drawn, inputs), inputs, ones], axis=-1)


def predict(drawn: encodings.Waves, weight: Array, inputs: Array) -> Array:
  """Predicts the excess.

  Args:
    drawn: From `waves_of`.
    weight: `[waves + 9, 3]` float32.
    inputs: `[..., 8]` float32.

  Returns:
    `[..., 3]` float32, linear sRGB.
  """
  seen = features(drawn, inputs)
  return jnp.matmul(seen, weight, precision='highest')


def solve(
  config: Config,
  inputs: Array,
  target: Array,
  groups: Array,
  mixes: Array,
  count: Array,
) -> Array:
  """Fits the weights by ridge regression, once for each mix of groups of samples.

  Normal equations are summed over fixed blocks of rows, so that padding
  changes no bit; only blocks that hold samples are visited, once for all mixes.
  Where rounding leaves a factorisation without a real root, the ridge grows
  tenfold until it has one: no setting gives NaN.

  Args:
    config: The codec's.
    inputs: `[N, 8]` float32, N a multiple of 1,024, padded.
    target: `[N, 3]` float32, the excess.
    groups: `[N, G]` float32, how much a sample belongs to each group; padding
      is 0.
    mixes: `[K, G]` float32, how much the groups weigh.
    count: int32 scalar, rows before the padding.

  Returns:
    `[K, waves + 9, 3]` float32.
  """
  drawn = waves_of(config)
  size, kinds = config.waves + _LINEAR, groups.shape[1]

  def add(block: Array, total: tuple[Array, Array]) -> tuple[Array, Array]:
    def rows(array: Array) -> Array:
      return jax.lax.dynamic_slice_in_dim(array, block * _ROWS, _ROWS)

    seen = features(drawn, rows(inputs))
    weighted = seen * rows(groups).T[..., None]
    gram = jnp.matmul(weighted.mT, seen, precision='highest')
    moment = jnp.matmul(weighted.mT, rows(target), precision='highest')
    return total[0] + gram, total[1] + moment

  zero = (jnp.zeros((kinds, size, size)), jnp.zeros((kinds, size, 3)))
  blocks = (count + _ROWS - 1) // _ROWS
  grams, moments = jax.lax.fori_loop(0, blocks, add, zero)
  sums = jnp.sum(groups, axis=0)

  def one(mix: Array) -> Array:
    scale = jnp.maximum(jnp.sum(mix * sums), 1.0)
    gram = jnp.tensordot(mix, grams, 1, precision='highest') / scale
    moment = jnp.tensordot(mix, moments, 1, precision='highest') / scale
    return _ridge(gram, moment, config.ridge)

  return jax.lax.map(one, mixes)


def _ridge(gram: Array, moment: Array, least: float) -> Array:
  """Solves `gram + ridge` for the least ridge that can be factorised."""

  def attempt(ridge: Array) -> Array:
    factor = jax.scipy.linalg.cho_factor(gram + ridge * jnp.eye(len(gram)))
    return jax.scipy.linalg.cho_solve(factor, moment)

  def fails(state: tuple[Array, Array]) -> Array:
    return ~jnp.all(jnp.isfinite(state[1])) & (state[0] < 1.0)

  def retry(state: tuple[Array, Array]) -> tuple[Array, Array]:
    ridge = 10.0 * jnp.maximum(state[0], 1e-7)
    return ridge, attempt(ridge)

  first = jnp.float32(least)
  _, weight = jax.lax.while_loop(fails, retry, (first, attempt(first)))
  return jnp.where(jnp.isfinite(weight), weight, 0.0)


def quantise(config: Config, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Rounds weights to integers, one scale per output.

  Args:
    config: The codec's.
    weight: `[waves + 9, 3]` float32.

  Returns:
    Integers `[waves + 9, 3]` and scales `[3]` float16, zero where an output is
    not needed.
  """
  largest = np.abs(weight).max(axis=0)
  scale = np.asarray(np.minimum(largest / config.levels, 6e4)).astype(np.float16)
  safe = np.where(scale > 0, scale, 1).astype(np.float32)
  codes = np.clip(np.rint(weight / safe), -config.levels, config.levels)
  return np.where(scale > 0, codes, 0).astype(np.int64), scale


def to_bytes(config: Config, codes: np.ndarray, scale: np.ndarray) -> bytes:
  """Packs quantised weights; the seed is the payload's own.

  Args:
    config: The codec's.
    codes: `[waves + 9, 3]` integers.
    scale: `[3]` float16.

  Returns:
    The body of a payload.
  """
  used = [c for c in range(3) if scale[c] > 0]
  head = _HEAD.pack(
    config.waves,
    *(round(8 * spread) for spread in config.spreads),
    sum(1 << c for c in used),
  )
  coded = entropy.encode(codes[:, used], entropy.by_lane, max(len(used), 1))
  return b''.join([head, scale[used].tobytes(), struct.pack('<H', len(coded)), coded])


def from_bytes(body: bytes, seed: int, source: str) -> tuple[Config, np.ndarray, bytes]:
  """Unpacks what `to_bytes` packed.

  Args:
    body: The body of a payload; more may follow.
    seed: The payload's.
    source: Named in errors.

  Returns:
    The config, as far as decoding needs it; the weights `[waves + 9, 3]`
    float32; what follows.

  Raises:
    ArtefactError: if the body is cut short or altered.
  """
  try:
    waves, space, colour, around, channels = _HEAD.unpack_from(body)
    config = Config(waves, space / 8, colour / 8, around / 8, seed=seed)
    used = [c for c in range(3) if channels >> c & 1]
    offset = _HEAD.size + 2 * len(used)
    scale = np.frombuffer(body[_HEAD.size : offset], '<f2').astype(np.float32)
    (length,) = struct.unpack_from('<H', body, offset)
    offset += 2
    coded, rest = body[offset : offset + length], body[offset + length :]
    weight = np.zeros((waves + _LINEAR, 3), np.float32)
    shape = (len(weight), len(used))
    codes = entropy.decode(coded, shape, entropy.by_lane, max(len(used), 1))
    weight[:, used] = codes * scale
  except (struct.error, ValueError, AssertionError) as error:
    raise errors.ArtefactError(
      f'{source}: found a seeded-wave code that does not parse: {error}'
    ) from error
  if not np.isfinite(weight).all():
    raise errors.ArtefactError(f'{source}: found weights that are not finite')
  return config, weight, rest
