"""NILUT: a 3D LUT as an implicit neural function.

After "NILUT: Conditional Neural Implicit 3D Lookup Tables for Image
Enhancement" (arXiv 2306.11920, AAAI 2024): a multilayer perceptron takes a
colour and gives what is added to it. Several looks may share one network, as
styles that are asked for one at a time or mixed. Colours are `[..., 3]`
float32 in the unit cube, which stands for the domain of the LUT; outputs
likewise stand for its range (`codec.labels.Label`).

A LUT of 4 or 5 dimensions has settings beside the colour, such as exposure. The
network takes them as further inputs; where they are fixed, it is a NILUT of
colours again (`fix`).
"""

import dataclasses
import itertools
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.codec import container, labels, quantize
from lutjax.lut import lattice
from lutjax.nn import encodings, mlp, siren
from lutjax.types import (
  Array,
  Batch,
  Key,
  Linearization,
  Model,
  PyTree,
  System,
  Variables,
  bind,
)

_CODES = {'r': 'relu', 't': 'tanh', 's': 'silu', 'g': 'gelu', 'w': 'sine'}
# Of the seeded waves; an artefact depends on it.
_SEED = 2306

Precision = Literal[
  'fp32', 'bf16', 'int8', 'int7', 'int6', 'int5', 'int4', 'int3', 'int2'
]


@dataclasses.dataclass(frozen=True)
class Config:
  """A NILUT.

  The published network is `published()`.

  Attributes:
    widths: Units of each hidden layer.
    activations: One per hidden layer, names of `mlp.ACTIVATIONS`.
    encoding: What the first layer sees: the `unit` cube, as published; colours
      `centred` in [-1, 1]; those beside seeded random `fourier` waves (Tancik
      et al., arXiv 2006.10739), or beside the octaves of a `frequency`
      encoding.
    features: Waves, or octaves.
    spread: Standard deviation of the waves' frequencies, radians per unit.
    start: Layers are drawn by `mlp.init_gain` (zero last layer), by
      `mlp.init_uniform`, as published, or by `siren.init`.
    omega: Frequency of a `siren` start.
    settings: Numbers in [0, 1] that enter beside the colour.
    styles: Several looks in one network: `heads`, a last layer for each, the
      outputs of which are mixed; `inputs`, style weights that enter beside the
      colour, as published; `one` look only.
    loss: `hinge` is the mean absolute residual without those of saturated
      outputs; `clamped` is that of the clamped output, as published.
    precision: Of the artefact's weights.
    aware: Whether training rounds weights as the artefact will.
    looks: What the artefact says that it holds; their count is that of the
      styles.
  """

  widths: tuple[int, ...] = (64, 64)
  activations: tuple[str, ...] = ('relu', 'relu')
  encoding: Literal['unit', 'centred', 'fourier', 'frequency'] = 'centred'
  features: int = 32
  spread: float = 3.0
  start: Literal['gain', 'uniform', 'siren'] = 'gain'
  omega: float = 4.0
  settings: int = 0
  styles: Literal['one', 'heads', 'inputs'] = 'one'
  loss: Literal['hinge', 'clamped'] = 'hinge'
  precision: Precision = 'int8'
  aware: bool = False
  looks: tuple[labels.Label, ...] = ()

  def __post_init__(self):
    config_lib.check_ranges(
      self,
      features='[1, 4096]',
      spread='(0, inf)',
      omega='(0, inf)',
      settings=f'[0, {lattice.MAX_DIMENSIONS - 3}]',
    )
    if self.settings and self.encoding not in ('unit', 'centred'):
      raise ValueError(
        f'Expected an encoding unit or centred with settings, got {self.encoding!r}.'
      )
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
    if self.styles == 'one' and len(self.looks) > 1:
      raise ValueError(
        f'Expected styles heads or inputs for {len(self.looks)} looks, got one.'
      )

  @property
  def layer_widths(self) -> tuple[int, ...]:
    """Units per layer, inputs first."""
    count = max(1, len(self.looks))
    waves = {'fourier': self.features, 'frequency': 6 * self.features}
    inputs = 3 + self.settings + waves.get(self.encoding, 0)
    inputs += count if self.styles == 'inputs' else 0
    return inputs, *self.widths, 3 * (count if self.styles == 'heads' else 1)


def published(width: int = 128, layers: int = 2) -> Config:
  """Returns the network of the paper's repository: ReLU, then Tanh layers.

  Args:
    width: `--units` there.
    layers: `--layers` there, the Tanh layers after the first.
  """
  return Config(
    widths=(width,) * (layers + 1),
    activations=('relu',) + ('tanh',) * layers,
    encoding='unit',
    start='uniform',
    loss='clamped',
    precision='fp32',
  )


def init(config: Config, key: Key) -> Variables:
  """Draws the network; but for the published one it starts as the identity.

  Args:
    config: Widths, and how weights are drawn (`start`).
    key: Split among the layers.
  """
  if config.start == 'siren':
    return Variables(siren.init(key, config.layer_widths, omega=config.omega))
  if config.start == 'gain':
    return Variables(mlp.init_gain(key, config.layer_widths))
  return Variables(mlp.init_uniform(key, config.layer_widths))


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Maps colours.

  With `heads`, a mix of styles is exactly the mix of what each style gives
  alone: outputs are clamped first and mixed then. With `inputs` it is
  whatever the network makes of weights between those it was trained at.

  Args:
    config: The network's.
    variables: The network.
    batch: `rgb` `[..., 3]` float32 in the unit cube; with several styles
      `style` `[..., S]`, weights of sum 1; with settings `settings` `[..., K]`.

  Returns:
    `[..., 3]` float32, clamped to [0, 1].
  """
  raw = _raw(config, variables.params, batch)
  outputs = jnp.clip(raw, 0.0, 1.0)
  if config.styles == 'heads':
    outputs = jnp.sum(outputs * batch['style'][..., None], axis=-2)
  return outputs


def query(config: Config, rgb: Array, weights: Array) -> Batch:
  """Returns the batch that asks for colours under a mix of looks.

  Args:
    config: The network's.
    rgb: `[..., 3]` float32 in the unit cube.
    weights: `[S]`, sum 1.
  """
  if config.styles == 'one':
    return {'rgb': rgb}
  style = jnp.broadcast_to(weights, (*rgb.shape[:-1], weights.shape[-1]))
  return {'rgb': rgb, 'style': style}


def fix(
  config: Config, variables: Variables, settings: Array | np.ndarray
) -> tuple[Config, Variables]:
  """Returns the NILUT of colours that one with settings is where these are fixed.

  What settings add to the first layer is the same for all colours, so it goes into
  the bias. An artefact of the result rounds that bias, as it does others.

  Args:
    config: The network's.
    variables: The network.
    settings: `[K]` in [0, 1].

  Returns:
    The config, of no settings, and the network.

  Raises:
    ValueError: on another number of settings.
  """
  settings = jnp.asarray(settings, jnp.float32)
  if settings.shape != (config.settings,):
    raise ValueError(f'Expected settings [{config.settings}], got {settings.shape}.')
  first, *others = variables.params
  colour, rest = jnp.split(first['weight'], [3])
  own, styles = jnp.split(rest, [config.settings])
  added = jnp.matmul(_scaled(config, settings), own, precision='highest')
  first = {
    'weight': jnp.concatenate([colour, styles]),
    'bias': first['bias'] + added,
  }
  fixed = dataclasses.replace(config, settings=0)
  return fixed, variables._replace(params=[first, *others])


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
    batch: `rgb` and `target`, `[B, 3]` each; `target` `[B, S, 3]` of all
      styles with `heads`, and `style` `[B, S]` beside it with `inputs`;
      `settings` `[B, K]` where there are some.
    key: Unused.

  Returns:
    The loss, and `(stats, {})`.
  """
  bits = quantize.to_bits(config.precision) if config.aware else None
  if bits is not None:
    params = [
      layer | {'weight': quantize.fake_quantize(layer['weight'], bits)}
      for layer in params
    ]
  raw = _raw(config, params, batch)
  if config.loss == 'clamped':
    residual = jnp.clip(raw, 0.0, 1.0) - batch['target']
  else:
    residual = _active(raw, batch['target']) * (raw - batch['target'])
  return jnp.mean(jnp.abs(residual)), (stats, {})


def linearize(config: Config, params: PyTree, batch: Batch) -> Linearization:
  """Linearises the network for kernel-form Gauss-Newton (`fit.methods`).

  Args:
    config: The network's, of one style or `inputs`.
    params: Its layers.
    batch: `rgb` and `target`, `[B, 3]` each.

  Returns:
    The residuals that count and what makes up the Jacobian's rows.

  Raises:
    ValueError: if the network has several heads.
  """
  if config.styles == 'heads':
    raise ValueError('Expected one output per colour for gauss_newton, got heads.')
  inputs = _encode(config, batch)
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
    'encoding': _encoding_to_header(config),
    'styles': config.styles,
    'precision': config.precision,
    'looks': labels.to_header(config.looks),
  }
  if config.settings:
    # Else artefacts are what they were before there were settings.
    header['settings'] = config.settings
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
  """Reads and checks the config in an artefact.

  Args:
    artefact: As unpacked, of this system.
    source: Named in errors.

  Raises:
    ArtefactError: when a field is missing or at odds with the tensors.
  """
  header = artefact.header
  try:
    precision = header['precision']
    shapes = [t.shape for t in quantize.weights(artefact.tensors, precision)]
    config = config_lib.checked(
      Config(
        widths=tuple(shape[1] for shape in shapes[:-1]),
        activations=tuple(_CODES[code] for code in header['activations']),
        **_encoding_from_header(header['encoding']),
        settings=header.get('settings', 0),
        styles=header['styles'],
        precision=precision,
        looks=labels.from_header(header['looks'], source),
      )
    )
  except (KeyError, TypeError, ValueError, IndexError) as error:
    if isinstance(error, errors.InputError):
      raise
    raise errors.ArtefactError(
      f'{source}: found a nilut header that does not fit: {error}'
    ) from error
  want = list(itertools.pairwise(config.layer_widths))
  if shapes != want:
    raise errors.ArtefactError(
      f'{source}: found layers of shapes {shapes}, expected {want}'
    )
  return config


def make(config: Config) -> System:
  """Binds a config."""
  return bind(config, init, apply, loss, export, restore)


MODEL = Model(
  'nilut',
  Config,
  make,
  apply,
  config_of,
  restore,
  query,
  linearize=linearize,
  settings=lambda config: config.settings,
  with_settings=lambda config, count: dataclasses.replace(config, settings=count),
)


def _encoding_to_header(config: Config) -> Any:
  if config.encoding == 'fourier':
    return [config.features, config.spread]
  return config.features if config.encoding == 'frequency' else config.encoding


def _encoding_from_header(value: Any) -> dict[str, Any]:
  """Reads a name, a count of octaves, or a count and spread of waves."""
  if value in ('unit', 'centred'):
    return {'encoding': value}
  names = ('features', 'spread') if isinstance(value, list) else ('features',)
  fields = dict(zip(names, value if isinstance(value, list) else [value], strict=True))
  if type(fields['features']) is not int or not 0 < fields['features'] <= 4096:
    raise ValueError(f'an encoding {value!r}')
  return {'encoding': 'fourier' if len(fields) == 2 else 'frequency', **fields}


def _encode(config: Config, batch: Batch) -> Array:
  seen = _scaled(config, batch['rgb'])
  if config.settings:
    settings = _scaled(config, batch['settings'])
    seen = jnp.concatenate([seen, settings], axis=-1)
  if config.encoding == 'fourier':
    drawn = encodings.draw_waves(_SEED, config.features, (config.spread,) * 3)
    seen = jnp.concatenate([seen, encodings.waves(drawn, seen)], axis=-1)
  elif config.encoding == 'frequency':
    waves = encodings.frequency(seen, config.features)
    seen = jnp.concatenate([seen, waves], axis=-1)
  if config.styles == 'inputs':
    return jnp.concatenate([seen, batch['style']], axis=-1)
  return seen


def _scaled(config: Config, inputs: Array) -> Array:
  return inputs if config.encoding == 'unit' else 2.0 * inputs - 1.0


def _raw(config: Config, params: PyTree, batch: Batch) -> Array:
  rgb = batch['rgb']
  delta = mlp.apply(params, _encode(config, batch), config.activations)
  if config.styles == 'heads':
    return rgb[..., None, :] + delta.reshape(*rgb.shape[:-1], -1, 3)
  return rgb + delta


def _active(raw: Array, target: Array) -> Array:
  above = (target >= 1.0) & (raw > 1.0)
  below = (target <= 0.0) & (raw < 0.0)
  return 1.0 - (above | below).astype(raw.dtype)
