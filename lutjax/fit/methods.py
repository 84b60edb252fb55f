"""Optimisation methods: gradient descent, and kernel-form Gauss-Newton."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from lutjax.fit import loop
from lutjax.types import (
  Array,
  Batch,
  Key,
  Linearization,
  PyTree,
  System,
  Variables,
)

# Linearises a model on one batch.
Linearize = Callable[[PyTree, Batch], Linearization]


def make(
  config: loop.Config, system: System, linearize: Linearize | None = None
) -> loop.Method:
  """Returns the method that a config names.

  Args:
    config: `optimizer`, `schedule` and their numbers.
    system: The model.
    linearize: What `gauss_newton` needs of the model.

  Returns:
    The method, for one model.

  Raises:
    ValueError: on a name that is not known, or Gauss-Newton for a model that
      offers no linearisation.
  """
  if config.optimizer == 'adam':
    rate = _warmed(schedule(config), config.warmup_steps)
    moved = optax.adam(rate, b2=config.beta2)
    if config.schedule == 'plateau':
      slowed = optax.contrib.reduce_on_plateau(
        factor=0.1,
        # Here the one that is too many counts, too.
        patience=config.plateau_patience + 1,
        accumulation_size=config.plateau_steps,
      )
      moved = optax.chain(moved, slowed)
    return gradient(system, moved)
  if config.optimizer == 'gauss_newton':
    if linearize is None:
      raise ValueError('gauss_newton needs a model that can be linearised.')
    return gauss_newton(
      linearize,
      schedule(config),
      damping=config.damping,
      momentum=config.momentum,
    )
  raise ValueError(
    f'Expected optimizer adam or gauss_newton, got {config.optimizer!r}.'
  )


def schedule(config: loop.Config) -> optax.Schedule:
  """Returns the learning rate by step.

  Args:
    config: `schedule`, `learning_rate`, `steps` and `halving_steps`.

  Returns:
    `step -> rate`; of `plateau`, which goes by the losses, the rate that it begins
    with.

  Raises:
    ValueError: on a name that is not known.
  """
  rate, steps = config.learning_rate, config.steps
  if config.schedule in ('constant', 'plateau'):
    return optax.constant_schedule(rate)
  if config.schedule == 'cosine':
    return optax.cosine_decay_schedule(rate, steps)
  if config.schedule == 'halving':
    return optax.exponential_decay(rate, config.halving_steps, 0.5, staircase=True)
  if config.schedule == 'late_linear':
    return optax.linear_schedule(rate, 0.0, steps - steps // 2, steps // 2)
  raise ValueError(
    'Expected schedule constant, cosine, halving, late_linear or plateau, got '
    f'{config.schedule!r}.'
  )


def _warmed(rate: optax.Schedule, steps: int) -> optax.Schedule:
  if not steps:
    return rate
  return lambda step: rate(step) * jnp.minimum(1.0, (step + 1.0) / steps)


def gradient(
  system: System, transformation: optax.GradientTransformation
) -> loop.Method:
  """Follows the gradient of `system.loss` through an optax transformation.

  The loss that is told is the metric `error` where the system has one: what
  its loss is made of besides is no error.

  Args:
    system: Its `loss` is followed.
    transformation: An optax optimizer.
  """

  informed = optax.with_extra_args_support(transformation)

  def step(
    variables: Variables, opt_state: PyTree, batch: Batch, key: Key, _: Array
  ) -> tuple[Variables, PyTree, Array]:
    (loss, (stats, told)), gradients = jax.value_and_grad(system.loss, has_aux=True)(
      variables.params, variables.stats, batch, key
    )
    error = told.get('error', loss)
    updates, opt_state = informed.update(
      gradients, opt_state, variables.params, value=error
    )
    params = optax.apply_updates(variables.params, updates)
    return Variables(params, stats), opt_state, error

  return loop.Method(transformation.init, step)


def gauss_newton(
  linearize: Linearize,
  rate: optax.Schedule,
  *,
  damping: float,
  momentum: float,
) -> loop.Method:
  """Solves for the update in sample space.

  With B samples of C outputs there are only BC residuals, however many
  parameters. The kernel `J J^T` is a sum over layers of `(A A^T + 1) * (G
  G^T)`, elementwise, with A the layer's inputs and G its output rows; the
  update is `J^T (K + damping mean(diag K))^-1 r` by one vector-Jacobian
  product. The decayed previous update is projected out of the residual first
  and added back, so that what a batch does not see is kept.

  Args:
    linearize: `(params, batch) -> Linearization`.
    rate: `step -> rate`, 1 being the full Gauss-Newton step.
    damping: Share of the mean of the kernel's diagonal added to it.
    momentum: Weight of the previous update, in [0, 1).

  Returns:
    The method. Its loss is the mean absolute residual.
  """

  def step(
    variables: Variables, previous: PyTree, batch: Batch, _: Key, count: Array
  ) -> tuple[Variables, PyTree, Array]:
    params = variables.params
    around = linearize(params, batch)
    active = around.active.astype(jnp.float32)
    along = jax.jvp(around.outputs, (params,), (previous,))[1]
    target = (around.residual - momentum * along) * active
    weights = _solve(_kernel(around, active), target.T.reshape(-1), damping)
    cotangent = weights.reshape(target.T.shape).T * active
    (moved,) = jax.vjp(around.outputs, params)[1](cotangent)
    update = jax.tree.map(lambda new, old: new + momentum * old, moved, previous)
    scale = rate(count)
    params = jax.tree.map(lambda leaf, move: leaf - scale * move, params, update)
    loss = jnp.mean(jnp.abs(around.residual))
    return Variables(params, variables.stats), update, loss

  return loop.Method(lambda params: jax.tree.map(jnp.zeros_like, params), step)


def _kernel(around: Linearization, active: Array) -> Array:
  """Returns `J J^T` of the active residuals, `[CB, CB]`, output-major."""
  outputs = active.shape[1]
  mask = active.T.reshape(-1, 1)
  total = jnp.zeros((mask.shape[0],) * 2)
  for entering, rows in zip(around.inputs, around.rows):
    gram = jnp.matmul(entering, entering.T, precision='highest') + 1.0
    flat = rows.reshape(-1, rows.shape[-1]) * mask
    total += jnp.tile(gram, (outputs, outputs)) * jnp.matmul(
      flat, flat.T, precision='highest'
    )
  return total


def _solve(kernel: Array, target: Array, damping: float) -> Array:
  size = kernel.shape[0]
  # The floor keeps a batch whose outputs are all saturated from dividing 0 by 0.
  ridge = damping * jnp.trace(kernel) / size + 1e-6
  factor = jax.scipy.linalg.cho_factor(kernel + ridge * jnp.eye(size))
  return jax.scipy.linalg.cho_solve(factor, target)
