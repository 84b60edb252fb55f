"""NILUT: a 3D LUT as an implicit neural function.

After "NILUT: Conditional Neural Implicit 3D Lookup Tables for Image
Enhancement" (arXiv 2306.11920, AAAI 2024): a multilayer perceptron takes a
colour and gives what is added to it. Colours are `[..., 3]` float32 in the
unit cube, which stands for the domain of the LUT; outputs likewise stand for
its range (`codec.labels.Label`).
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.codec import container, labels, quantize
from lutjax.nn import mlp
from lutjax.types import (
  Array,
  Batch,
  Key,
  Linearization,
  PyTree,
  System,
  Variables,
)

_CODES = {'r': 'relu', 't': 'tanh', 's': 'silu', 'g': 'gelu'}


@dataclasses.dataclass(frozen=True)
class Config:
  """A NILUT.

  The published network is `published()`.

  Attributes:
    widths: Units of each hidden layer.
    activations: One per hidden layer, names of `mlp.ACTIVATIONS`.
    centred: Whether inputs are scaled to [-1, 1] and layers drawn by
      `mlp.init_gain` (zero last layer); otherwise inputs stay in [0, 1] and
      layers are drawn by `mlp.init_uniform`, as published.
    loss: `hinge` is the mean absolute residual without those of saturated
      outputs; `clamped` is that of the clamped output, as published.
    precision: Of the artefact's weights.
    looks: What the artefact says that it holds.
  """

  widths: tuple[int, ...] = (64, 64)
  activations: tuple[str, ...] = ('relu', 'relu')
  centred: bool = True
  loss: Literal['hinge', 'clamped'] = 'hinge'
  precision: Literal['fp32', 'bf16', 'int8'] = 'int8'
  looks: tuple[labels.Label, ...] = ()

  def __post_init__(self):
    if len(self.widths) != len(self.activations) or not self.widths:
      raise ValueError(
        f'Expected one activation per hidden layer, got widths {self.widths} and '
        f'activations {self.activations}.'
      )
    if min(self.widths) < 1:
      raise ValueError(f'Expected widths of 1 or more, got {self.widths}.')
    unknown = set(self.activations) - set(_CODES.values())
    if unknown:
      raise ValueError(
        f'Expected activations of {sorted(_CODES.values())}, got {sorted(unknown)}.'
      )


def published(width: int = 128, layers: int = 2) -> Config:
  """Returns the network of the paper's repository: ReLU, then Tanh layers.

  Args:
    width: `--units` there.
    layers: `--layers` there, the Tanh layers after the first.
  """
  return Config(
    widths=(width,) * (layers + 1),
    activations=('relu',) + ('tanh',) * layers,
    centred=False,
    loss='clamped',
    precision='fp32',
  )


def init(config: Config, key: Key) -> Variables:
  """Draws the network; the centred one starts as the exact identity."""
  widths = (3, *config.widths, 3)
  if config.centred:
    return Variables(mlp.init_gain(key, widths))
  return Variables(mlp.init_uniform(key, widths))


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Maps colours.

  Args:
    config: The network's.
    variables: The network.
    batch: `rgb` `[..., 3]` float32 in the unit cube.

  Returns:
    `[..., 3]` float32, clamped to [0, 1].
  """
  return jnp.clip(_raw(config, variables.params, batch['rgb']), 0.0, 1.0)


def query(config: Config, rgb: Array, weights: Array) -> Batch:
  """Returns the batch that asks for colours under a mix of looks.

  Args:
    config: The network's.
    rgb: `[..., 3]` float32 in the unit cube.
    weights: `[1]`; there is one look.
  """
  del config, weights
  return {'rgb': rgb}


def loss(
  config: Config, params: PyTree, stats: PyTree, batch: Batch, key: Key
) -> tuple[Array, tuple[PyTree, Batch]]:
  """Returns the mean absolute residual.

  Clamping inside the loss kills the gradient of outputs that stray beyond
  the range. The hinge leaves out exactly the residuals that the clamp at
  inference removes: target at a bound, output beyond it.

  Args:
    config: The network's.
    params: Its layers.
    stats: Unused, handed on.
    batch: `rgb` and `target`, `[B, 3]` each.
    key: Unused.

  Returns:
    The loss, and `(stats, {})`.
  """
  raw = _raw(config, params, batch['rgb'])
  if config.loss == 'clamped':
    residual = jnp.clip(raw, 0.0, 1.0) - batch['target']
  else:
    residual = _active(raw, batch['target']) * (raw - batch['target'])
  return jnp.mean(jnp.abs(residual)), (stats, {})


def linearize(config: Config, params: PyTree, batch: Batch) -> Linearization:
  """Linearises the network for kernel-form Gauss-Newton (`fit.methods`).

  Args:
    config: The network's.
    params: Its layers.
    batch: `rgb` and `target`, `[B, 3]` each.

  Returns:
    The residuals that count and what makes up the Jacobian's rows.
  """
  inputs = _encode(config, batch['rgb'])
  taps = [jnp.zeros((*inputs.shape[:-1], len(layer['bias']))) for layer in params]

  def tapped(taps: list[Array]) -> tuple[Array, list[Array]]:
    return mlp.apply_tapped(params, inputs, config.activations, taps)

  delta, backward, entering = jax.vjp(tapped, taps, has_aux=True)
  basis = jnp.eye(3)[:, None, :] * jnp.ones_like(delta)
  (rows,) = jax.vmap(backward)(basis)
  raw = delta + batch['rgb']
  active = _active(raw, batch['target'])
  return Linearization(
    outputs=lambda moved: mlp.apply(moved, inputs, config.activations),
    residual=active * (raw - batch['target']),
    active=active,
    inputs=entering,
    rows=rows,
  )


def export(config: Config, variables: Variables) -> bytes:
  """Packs the network, its weights rounded to `config.precision`.

  Args:
    config: The network's; `looks` is written along.
    variables: Host or device arrays.

  Returns:
    The artefact. Biases stay float32 beside float32 weights, else float16.
  """
  tensors: list[np.ndarray] = []
  for layer in variables.params:
    weight, bias = np.asarray(layer['weight']), np.asarray(layer['bias'])
    tensors.extend(quantize.to_tensors(weight, config.precision))
    tensors.append(bias if config.precision == 'fp32' else bias.astype(np.float16))
  names = {name: code for code, name in _CODES.items()}
  header = {
    'activations': ''.join(names[name] for name in config.activations),
    'centred': config.centred,
    'precision': config.precision,
    'looks': labels.to_header(config.looks),
  }
  return container.pack('nilut', header, tensors)


def restore(config: Config, content: bytes, source: str = 'artefact') -> Variables:
  """Unpacks what `export` packed.

  Args:
    config: From `config_of`.
    content: The artefact.
    source: Named in errors.

  Returns:
    The network, with the rounded weights as float32.

  Raises:
    ArtefactError: when the artefact is damaged or of another system.
  """
  tensors = iter(container.unpack(content, source).tensors)
  layers = []
  for _ in range(len(config.widths) + 1):
    weight = quantize.from_tensors(tensors, config.precision)
    layers.append({'weight': weight, 'bias': next(tensors).astype(np.float32)})
  return Variables(layers)


def config_of(artefact: container.Artefact, source: str) -> Config:
  """Reads the config that an artefact carries, checking it whole.

  Raises:
    ArtefactError: when a field is missing or at odds with the tensors.
  """
  header = artefact.header
  try:
    precision = header['precision']
    shapes = [t.shape for t in quantize.weights(artefact.tensors, precision)]
    config = Config(
      widths=tuple(shape[1] for shape in shapes[:-1]),
      activations=tuple(_CODES[code] for code in header['activations']),
      centred=header['centred'],
      precision=precision,
      looks=labels.from_header(header['looks'], source),
    )
  except (KeyError, TypeError, ValueError, IndexError) as error:
    if isinstance(error, errors.InputError):
      raise
    raise errors.ArtefactError(
      f'{source}: found a nilut header that does not fit: {error}'
    ) from error
  want = list(zip((3, *config.widths), (*config.widths, 3)))
  if shapes != want:
    raise errors.ArtefactError(
      f'{source}: found layers of shapes {shapes}, expected {want}'
    )
  return config


def make(config: Config) -> System:
  """Binds a config."""
  return System(
    init=lambda key: init(config, key),
    apply=lambda variables, batch: apply(config, variables, batch),
    loss=lambda params, stats, batch, key: loss(config, params, stats, batch, key),
    export=lambda variables: export(config, variables),
    restore=lambda content: restore(config, content),
  )


def _encode(config: Config, rgb: Array) -> Array:
  return 2.0 * rgb - 1.0 if config.centred else rgb


def _raw(config: Config, params: PyTree, rgb: Array) -> Array:
  return rgb + mlp.apply(params, _encode(config, rgb), config.activations)


def _active(raw: Array, target: Array) -> Array:
  above = (target >= 1.0) & (raw > 1.0)
  below = (target <= 0.0) & (raw < 0.0)
  return 1.0 - (above | below).astype(raw.dtype)
