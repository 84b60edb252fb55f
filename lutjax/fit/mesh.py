"""Many models on many devices."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from lutjax import errors
from lutjax.types import PyTree

MODEL_AXIS = 'model'
# Begins what XLA says when there is no memory to compile or to run.
_OUT_OF_MEMORY = 'RESOURCE_EXHAUSTED'


def host_cores() -> int:
  """Returns how many cores this process may use."""
  if sys.platform == 'linux':
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def make_mesh(devices: Sequence[jax.Device] | None = None) -> jax.sharding.Mesh:
  """Returns a mesh with one axis, over which models are spread.

  Args:
    devices: All of this process by default; `hosts.devices` gives those of all
      processes.

  Returns:
    A mesh whose only axis, `model`, is Auto.
  """
  if devices is None:
    devices = jax.local_devices()
  return jax.sharding.Mesh(np.array(devices), (MODEL_AXIS,))


def over_models(
  function: Callable[..., PyTree], mesh: jax.sharding.Mesh, group_size: int
) -> Callable[..., PyTree]:
  """Lifts a function of one model to stacked models.

  Each device takes its share of the leading axis and goes through it
  `group_size` models at a time: 1 finishes one model after the other and
  keeps it in the cache, which is fastest on a CPU; accelerators want many.
  Models never meet: the replication check, which would tie constants born
  inside the shards together by summing their gradients, is off.

  Args:
    function: Of pytrees for one model.
    mesh: From `make_mesh`.
    group_size: Models vmapped together on each device.

  Returns:
    The function of pytrees with a leading axis, a multiple of
    `mesh.size * group_size`.
  """
  spec = jax.P(MODEL_AXIS)

  def many(*stacked: PyTree) -> PyTree:
    if group_size == 1:
      return jax.lax.map(lambda one: function(*one), stacked)
    return jax.lax.map(lambda one: function(*one), stacked, batch_size=group_size)

  return jax.shard_map(many, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)


def over_batch(
  sample: Callable[..., PyTree], mesh: jax.sharding.Mesh
) -> Callable[..., PyTree]:
  """Returns a sampler whose batches are spread over the devices.

  The compiler then splits whatever is done with a batch and adds up over devices what
  is a sum over the batch, statistics of batch normalisation included: the numbers are
  those of one device, but for the order of sums.

  Args:
    sample: `(key, data, batch size) -> batch` with leaves `[B, ...]`.
    mesh: From `make_mesh`; B is a multiple of its devices.
  """
  spread = jax.NamedSharding(mesh, jax.P(MODEL_AXIS))

  def drawn(*args: PyTree) -> PyTree:
    return jax.lax.with_sharding_constraint(sample(*args), spread)

  return drawn


def place(stacked: PyTree, mesh: jax.sharding.Mesh, *, whole: bool = False) -> PyTree:
  """Puts stacked models onto the devices that will fit them.

  Args:
    stacked: Leaves `[M, ...]`, M a multiple of the devices unless `whole`.
    mesh: From `make_mesh`.
    whole: Whether each device gets all models, to share the batch of one.

  Returns:
    The same on the devices. Where they are of several processes, each has the same
    leaves and hands in the part of its own devices.
  """
  sharding = jax.NamedSharding(mesh, jax.P() if whole else jax.P(MODEL_AXIS))
  if sharding.is_fully_addressable:
    return jax.device_put(stacked, sharding)

  def across(leaf: jax.Array | np.ndarray) -> jax.Array:
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
      return jax.random.wrap_key_data(across(jax.random.key_data(leaf)))
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, host.__getitem__)

  return jax.tree.map(across, stacked)


def smaller_group(
  group_size: int,
  error: Exception,
  say: Callable[[str], None],
  *,
  unit: str = 'models',
  least: int = 1,
) -> int:
  """Returns half a group, where a device has too little memory for a whole one.

  Args:
    group_size: How much a device works on together, usually models.
    error: What the device program raised; raised again if it is about other things.
    say: Told of it.
    unit: What is grouped.
    least: No group is made smaller than this.

  Raises:
    InputError: one line, where a group cannot be smaller.
  """
  if _OUT_OF_MEMORY not in str(error):
    raise error
  if group_size <= least:
    alone = 'one model alone' if least == 1 else f'{group_size} {unit}'
    raise errors.InputError(
      f'a device has too little memory for {alone}; a smaller batch, model or '
      'input needs less'
    ) from error
  say(
    f'a device has too little memory for {group_size} {unit} at a time: going on with '
    f'{group_size // 2}'
  )
  return group_size // 2


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
  """Makes one line of a device out of memory, for programs that cannot be smaller.

  Args:
    name: Of what they work on, said in the line.

  Raises:
    InputError: where a device has too little memory.
  """
  try:
    yield
  except jax.errors.JaxRuntimeError as error:
    try:
      smaller_group(1, error, print)
    except errors.InputError as found:
      raise errors.InputError(f'{name}: {found}') from error


def default_group_size(mesh: jax.sharding.Mesh) -> int:
  """Returns the `group_size_on` of a mesh's devices."""
  return group_size_on(mesh.devices.flat[0].platform)


def group_size_on(platform: str) -> int:
  """Returns 1 on a CPU, where one model fills the cache, and 64 elsewhere.

  Args:
    platform: What JAX calls it, such as `cpu`.
  """
  return 1 if platform == 'cpu' else 64
