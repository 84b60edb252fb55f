"""Sampling a lattice between its nodes.

Lattices are `[N, N, N, C]`, indexed `[r, g, b]`; axes of different sizes are
allowed, and all but `prism` takes 1 to 5 dimensions, to any number of channels:
`trilinear` is then multilinear (2^D nodes), `tetrahedral` simplex interpolation
(D + 1 nodes). `sample` reads nodes at uneven knots too. Colours are `[..., 3]` in
[0, 1]. What lies outside, infinities included, is clamped to the boundary, as colour
engines do; results are never clamped; one NaN channel makes every channel of the
result NaN.

Nodes are exact: a colour i / (N - 1), rounded to float32, gives node i to the
last bit (`positions.evenly`).

Channels are separated before any arithmetic. XLA then has plain vectors and
fuses a whole method, gathers included, into one loop that writes nothing but
its result. On CPUs kernels in C++ do the same several times as fast, where they
have been built (`lutjax.native`): shapers, trilinear and tetrahedral, float32, from
three channels to three. What is written here is what they compute, and all derivatives.
"""

import functools
import itertools
import math
import operator
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lutjax.lut import lattice as lattice_lib
from lutjax.lut import positions
from lutjax.native import lattice as native
from lutjax.types import Array

# Pixels per step of `apply` on CPUs. What a step keeps fits in a core's cache, and
# XLA leaves it to one thread: from 16,384 on it splits each step over a pool, which
# costs more than it saves (devices are what uses several cores, `apply_sharded`).
CHUNK = 8_192


class _Step(NamedTuple):
  """A step along an axis, from a node to its neighbour.

  Attributes:
    stride: `[...]` int32, the distance in rows.
    fraction: `[...]` in [0, 1], the way to go.
  """

  stride: Array
  fraction: Array


def nearest(lattice: Array, rgb: Array) -> Array:
  """Returns the node closest to each colour; halves go up.

  Args:
    lattice: `[N1, ..., ND, C]` float, each N >= 2.
    rgb: `[..., D]` float.

  Returns:
    `[..., C]`.

  Raises:
    ValueError: on any other shape.
  """
  return _evenly('nearest', lattice, None, rgb)


def trilinear(lattice: Array, rgb: Array) -> Array:
  """Interpolates along each axis in turn, among the 2^D corners of a cell.

  Args:
    lattice: `[N1, ..., ND, C]` float, each N >= 2; D is 3 by name only.
    rgb: `[..., D]` float.

  Returns:
    `[..., C]`.

  Raises:
    ValueError: on any other shape.
  """
  return _evenly('trilinear', lattice, None, rgb)


def tetrahedral(lattice: Array, rgb: Array) -> Array:
  """Interpolates in the tetrahedron that holds each colour.

  Six tetrahedra share the grey diagonal of a cell, so greys mix greys only.
  The path to the far corner steps first along the channel with the largest
  fraction and last along the one with the smallest; its four nodes weigh the
  gaps between the fractions in falling order. In D dimensions the same path
  has D + 1 nodes, the corners of a simplex.

  Args:
    lattice: `[N1, ..., ND, C]` float, each N >= 2; D is 3 by name only.
    rgb: `[..., D]` float.

  Returns:
    `[..., C]`.

  Raises:
    ValueError: on any other shape.
  """
  return _evenly('tetrahedral', lattice, None, rgb)


def prism(lattice: Array, rgb: Array) -> Array:
  """Interpolates in a triangle of red and blue, and linearly along green.

  The mode `prism` of ffmpeg's filter `lut3d`: the plane of red = blue halves
  each cell.

  Args:
    lattice: `[N1, N2, N3, C]` float, each N >= 2.
    rgb: `[..., 3]` float.

  Returns:
    `[..., C]`.

  Raises:
    ValueError: on any other shape.
  """
  return _evenly('prism', lattice, None, rgb)


METHODS: Mapping[str, Callable[[Array, Array], Array]] = {
  'nearest': nearest,
  'trilinear': trilinear,
  'tetrahedral': tetrahedral,
  'prism': prism,
}


def sample(lut: lattice_lib.Lut, rgb: Array, *, method: str = 'tetrahedral') -> Array:
  """Maps colours through shaper, domain, knots and lattice.

  Args:
    lut: The table; D input and C output channels.
    rgb: `[..., D]` float, in the units of the shaper's or lattice's domain.
    method: A name in `METHODS`; `prism` needs three dimensions.

  Returns:
    `[..., C]`.

  Raises:
    ValueError: on an unknown method, or shapes that do not fit.
  """
  _blend(method)
  table, domain, knots, shaper = jax.tree.map(jnp.asarray, lut)
  channels = _channels(rgb, table.ndim - 1)
  if shaper is not None:
    rgb = shape(shaper, rgb)
    channels = _channels(rgb, table.ndim - 1)
  if knots is None:
    return _evenly(method, table, domain, rgb)
  channels = [positions.normalize(x, domain[:, i]) for i, x in enumerate(channels)]
  places = [positions.among(x, axis) for x, axis in zip(channels, knots)]
  return _blend(method)(table, places)


def shape(shaper: lattice_lib.Shaper, rgb: Array) -> Array:
  """Maps each channel of colours through its curve.

  Args:
    shaper: Curves of D channels.
    rgb: `[..., D]` float.

  Returns:
    `[..., D]`.

  Raises:
    ValueError: on colours of another shape.
  """
  curves, limits = jax.tree.map(jnp.asarray, shaper)
  channels = _channels(rgb, curves.shape[1])
  return _shaped(curves, limits, jnp.stack(channels, axis=-1))


def apply(
  lut: lattice_lib.Lut,
  image: Array,
  *,
  method: str = 'tetrahedral',
  chunk: int = CHUNK,
) -> Array:
  """Maps an image through a table: `sample` in the shape that is fastest.

  Accelerators take the image at once, and so do kernels. Without them CPUs take
  it in chunks that overwrite their own pixels, so that nothing but the result is
  ever held. Jitted with
  the image donated (`jax.jit(apply, donate_argnums=1)`) the result lies where
  the image was, which saves half of the time on large images.

  Args:
    lut: The table; D input and C output channels.
    image: `[..., D]` float.
    method: A name in `METHODS`.
    chunk: Pixels per step on CPUs.

  Returns:
    `[..., C]`.

  Raises:
    ValueError: on an unknown method, or shapes that do not fit.
  """
  if chunk < 1:
    raise ValueError(f'Expected a chunk of 1 or more pixels, got {chunk}.')
  image = jnp.asarray(image)
  pixels = image.reshape(-1, image.shape[-1])
  plain = functools.partial(sample, method=method)
  if pixels.shape[0] <= chunk or _is_one_call(lut, image, method):
    return plain(lut, image)
  chunked = functools.partial(_chunked, method=method, chunk=chunk)
  result = jax.lax.platform_dependent(lut, pixels, cpu=chunked, default=plain)
  return result.reshape(*image.shape[:-1], -1)


def apply_sharded(
  lut: lattice_lib.Lut,
  image: Array,
  mesh: jax.sharding.Mesh,
  *,
  method: str = 'tetrahedral',
  chunk: int = CHUNK,
) -> Array:
  """Maps an image with its pixels split over the devices of a mesh.

  On CPUs this is how several cores are used: one host device per core.

  Args:
    lut: The table, copied to every device.
    image: `[..., D]` float; rows already placed by
      `NamedSharding(mesh, P(mesh.axis_names))` are not moved.
    mesh: Devices; axes of type Auto.
    method: A name in `METHODS`.
    chunk: Pixels per step on CPUs.

  Returns:
    `[..., C]`, split like the image.

  Raises:
    ValueError: on an unknown method, or shapes that do not fit.
  """
  image = jnp.asarray(image)
  pixels = image.reshape(-1, image.shape[-1])
  padding = -pixels.shape[0] % mesh.size
  if padding:
    pixels = jnp.pad(pixels, ((0, padding), (0, 0)))
  mapped = jax.shard_map(
    functools.partial(apply, method=method, chunk=chunk),
    mesh=mesh,
    in_specs=(jax.P(), jax.P(mesh.axis_names)),
    out_specs=jax.P(mesh.axis_names),
  )
  result = mapped(lut, pixels)
  if padding:
    result = result[:-padding]
  return result.reshape(*image.shape[:-1], -1)


def _chunked(lut: lattice_lib.Lut, pixels: Array, *, method: str, chunk: int) -> Array:
  """Returns `sample` of `[P, D]` pixels, P > chunk, a chunk at a time.

  The last chunk ends with the image and so overlaps the one before, whose
  pixels are mapped already; its input is therefore kept from the start.
  """
  count = pixels.shape[0]
  steps = -(-count // chunk)
  size = -(-count // steps)
  tail = pixels[count - size :]
  shape = jax.eval_shape(functools.partial(sample, method=method), lut, tail)
  in_place = shape.shape == tail.shape and shape.dtype == tail.dtype

  def step(index: Array, result: Array) -> Array:
    start = jnp.minimum(index * size, count - size)
    source = result if in_place else pixels
    part = jax.lax.dynamic_slice(source, (start, 0), tail.shape)
    part = jnp.where(index == steps - 1, tail, part)
    part = sample(lut, part, method=method)
    return jax.lax.dynamic_update_slice(result, part, (start, 0))

  result = pixels
  if not in_place:  # Any content of the right shape, and placed like the pixels.
    result = jnp.broadcast_to(pixels[:, :1], (count, shape.shape[-1]))
    result = result.astype(shape.dtype)
  return jax.lax.fori_loop(0, steps, step, result)


def _is_one_call(lut: lattice_lib.Lut, image: Array, method: str) -> bool:
  """Whether a kernel does all that `sample` would."""
  if method not in _EITHER or lut.knots is not None or lut.shaper is not None:
    return False
  return native.usable(jnp.asarray(lut.table), jnp.asarray(lut.domain), image)


def _channels(rgb: Array, count: int) -> list[Array]:
  """Takes `[..., count]` colours apart, in float32 or wider."""
  rgb = jnp.asarray(rgb)
  if rgb.shape[-1:] != (count,) or not jnp.issubdtype(rgb.dtype, jnp.floating):
    raise ValueError(
      f'Expected float colours [..., {count}], got {rgb.dtype} {rgb.shape}.'
    )
  rgb = rgb.astype(jnp.promote_types(rgb.dtype, jnp.float32))
  return [rgb[..., channel] for channel in range(count)]


def _evenly(method: str, lattice: Array, domain: Array | None, rgb: Array) -> Array:
  """Interpolates between evenly spaced nodes, over [0, 1] or another domain."""
  lattice, rgb = jnp.asarray(lattice), jnp.asarray(rgb)
  if jnp.issubdtype(rgb.dtype, jnp.floating):
    rgb = rgb.astype(jnp.promote_types(rgb.dtype, jnp.float32))
  if method in _EITHER and native.usable(lattice, domain, rgb):
    return _EITHER[method](lattice, domain, rgb)
  return _evenly_pure(method, lattice, domain, rgb)


def _evenly_pure(
  method: str, lattice: Array, domain: Array | None, rgb: Array
) -> Array:
  """Does `_evenly` without kernels."""
  *sizes, channels = lattice.shape or (0,)
  if not sizes or min(sizes) < 2 or not channels:
    raise ValueError(f'Expected lattice [N, N, N, C], got {lattice.shape}.')
  unit = []
  for axis, x in enumerate(_channels(rgb, len(sizes))):
    if domain is None:
      unit.append(positions.clamp(x, 0.0, 1.0))
    else:
      unit.append(positions.normalize(x, domain[:, axis]))
  places = [positions.evenly(x, size) for x, size in zip(unit, sizes)]
  return _blend(method)(lattice, places)


def _shaped(curves: Array, limits: Array, rgb: Array) -> Array:
  """Reads curves `[S, D]` over `limits` `[2, D]` at `[..., D]` inputs."""
  if native.usable_curves(curves, limits, rgb):
    return _CURVES(curves, limits, rgb)
  return _shaped_pure(curves, limits, rgb)


def _shaped_pure(curves: Array, limits: Array, rgb: Array) -> Array:
  """Does `_shaped` without kernels."""
  channels = []
  for i, x in enumerate(_channels(rgb, curves.shape[-1])):
    unit = positions.normalize(x, limits[:, i])
    place = positions.evenly(unit, curves.shape[0])
    channels.append(_trilinear(curves[:, i, None], [place])[..., 0])
  return jnp.stack(channels, axis=-1)


def _strides(lattice: Array) -> list[int]:
  """Returns the distance in rows between neighbours, per axis."""
  sizes = lattice.shape[1:-1]
  return [math.prod(sizes[axis:]) for axis in range(len(sizes) + 1)]


def _corner(lattice: Array, places: list[positions.Place]) -> Array:
  """Returns the row of the lowest corner of each colour's cell."""
  rows = [place.node * step for place, step in zip(places, _strides(lattice))]
  return functools.reduce(operator.add, rows)


def _weigh(lattice: Array, nodes: list[tuple[Array, Array]]) -> Array:
  """Returns the sum of lattice rows, `(row, weight)` each."""
  rows = jnp.asarray(lattice).reshape(-1, lattice.shape[-1])
  parts = [
    weight[..., None] * jnp.take(rows, row, axis=0, mode='clip')
    for row, weight in nodes
  ]
  return functools.reduce(operator.add, parts)


def _nearest(lattice: Array, places: list[positions.Place]) -> Array:
  """Does `nearest` for colours already placed."""
  closest = [p._replace(node=p.node + (p.fraction >= 0.5)) for p in places]
  # Zero, or NaN where a channel is: the comparison above hides it.
  blank = 0.0 * functools.reduce(operator.add, [p.fraction for p in places])
  return _weigh(lattice, [(_corner(lattice, closest), 1.0 + blank)])


def _trilinear(lattice: Array, places: list[positions.Place]) -> Array:
  """Does `trilinear` for colours already placed."""
  corner, strides = _corner(lattice, places), _strides(lattice)
  nodes = []
  for vertex in itertools.product((0, 1), repeat=len(places)):
    weights = [p.fraction if up else 1.0 - p.fraction for p, up in zip(places, vertex)]
    row = corner + sum(step for step, up in zip(strides, vertex) if up)
    nodes.append((row, functools.reduce(operator.mul, weights)))
  return _weigh(lattice, nodes)


def _tetrahedral(lattice: Array, places: list[positions.Place]) -> Array:
  """Does `tetrahedral` for colours already placed."""
  steps = _steps(lattice, places)
  for end in range(len(steps) - 1, 0, -1):
    for i in range(end):
      steps[i], steps[i + 1] = _ordered(steps[i], steps[i + 1])
  strides = [step.stride for step in steps]
  rows = itertools.accumulate(strides, initial=_corner(lattice, places))
  gaps = [one.fraction - other.fraction for one, other in itertools.pairwise(steps)]
  weights = [1.0 - steps[0].fraction, *gaps, steps[-1].fraction]
  return _weigh(lattice, list(zip(rows, weights)))


def _prism(lattice: Array, places: list[positions.Place]) -> Array:
  """Does `prism` for colours already placed."""
  if len(places) != 3:
    raise ValueError(
      'Expected a lattice [N, N, N, C] for prism interpolation, got one of '
      f'{len(places)} dimensions.'
    )
  red, green, blue = _steps(lattice, places)
  first, second = _ordered(red, blue)
  rows = itertools.accumulate([_corner(lattice, places), first.stride, second.stride])
  weights = (1.0 - first.fraction, first.fraction - second.fraction, second.fraction)
  nodes = []
  for row, weight in zip(rows, weights):
    nodes.append((row, weight * (1.0 - green.fraction)))
    nodes.append((row + green.stride, weight * green.fraction))
  return _weigh(lattice, nodes)


def _steps(lattice: Array, places: list[positions.Place]) -> list[_Step]:
  """Returns the step along each axis."""
  return [
    _Step(jnp.full_like(place.node, stride), place.fraction)
    for place, stride in zip(places, _strides(lattice))
  ]


def _ordered(one: _Step, other: _Step) -> tuple[_Step, _Step]:
  """Returns two steps, the longer one first; one at a tie.

  Slopes follow the choice of nodes: with `maximum` they would be split at
  ties, that is for every grey. NaN is never lost.
  """
  swap = one.fraction < other.fraction
  first = jax.tree.map(lambda a, b: jnp.where(swap, b, a), one, other)
  second = jax.tree.map(lambda a, b: jnp.where(swap, a, b), one, other)
  return first, second


_BLENDS: Mapping[str, Callable[[Array, list[positions.Place]], Array]] = {
  'nearest': _nearest,
  'trilinear': _trilinear,
  'tetrahedral': _tetrahedral,
  'prism': _prism,
}


def _blend(method: str) -> Callable[[Array, list[positions.Place]], Array]:
  """Returns the function behind a method's name."""
  if method not in _BLENDS:
    raise ValueError(
      f'Expected an interpolation among {", ".join(_BLENDS)}, got {method!r}.'
    )
  return _BLENDS[method]


# By a kernel on CPUs.
_EITHER: Mapping[str, native.Interpolation] = {
  method: native.twin(method, functools.partial(_evenly_pure, method))
  for method in ('trilinear', 'tetrahedral')
}
_CURVES: native.Curves = native.curves_twin(_shaped_pure)
