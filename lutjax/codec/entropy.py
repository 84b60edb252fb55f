"""Range coding of small integers, with adaptive models.

Values are `[steps, lanes]`: the lanes of a step are coded together, and every
value is coded under a context, a number that the caller computes from steps that
are already known. A context counts the values that it has coded (zeros, ones, the
mean of larger ones) and predicts zeros, ones and a geometric tail with both signs
equally likely, so that no table is stored. Counts are integers and probabilities
use only sums, products and quotients: the same on every machine, to the last bit.
The coder itself is constriction's range coder.

A lane whose context is negative is absent in that step: it takes no bits and is 0.
"""

import functools
from collections.abc import Callable
from typing import Any

import constriction
import numpy as np

from lutjax import errors

# Contexts of a step: (step, values, of which rows before the step are known).
Contexts = Callable[[int, np.ndarray], np.ndarray]

# The package is compiled, and says nothing of its types.
_STREAM: Any = constriction.stream  # type: ignore

_LARGEST = 65_000
_WIDEST = 255
# Values that a context takes over from all contexts.
_BELIEF = 4.0
# Of 1 + what a value exceeds the reach by: its length in bits, less one.
_LENGTHS = _STREAM.model.Categorical(
  np.array([0.5**i for i in range(1, 16)] + [0.5**15]), perfect=False
)


def encode(
  values: np.ndarray,
  contexts: Contexts,
  count: int,
  *,
  prior: np.ndarray | None = None,
) -> bytes:
  """Codes integers.

  Args:
    values: `[steps, lanes]` integers within +-65000.
    contexts: `(step, values) -> [lanes]` integers below `count`.
    count: How many contexts there are.
    prior: `[count, 5]` integers, what each context is taken to have seen
      before: values, zeros, ones, larger ones, and their sum beyond 2.

  Returns:
    2 bytes that hold the reach of the models, then whole 4-byte words.

  Raises:
    ValueError: when a value is out of range.
  """
  sizes = np.abs(values)
  if sizes.max(initial=0) > _LARGEST:
    raise ValueError(f'Expected integers within +-{_LARGEST}, got {sizes.max()}.')
  reach = _reach(sizes)
  family = _STREAM.model.Categorical(perfect=False)
  encoder = _STREAM.queue.RangeEncoder()
  model = _Model(count, reach, prior)
  for step, row in enumerate(values if reach else ()):
    context = contexts(step, values)
    there = context >= 0
    context, row = context[there], row[there]
    near = np.clip(row, -reach, reach)
    symbols = (near + reach).astype(np.int32)
    encoder.encode(symbols, family, model.probabilities(context))
    size = np.abs(row)
    for beyond in size[size >= reach] - reach + 1:
      bits = int(beyond).bit_length() - 1
      encoder.encode(bits, _LENGTHS)
      if bits:
        encoder.encode(int(beyond) - (1 << bits), _uniform(bits))
    model.learn(context, near)
  words = encoder.get_compressed().astype('<u4')
  return reach.to_bytes(2, 'little') + words.tobytes()


def decode(
  content: bytes,
  shape: tuple[int, int],
  contexts: Contexts,
  count: int,
  *,
  prior: np.ndarray | None = None,
) -> np.ndarray:
  """Reads what `encode` wrote.

  Args:
    content: The code.
    shape: `(steps, lanes)` of the values.
    contexts: As given to `encode`.
    count: As given to `encode`.
    prior: As given to `encode`.

  Returns:
    `[steps, lanes]` int32.

  Raises:
    ArtefactError: when the code cannot be one.
  """
  reach = int.from_bytes(content[:2], 'little')
  if len(content) < 2 or len(content) % 4 != 2 or reach > _WIDEST:
    raise errors.ArtefactError(f'entropy code: found {len(content)} bytes of no code')
  values = np.zeros(shape, np.int32)
  if not reach:
    return values
  words = np.frombuffer(content, '<u4', offset=2).astype(np.uint32)
  family = _STREAM.model.Categorical(perfect=False)
  decoder = _STREAM.queue.RangeDecoder(words)
  model = _Model(count, reach, prior)
  for step in range(shape[0]):
    context = contexts(step, values)
    lanes = np.flatnonzero(context >= 0)
    context = context[lanes]
    near = _next(decoder, family, model.probabilities(context)) - reach
    values[step, lanes] = near
    for lane in lanes[np.abs(near) == reach]:
      bits = _next(decoder, _LENGTHS)
      low = _next(decoder, _uniform(bits)) if bits else 0
      values[step, lane] += np.sign(values[step, lane]) * ((1 << bits) + low - 1)
    model.learn(context, near)
  return values


def _next(decoder: Any, *model: Any) -> Any:
  """Decodes one step; what the model cannot have written is a forged code."""
  try:
    return decoder.decode(*model)
  except AssertionError as error:
    raise errors.ArtefactError(
      'entropy code: found bytes that its model cannot have written'
    ) from error


def by_lane(step: int, values: np.ndarray) -> np.ndarray:
  """Returns one context for each lane: its values differ in scale.

  Args:
    step: Not used: contexts are the same at every step.
    values: `[steps, lanes]` integers.
  """
  return np.arange(values.shape[1])


def pooled(step: int, values: np.ndarray) -> np.ndarray:
  """Returns one context for all values: they have the same scale.

  Args:
    step: Not used.
    values: `[steps, lanes]` integers.
  """
  return np.zeros(values.shape[1], np.int64)


def _reach(sizes: np.ndarray) -> int:
  """Returns the magnitude from which values are escaped: rare, and not too wide."""
  if not sizes.max(initial=0):
    return 0
  return int(np.clip(np.quantile(sizes, 0.998) + 1, 2, _WIDEST))


@functools.cache
def _uniform(bits: int) -> Any:
  return _STREAM.model.Uniform(1 << bits)


class _Model:
  """Counts per context, and the distributions that they stand for.

  A context starts from what all contexts together have seen, taken for a few
  values of its own.
  """

  def __init__(self, count: int, reach: int, prior: np.ndarray | None):
    # The last row counts for all contexts. Before the first value, half are
    # zeros, half of the others ones, and the tail is two wide.
    self._table = np.zeros((count + 1, 5), np.int64)
    self._table[-1] = (4, 2, 1, 1, 1)
    if prior is not None:
      self._table[:-1] = prior
    self._reach = reach

  def probabilities(self, context: np.ndarray) -> np.ndarray:
    """Returns `[lanes, 2 reach + 1]` float64, rows sum to 1."""
    used, row = np.unique(context, return_inverse=True)
    seen, zeros, ones, tail, excess = self._table[used].T
    every, no, one, large, more = self._table[-1]
    zero = (zeros + _BELIEF * (no / every)) / (seen + _BELIEF)
    share = one / (one + large)
    first = (ones + _BELIEF * share) / (ones + tail + _BELIEF)
    mean = (excess + _BELIEF * (more / large)) / (tail + _BELIEF)
    half = np.empty((len(used), self._reach + 1))
    half[:, 0] = zero
    half[:, 1] = (1.0 - zero) * first * 0.5
    if self._reach > 1:
      ratio = (mean / (mean + 1.0))[:, None]
      half[:, 2:] = np.repeat(ratio, self._reach - 1, axis=1)
      half[:, 2] = (1.0 - zero) * (1.0 - first) * 0.5 * (1.0 - ratio[:, 0])
      half[:, 2:] = np.cumprod(half[:, 2:], axis=1)
    half += 1e-7
    both = np.concatenate([half[:, :0:-1], half], axis=1)
    total = np.cumsum(both, axis=1)[:, -1:]
    return (both / total)[row]

  def learn(self, context: np.ndarray, values: np.ndarray) -> None:
    """Counts a step."""
    size = np.abs(values).astype(np.int64)
    large = size > 1
    counts = np.stack(
      [np.ones_like(size), size == 0, size == 1, large, (size - 2) * large], axis=1
    )
    np.add.at(self._table, context, counts)
    self._table[-1] += counts.sum(axis=0)
