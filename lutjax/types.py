"""Types that every package uses, and the contracts between packages.

A system learns colour maps of one kind. It registers an `Entry`: its `Model`, which
is pure functions of a config, and its `Task`s, which turn users' files into jobs,
samples and scores. An optional part is None where a system does not have it.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax

Array = jax.Array
Key = jax.Array
PyTree = Any
Batch = Mapping[str, Any]


class Variables(NamedTuple):
  """What a fit learns.

  Attributes:
    params: Pytree of float32 leaves, moved by the optimizer.
    stats: Pytree moved by `System.loss`, such as spectral-norm vectors.
  """

  params: PyTree
  stats: PyTree = ()


class System(NamedTuple):
  """A learned colour map as pure functions over a closed-over config.

  Each function is written for one model; `jax.vmap` makes it many.

  Attributes:
    init: `key -> Variables`.
    apply: `(Variables, batch) -> outputs`, deterministic.
    loss: `(params, stats, batch, key) -> (scalar, (stats, metrics))`.
    export: `Variables -> bytes`, the shipped artefact; `len` is its size.
    restore: `bytes -> Variables`, exact on what `export` rounded.
  """

  init: Callable[[Key], Variables]
  apply: Callable[[Variables, Batch], Array]
  loss: Callable[..., tuple[Array, tuple[PyTree, Batch]]]
  export: Callable[[Variables], bytes]
  restore: Callable[[bytes], Variables]


def bind(
  config: Any,
  init: Callable[..., Variables],
  apply: Callable[..., Array],
  loss: Callable[..., tuple[Array, tuple[PyTree, Batch]]],
  export: Callable[..., bytes],
  restore: Callable[..., Variables],
) -> System:
  """Returns the system of functions that take a config first.

  Args:
    config: What is bound.
    init: `(config, key)`; see `System`, as for the rest.
    apply: `(config, variables, batch)`.
    loss: `(config, params, stats, batch, key)`.
    export: `(config, variables)`.
    restore: `(config, content)`.
  """
  return System(
    init=functools.partial(init, config),
    apply=functools.partial(apply, config),
    loss=functools.partial(loss, config),
    export=functools.partial(export, config),
    restore=functools.partial(restore, config),
  )


class Linearization(NamedTuple):
  """A network around its parameters, on one batch of B samples, C outputs.

  Attributes:
    outputs: `params -> [B, C]`, differentiable.
    residual: `[B, C]`, outputs less targets; 0 where it does not count.
    active: `[B, C]`, 1, or 0 where a residual does not count.
    inputs: Per dense layer `[B, fan_in]`, what enters it.
    rows: Per dense layer `[C, B, fan_out]`, the derivative of each output
      with respect to the layer's pre-activations.
  """

  outputs: Callable[[PyTree], Array]
  residual: Array
  active: Array
  inputs: list[Array]
  rows: list[Array]


class Restorer(NamedTuple):
  """What a model that restores pictures does, as functions of its config.

  Attributes:
    degradation: `config -> data.degradations.Degradation` that it undoes.
    process: `(config, variables) -> (pixels -> pixels)`: uint8 `[H, W, C]` to uint8
      `[scale H, scale W, C]`, each channel on its own, pictures of any size.
    table_bytes: `(config, variables) -> int`, bytes of the tables in memory.
    margin: `config -> int`, how far around a pixel it sees, in pixels.
    formats: By the name of a file format, `(config, variables, name) -> files`: the
      content of each file by its name. `name` is that of the model.
    levels: `(config, variables) -> levels`, how many levels each channel uses of each
      table, by the table's name, where that is learned.
  """

  degradation: Callable[[Any], Any]
  process: Callable[[Any, Variables], Callable[[Any], Any]]
  table_bytes: Callable[[Any, Variables], int]
  margin: Callable[[Any], int]
  formats: Mapping[str, Callable[[Any, Variables, str], Mapping[str, bytes]]]
  levels: Callable[[Any, Variables], Mapping[str, Sequence[int]]] | None = None


class Grader(NamedTuple):
  """What a model that predicts a lattice of a picture does, as functions of its config.

  Attributes:
    task: Config of the task that scores it where no run folder says which.
    side: `config -> int`, S, pixels per axis of what it sees of a picture.
    lattice: `(config, variables, picture [S, S, 3]) -> [N, N, N, 3]`, codes as stored
      in [0, 1] to a lattice in [0, 1], indexed `[r, g, b]`.
    parameters: `config -> counts`, how many parameters each part has, by its name.
    evaluate: `(loaded, task, sources, say) -> (figures, problems)`.
    render: `figures -> Markdown`, of what `evaluate` gives.
  """

  task: Any
  side: Callable[[Any], int]
  lattice: Callable[[Any, Variables, Array], Array]
  parameters: Callable[[Any], Mapping[str, int]]
  evaluate: Callable[..., tuple[dict[str, Any], Sequence[str]]]
  render: Callable[[Mapping[str, Any]], str]


class LookLibrary(NamedTuple):
  """A set of looks as a map of codes, for whoever predicts a code.

  Attributes:
    decode: `(code [D], rgb [..., 3]) -> [..., 3]` float32, both colours in the unit
      cube; differentiable in the code.
    size: D.
    start: `[D]` float32, a typical code.
    spread: `[D]` float32, how much codes differ in each number.
  """

  decode: Callable[[Array, Array], Array]
  size: int
  start: Any
  spread: Any


class Model(NamedTuple):
  """A kind of model, as functions of its config.

  A model learns colours, and then it has `query`; or it restores pictures, and then
  it has `restorer`; or it predicts the lattice of a picture, and has `grader`.

  Attributes:
    name: As its artefacts carry it.
    config: The frozen dataclass that the functions take first.
    make: `config -> System`.
    apply: `(config, variables, batch) -> [..., 3]` in the unit cube.
    config_of: `(artefact, source) -> config`, of an unpacked container.
    restore: `(config, content, source) -> Variables`.
    query: `(config, rgb [..., 3], weights [L]) -> batch` that asks for a mix of looks.
    linearize: `(config, params, batch) -> Linearization`, for Gauss-Newton.
    tabulate: `(config, variables, weights [L], size) -> [size, size, size, 3]`, where
      that is quicker than `apply` at every node.
    from_lattice: `(config, table [N, N, N, 3]) -> Variables`, for models that code a
      look as it is.
    names_bytes: `config -> int`, bytes of the artefact that hold names and curves.
    invertible: `config -> bool`, whether looks can be run backwards.
    inverse_lattice: `(config, variables, index, size) -> nn.fixed_point.Solved`.
    restorer: What it does with pictures.
    start: `(config, loaded, source) -> Variables` to train on from those of an
      artefact, which `source` names in errors.
    grader: What it does with pictures, where it predicts lattices.
    library: `(config, variables) -> LookLibrary`, of a model of looks.
    settings: `config -> int`, numbers in [0, 1] that the batch has beside colours, as
      `settings` `[..., K]`.
    with_settings: `(config, K) -> config` of a model of K settings.
    complete: `(config, open_artefact) -> config`, with what the config needs of another
      artefact; `open_artefact` is `(content, source) -> Loaded`.
  """

  name: str
  config: type
  make: Callable[[Any], System]
  apply: Callable[[Any, Variables, Batch], Array]
  config_of: Callable[[Any, str], Any]
  restore: Callable[[Any, bytes, str], Variables]
  query: Callable[[Any, Array, Array], Batch] | None = None
  linearize: Callable[[Any, PyTree, Batch], Linearization] | None = None
  tabulate: Callable[[Any, Variables, Array, int], Array] | None = None
  from_lattice: Callable[[Any, Any], Variables] | None = None
  names_bytes: Callable[[Any], int] | None = None
  invertible: Callable[[Any], bool] | None = None
  inverse_lattice: Callable[[Any, Variables, Any, int], Any] | None = None
  restorer: Restorer | None = None
  start: Callable[[Any, 'Loaded', str], Variables] | None = None
  grader: Grader | None = None
  library: Callable[[Any, Variables], LookLibrary] | None = None
  settings: Callable[[Any], int] | None = None
  with_settings: Callable[[Any, int], Any] | None = None
  complete: Callable[[Any, Callable[[bytes, str], 'Loaded']], Any] | None = None


class Loaded(NamedTuple):
  """A model out of an artefact, or about to go into one.

  Attributes:
    model: What it offers.
    config: What those functions take first.
    variables: The decoded model, host arrays.
  """

  model: Model
  config: Any
  variables: Variables


class Task(NamedTuple):
  """How users' files become jobs, samples and scores.

  A task that is done job by job has `gather`, `sampler`, `scorer` and `report`; one
  with more jobs than can be gathered first has `run` and `evaluate` instead.

  Attributes:
    name: For messages.
    config: The frozen dataclass that the functions take first.
    sources: What a fit reads of `experiment.Sources`.
    scored: What an evaluation reads of them.
    idle_flags: Flags of a fit that nothing comes of.
    on_ray: Whether its models are fitted on their own, so that a cluster may.
    gather: `(config, sources, say) -> experiment.Gathered`.
    sampler: `config -> fit.loop.Sampler`.
    scorer: `(config, gathered) -> ((loaded, size_bytes, job) -> record)`.
    report: `experiment.Finished -> path` of the page.
    complete: `(config, Model, model config) -> config`, with what the model decides.
    survey: `(config, model config) -> fit.loop.Survey`, which moves what is sampled.
    probe: `(config, System) -> fit.loop.Probe`, measured after each segment.
    finish: `(config, loaded, job, say) -> (Variables, figures)`, after the last step.
    verify: `(config, gathered, trained, shipped) -> figures`, of a model as it was
      fitted and as its artefact has it, both `Loaded`.
    solve: `(config, gathered, say) -> (artefact, seconds, figures)`, instead of steps.
    split: Which devices share the batch of one model: `none`, `accelerators` and
      devices of several processes, or `all`, the cores of a CPU among them.
    run: Does it all; see `commands.fit.fit`.
    evaluate: `(model, config, sources, say) -> (figures, problems)`.
    render: `figures -> Markdown`, of what `evaluate` gives.
  """

  name: str
  config: type
  sources: tuple[str, ...]
  scored: tuple[str, ...]
  idle_flags: tuple[str, ...] = ()
  on_ray: bool = False
  gather: Callable[..., Any] | None = None
  sampler: Callable[[Any], Callable[..., Batch]] | None = None
  scorer: Callable[[Any, Any], Callable[..., dict[str, Any]]] | None = None
  report: Callable[..., Any] | None = None
  complete: Callable[[Any, Model, Any], Any] | None = None
  survey: Callable[[Any, Any], Any] | None = None
  probe: Callable[[Any, System], Any] | None = None
  finish: Callable[..., tuple[Variables, Mapping[str, Any]]] | None = None
  verify: Callable[[Any, Any, Loaded, Loaded], Mapping[str, Any]] | None = None
  solve: Callable[..., tuple[bytes, float, dict[str, Any]]] | None = None
  split: Literal['none', 'accelerators', 'all'] = 'none'
  run: Callable[..., Sequence[str]] | None = None
  evaluate: Callable[..., tuple[dict[str, Any], Sequence[str]]] | None = None
  render: Callable[[Mapping[str, Any]], str] | None = None


class Published(NamedTuple):
  """Weights in a published format.

  Attributes:
    claims: `content -> bool`, whether a file is one.
    load: `(content, source) -> Loaded`.
  """

  claims: Callable[[bytes], bool]
  load: Callable[[bytes, str], Loaded]


class PublishedFolder(NamedTuple):
  """A folder of tables in a published layout.

  Attributes:
    claims: `names of its files -> bool`, whether a folder is one.
    load: `path -> Loaded`.
  """

  claims: Callable[[Sequence[str]], bool]
  load: Callable[[str], Loaded]


class ImageFiles(NamedTuple):
  """The functions of a system for image files that carry its payload.

  Attributes:
    task: Config of the task that scores them, its defaults.
    describe: `path -> lines` that say what a file carries.
    expand: Writes the wide-gamut images of payloads; see `commands.apply.expand`.
    spaces: Colour spaces that `expand` writes, the default first.
  """

  task: Any
  describe: Callable[[str], Iterator[str]]
  expand: Callable[..., Sequence[str]]
  spaces: tuple[str, ...]


class Entry(NamedTuple):
  """What a system registers.

  Attributes:
    name: Of the system.
    models: What its artefacts hold.
    tasks: What can be done with its configs.
    published: Weights of others that it reads.
    published_folder: Tables of others that it reads.
    image_files: What it does with image files.
  """

  name: str
  models: tuple[Model, ...] = ()
  tasks: tuple[Task, ...] = ()
  published: Published | None = None
  published_folder: PublishedFolder | None = None
  image_files: ImageFiles | None = None
