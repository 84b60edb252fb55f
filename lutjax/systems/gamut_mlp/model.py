"""GamutMLP: a small network per image that recovers wide-gamut colours.

After "GamutMLP: A Lightweight MLP for Color Loss Recovery" (CVPR 2023): a
multilayer perceptron takes the position and the clip-expanded colour of a pixel
and gives what is added to that colour. Colours are linear ProPhoto in [0, 1];
the network works on all its inputs and outputs scaled to [-1, 1].

A **solved** network is the same idea made for a codec. It predicts what clipped
channels lost, in linear sRGB; its last layer sees the encoding beside the hidden
units and is solved in closed form once the hidden layers, rounded as they will be
stored, are fixed. What is linear in the encoding needs no training steps.
"""

import dataclasses
import io
import itertools
import zipfile
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors, files
from lutjax.codec import container, quantize
from lutjax.nn import encodings, mlp
from lutjax.types import Array, Batch, Key, PyTree, System, Variables, bind

_COLUMNS = {'xy': (0, 2), 'rgb': (2, 5), 'xyrgb': (0, 5)}
_PADDING = 8
# Surroundings in a solved network: one number a channel.
_AROUND = 3


@dataclasses.dataclass(frozen=True)
class Config:
  """A GamutMLP.

  Attributes:
    width: Units of each hidden layer; the paper has 16, 32, 64 and 128.
    hidden_layers: Count of hidden layers.
    inputs: What the network sees of a pixel.
    octaves: Of the frequency encoding; 0 leaves coordinates as they are.
    colour_octaves: Of R, G and B, which are smoother than places; -1 for as
      many as `octaves`.
    activation: `relu`, or `sine` for SIREN (first frequency 30).
    biased: Whether every layer has a bias; the published network has one in
      the first only, made of constant inputs.
    residual: Whether the network adds to the colour or gives it.
    solved: Whether the network is a solved one (see above), with ReLU, biases
      everywhere, and beside the encoding the coordinates and what surrounds a
      pixel.
    precision: Of stored weights.
  """

  width: int = 32
  hidden_layers: int = 2
  inputs: Literal['xy', 'rgb', 'xyrgb'] = 'xyrgb'
  octaves: int = 12
  colour_octaves: int = -1
  activation: Literal['relu', 'sine'] = 'relu'
  biased: bool = False
  residual: bool = True
  solved: bool = False
  precision: Literal['fp32', 'bf16', 'int8', 'int6', 'int5', 'int4'] = 'int8'

  def __post_init__(self):
    config_lib.check_ranges(
      self,
      width='[1, 512]',
      hidden_layers='[1, 8]',
      octaves='[0, 24]',
      colour_octaves='[-1, 24]',
    )
    if self.solved and self.activation != 'relu':
      raise ValueError(f'Expected relu in a solved network, got {self.activation}.')


def input_size(config: Config) -> int:
  """Returns how many numbers enter the first layer."""
  start, stop = _COLUMNS[config.inputs]
  octaves = _octaves(config)[start:stop]
  if config.solved:
    return sum(1 + 2 * k for k in octaves) + _AROUND
  return sum(max(1, 2 * k) for k in octaves)


def layer_shapes(config: Config) -> list[tuple[int, int]]:
  """Returns inputs and outputs of each layer."""
  sizes = [input_size(config), *[config.width] * config.hidden_layers, 3]
  shapes = list(itertools.pairwise(sizes))
  if config.solved:
    shapes[-1] = (config.width + sizes[0], 3)
  return shapes


def has_bias(config: Config, layer: int) -> bool:
  """Tells whether a layer has a bias.

  Args:
    config: Of the network.
    layer: Number of the layer, from 0.
  """
  return config.biased or config.solved or layer == 0


def init(config: Config, key: Key) -> Variables:
  """Draws the network.

  ReLU layers are uniform as in tiny-cuda-nn (Glorot), with the constant inputs
  of the first layer as its bias; sine layers are drawn as in SIREN. In a
  solved network the last layer is zero, and the others spread their units.

  Args:
    config: Of the network.
    key: Split among the layers.
  """
  if config.solved:
    shapes = layer_shapes(config)
    layers = mlp.init_gain(key, [shapes[0][0], *[n for _, n in shapes[:-1]], 3])
    layers[-1]['weight'] = jnp.zeros(shapes[-1])
    return Variables(layers)
  layers = []
  shapes = layer_shapes(config)
  for i, layer_key in enumerate(jax.random.split(key, len(shapes))):
    weight_key, bias_key = jax.random.split(layer_key)
    fan_in, fan_out = shapes[i]
    if config.activation == 'sine':
      bound = 1.0 / fan_in if i == 0 else np.sqrt(6.0 / fan_in) / 30.0
    else:
      bound = np.sqrt(6.0 / (fan_in + fan_out))
    draw = {'minval': -bound, 'maxval': bound}
    layer = {'weight': jax.random.uniform(weight_key, (fan_in, fan_out), **draw)}
    if config.biased:
      layer['bias'] = jax.random.uniform(bias_key, (fan_out,), **draw)
    elif i == 0:
      padding = jax.random.uniform(bias_key, (_PADDING, fan_out), **draw)
      layer['bias'] = jnp.sum(padding, axis=0)
    layers.append(layer)
  return Variables(layers)


def encode(config: Config, batch: Batch) -> Array:
  """Returns the inputs of the first layer, `[..., input_size]`.

  Args:
    config: The network's.
    batch: `xy` `[..., 2]`, row and column in [-1, 1]; `rgb` `[..., 3]` in [0, 1];
      for a solved network `around` `[..., 3]`, the signed share of clipped
      pixels around in each channel, in [-1, 1].
  """
  start, stop = _COLUMNS[config.inputs]
  values = jnp.concatenate([batch['xy'], 2.0 * batch['rgb'] - 1.0], axis=-1)
  parts, octaves = [], _octaves(config)
  # Row and column have one count of octaves, R, G and B another.
  for first, last in ((start, min(stop, 2)), (max(start, 2), stop)):
    if first < last:
      part = values[..., first:last]
      count = octaves[first]
      parts.append(encodings.frequency(part, count) if count else part)
      if config.solved and count:
        parts.append(part)
  if config.solved:
    parts.append(batch['around'])
  return jnp.concatenate(parts, axis=-1)


def _octaves(config: Config) -> tuple[int, ...]:
  colour = config.octaves if config.colour_octaves < 0 else config.colour_octaves
  return (config.octaves,) * 2 + (colour,) * 3


def features(config: Config, layers: PyTree, encoded: Array) -> Array:
  """Returns the inputs of the last layer of a solved network, and a constant.

  Args:
    config: The network's.
    layers: Its layers; the last is not looked at.
    encoded: `[..., input_size]`, from `encode`.

  Returns:
    `[..., width + input_size + 1]`.
  """
  ones = jnp.ones((*encoded.shape[:-1], 1), encoded.dtype)
  return jnp.concatenate([_hidden(config, layers[:-1], encoded), encoded, ones], -1)


def excess(config: Config, variables: Variables, batch: Batch) -> Array:
  """Predicts the excess of clipped channels with a solved network.

  Args:
    config: The network's.
    variables: The network.
    batch: As for `encode`.

  Returns:
    `[..., 3]` float32, linear sRGB; right in clipped channels only.
  """
  last = variables.params[-1]
  weight = jnp.concatenate([last['weight'], last['bias'][None]])
  seen = features(config, variables.params, encode(config, batch))
  return jnp.matmul(seen, weight, precision='highest')


def rounded(config: Config, layers: PyTree) -> PyTree:
  """Rounds weights to their stored precision; gradients pass unchanged.

  Args:
    config: `precision` of the weights.
    layers: `weight` and perhaps `bias` of each.
  """
  bits = quantize.to_bits(config.precision)
  if bits is None:
    return layers
  return [{**x, 'weight': quantize.fake_quantize(x['weight'], bits)} for x in layers]


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Recovers colours with a network of the published form.

  Args:
    config: The network's.
    variables: The network.
    batch: `xy` and `rgb` as for `encode`.

  Returns:
    `[..., 3]` float32 linear ProPhoto, not clipped.
  """
  return _run(config, variables.params, encode(config, batch), batch['rgb'])


def loss(
  config: Config, params: PyTree, stats: PyTree, batch: Batch, key: Key
) -> tuple[Array, tuple[PyTree, Batch]]:
  """Returns the mean squared error of colours scaled to [-1, 1] (equation 3).

  For a solved network it is that of the channel of each sample, beyond what the
  last layer in `stats`, held still, makes of the encoding.

  Args:
    config: The network's.
    params: Its layers.
    stats: Of a solved network `[input_size + 1, 3]`, what the last layer makes of
      the encoding and a constant; else unused. Handed on.
    batch: `rgb` `[B, 3]`, and `xy` or, made beforehand, `encoded`; `target`
      `[B, 3]`, or for a solved network `[B]` with `channel` `[B]`.
    key: Unused.

  Returns:
    The loss, and `(stats, {})`.
  """
  encoded = batch['encoded'] if 'encoded' in batch else encode(config, batch)
  if not config.solved:
    error = _run(config, params, encoded, batch['rgb']) - batch['target']
    return 4.0 * jnp.mean(jnp.square(error)), (stats, {})
  # Without the constant beside them: neither is copied.
  hidden = _hidden(config, rounded(config, params)[:-1], encoded)
  outputs = jnp.matmul(hidden, params[-1]['weight'][: config.width])
  outputs = outputs + jnp.matmul(encoded, stats[:-1]) + stats[-1]
  picked = jnp.take_along_axis(outputs, batch['channel'][:, None], 1)[:, 0]
  return jnp.mean(jnp.square(picked - batch['target'])), (stats, {})


def _run(config: Config, layers: PyTree, encoded: Array, rgb: Array) -> Array:
  out = _layer(layers[-1], _hidden(config, layers[:-1], encoded))
  return rgb + 0.5 * out if config.residual else 0.5 * (out + 1.0)


def _hidden(config: Config, layers: PyTree, encoded: Array) -> Array:
  hidden = encoded
  for layer in layers:
    hidden = _layer(layer, hidden)
    sine = config.activation == 'sine'
    hidden = jnp.sin(30.0 * hidden) if sine else jax.nn.relu(hidden)
  return hidden


def _layer(layer: PyTree, inputs: Array) -> Array:
  outputs = jnp.matmul(inputs, layer['weight'], precision='highest')
  return outputs + layer['bias'] if 'bias' in layer else outputs


def from_published(
  first: np.ndarray, second: np.ndarray, last: np.ndarray
) -> Variables:
  """Reads a published initialisation.

  Args:
    first: `[n, 128]`, output x input; the last 8 inputs are constant ones.
    second: `[n, n]`.
    last: `[16, n]`, of which three rows are outputs.

  Returns:
    The network of `Config(width=n)`.

  Raises:
    InputError: on other shapes.
  """
  n = len(first)
  if first.shape != (n, 128) or second.shape != (n, n) or last.shape != (16, n):
    raise errors.InputError(
      f'found layers {first.shape}, {second.shape}, {last.shape}, expected (n, 128), '
      '(n, n), (16, n)'
    )
  weights = [np.float32(w).T for w in (first[:, :120], second, last[:3])]
  layers = [{'weight': weight} for weight in weights]
  layers[0]['bias'] = first[:, 120:].sum(axis=1).astype(np.float32)
  return Variables(layers)


def export(config: Config, variables: Variables) -> bytes:
  """Packs a network as an artefact, for instance a meta-initialisation.

  Args:
    config: The network's.
    variables: Host or device arrays.

  Returns:
    The artefact, weights rounded to `config.precision`, biases float32.
  """
  tensors: list[np.ndarray] = []
  for layer in variables.params:
    weight = np.asarray(layer['weight'], np.float32)
    tensors += quantize.to_tensors(weight, config.precision)
    if 'bias' in layer:
      tensors.append(np.asarray(layer['bias'], np.float32))
  return container.pack('gamut_mlp', dataclasses.asdict(config), tensors)


def restore(config: Config, content: bytes, source: str = 'artefact') -> Variables:
  """Unpacks what `export` packed.

  Args:
    config: From `config_of`.
    content: The artefact.
    source: Named in errors.

  Returns:
    The network, with the rounded weights as float32.

  Raises:
    ArtefactError: when the artefact is damaged or its layers do not fit.
  """
  tensors = iter(container.unpack(content, source).tensors)
  layers = []
  try:
    for i, shape in enumerate(layer_shapes(config)):
      weight = quantize.from_tensors(tensors, config.precision)
      layer = {'weight': weight}
      if has_bias(config, i):
        layer['bias'] = next(tensors)
      if weight.shape != shape:
        raise ValueError(f'layer {i} of shape {weight.shape}')
      layers.append(layer)
  except (ValueError, StopIteration) as error:
    raise errors.ArtefactError(
      f'{source}: found a gamut_mlp network that does not fit its header: {error}'
    ) from error
  return Variables(layers)


def config_of(artefact: container.Artefact, source: str) -> Config:
  """Reads the config that an artefact carries.

  Args:
    artefact: As unpacked, of this system.
    source: Named in errors.

  Raises:
    ArtefactError: when a field is missing, unknown or of no known value.
  """
  try:
    config = Config(**artefact.header)
    if config.inputs not in _COLUMNS or not 1 <= config.width <= 1024:
      raise ValueError(f'inputs {config.inputs}, width {config.width}')
    quantize.to_bits(config.precision)
  except (TypeError, ValueError) as error:
    raise errors.ArtefactError(
      f'{source}: found a gamut_mlp header that does not fit: {error}'
    ) from error
  return config


def read_start(path: str, config: Config) -> Variables:
  """Reads a meta-initialisation for a network.

  Args:
    path: An artefact, or a published initialisation as `.npz` with `W1`, `W2`,
      `W3`.
    config: The network that shall start from it.

  Raises:
    InputError: when it cannot be read or is for another network.
  """
  content = files.read_bytes(path, error=errors.ArtefactError)
  if path.endswith('.npz'):
    try:
      with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = [archive[name] for name in ('W1', 'W2', 'W3')]
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
      raise errors.ArtefactError(
        f'{path}: found no published initialisation: {error}'
      ) from error
    found = from_published(*arrays)
  else:
    artefact = container.unpack(content, path)
    found = restore(config_of(artefact, path), content, path)
  shapes = [layer['weight'].shape for layer in found.params]
  want = layer_shapes(config)
  biased = all('bias' in layer for layer in found.params)
  if shapes != want or biased != (config.biased or config.solved):
    raise errors.InputError(f'{path}: found layers {shapes}, expected {want}')
  return found


def make(config: Config) -> System:
  """Binds a config."""
  return bind(config, init, apply, loss, export, restore)
