"""Fitting the networks of an image, and the methods that the paper compares with."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import experiment as experiment_lib
from lutjax.codec import payload as payload_lib
from lutjax.color import transfer
from lutjax.data import images
from lutjax.fit import fleet, loop, mesh, methods
from lutjax.systems.gamut_mlp import codecs, preparing, recovery, ridge, sampled
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.types import Array, Batch, Key, PyTree, System, Variables

# Pixels of a pool are filled up to a multiple of a power of two near a quarter.
_LEAST_POOL = 1 << 14
# Of a solved network's last layer, per sample.
_RIDGE = 1e-5


def fit_baseline(
  programs: gamut_programs.Programs,
  experiment: experiment_lib.Experiment,
  config: codecs.Config,
  prepared: preparing.Prepared,
  name: str,
) -> tuple[codecs.Stored, dict[str, Any]]:
  """Makes the code of an image by the codecs `soft`, `sampled` and `mlp`.

  Args:
    programs: Compiled programs.
    experiment: For the network, how it is fitted.
    config: Which codec.
    prepared: The image.
    name: Of the image; the network's random draws depend on it.

  Returns:
    The code, and what to record of it.
  """
  if config.codec == 'soft':
    if prepared.bounds is None:
      raise ValueError('Expected an image that was reduced by soft clipping.')
    return codecs.pack_soft(*prepared.bounds, config.mode), {}
  if config.codec == 'sampled':
    grid = sampled.positions(prepared.codes.shape[:2], config.sampled_side)
    colours = images.to_float(prepared.encoded.reshape(-1, 3)[grid])
    codes = images.from_float(colours, 16)
    side = config.sampled_side
    return codecs.pack_sampled(codes.reshape(side, side, 3)), {}
  layers, loss = fit_network(programs, experiment, config, prepared, name)
  stored = codecs.pack(net=(config.network, layers), mode=config.mode)
  return stored, {'loss': loss, 'header_bytes': payload_lib.HEADER_BYTES}


def solve_network(
  programs: gamut_programs.Programs,
  experiment: experiment_lib.Experiment,
  network: gamut_mlp.Config,
  prepared: preparing.Prepared,
  name: str,
) -> PyTree:
  """Fits a solved network to the clipped channels of one image, as one program.

  The linear part comes first, by ridge regression on the encoding; hidden layers
  learn by gradient steps what it leaves, rounded as they will be stored; then the
  last layer is solved anew on all that it sees.

  Args:
    programs: Compiled programs.
    experiment: How it is moved, and the seed.
    network: A solved network.
    prepared: The image.
    name: Of the image.

  Returns:
    Its layers, host arrays; hidden ones are already rounded.

  Raises:
    InputError: where a device has too little memory.
  """
  key = fleet.model_key(experiment.seed, name)
  one = functools.partial(_solve_network, network, experiment.fit)
  title = ('solved network', network, experiment.fit)
  with mesh.alone(name):
    return jax.device_get(programs.call(title, one, key, *prepared.samples))


def _solve_network(
  network: gamut_mlp.Config, fitting: loop.Config, key: Key, *arrays: Array
) -> PyTree:
  samples, mixes = gamut_programs.mixed(gamut_programs.samples_of(*arrays), (1.0,))
  encoding = functools.partial(_encoding, network)
  sizes = gamut_mlp.input_size(network) + 1
  (linear,) = ridge.solve(encoding, sizes, samples, mixes, _RIDGE)
  counted = samples.groups[:, 0]
  mean_square = jnp.sum(counted * jnp.square(samples.target))
  scale = jnp.sqrt(mean_square / jnp.maximum(jnp.sum(counted), 1.0)) + 1e-6
  data = {
    'inputs': samples.inputs,
    'target': samples.target / scale,
    'channel': ridge.channel_of(samples),
    'count': jnp.maximum(samples.ends[2], 1),
  }
  system = gamut_mlp.make(network)
  start = functools.partial(_start, system, linear / scale)
  method = methods.make(fitting, system)
  state = loop.init(system._replace(init=start), method, key)
  state, _ = loop.advance(
    method,
    _sample_solved,
    state,
    data,
    steps=fitting.steps,
    batch_size=fitting.batch_size,
  )
  layers = [
    {name: leaf if name == 'weight' else _half(leaf) for name, leaf in layer.items()}
    for layer in gamut_mlp.rounded(network, state.variables.params[:-1])
  ]

  def seen(inputs: Array) -> Array:
    encoded = gamut_mlp.encode(network, _coordinates(inputs))
    return gamut_mlp.features(network, [*layers, {}], encoded)

  (last,) = ridge.solve(seen, network.width + sizes, samples, mixes, _RIDGE)
  return [*layers, {'weight': last[:-1], 'bias': last[-1]}]


def _start(system: System, linear: Array, key: Key) -> Variables:
  return Variables(system.init(key).params, linear)


def _encoding(network: gamut_mlp.Config, inputs: Array) -> Array:
  encoded = gamut_mlp.encode(network, _coordinates(inputs))
  return jnp.concatenate([encoded, jnp.ones((len(encoded), 1))], axis=-1)


def _coordinates(inputs: Array) -> Batch:
  """Returns what a solved network takes, of inputs `[n, 8]` in [-1, 1]."""
  rgb = 0.5 * (inputs[:, 2:5] + 1.0)
  return {'xy': inputs[:, :2], 'rgb': rgb, 'around': inputs[:, 5:]}


def _sample_solved(key: Key, data: PyTree, batch_size: int) -> Batch:
  index = jax.random.randint(key, (batch_size,), 0, data['count'])
  drawn = {name: data[name][index] for name in ('target', 'channel')}
  return {**_coordinates(data['inputs'][index]), **drawn}


def _half(values: Array) -> Array:
  return values.astype(jnp.float16).astype(jnp.float32)


def fit_network(
  programs: gamut_programs.Programs,
  experiment: experiment_lib.Experiment,
  config: codecs.Config,
  prepared: preparing.Prepared,
  name: str,
) -> tuple[PyTree, float]:
  """Fits the network of one image by the loop of `fit`.

  Args:
    programs: Compiled functions, shared by all images.
    experiment: Its `fit` and `task` are used.
    config: With a `network`.
    prepared: The image.
    name: Of the image, from which its random key is made.

  Returns:
    Its layers, host arrays, and the last loss.

  Raises:
    InputError: where a device has too little memory.
  """
  network, fitting = config.network, experiment.fit
  task = experiment.task
  pool = pool_of(programs, prepared, task.sampling)
  system = gamut_mlp.make(network)
  start = task.start and gamut_mlp.read_start(task.start, network)
  if start:
    system = system._replace(init=lambda key: start)
  method = methods.make(fitting, system)
  key = fleet.model_key(experiment.seed, name)
  advance = functools.partial(
    loop.advance,
    method,
    sample,
    steps=min(fitting.segment_steps, fitting.steps),
    batch_size=fitting.batch_size,
  )
  with mesh.alone(name):
    data = jax.tree.map(jnp.asarray, pool)
    state = loop.init(system, method, key)
    for _ in range(0, fitting.steps, fitting.segment_steps):
      state, _ = programs.call(('network fit', network, fitting), advance, state, data)
    return jax.device_get(state.variables.params), float(state.loss)


def pool_of(
  programs: gamut_programs.Programs, prepared: preparing.Prepared, sampling: str
) -> dict[str, np.ndarray]:
  """Gathers the pixels that a network is fitted on.

  Args:
    programs: Compiled programs.
    prepared: The image.
    sampling: `all` pixels; `strided`, the paper's every 5th out-of-gamut and
      every 50th other pixel; `outside`, those out of gamut; `clipped`, those
      of which a code is 0 or 255.

  Returns:
    `encoded`, `codes` `[n, 3]`, `xy` `[n, 2]` and `count`; n is a bucket's size.
  """
  codes, encoded = prepared.codes.reshape(-1, 3), prepared.encoded.reshape(-1, 3)
  if sampling == 'all':
    index = np.arange(len(codes))
  elif sampling == 'clipped':
    index = gamut_programs.clipped(codes)
  else:
    got = programs.expand(codes)
    outside = programs.square_errors(got, encoded)[:, 2] > 0
    index = np.flatnonzero(outside)
    if sampling == 'strided':
      index = np.sort(np.concatenate([index[::5], np.flatnonzero(~outside)[::50]]))
  if not index.size:
    index = np.zeros(1, np.int64)
  size = _LEAST_POOL
  while size < len(index):
    size *= 2
  return {
    'encoded': gamut_programs.pad(images.to_float(encoded[index]), size),
    'codes': gamut_programs.pad(codes[index], size),
    'xy': gamut_programs.pad(
      gamut_programs.places(index, prepared.codes.shape[:2]), size
    ),
    'count': np.array(len(index), np.int32),
  }


def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
  """Draws pixels with replacement.

  Args:
    key: Used once.
    data: `codes`, `encoded` and `xy` of the pool, and its `count`.
    batch_size: Pixels to draw.
  """
  index = jax.random.randint(key, (batch_size,), 0, data['count'])
  codes: Array = data['codes'][index]
  return {
    'xy': data['xy'][index],
    'rgb': recovery.expand(codes),
    'target': transfer.romm_to_linear(data['encoded'][index]),
  }
