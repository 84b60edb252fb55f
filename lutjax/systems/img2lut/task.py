"""Training a model that looks at pictures: photos or pairs in, one model out.

Pictures lie on the device as grids, and pairs are made of them there (`sampling`). Some
pictures are for validation, measured after each segment, and some for the test, on
which the exported model is measured whole, beside what does not look (`scoring`).
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors, experiment, progress
from lutjax.color import difference, spaces
from lutjax.fit import fleet, loop
from lutjax.systems.img2lut import model, photos, report, sampling, scoring
from lutjax.types import Array, Loaded, Model, PyTree, System, Task, Variables

Config = sampling.Config

# Pictures that are measured after each segment, at most, and that are drawn.
_PROBED, _DRAWN = 32, 4
# White between pictures of a strip.
_GAP = 4


class Context(NamedTuple):
  """What measuring and the report need beyond the grids.

  Attributes:
    test: Pictures that are measured in the end.
    validation: Pictures that are measured during training.
    training: Pictures that are trained on.
    looks: Of the test, `[L, N, N, N, 3]`, or None.
    say: Told of what goes on.
  """

  test: Sequence[photos.Source]
  validation: Sequence[photos.Source]
  training: Sequence[photos.Source]
  looks: np.ndarray | None
  say: Callable[[str], None]


def complete(config: Config, kind: Model, form: Any) -> Config:
  """Returns the task with what the network sees.

  Args:
    config: The task.
    kind: What is trained.
    form: Config of the model.

  Raises:
    InputError: if the model predicts no lattices, is too large for an artefact, or
      its loss needs whole pictures and the task gives it pixels.
  """
  if kind.grader is None:
    raise errors.InputError(
      f'found a config for {kind.name}, expected a model that predicts lattices'
    )
  if form.head.kind != 'library':
    count = sum(kind.grader.parameters(form).values())
    if count > model.MOST_PARAMETERS:
      raise errors.InputError(
        f'model: found {count:,} parameters, expected at most '
        f'{model.MOST_PARAMETERS:,}: a smaller head.size, or fewer head.hidden'
      )
  if form.loss == 'ssim' and config.pixels:
    raise errors.InputError(
      f'task.pixels: found {config.pixels} with the loss ssim, which compares '
      'neighbours, expected 0: all pixels'
    )
  return dataclasses.replace(config, side=kind.grader.side(form))


def gather(
  config: Config, given: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads pictures onto grids.

  Args:
    config: The task, complete.
    given: What the user pointed at: pairs, or images and, for some tasks, LUTs.
    say: Told what is left out, and what is for what.

  Returns:
    The one job; the pictures of each part are in its context.

  Raises:
    InputError: when there is nothing to train on, or a flag does not fit the task.
  """
  parts, problems = _parts(config, given, say)
  looks, digests, broken = _looks(config, given, say)
  limit = config.pool_megabytes << 20
  data, training, unread = photos.to_grids(parts['training'], config.kept, limit, say)
  problems = [*problems, *broken, *unread]
  if not training:
    raise errors.InputError(
      f'found no picture to train on, expected one; {problems[0]}'
      if problems
      else 'found no picture to train on: all are for validation and test, expected '
      'more pictures, or a lower test_share'
    )
  validation = parts['validation'][:_PROBED] or training[:_PROBED]
  parts['training'] = training
  counts = ', '.join(f'{len(held)} for {name}' for name, held in parts.items())
  say(f'pictures: {counts}')
  if not parts['validation']:
    say('none is for validation: some that are trained on are measured')
  if looks is not None:
    data['looks'] = looks['training']
  probed, unread = _probe_data(config, validation, looks, say)
  context = Context(
    parts['test'],
    parts['validation'],
    training,
    None if looks is None else looks['test'],
    say,
  )
  every = [source for held in parts.values() for source in held]
  inputs = {path: digest for one in every for path, digest in one.digests.items()}
  return experiment.Gathered(
    jobs=[fleet.Job('model', data | probed)],
    inputs=inputs | digests,
    problems=sorted({*problems, *unread}),
    single=True,
    labels={},
    context=context,
  )


def probe(config: Config, system: System) -> loop.Probe:
  """Returns what measures a model on pictures for validation.

  Args:
    config: The task.
    system: The model.

  Returns:
    The probe, whose figures are `cie76`, the mean over pictures, and `psnr` in dB, of
    all pixels together; each beside that of the pictures as they are (`identity_`). It
    draws strips: given, wanted, the model's.
  """
  del config

  def measure(variables: Variables, data: PyTree) -> dict[str, Array]:
    got = system.apply(variables, {'image': data['probe_image']})
    figures = {}
    for prefix, shown in (('', got), ('identity_', data['probe_image'])):
      gap = shown - data['probe_target']
      labs = [spaces.srgb_to_lab(of) for of in (shown, data['probe_target'])]
      figures[f'{prefix}cie76'] = jnp.mean(difference.delta_e_76(*labs))
      square = jnp.maximum(jnp.mean(gap * gap), 1e-10)
      figures[f'{prefix}psnr'] = -10.0 * jnp.log10(square)
    return figures

  def describe(figures: Mapping[str, float]) -> str:
    return f'val CIE76 {figures["cie76"]:.2f} of {figures["identity_cie76"]:.2f}'

  def draw(variables: Variables, data: PyTree) -> Array:
    image, target = (data[f'probe_{n}'][:_DRAWN] for n in ('image', 'target'))
    shown = jnp.stack([image, target, system.apply(variables, {'image': image})], 1)
    framed = jnp.pad(
      shown, [(0, 0), (0, 0), (0, _GAP), (0, _GAP), (0, 0)], constant_values=1.0
    )
    rows = jnp.concatenate(list(jnp.swapaxes(framed, 0, 1)), axis=-2)
    return jnp.round(255.0 * rows.reshape(-1, *rows.shape[2:])).astype(jnp.uint8)

  return loop.Probe(measure, describe, draw)


def scorer(
  config: Config, gathered: experiment.Gathered
) -> Callable[[Loaded, int, fleet.Job], dict[str, Any]]:
  """Returns the function that measures an artefact on the test pictures.

  Args:
    config: The task.
    gathered: From `gather`.

  Returns:
    `(loaded, size_bytes, job) -> record`: what `figures_of` gives.
  """

  def record(loaded: Loaded, size_bytes: int, job: fleet.Job) -> dict[str, Any]:
    del size_bytes
    context = gathered.context
    data = {k: v for k, v in job.data.items() if not k.startswith('probe_')}
    found, problems = figures_of(
      config, loaded, context.test, data, context.looks, context.say
    )
    for line in problems:
      context.say(line)
    return found

  return record


def figures_of(
  config: Config,
  loaded: Loaded,
  test: Sequence[photos.Source],
  data: Mapping[str, Any],
  looks: np.ndarray | None,
  say: Callable[[str], None],
) -> tuple[dict[str, Any], list[str]]:
  """Measures a model, and what stands beside it.

  Args:
    config: The task, complete.
    loaded: The model.
    test: Pictures to measure on.
    data: What `constant` is fitted to; see `sampling.sampler`.
    looks: Those that pictures get, for tasks that need them.
    say: Told what is converted.

  Returns:
    `scoring.mean`, and `pictures`, what `scoring.score` says of each by name; a line
    for each picture that cannot be measured.
  """
  records, problems = {}, []
  form, variables = loaded.config, jax.device_put(loaded.variables)
  constant = scoring.constant_of(config, form, data, jax.random.key(config.seed))
  for source in progress.bar(test, desc='scoring', unit='picture', leave=False):
    try:
      pixels = photos.measured(photos.read(source, say))
    except errors.InputError as error:
      problems.append(str(error))
      continue
    pair = scoring.pair_of(config, source, pixels, looks)
    lattices = {
      'constant': constant,
      'oracle': scoring.oracle_of(config, form, pair),
    }
    records[source.picture.name] = scoring.score(form, variables, pair, lattices)
  if not records:
    return {'methods': {}, 'gap_closed': None, 'pictures': {}}, problems
  return scoring.mean(list(records.values())) | {'pictures': records}, problems


def verify(
  config: Config, gathered: experiment.Gathered, trained: Loaded, shipped: Loaded
) -> dict[str, Any]:
  """Says what the precision of the artefact costs.

  Args:
    config: The task.
    gathered: From `gather`.
    trained: The model as it was fitted.
    shipped: The model as its artefact has it.

  Returns:
    `rounding_cie76`, the mean CIE76 between the two on the pictures for validation, and
    `parameters`.
  """
  del config
  images = gathered.jobs[0].data['probe_image']
  outputs = [
    np.asarray(
      jax.jit(one.model.make(one.config).apply)(one.variables, {'image': images})
    )
    for one in (trained._replace(config=shipped.config), shipped)
  ]
  fitted, decoded = (of.reshape(-1, 3) for of in outputs)
  cie76, _ = scoring.colour_errors(fitted, decoded)
  return {
    'rounding_cie76': cie76,
    'parameters': sum(model.parameters(shipped.config).values()),
  }


def evaluate(
  loaded: Loaded,
  config: Config,
  given: experiment.Sources,
  say: Callable[[str], None],
) -> tuple[dict[str, Any], Sequence[str]]:
  """Measures a model on the test pictures among those that are given.

  Args:
    loaded: The model.
    config: The task.
    given: Pictures: those of the test are measured on, and the others are what the
      constant lattice is fitted to; where there are none, those of the test.
    say: Told what is left out.

  Returns:
    What `figures_of` gives, with the `task`; a line for each picture that cannot be
    measured.

  Raises:
    InputError: when there is no picture to measure on.
  """
  config = dataclasses.replace(config, side=loaded.config.side)
  parts, problems = _parts(config, given, say)
  looks, _, broken = _looks(config, given, say)
  if not parts['test']:
    raise errors.InputError(
      'found no picture for the test, expected one; --set=test_share=1 takes them all'
    )
  rest = [*parts['training'], *parts['validation']]
  if not rest:
    say('the constant lattice is fitted to the test pictures: there are no others')
  limit = config.pool_megabytes << 20
  data, _, unread = photos.to_grids(rest or parts['test'], config.kept, limit, say)
  if looks is not None:
    data['looks'] = looks['training']
  test_looks = None if looks is None else looks['test']
  found, failed = figures_of(config, loaded, parts['test'], data, test_looks, say)
  return found | {'task': config.task}, [*problems, *broken, *unread, *failed]


TASK = Task(
  name='img2lut',
  config=Config,
  sources=('images', 'pairs', 'luts'),
  scored=('images', 'pairs', 'luts'),
  idle_flags=('group_size',),
  gather=gather,
  sampler=sampling.sampler,
  scorer=scorer,
  report=report.write,
  complete=complete,
  probe=probe,
  verify=verify,
  split='all',
)


def _parts(
  config: Config, given: experiment.Sources, say: Callable[[str], None]
) -> tuple[dict[str, list[photos.Source]], list[str]]:
  """Returns the pictures by what they are for; refuses flags that do not fit."""
  kinds = [kind for kind in sampling.KINDS if kind != 'pairs']
  if bool(given.pairs) == bool(given.images):
    raise errors.InputError(
      '--images and --pairs: expected one of them: photos, of which pairs are made, '
      'or pairs of before and after'
    )
  if given.pairs and config.task != 'pairs':
    raise errors.InputError(f'--pairs: nothing to do with --set=task={config.task}')
  if given.images and config.task == 'pairs':
    raise errors.InputError(
      f'--images: expected a task that makes pairs of them, --set=task=... of '
      f'{", ".join(kinds)}; or --pairs'
    )
  problems: list[str] = []
  if given.pairs:
    sources = photos.find_pairs(given.pairs, say)
  else:
    sources, problems = photos.find_photos(given.images, say)
  parts: dict[str, list[photos.Source]] = {'training': [], 'validation': [], 'test': []}
  for source in sources:
    part = photos.part_of(
      source,
      test_share=config.test_share,
      validation_share=config.validation_share,
    )
    parts[part].append(source)
  return parts, problems


def _looks(
  config: Config, given: experiment.Sources, say: Callable[[str], None]
) -> tuple[dict[str, np.ndarray] | None, dict[str, str], list[str]]:
  """Reads looks where the task needs them, and refuses them elsewhere."""
  if config.task not in ('undo', 'look'):
    if given.luts:
      raise errors.InputError(f'--luts: nothing to do with --set=task={config.task}')
    return None, {}, []
  if not given.luts:
    raise errors.InputError(f'--luts: found nothing, expected looks for {config.task}')
  looks, digests, problems = photos.read_looks(given.luts, config.test_share, say)
  if config.task == 'look' and len(digests) != 1:
    raise errors.InputError(
      f'--luts: found {len(digests)} looks, expected one: no picture says which of '
      'several is wanted; --set=task=undo takes many'
    )
  return looks, digests, problems


def _probe_data(
  config: Config,
  sources: Sequence[photos.Source],
  looks: Mapping[str, np.ndarray] | None,
  say: Callable[[str], None],
) -> tuple[dict[str, np.ndarray], list[str]]:
  """Returns what is measured after each segment, `[Q, S, S, 3]` float32."""
  grids, used, problems = photos.to_grids(sources, config.side, 1 << 40, say)
  if not used:
    raise errors.InputError(f'found no picture for validation; {problems[0]}')
  held = None if looks is None else jnp.asarray(looks['test'])
  show = jax.jit(lambda key, pair: sampling.shown(config, key, pair, held))
  made = []
  for i, source in enumerate(used):
    pair = {name: sampling.to_float(codes[i]) for name, codes in grids.items()}
    made.append(jax.device_get(show(photos.key_of(source, config.seed), pair)))
  names = {'image': 'probe_image', 'target': 'probe_target'}
  return {new: np.stack([m[old] for m in made]) for old, new in names.items()}, problems
