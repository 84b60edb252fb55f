"""The seeded-wave codec: a closed-form fit of which only the last layer is stored.

The excess of the clipped channels (`recovery.excess`) is modelled as a linear
combination of seeded waves of position, clip-expanded colour, and of how many
of the pixels around are clipped (`recovery.surroundings`, which tells the edge of
a clipped region from its depth at no cost in bytes), plus those eight inputs and
a constant. The waves come back from the seed; their weights solve a ridge
regression and are stored as entropy-coded integers.
"""

import dataclasses
import functools
import struct

import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.codec import entropy
from lutjax.nn import encodings
from lutjax.systems.gamut_mlp import ridge as ridge_lib
from lutjax.types import Array

# The inputs themselves, and a constant.
_LINEAR = 9
_HEAD = struct.Struct('<HBBBB')
_MAX_WAVES = 4096
_MAX_LEVEL = 127


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
    config_lib.check_ranges(self, ridge='[0, inf)', seed='[0, 4294967295]')
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
  """Evaluates the features of the linear model of the excess.

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
  # The product with `features` in two sums: neither is copied beside the other.
  seen = encodings.waves(drawn, inputs)
  count = seen.shape[-1]
  excess = jnp.matmul(seen, weight[:count], precision='highest')
  linear = jnp.matmul(inputs, weight[count:-1], precision='highest')
  return excess + linear + weight[-1]


def solve(config: Config, samples: ridge_lib.Samples, mixes: Array) -> Array:
  """Fits the weights by ridge regression; see `ridge.solve`.

  Args:
    config: The codec's.
    samples: Their inputs as for `features`.
    mixes: `[K, G]` float32, how much their groups weigh.

  Returns:
    `[K, waves + 9, 3]` float32.
  """
  seen = functools.partial(features, waves_of(config))
  size = config.waves + _LINEAR
  return ridge_lib.solve(seen, size, samples, mixes, config.ridge)


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
    scale = np.frombuffer(body[_HEAD.size : offset], '<f2')
    if not np.isfinite(scale).all():
      raise ValueError('scales that are not finite')
    (length,) = struct.unpack_from('<H', body, offset)
    offset += 2
    coded, rest = body[offset : offset + length], body[offset + length :]
    weight = np.zeros((waves + _LINEAR, 3), np.float32)
    shape = (len(weight), len(used))
    codes = entropy.decode(coded, shape, entropy.by_lane, max(len(used), 1))
    weight[:, used] = codes * scale.astype(np.float32)
  except (struct.error, ValueError) as error:
    raise errors.ArtefactError(
      f'{source}: found a seeded-wave code that does not parse: {error}'
    ) from error
  return config, weight, rest
