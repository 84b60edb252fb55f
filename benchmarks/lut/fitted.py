"""Fits many small models by the engine of `launch.fit`, for benchmarks of lattices."""

import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

from lutjax import systems
from lutjax.fit import fleet, loop, mesh, methods
from lutjax.types import Loaded


def fit(
  model: Any, config: loop.Config, sample: loop.Sampler, jobs: Sequence[fleet.Job]
) -> tuple[list[Loaded], list[int]]:
  """Fits a model to each job, all of one shape.

  Args:
    model: Config of a model.
    config: How it is fitted.
    sample: Draws batches from a job's data.
    jobs: What is fitted; one program runs them one after the other.

  Returns:
    The models as their artefacts hold them, and the bytes of these.
  """
  form = systems.model_of(model)
  system = form.make(model)
  method, over = methods.make(config, system), mesh.make_mesh()
  programs = fleet.Programs(system, method, sample, config, over, 1)
  with tempfile.TemporaryDirectory() as folder:
    done = list(
      fleet.fit_block(
        programs,
        jobs,
        len(jobs),
        seed=0,
        shapes=fleet.largest_shapes(jobs),
        folder=pathlib.Path(folder),
        on_segment=lambda segment: None,
        say=print,
      )
    )
  contents = [system.export(one.variables) for one in done]
  return [systems.load(content) for content in contents], [*map(len, contents)]
