"""The network of GamutMLP as the part of a body, its weights in few bits."""

import struct

import numpy as np

from lutjax import errors
from lutjax.codec import entropy, quantize
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.types import PyTree

_HEAD = struct.Struct('<HBBBbBBB')
_LENGTH = struct.Struct('<I')
_INPUTS = ('xy', 'rgb', 'xyrgb')
_ACTIVATIONS = ('relu', 'sine')
_PRECISIONS = ('fp32', 'bf16', 'int8', 'int6', 'int5', 'int4')
_FLAGS = ('biased', 'residual', 'solved')
_MAX_WIDTH, _MAX_LAYERS, _MAX_OCTAVES = 512, 8, 24


def to_bytes(config: gamut_mlp.Config, layers: PyTree) -> bytes:
  """Packs a network.

  Integer codes of a layer are coded together, each of its outputs under a
  context of its own; biases are float16 beside them, else of the weights' type.

  Args:
    config: The network's.
    layers: Its layers.

  Returns:
    The part.
  """
  head = _HEAD.pack(
    config.width,
    config.hidden_layers,
    _INPUTS.index(config.inputs),
    config.octaves,
    config.colour_octaves,
    _ACTIVATIONS.index(config.activation),
    _PRECISIONS.index(config.precision),
    sum(getattr(config, name) << i for i, name in enumerate(_FLAGS)),
  )
  parts = [head]
  for layer in layers:
    weight = np.asarray(layer['weight'], np.float32)
    bits = quantize.to_bits(config.precision)
    if bits is not None:
      codes, scale = quantize.quantize(weight, bits)
      coded = entropy.encode(codes.astype(np.int64), entropy.by_lane, codes.shape[1])
      parts += [scale.tobytes(), _LENGTH.pack(len(coded)), coded]
    else:
      parts += [t.tobytes() for t in quantize.to_tensors(weight, config.precision)]
    if 'bias' in layer:
      bias = np.asarray(layer['bias'])
      parts.append(bias.astype(_bias_kind(config)).tobytes())
  return b''.join(parts)


def expected_bytes(config: gamut_mlp.Config) -> int:
  """Returns about what `to_bytes` takes, within a few per cent."""
  bits = quantize.to_bits(config.precision)
  wide = np.dtype(_bias_kind(config)).itemsize
  total = _HEAD.size
  for i, (rows, columns) in enumerate(gamut_mlp.layer_shapes(config)):
    total += columns * wide if gamut_mlp.has_bias(config, i) else 0
    if bits is None:
      total += rows * columns * (4 if config.precision == 'fp32' else 2)
    else:
      total += 2 * columns + _LENGTH.size + -(-rows * columns * bits // 8)
  return total


def stored(config: gamut_mlp.Config, layers: PyTree) -> PyTree:
  """Returns layers as they are after storing and reading, as host arrays.

  Args:
    config: `precision` of the weights.
    layers: `weight` and perhaps `bias` of each.
  """
  found = []
  for layer in layers:
    tensors = quantize.to_tensors(layer['weight'], config.precision)
    rounded = {'weight': quantize.from_tensors(iter(tensors), config.precision)}
    if 'bias' in layer:
      bias = np.asarray(layer['bias']).astype(_bias_kind(config))
      rounded['bias'] = bias.astype(np.float32)
    found.append(rounded)
  return found


def _bias_kind(config: gamut_mlp.Config) -> str:
  return '<f4' if config.precision == 'fp32' else '<f2'


def from_bytes(body: bytes, source: str) -> tuple[gamut_mlp.Config, PyTree, bytes]:
  """Unpacks what `to_bytes` packed.

  Args:
    body: The part; more may follow.
    source: Named in errors.

  Returns:
    The config, the layers (float32, host arrays), and what follows.

  Raises:
    ArtefactError: if it is cut short or altered.
  """
  try:
    width, depth, inputs, octaves, colour, activation, precision, flags = (
      _HEAD.unpack_from(body)
    )
    if (
      not 1 <= width <= _MAX_WIDTH
      or not 1 <= depth <= _MAX_LAYERS
      or octaves > _MAX_OCTAVES
      or not -1 <= colour <= _MAX_OCTAVES
      or flags >= 1 << len(_FLAGS)
    ):
      raise ValueError(
        f'{depth} layers of {width}, {octaves} and {colour} octaves, flags {flags}'
      )
    config = gamut_mlp.Config(
      width=width,
      hidden_layers=depth,
      inputs=_INPUTS[inputs],
      octaves=octaves,
      colour_octaves=colour,
      activation=_ACTIVATIONS[activation],
      precision=_PRECISIONS[precision],
      **{name: bool(flags >> i & 1) for i, name in enumerate(_FLAGS)},
    )
    return config, *_layers(config, body[_HEAD.size :])
  except (struct.error, ValueError, IndexError) as error:
    raise errors.ArtefactError(
      f'{source}: found a network that does not parse: {error}'
    ) from error


def _layers(config: gamut_mlp.Config, rest: bytes) -> tuple[PyTree, bytes]:
  bits = quantize.to_bits(config.precision)
  layers = []

  def take(dtype: str, count: int) -> np.ndarray:
    nonlocal rest
    size = np.dtype(dtype).itemsize * count
    if len(rest) < size:
      raise ValueError(f'{len(rest)} bytes left, {size} needed')
    taken, rest = np.frombuffer(rest[:size], dtype), rest[size:]
    # Before any arithmetic, which warns of a signalling NaN.
    if taken.dtype.kind == 'f' and not np.isfinite(taken).all():
      raise ValueError('numbers that are not finite')
    return taken

  for i, shape in enumerate(gamut_mlp.layer_shapes(config)):
    count = shape[0] * shape[1]
    if bits is not None:
      scale = take('<f2', shape[1])
      (length,) = take('<u4', 1)
      coded = take('u1', int(length)).tobytes()
      codes = entropy.decode(coded, shape, entropy.by_lane, shape[1])
      weight = quantize.dequantize(codes, scale)
    elif config.precision == 'bf16':
      high = take('<u2', count).astype(np.uint32) << 16
      weight = high.view(np.float32).reshape(shape)
    else:
      weight = take('<f4', count).reshape(shape).copy()
    layer = {'weight': weight}
    if gamut_mlp.has_bias(config, i):
      layer['bias'] = take(_bias_kind(config), shape[1]).astype(np.float32)
    if not all(np.isfinite(leaf).all() for leaf in layer.values()):
      raise ValueError('weights that are not finite')
    layers.append(layer)
  return layers, rest
