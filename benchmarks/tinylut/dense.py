"""Networks of several pixels at once: what separable tables stand in for.

`quarter` is one rotation of a network that sees a window of k x k pixels together and
mixes channels together, evaluated at every pixel in floating point. With k = 3 its
table would have 256^9 rows; with k = 2 it can be sampled at 17 nodes per axis, as
SR-LUT does (Jo and Kim, CVPR 2021), which `sampled` does for `baselines.mulut` to read.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.nn import mlp
from lutjax.types import Array, PyTree

_GAIN = 16.0


def init(key: Array, *, kernel: int, layers: int, scale: int) -> PyTree:
  """Draws a network; it starts as the pixel itself, repeated.

  Args:
    key: Typed random key.
    kernel: Side of the window.
    layers: Networks in a row; each after the first sees the 16 outputs of the last.
    scale: Sub-pixels per axis.
  """
  params = []
  inputs = kernel**2
  for i, layer_key in enumerate(jax.random.split(key, layers)):
    outputs = scale**2 if i == layers - 1 else 16
    params.append(mlp.init_gain(layer_key, (inputs, 64, 64, outputs)))
    inputs = outputs
  return params


def quarter(params: PyTree, windows: Array) -> Array:
  """Returns what one rotation adds, `[..., scale^2]` codes less a quarter of 128.

  Args:
    params: From `init`.
    windows: `[..., kernel^2]` codes, the pixel itself first.
  """
  centre = (windows[..., :1] - 128.0) / 4.0
  state = (windows - 128.0) / 128.0
  for i, network in enumerate(params):
    out = mlp.apply(network, state, ('relu', 'relu'))
    state = out if i == 0 else state[..., : out.shape[-1]] + out
  return centre + _GAIN * state


def restore(params: PyTree, patches: Array, kernel: int, scale: int) -> Array:
  """Restores square patches by four rotations, as `model.apply` of TinyLUT does.

  Args:
    params: From `init`.
    patches: `[B, P, P]` float32 codes.
    kernel: Side of the window, which begins at the pixel.
    scale: Sub-pixels per axis.

  Returns:
    `[B, scale (P - 2 kernel + 2), ...]` float32 codes, not rounded.
  """
  margin = kernel - 1
  side = patches.shape[1] - 2 * margin
  total = 0.0
  for turn in range(4):
    turned = jnp.rot90(patches, turn, axes=(1, 2))
    windows = jnp.stack(
      [
        turned[:, margin + i :, margin + j :][:, :side, :side]
        for i in range(kernel)
        for j in range(kernel)
      ],
      axis=-1,
    )
    grid = quarter(params, windows).reshape(-1, side, side, scale, scale)
    picture = grid.transpose(0, 1, 3, 2, 4).reshape(-1, side * scale, side * scale)
    total += jnp.rot90(picture, -turn, axes=(1, 2))
  return total + 128.0


def sampled(params: PyTree, bits: int) -> np.ndarray:
  """Samples a network of 2 x 2 pixels as a table of four pixels.

  Args:
    params: Of kernel 2.
    bits: A node for every `2**bits` codes.

  Returns:
    `[1, nodes^4, scale^2]` int8; entries are quarters of codes.
  """
  codes = np.arange(0.0, 257.0, 2.0**bits, dtype=np.float32)
  run = jax.jit(quarter)
  rows = []
  for first in codes:
    others = np.stack(np.meshgrid(codes, codes, codes, indexing='ij'), -1)
    windows = np.concatenate([np.full_like(others[..., :1], first), others], -1)
    rows.append(np.asarray(run(params, windows.reshape(-1, 4))))
  quarters = np.concatenate(rows) + 32.0
  return np.clip(np.rint(quarters), -128, 127).astype(np.int8)[None]
