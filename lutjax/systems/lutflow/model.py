"""LutFlow: hundreds of looks in one network, after arXiv 2412.15438.

One residual flow (`nn.residual_flow`) serves all looks; a look is a code, the
biases that it adds inside the flow. Beyond the paper, codes and weights are
rounded while they are trained, at steps that are trained too, against an
estimate of what the entropy coder will spend on them; and what the flow gets
wrong about a look may be corrected by a few cosine coefficients
(`residual_correction`), which `stats` carries once they are found.

Colours are `[..., 3]` float32 in the unit cube, as in `systems.nilut`.
"""

import dataclasses
import json
import lzma
import typing
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.codec import container, labels
from lutjax.color import difference, spaces
from lutjax.lut import lattice as lattice_lib
from lutjax.nn import residual_flow, rounding, spectral
from lutjax.systems.lutflow import artefact as artefact_lib
from lutjax.systems.lutflow import inverse, residual_correction
from lutjax.types import Array, Batch, Key, Model, PyTree, System, Variables, bind

Precision = Literal['fp32', 'bf16', 'int8', 'int6', 'int5', 'int4', 'learned']
PRECISIONS = typing.get_args(Precision)

# Looks whose codes stand for all when a step estimates bytes.
_SURVEYED = 64
# Of the controller that holds the estimate at the target.
_SMOOTHING = 0.02
_GAIN = 1.5
_FIRST_PRICE = 1e-3
# Power iterations of the weights that are shipped.
_SETTLED = 60
# That a network is trained to take at least.
_LEAST_BYTES = 512
# What learned steps start from.
_FIRST_STEP = 0.015


@dataclasses.dataclass(frozen=True)
class Config:
  """A LutFlow.

  Attributes:
    flow: The network's form.
    coefficient: Bound on the spectral norm of every layer, below 1, which
      makes every block a contraction and looks invertible; 0 for a free
      network.
    loss: `cie76` or `ciede2000` between display colours, `l1` or `l2`.
    precision: Of the artefact: floats; integers of a column's largest
      magnitude; or integers of `learned` steps. Integers are entropy coded.
    aware: Whether `apply` and training round as the artefact will; off in a
      model out of an artefact, which is rounded.
    budget_bytes: Of the whole artefact; None is 8,000 and 120 per look.
    share: Of the budget that `learned` trains flow and codes to take, though
      never more than 8,000 bytes and 100 per look, beyond which correction is
      worth more. What is left of the budget in the end goes to the correction.
    patience: Steps in which the price of a byte may grow by e: a fraction of
      the fit, so that looks are learned before they are made small.
    mended: Whether looks are corrected at all.
    target_cie76: Mean error that 95 in 100 looks shall reach; None for 1.7
      times the mean of the set.
    looks: What the model holds, and so the number of its codes.
  """

  flow: residual_flow.Shape = residual_flow.Shape(activation='rational')  # noqa: RUF009
  coefficient: float = 0.0
  loss: Literal['cie76', 'ciede2000', 'l1', 'l2'] = 'cie76'
  precision: Precision = 'learned'
  aware: bool = True
  budget_bytes: int | None = None
  share: float = 0.85
  patience: int = 1000
  mended: bool = True
  target_cie76: float | None = None
  looks: tuple[labels.Label, ...] = ()

  def __post_init__(self):
    config_lib.check_ranges(
      self,
      budget_bytes='[1, inf)',
      share='(0, 1]',
      patience='[1, inf)',
      target_cie76='(0, inf)',
    )
    if not 0.0 <= self.coefficient < 1.0:
      raise ValueError(f'Expected a coefficient in [0, 1), got {self.coefficient}.')
    if self.budget_bytes is not None and self.looks:
      least = names_bytes(self) + _LEAST_BYTES
      if self.budget_bytes < least:
        raise errors.InputError(
          f'--set=budget_bytes={self.budget_bytes}: the names of {len(self.looks)} '
          f'looks and the smallest network take {least}, expected that at least'
        )
    if self.coefficient and (self.flow.turned or self.flow.gains):
      raise ValueError('Expected no coefficient where codes turn or scale: no bound.')
    if self.flow.settings and (self.coefficient or self.mended):
      raise ValueError('Expected no coefficient and no mending with flow.settings.')

  @property
  def total_bytes(self) -> int:
    """The budget of the whole artefact, names included."""
    if self.budget_bytes is not None:
      return self.budget_bytes
    return 8000 + 120 * len(self.looks)

  @property
  def flow_bytes(self) -> float:
    """The budget that flow and codes are trained to."""
    room = self.total_bytes - names_bytes(self)
    return max(
      float(_LEAST_BYTES), min(self.share * room, 8000.0 + 100.0 * len(self.looks))
    )


def init(config: Config, key: Key) -> Variables:
  """Draws a network and a code for each of `config.looks`.

  Args:
    config: With the labels of the looks.
    key: Split into those of the flow, the codes and the vectors.

  Returns:
    `params`: `flow`, `codes` `[L, T]`, and with learned precision `steps`.
    `stats`: `vectors` of the power iteration, `price` of a byte per look, and
      the smoothed `ratio` of the estimated size to the target size.
  """
  flow_key, code_key, vector_key = jax.random.split(key, 3)
  flow = residual_flow.init(flow_key, config.flow)
  params = {
    'flow': flow,
    'codes': residual_flow.init_codes(code_key, config.flow, len(config.looks)),
  }
  stats = {}
  if config.precision == 'learned':
    first = rounding.exponent_of(_FIRST_STEP)
    params['steps'] = {
      'codes': jnp.full((config.flow.code_size,), first),
      'weights': jax.tree.map(
        lambda weight: jnp.full((weight.shape[1],), first), flow['weights']
      ),
    }
    stats['price'] = jnp.array(_FIRST_PRICE)
    stats['ratio'] = jnp.ones(())
  if config.coefficient:
    stats['vectors'] = spectral.init(vector_key, flow['weights'])
  return Variables(params, stats)


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Maps colours.

  Args:
    config: The model's.
    variables: The model, rounded or as trained.
    batch: `rgb` `[..., 3]`, and either `lut`, indices `[...]` (or one for
      all), or `weights` `[L]`, the shares of a mix: outputs are mixed; and
      `settings` `[..., K]` where the flow has some.

  Returns:
    `[..., 3]` float32 in [0, 1].
  """
  flow, codes, _ = _shipped(config, variables.params, variables.stats)
  if 'weights' not in batch:
    return _look(config, variables, flow, codes, batch, batch['lut'])

  def one(index: Array) -> Array:
    return _look(config, variables, flow, codes, batch, index)

  return _mixed(one, batch['weights'], batch['rgb'])


def query(config: Config, rgb: Array, weights: Array) -> Batch:
  """Returns the batch with which `apply` gives a mix of looks."""
  return {'rgb': rgb, 'weights': weights}


def loss(
  config: Config, params: PyTree, stats: PyTree, batch: Batch, key: Key
) -> tuple[Array, tuple[PyTree, Batch]]:
  """Returns the mean error of a batch plus the price of the bytes.

  Outputs beyond the range count as on its bound where the target is there
  too, and as they are elsewhere: a clamp alone would kill their gradient.
  With learned precision the price of a byte is moved so that the estimated
  size of flow and codes comes to `flow_bytes`.

  Args:
    config: The model's.
    params: The model.
    stats: Power-iteration vectors and the price.
    batch: `rgb` and `target` `[B, 3]`, `lut` `[B]` int32, and `settings` `[B, K]`
      where there are some.
    key: Picks the looks whose codes are surveyed.

  Returns:
    The loss, and `(stats, metrics)` with `error` and, where estimated,
    `size_bytes`.
  """
  stats = dict(stats)
  if config.coefficient:
    stats['vectors'] = spectral.iterate(stats['vectors'], params['flow']['weights'])
  flow, codes, bits = _shipped(config, params, stats, key)
  raw = residual_flow.apply(
    config.flow, flow, batch['rgb'], codes, batch['lut'], batch.get('settings')
  )
  error = jnp.mean(_differences(config, _within(raw, batch['target']), batch['target']))
  metrics = {'error': error}
  if config.precision != 'learned':
    return error, (stats, metrics)
  size_bytes = bits / 8.0
  # Smoothed, lest a step that happens to survey costly looks presses on them more.
  seen = jax.lax.stop_gradient(size_bytes) / config.flow_bytes
  ratio = stats['ratio'] + _SMOOTHING * (jnp.minimum(seen, 2.0) - stats['ratio'])
  price = stats['price'] * ratio**_GAIN
  growth = jnp.exp(jnp.clip(ratio - 1.0, -1.0, 1.0) / config.patience)
  stats['price'] = jnp.clip(stats['price'] * growth, 1e-6, 1.0)
  stats['ratio'] = ratio
  metrics['size_bytes'] = size_bytes
  return error + price * size_bytes / len(config.looks), (stats, metrics)


def lattice(config: Config, variables: Variables, index: Array, size: int) -> Array:
  """Decodes a look to `[size, size, size, 3]` over the unit cube.

  Slab by slab, so that what a layer makes stays in the cache.

  Args:
    config: The model's.
    variables: The model, rounded or as trained.
    index: Of the look.
    size: Nodes per axis.
  """
  flow, codes, _ = _shipped(config, variables.params, variables.stats)
  table = residual_flow.tabulate(config.flow, flow, codes[index], size)
  if 'correction' in variables.stats:
    table = table + residual_correction.lattice(
      variables.stats['correction'], index, size
    )
  return jnp.clip(table, 0.0, 1.0)


def tabulate(config: Config, variables: Variables, weights: Array, size: int) -> Array:
  """Decodes a mix of looks, as `lattice` does one.

  Args:
    config: The model's.
    variables: The model.
    weights: `[L]`, shares; lattices are mixed, each clamped before.
    size: Nodes per axis.
  """

  def one(index: Array) -> Array:
    return lattice(config, variables, index, size)

  return _mixed(one, weights, jnp.zeros((size, size, size, 3)))


def invertible(config: Config) -> bool:
  """Returns whether looks of a model have inverses."""
  return config.coefficient > 0.0 and not config.mended


def inverse_lattice(
  config: Config, variables: Variables, index: Array, size: int
) -> inverse.Inverted:
  """Inverts a look at the nodes of its outputs.

  Args:
    config: The model's, `invertible`.
    variables: The model.
    index: Of the look.
    size: Nodes per axis.

  Returns:
    Inputs `[size, size, size, 3]`, and how well they were found.
  """
  flow, codes = codes_of(config, variables)
  nodes = jnp.asarray(lattice_lib.identity(size))
  return inverse.invert(config.flow, flow, nodes, codes[index])


def export(config: Config, variables: Variables) -> bytes:
  """Packs the model; see `artefact`."""
  stats = dict(variables.stats)
  if 'vectors' in stats:
    weights = variables.params['flow']['weights']
    stats['vectors'] = spectral.iterate(stats['vectors'], weights, count=_SETTLED)
  flow, codes, _ = _shipped(config, variables.params, stats)
  params = {**variables.params, 'flow': flow, 'codes': codes}
  names = json.dumps(labels.to_header(config.looks), ensure_ascii=False).encode()
  header = {
    'flow': artefact_lib.flow_to_header(config.flow),
    'coefficient': config.coefficient,
    'precision': config.precision,
    'looks': len(config.looks),
    'mended': 'correction' in variables.stats,
  }
  tensors = artefact_lib.to_tensors(config.precision, params, variables.stats)
  packed = np.frombuffer(lzma.compress(names, lzma.FORMAT_ALONE), np.uint8)
  return container.pack('lutflow', header, [packed, *tensors])


def names_bytes(config: Config) -> int:
  """Returns how many bytes of the artefact are the names of the looks."""
  names = json.dumps(labels.to_header(config.looks), ensure_ascii=False).encode()
  return len(lzma.compress(names, lzma.FORMAT_ALONE))


def restore(config: Config, content: bytes, source: str = 'artefact') -> Variables:
  """Unpacks what `export` packed, bit for bit the same everywhere.

  Args:
    config: From `config_of`; its network is taken as it is, rounded and
      within its spectral bound.
    content: The artefact.
    source: Named in errors.

  Raises:
    ArtefactError: when the artefact is damaged or of another system.
  """
  artefact = container.unpack(content, source)
  try:
    return Variables(
      *artefact_lib.from_tensors(
        config.precision,
        config.flow,
        len(config.looks),
        bool(artefact.header['mended']),
        artefact.tensors[1:],
      )
    )
  except errors.ArtefactError as error:
    raise errors.ArtefactError(f'{source}: {error}') from error


def config_of(artefact: container.Artefact, source: str) -> Config:
  """Reads and checks the config in an artefact.

  Args:
    artefact: As unpacked, of this system.
    source: Named in errors.

  Raises:
    ArtefactError: when a field is missing or not what it should be.
  """
  header = artefact.header
  try:
    names = lzma.decompress(artefact.tensors[0].tobytes(), lzma.FORMAT_ALONE)
    config = Config(
      flow=artefact_lib.flow_from_header(header['flow']),
      coefficient=float(header['coefficient']),
      precision=header['precision'],
      aware=False,
      mended=bool(header['mended']),
      looks=labels.from_header(json.loads(names), source),
    )
    count = int(header['looks'])
  except (KeyError, TypeError, ValueError, IndexError, lzma.LZMAError) as error:
    if isinstance(error, errors.InputError):
      raise
    raise errors.ArtefactError(
      f'{source}: found a lutflow header that does not fit: {error}'
    ) from error
  if config.precision not in PRECISIONS or count != len(config.looks):
    raise errors.ArtefactError(
      f'{source}: found precision {config.precision!r} and {len(config.looks)} names, '
      f'expected {count} names'
    )
  return config


def make(config: Config) -> System:
  """Binds a config."""
  return bind(config, init, apply, loss, export, restore)


MODEL = Model(
  'lutflow',
  Config,
  make,
  apply,
  config_of,
  restore,
  query,
  tabulate=tabulate,
  names_bytes=names_bytes,
  invertible=invertible,
  inverse_lattice=inverse_lattice,
  settings=lambda config: config.flow.settings,
  with_settings=lambda config, count: dataclasses.replace(
    config, flow=dataclasses.replace(config.flow, settings=count)
  ),
)


def codes_of(config: Config, variables: Variables) -> tuple[PyTree, Array]:
  """Returns the flow and the codes `[L, T]` that `apply` uses."""
  flow, codes, _ = _shipped(config, variables.params, variables.stats)
  return flow, codes


def _mixed(one: Callable[[Array], Array], weights: Array, like: Array) -> Array:
  """Sums `share * one(index)` over the looks that have a share."""

  def add(total: Array, look: tuple[Array, Array]) -> tuple[Array, None]:
    share, index = look

    def added(total: Array) -> Array:
      return total + share * one(index)

    # The total passes through where it stays: hundreds of sums with zero cost more
    # than the network.
    return jax.lax.cond(share > 0, added, lambda total: total, total), None

  looks = (weights, jnp.arange(weights.shape[0]))
  return jax.lax.scan(add, jnp.zeros_like(like), looks)[0]


def _look(
  config: Config,
  variables: Variables,
  flow: PyTree,
  codes: Array,
  batch: Batch,
  index: Array,
) -> Array:
  rgb, settings = batch['rgb'], batch.get('settings')
  raw = residual_flow.apply(config.flow, flow, rgb, codes[index], settings=settings)
  if 'correction' in variables.stats:
    raw = raw + residual_correction.at(variables.stats['correction'], rgb, index)
  return jnp.clip(raw, 0.0, 1.0)


def _shipped(
  config: Config, params: PyTree, stats: PyTree, key: Key | None = None
) -> tuple[PyTree, Array, Array]:
  """Returns flow and codes as the artefact will hold them, and their bits.

  With a key, the bits of the codes are estimated from some of the looks.
  """
  flow = jax.tree.map(jnp.asarray, params['flow'])
  codes = jnp.asarray(params['codes'])
  if 'vectors' in stats:
    weights = spectral.bound(stats['vectors'], flow['weights'], config.coefficient)
    scales = jnp.clip(flow['scales'], -1.0, 1.0)
    flow = {**flow, 'weights': weights, 'scales': scales}
  bits = jnp.zeros(())
  if not config.aware or config.precision in ('fp32', 'bf16'):
    return flow, codes, bits
  if config.precision != 'learned':
    depth = int(config.precision.removeprefix('int'))
    weights = jax.tree.map(lambda w: rounding.to_bits(w, depth), flow['weights'])
    flow = {**flow, 'weights': weights}
    if 'bias' in flow:
      step = rounding.column_step(codes, depth)[0]
      flow['bias'] = rounding.snap(flow['bias'], step)
    return flow, rounding.to_bits(codes, depth), bits
  step = rounding.step_of(params['steps']['codes'])
  steps = jax.tree.map(rounding.step_of, params['steps']['weights'])
  if key is not None:
    looks = codes.shape[0]
    surveyed = min(_SURVEYED, looks)
    first = jax.random.randint(key, (), 0, looks - surveyed + 1)
    some = jax.lax.dynamic_slice_in_dim(codes, first, surveyed)
    bits = rounding.laplace_bits(some / step) * (looks / surveyed)
    for weight, unit in zip(jax.tree.leaves(flow['weights']), jax.tree.leaves(steps)):
      bits = bits + rounding.laplace_bits(weight / unit)
  flow = {**flow, 'weights': jax.tree.map(rounding.snap, flow['weights'], steps)}
  if 'bias' in flow:
    flow['bias'] = rounding.snap(flow['bias'], step)
  return flow, rounding.snap(codes, step), bits


def _within(raw: Array, target: Array) -> Array:
  saturated = ((target >= 1.0) & (raw > 1.0)) | ((target <= 0.0) & (raw < 0.0))
  return jnp.where(saturated, target, raw)


def _differences(config: Config, got: Array, want: Array) -> Array:
  if config.loss == 'l1':
    return jnp.abs(got - want)
  if config.loss == 'l2':
    return jnp.square(got - want)
  measure = {
    'cie76': difference.delta_e_76,
    'ciede2000': difference.delta_e_2000,
  }[config.loss]
  return measure(spaces.srgb_to_lab(got), spaces.srgb_to_lab(want))
