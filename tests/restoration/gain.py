"""A model of two numbers that restores pictures, for tests of how models are trained.

Every pixel becomes `gain pixel + offset`, `scale` times in each direction. `margin`
pixels at each side of a patch are not given, as by models that look around.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.codec import container
from lutjax.data import degradations
from lutjax.types import Entry, Model, Restorer, Variables, bind


@dataclasses.dataclass(frozen=True)
class Config:
  """Starts at `gain`; what is stored is `error` codes off."""

  restores: degradations.Degradation = degradations.Degradation('bicubic', 2)  # noqa: RUF009
  gain: float = 0.5
  margin: int = 2
  error: int = 0


def init(config, key):
  del key
  return Variables({'gain': jnp.float32(config.gain), 'offset': jnp.float32(0)})


def apply(config, variables, batch):
  held = variables.params
  codes = held['gain'] * batch['patch'] + held['offset']
  if config.margin:
    inner = slice(config.margin, -config.margin)
    codes = codes[:, inner, inner]
  codes = jnp.clip(jnp.round(codes), 0.0, 255.0)
  scale = config.restores.scale
  return jnp.repeat(jnp.repeat(codes, scale, axis=1), scale, axis=2)


def loss(config, params, stats, batch, key):
  del key
  scale = config.restores.scale
  seen = jnp.repeat(jnp.repeat(batch['patch'], scale, axis=1), scale, axis=2)
  gap = params['gain'] * seen + params['offset'] - batch['target']
  return jnp.mean(gap * gap), (stats, {})


def export(config, variables):
  held = [np.float32(variables.params[name]) for name in ('gain', 'offset')]
  held[1] += config.error
  restores = dataclasses.asdict(config.restores)
  return container.pack('gain', {'restores': restores}, [np.stack(held)])


def config_of(artefact, source):
  del source
  return Config(degradations.Degradation(**artefact.header['restores']))


def restore(config, content, source='artefact'):
  del config
  (held,) = container.unpack(content, source).tensors
  return Variables({'gain': held[0], 'offset': held[1]})


def make(config):
  return bind(config, init, apply, loss, export, restore)


def process(config, variables):
  def restored(pixels):
    held, scale = variables.params, config.restores.scale
    codes = held['gain'] * pixels.astype(np.float32) + held['offset']
    codes = np.clip(np.rint(codes), 0, 255).astype(np.uint8)
    return codes.repeat(scale, axis=0).repeat(scale, axis=1)

  return restored


def start(config, loaded, source):
  if loaded.config.restores.scale != config.restores.scale:
    raise errors.InputError(f'{source}: found another scale')
  return Variables({k: np.float32(v) for k, v in loaded.variables.params.items()})


MODEL = Model(
  'gain',
  Config,
  make,
  apply,
  config_of,
  restore,
  restorer=Restorer(
    degradation=lambda config: config.restores,
    process=process,
    table_bytes=lambda config, variables: 8,
    margin=lambda config: config.margin,
    formats={},
    levels=lambda config, variables: {'gain': [1, 2], 'offset': [3, 4]},
  ),
  start=start,
)
ENTRY = Entry('gain', models=(MODEL,))
