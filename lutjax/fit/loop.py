"""Fitting one model: pure, scanned, repeatable from (key, step).

Everything here is written for one model. `fleet` maps it over many; `jit`
stays with the caller.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from lutjax import config as config_lib
from lutjax.types import Array, Batch, Key, PyTree, System, Variables


@dataclasses.dataclass(frozen=True)
class Config:
  """How a model is fitted.

  Attributes:
    steps: Optimizer steps in all; 0, with a `constant` schedule, for models
      that are not trained.
    batch_size: Samples that a step draws.
    optimizer: `adam`, or `gauss_newton` where the model can be linearised.
    learning_rate: Peak rate.
    schedule: `cosine` (to zero), `constant`, `halving` (every `halving_steps`),
      `late_linear` (held, then linear to zero from half) or `plateau` (a tenth, once
      the mean loss of `plateau_steps` was no better `plateau_patience` times).
    halving_steps: Period of the `halving` schedule.
    plateau_steps: Steps that `plateau` takes the mean of, such as an epoch.
    plateau_patience: Of these means, in which the loss may stand still.
    warmup_steps: Over which the rate of `adam` rises to the schedule's.
    beta2: Adam: decay of the squared gradients' mean.
    damping: Gauss-Newton: share of the mean kernel diagonal.
    momentum: Gauss-Newton: weight of the previous update.
    segment_steps: Steps per device program; progress shows between them, and what
      depends on the model as it stands is measured anew.
    checkpoint_seconds: Least time between two checkpoints within a fit.
  """

  steps: int = 6000
  batch_size: int = 256
  optimizer: Literal['adam', 'gauss_newton'] = 'adam'
  learning_rate: float = 1e-2
  schedule: Literal['cosine', 'constant', 'halving', 'late_linear', 'plateau'] = (
    'cosine'
  )
  halving_steps: int = 2560
  plateau_steps: int = 100
  plateau_patience: int = 10
  warmup_steps: int = 0
  beta2: float = 0.999
  damping: float = 1e-3
  momentum: float = 0.9
  segment_steps: int = 2000
  checkpoint_seconds: float = 15.0

  def __post_init__(self):
    config_lib.check_ranges(
      self,
      learning_rate='(0, inf)',
      warmup_steps='[0, inf)',
      plateau_steps='[1, inf)',
      plateau_patience='[0, inf)',
      beta2='[0, 1)',
      damping='[0, inf)',
      momentum='[0, 1)',
      checkpoint_seconds='[0, inf)',
    )
    counts = (self.steps, self.batch_size, self.halving_steps, self.segment_steps)
    untrained = self.steps == 0 and self.schedule == 'constant'
    if min(counts[1:] if untrained else counts) < 1:
      raise ValueError(
        'Expected steps, batch_size, halving_steps and segment_steps of 1 or more, '
        f'got {counts}.'
      )


class State(NamedTuple):
  """All that a fit carries from step to step, and all that is saved.

  Attributes:
    variables: The model.
    opt_state: The method's own state.
    step: int32 scalar, steps done.
    key: Typed key; step i draws from `fold_in(key, i)`.
    loss: float32 scalar, of the last step.
  """

  variables: Variables
  opt_state: PyTree
  step: Array
  key: Key
  loss: Array


class Method(NamedTuple):
  """One optimisation method.

  Attributes:
    init: `params -> opt_state`.
    step: `(variables, opt_state, batch, key, step) -> (variables, opt_state,
      loss)`.
  """

  init: Callable[[PyTree], PyTree]
  step: Callable[..., tuple[Variables, PyTree, Array]]


# Draws one batch: (key, data, batch_size) -> batch.
Sampler = Callable[[Key, PyTree, int], Batch]
# Reads a model before some steps: (variables, data) -> what they draw from.
Survey = Callable[[Variables, PyTree], PyTree]


class Probe(NamedTuple):
  """What is measured of a model between segments; it moves nothing.

  Attributes:
    measure: `(variables, data) -> figures`, float32 scalars by name.
    describe: `figures -> text`, a few words for the progress bar.
    draw: `(variables, data) -> [H, W, 3]` uint8, what the model does as it stands, or
      None.
  """

  measure: Callable[[Variables, PyTree], dict[str, Array]]
  describe: Callable[[Mapping[str, float]], str]
  draw: Callable[[Variables, PyTree], Array] | None = None


def init(system: System, method: Method, key: Key) -> State:
  """Returns the state before the first step.

  Args:
    system: The model.
    method: How it is moved.
    key: Typed key of this model alone.

  Returns:
    The state, at step 0.
  """
  init_key, loop_key = jax.random.split(key)
  variables = system.init(init_key)
  opt_state = method.init(variables.params)
  step, last = jnp.zeros((), jnp.int32), jnp.zeros((), jnp.float32)
  return State(variables, opt_state, step, loop_key, last)


def advance(
  method: Method,
  sample: Sampler,
  state: State,
  data: PyTree,
  *,
  steps: int,
  batch_size: int,
  survey: Survey | None = None,
) -> tuple[State, Array]:
  """Runs `steps` optimisation steps in one scan.

  Without a survey, two calls of n steps give the bits of one call of 2n: each
  step's draws depend on the key and the step's own number only. With one they
  depend on the model at the start of the call, too.

  Args:
    method: How the model is moved.
    sample: Draws a batch on the device.
    state: From `init` or an earlier call.
    data: What `sample` draws from.
    steps: Steps to take, static.
    batch_size: Samples per step, static.
    survey: Asked once, before the steps.

  Returns:
    The state after the steps, and the losses `[steps]`.
  """
  if survey is not None:
    data = survey(state.variables, data)

  def body(state: State, _: None) -> tuple[State, Array]:
    sample_key, step_key = jax.random.split(jax.random.fold_in(state.key, state.step))
    batch = sample(sample_key, data, batch_size)
    variables, opt_state, loss = method.step(
      state.variables, state.opt_state, batch, step_key, state.step
    )
    moved = State(variables, opt_state, state.step + 1, state.key, loss)
    return moved, loss

  return jax.lax.scan(body, state, None, length=steps)
