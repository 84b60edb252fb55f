"""Img2LUT: a network that looks at a picture and predicts its 3D lattice.

After a notebook in which a residual network puts out a lattice of 33 nodes per axis
(`notebook`), and after the image-adaptive lattices of Zeng et al. (TPAMI 2020). The
network sees `side` x `side` pixels of a picture, points on an even grid and not means:
what is clipped or cast in the picture is so in what is seen. The lattice is applied at
full size by `lut.interpolate`.

Pictures are `[B, S, S, 3]` float32 in [0, 1], codes as stored.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from lutjax import config as config_lib
from lutjax import metrics
from lutjax.color import difference, spaces, transfer
from lutjax.lut import interpolate, regularizers
from lutjax.nn import resnet
from lutjax.systems.img2lut import heads
from lutjax.types import Array, Batch, Key, LookLibrary, PyTree, Variables

Precision = Literal['fp32', 'bf16', 'int8']

# Of a model, at most, so that its artefact can be read: the notebook's has 57 million.
MOST_PARAMETERS = 1 << 26
# Lattices of a batch whose form has a price: pictures of a batch are drawn at random,
# so that a few stand for all, in a third of the time.
_PENALISED = 4
# Mean levels below this are as good as black.
_DARK = 1e-3
# Weights that suit the size of each loss: that of bending, and what monotonicity
# weighs against it.
_USUAL_BENDING = {
  'cie76': 100.0,
  'ciede2000': 50.0,
  'l1': 1.0,
  'ssim': 1.0,
  'mse': 0.01,
}
_MONOTONICITY = 0.01


@dataclasses.dataclass(frozen=True)
class Held:
  """The look library of a model.

  Attributes:
    name: Of its artefact, for messages; not part of the model's own artefact.
    content: The artefact itself, which that of the model contains.
    functions: What the head uses; None until the library is opened.
  """

  name: str
  content: bytes
  functions: LookLibrary | None = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(frozen=True)
class Config:
  """An Img2LUT.

  Attributes:
    side: S, pixels per axis that the network sees.
    network: Its form.
    histogram: Bins per channel of a soft histogram that the head sees beside what the
      network found, and of the mean levels as logarithms; 0 for none.
    head: What gives the lattice.
    library: Artefact or run folder of looks, for a `library` head.
    held: That library; set when it is opened.
    interpolation: Of the lattice, in training.
    loss: Of the picture: `mse`, `l1`, `cie76`, `ciede2000`, or `ssim` (1 less it).
    smoothness: Weight of `regularizers.smoothness`, the ends twice.
    bending: Weight of `regularizers.bending`; None for one that suits the loss.
    monotonicity: Weight of `regularizers.monotonicity`; None likewise.
    all_axes: Whether that is asked of every output along every input.
    neutrality: Weight of `regularizers.neutrality`.
    energy: Weight of the mean squared weight of mixed lattices.
    precision: Of the artefact's weights.
  """

  side: int = 64
  network: resnet.Shape = resnet.Shape()  # noqa: RUF009
  histogram: int = 16
  head: heads.Shape = heads.Shape()  # noqa: RUF009
  library: str = ''
  held: Held | None = None
  interpolation: Literal['trilinear', 'tetrahedral'] = 'tetrahedral'
  loss: Literal['mse', 'l1', 'cie76', 'ciede2000', 'ssim'] = 'cie76'
  smoothness: float = 0.0
  bending: float | None = None
  monotonicity: float | None = None
  all_axes: bool = False
  neutrality: float = 0.0
  energy: float = 0.0
  precision: Precision = 'fp32'

  def __post_init__(self):
    weights = ('smoothness', 'bending', 'monotonicity', 'neutrality', 'energy')
    config_lib.check_ranges(
      self,
      side='[16, 1024]',
      histogram='[0, 256]',
      **dict.fromkeys(weights, '[0, inf)'),
    )
    if self.histogram == 1:
      raise ValueError('Expected a histogram of 2 bins or more, or 0, got 1.')
    if self.head.size < 3 and self.bending:
      raise ValueError(
        f'Expected no bending with 2 nodes per axis, got {self.bending}: nothing bends.'
      )
    if self.energy and self.head.kind not in ('basis', 'compressed'):
      raise ValueError(
        f'Expected energy of a head that mixes lattices alone, got {self.head.kind}.'
      )
    if self.all_axes and self.monotonicity == 0.0:
      raise ValueError('Expected all_axes with a weight of monotonicity, got 0.')
    if bool(self.library or self.held) != (self.head.kind == 'library'):
      raise ValueError(
        f'Expected a library for a head of that kind alone, got {self.library!r} and '
        f'{self.head.kind}.'
      )

  @property
  def features(self) -> int:
    """Numbers that enter the head."""
    if self.head.kind == 'constant':
      return 0
    return self.network.features + (3 * self.histogram + 6 if self.histogram else 0)

  @property
  def functions(self) -> LookLibrary | None:
    """The library as the head uses it, once it is opened."""
    return None if self.held is None else self.held.functions


def notebook(size: int = 33) -> Config:
  """Returns the notebook's model: its stem, blocks, head, loss and interpolation.

  Args:
    size: Nodes per axis: 33 in its settings, 8 as its class has by default.
  """
  return Config(
    side=256,
    network=resnet.Shape(32, 1, (64, 128, 256), 'batch', 'mean'),
    histogram=0,
    head=heads.Shape('dense', size, (512,), bounded=True, residual=False),
    interpolation='trilinear',
    loss='mse',
    bending=0.0,
    monotonicity=0.0,
  )


def init(config: Config, key: Key) -> Variables:
  """Draws a model.

  Args:
    config: Its form.
    key: Typed random key.

  Returns:
    `params` of `network` and `head`; `stats`, the running statistics of the network.
  """
  network_key, head_key = jax.random.split(key)
  head = heads.init(head_key, config.head, config.features, config.functions)
  if config.head.kind == 'constant':
    return Variables({'head': head})
  network = resnet.init(network_key, config.network)
  return Variables({'network': network.params, 'head': head}, network.stats)


def lattices(config: Config, variables: Variables, pictures: Array) -> Array:
  """Predicts a lattice for each picture.

  Args:
    config: The model's.
    variables: The model.
    pictures: `[B, S, S, 3]` float32 in [0, 1].

  Returns:
    `[B, N, N, N, 3]` float32 in [0, 1], indexed `[r, g, b]`; one does not depend on
    the other pictures.
  """
  given = _features(config, variables, pictures)
  made = heads.apply(config.head, variables.params['head'], given, config.functions)
  return jnp.clip(made, 0.0, 1.0)


def predict_lattice(config: Config, variables: Variables, picture: Array) -> Array:
  """Predicts the lattice of one picture; see `lattices`.

  Args:
    config: The model's.
    variables: The model.
    picture: `[S, S, 3]` float32 in [0, 1].

  Returns:
    `[N, N, N, 3]` float32 in [0, 1].
  """
  return lattices(config, variables, picture[None])[0]


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Maps colours through the lattices of their pictures.

  Args:
    config: The model's.
    variables: The model.
    batch: `image` `[B, S, S, 3]`, and `rgb` `[B, ..., 3]`, by default `image`; float32
      in [0, 1].

  Returns:
    As `rgb`, in [0, 1].
  """
  made = lattices(config, variables, batch['image'])
  return _mapped(config, made, batch.get('rgb', batch['image']))


def loss(
  config: Config, params: PyTree, stats: PyTree, batch: Batch, key: Key
) -> tuple[Array, tuple[PyTree, Batch]]:
  """Returns the error of a batch and the price of its lattices.

  Nodes are cut to [0, 1] as they will be, but their slope is that of the uncut ones.

  Args:
    config: The model's.
    params: The model.
    stats: Running statistics of the network.
    batch: `image` `[B, S, S, 3]`; `rgb` and `target` `[B, P, 3]`, of which `ssim` needs
      all pixels of a picture of S x S, row by row.
    key: Not used.

  Returns:
    The loss; the statistics, moved; and `error`, that of the picture alone.
  """
  del key
  variables = Variables(params, stats)
  given, stats = _trained_features(config, variables, batch['image'])
  raw = heads.apply(config.head, params['head'], given, config.functions)
  cut = raw + jax.lax.stop_gradient(jnp.clip(raw, 0.0, 1.0) - raw)
  got = _mapped(config, cut, batch['rgb'])
  error = _ERRORS[config.loss](got, batch['target'])
  price = jnp.zeros(())
  for weight, penalty in _penalties(config):
    if weight:
      price += weight * jnp.mean(jax.vmap(penalty)(raw[:_PENALISED]))
  if config.energy:
    price += config.energy * heads.bases_energy(config.head, params['head'], given)
  return error + price, (stats, {'error': error})


def parameters(config: Config) -> dict[str, int]:
  """Returns how many parameters each part has, without drawing any.

  Args:
    config: With its library opened, where it has one.

  Returns:
    Counts by the names of parts: of each of the network's layers, of the head's, and
    what the head learns for all pictures together.
  """
  shapes = jax.eval_shape(lambda key: init(config, key), jax.random.key(0)).params
  counts: dict[str, int] = {}
  for name, part in shapes.get('network', {}).items():
    kind = name.removesuffix('_norm')
    counts[kind] = counts.get(kind, 0) + _count(part)
  for name, part in shapes['head'].items():
    if name == 'layers':
      counts |= {f'head layer {i + 1}': _count(layer) for i, layer in enumerate(part)}
    else:
      counts[f'head {name}'] = _count(part)
  return counts


def _count(part: PyTree) -> int:
  return sum(leaf.size for leaf in jax.tree.leaves(part))


def _features(config: Config, variables: Variables, pictures: Array) -> Array:
  if config.head.kind == 'constant':
    return jnp.zeros((len(pictures), 0))
  network = Variables(variables.params['network'], variables.stats)
  found = resnet.apply(config.network, network, pictures)
  return _beside_histogram(config, found, pictures)


def _trained_features(
  config: Config, variables: Variables, pictures: Array
) -> tuple[Array, PyTree]:
  if config.head.kind == 'constant':
    return jnp.zeros((len(pictures), 0)), variables.stats
  network = Variables(variables.params['network'], variables.stats)
  found, stats = resnet.train(config.network, network, pictures)
  return _beside_histogram(config, found, pictures), stats


def _beside_histogram(config: Config, found: Array, pictures: Array) -> Array:
  """Adds shares of pixels by channel and level, each shared by the two nearest."""
  if not config.histogram:
    return found
  levels = jnp.arange(config.histogram)
  places = pictures.reshape(len(pictures), -1, 3, 1) * (config.histogram - 1)
  shares = jnp.mean(jax.nn.relu(1.0 - jnp.abs(places - levels)), axis=1)
  means = [
    jnp.mean(of, axis=(1, 2)) for of in (pictures, transfer.srgb_to_linear(pictures))
  ]
  # A gain is a step along a logarithm, however bright the picture.
  logarithms = [jnp.log(mean + _DARK) for mean in means]
  seen = [found, shares.reshape(len(pictures), -1), *logarithms]
  return jnp.concatenate(seen, axis=-1)


def _mapped(config: Config, made: Array, rgb: Array) -> Array:
  return jax.vmap(interpolate.METHODS[config.interpolation])(made, rgb)


def _penalties(config: Config) -> list[tuple[float, Callable[[Array], Array]]]:
  bending, monotonicity = config.bending, config.monotonicity
  usual = _USUAL_BENDING[config.loss]
  if bending is None:
    bending = usual if config.head.size > 2 else 0.0
  return [
    (config.smoothness, lambda made: regularizers.smoothness(made, ends=2.0)),
    (bending, regularizers.bending),
    (
      _MONOTONICITY * usual if monotonicity is None else monotonicity,
      lambda made: regularizers.monotonicity(made, all_axes=config.all_axes),
    ),
    (config.neutrality, regularizers.neutrality),
  ]


def _lab_error(measure: Callable[[Array, Array], Array], got: Any, want: Any) -> Array:
  lab1, lab2 = spaces.srgb_to_lab(got), spaces.srgb_to_lab(want)
  return jnp.mean(measure(lab1, lab2))


def _dissimilarity(got: Array, want: Array) -> Array:
  side = round(got.shape[1] ** 0.5)
  square = (len(got), side, side, 3)
  found = jax.vmap(metrics.ssim)(got.reshape(square), want.reshape(square))
  return 1.0 - jnp.mean(found)


_ERRORS: dict[str, Callable[[Array, Array], Array]] = {
  'mse': lambda got, want: jnp.mean(jnp.square(got - want)),
  'l1': lambda got, want: jnp.mean(jnp.abs(got - want)),
  'cie76': lambda got, want: _lab_error(difference.delta_e_76, got, want),
  'ciede2000': lambda got, want: _lab_error(difference.delta_e_2000, got, want),
  'ssim': _dissimilarity,
}
