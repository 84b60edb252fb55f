"""The inverse of a bijective LutFlow.

With every layer's spectral norm below 1 and bounded scales each block is `z +
f(z)` with a contraction f, inverted by iteration (`nn.fixed_point`), last block
first (section 3.4 of arXiv 2412.15438). Colours outside the image of the cube have
no inverse; their results are clamped.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lutjax.nn import fixed_point, residual_flow
from lutjax.types import Array, PyTree


class Inverted(NamedTuple):
  """The inverse of a look at some colours.

  Attributes:
    rgb: `[..., 3]` float32 in [0, 1].
    iterations: `[D]` int32, per block, last block first.
    residual: `[D]`, largest residual left per block, in the units of the
      tolerance.
  """

  rgb: Array
  iterations: Array
  residual: Array


def invert(
  shape: residual_flow.Shape,
  flow: PyTree,
  rgb: Array,
  code: Array,
  *,
  method: str = 'newton',
  tolerance: float = 1e-6,
  limit: int = 20,
) -> Inverted:
  """Finds the colours that a flow maps to given ones.

  Args:
    shape: The flow's form, `residual` and not `turned`.
    flow: Its parameters, within the spectral bound (`lutflow.codes_of`).
    rgb: `[..., 3]`, outputs of the flow before any clamp.
    code: `[T]`, of the look.
    method: Of `fixed_point.METHODS`.
    tolerance: On the residual of each block, in units of the state before it is
      stretched.
    limit: Iterations per block at most.

  Returns:
    The colours, and how it went.

  Raises:
    ValueError: when blocks are not residual, or colours are turned.
  """
  if not shape.residual or shape.turned:
    raise ValueError('Expected residual blocks and no turn: others have no inverse.')
  state = residual_flow.invert_from_state(shape, rgb)
  counts, residuals = [], []
  for block in reversed(range(shape.blocks)):
    solved = fixed_point.invert(
      lambda z, block=block: residual_flow.block_delta(shape, flow, block, z, code),
      state,
      method=method,
      tolerance=tolerance * shape.stretch,
      limit=limit,
    )
    state = solved.x
    counts.append(solved.iterations)
    residuals.append(solved.residual / shape.stretch)
  rgb = residual_flow.invert_to_state(shape, state)
  return Inverted(rgb, jnp.stack(counts), jnp.stack(residuals))


def lipschitz(
  shape: residual_flow.Shape, flow: PyTree, rgb: Array, code: Array
) -> Array:
  """Measures how well plain iteration inverts each block.

  Args:
    shape: The flow's form.
    flow: Its parameters.
    rgb: `[..., 3]`, colours that enter the flow.
    code: `[T]`, of the look.

  Returns:
    `[D]`, the largest spectral norm of the derivative of what each block
    adds, over the colours as they reach it.
  """
  state = residual_flow.to_state(shape, rgb)
  found = []
  for block in range(shape.blocks):

    def delta(z: Array, block: int = block) -> Array:
      return residual_flow.block_delta(shape, flow, block, z, code)

    derivative = fixed_point.jacobian(delta, state)
    gram = jnp.einsum('...ij,...ik->...jk', derivative, derivative, precision='highest')
    vector = jnp.ones(gram.shape[:-1])
    for _ in range(30):
      vector = jnp.einsum('...ij,...j->...i', gram, vector, precision='highest')
      vector = vector / jnp.maximum(
        jnp.linalg.norm(vector, axis=-1, keepdims=True), 1e-20
      )
    stretched = jnp.einsum('...ij,...j->...i', derivative, vector, precision='highest')
    found.append(jnp.max(jnp.linalg.norm(stretched, axis=-1)))
    state = state + delta(state)
  return jnp.stack(found)
