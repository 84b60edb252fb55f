"""Everything that is claimed for accelerators, measured on one device.

  python -m benchmarks.accelerator [--small] [--only=TEXT] [--out=table.json]
  python -m benchmarks.accelerator --list

Needs no data and no download, and takes less than nine minutes on one GPU. Each
program first runs small, on this device and on the CPU of the same machine, and the
largest difference of what it returns is printed, over the largest value. Then it runs
at its full size: seconds are the median of `--rounds`, after compiling, the transfer of
inputs excluded.

Two floors are beside: the time that the program's arithmetic takes at the rate of a
large product of matrices, and the time that reading its inputs and writing its outputs
takes at the rate of a copy; both rates are measured first, on the same device. "Share"
is floor over time: 1 is as fast as the device can be.

`--list` runs nothing: it prints what each program computes and moves, from its lowered
form. Loops are counted as often as they turn.
"""

import functools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from benchmarks import jobs, processor
from lutjax import files
from lutjax.codec import labels
from lutjax.lut import interpolate, lattice, tabulate
from lutjax.systems.gamut_mlp import programs, seeded
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut
from lutjax.systems.tinylut import folding, inference, structure, tables
from lutjax.systems.tinylut import model as tinylut
from lutjax.types import Array, PyTree

_SMALL = flags.DEFINE_bool('small', False, 'Small sizes alone: for tests and a CPU.')
_ONLY = flags.DEFINE_string('only', '', 'Programs whose name has this text in it.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Timed runs of each.')
_LIST = flags.DEFINE_bool('list', False, 'Print what programs compute and move.')
_OUT = flags.DEFINE_string('out', None, 'Write the figures here too, as JSON.')


class Work(NamedTuple):
  """One program.

  Attributes:
    name: What it does.
    unit: What is counted.
    count: Of it, in one call.
    function: The program, pure; jitted by the caller.
    make: Returns its arguments.
    turns: How often its loop turns; counted once in the lowered form. 0 where there
      is no arithmetic worth counting.
    tolerance: Largest difference from the CPU, over the largest value.
    traced: Whether `make` can be traced for the shapes alone.
  """

  name: str
  unit: str
  count: int
  function: Callable[..., PyTree]
  make: Callable[[], tuple]
  turns: int = 1
  tolerance: float = 1e-5
  traced: bool = True


class Rates(NamedTuple):
  """What a device reaches; flop/s of a product of matrices, bytes/s of a copy."""

  flops: float
  bandwidth: float


def works(*, small: bool) -> list[Work]:
  """Returns all programs.

  Args:
    small: Whether of a size for tests.
  """
  # Rates of 16-bit products on accelerators move a training more than its last bits.
  loose = 2e-2
  nilut_steps, nilut_fits = (4, 2) if small else (1000, 512)
  gamut_steps, gamut_fits = (4, 2) if small else (300, 256)
  looks, lutflow_steps = (4, 2) if small else (512, 200)
  tinylut_steps, img2lut_steps = (1, 1) if small else (40, 20)
  nodes, decoded = (5, 2) if small else (33, 512)
  waves = 1 if small else 64
  side = 24 if small else 512
  lutflow_job = functools.partial(jobs.lutflow_job, looks)
  return [
    _fits('NILUT fits', jobs.nilut_job, nilut_fits, nilut_steps, loose),
    _fits('gamut network fits', jobs.gamut_job, gamut_fits, gamut_steps, loose),
    _training('LutFlow training', lutflow_job, lutflow_steps, loose),
    _training('TinyLUT training', jobs.tinylut_job, tinylut_steps, loose),
    _training('img2lut training', jobs.img2lut_job, img2lut_steps, loose),
    _waves(waves),
    _pixels('trilinear', small),
    _pixels('tetrahedral', small),
    _nilut_lattices(decoded, nodes),
    _lutflow_lattices(decoded, nodes),
    _tables(side),
  ]


def measure(work: Work, small: Work, rates: Rates | None, rounds: int) -> dict:
  """Checks a program small and times it.

  Args:
    work: To time.
    small: The same program, to compare with the CPU.
    rates: Of the device, for floors; None to leave them out.
    rounds: Timed runs.

  Returns:
    Figures by name.
  """
  gap = difference(small)
  args = jax.device_put(work.make())
  began = time.perf_counter()
  compiled = jax.jit(work.function).lower(*args).compile()
  compiling = time.perf_counter() - began
  jax.block_until_ready(compiled(*args))
  seconds = []
  for _ in range(rounds):
    began = time.perf_counter()
    jax.block_until_ready(compiled(*args))
    seconds.append(time.perf_counter() - began)
  took = statistics.median(seconds)
  flops, moved = cost(work)
  found = {
    'program': work.name,
    'unit': work.unit,
    'count': work.count,
    'seconds': took,
    'per_second': work.count / took,
    'compile_seconds': compiling,
    'flops': flops,
    'bytes': moved,
    'difference': gap,
    'tolerance': small.tolerance,
  }
  if rates is not None:
    found['arithmetic_share'] = flops / rates.flops / took
    found['memory_share'] = moved / rates.bandwidth / took
  stats = jax.devices()[0].memory_stats() or {}
  if 'peak_bytes_in_use' in stats:
    found['peak_bytes'] = stats['peak_bytes_in_use']
  return found


def difference(work: Work) -> float:
  """Returns how far this device is from the CPU, over the largest value."""
  if jax.default_backend() == 'cpu':
    return 0.0
  args = work.make()
  here = jax.device_get(jax.jit(work.function)(*jax.device_put(args)))
  with jax.default_device(jax.local_devices(backend='cpu')[0]):
    there = jax.device_get(jax.jit(work.function)(*args))
  gaps = [0.0]
  for one, other in zip(jax.tree.leaves(here), jax.tree.leaves(there)):
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    gaps.append(np.abs(one - other).max() / max(np.abs(other).max(), 1e-12))
  return float(np.max(gaps))


def cost(work: Work) -> tuple[float, int]:
  """Returns flops, and bytes of inputs and outputs, of a program that is not run."""
  args = shapes(work)
  found = jax.jit(work.function).lower(*args).cost_analysis() if work.turns else {}
  out = jax.eval_shape(work.function, *args)
  sizes = [_size_bytes(leaf) for leaf in jax.tree.leaves((args, out))]
  return float(dict(found or {}).get('flops', 0.0)) * work.turns, sum(sizes)


def shapes(work: Work) -> tuple:
  """Returns the shapes and dtypes of a program's arguments."""
  if work.traced:
    return jax.eval_shape(work.make)
  return jax.eval_shape(lambda args: args, work.make())


def rates(*, small: bool) -> Rates:
  """Measures a product of matrices and a copy.

  Args:
    small: Whether of a size for a CPU.
  """
  side = 1024 if small else 8192
  matrix = jnp.ones((side, side))
  product = jax.jit(lambda a, b: a @ b)
  copy = jax.jit(lambda a: a + 1.0)
  flops = 2 * side**3 / _fastest(product, matrix, matrix)
  return Rates(flops, 2 * matrix.nbytes / _fastest(copy, matrix))


def render(rows: Sequence[dict]) -> str:
  """Returns figures as a Markdown table.

  Args:
    rows: From `measure`.
  """
  head = '| program | a call | seconds | a second | compiling, s | arithmetic share | '
  lines = [f'{head}memory share | off the CPU |', '|---' * 8 + '|']
  for row in rows:
    shares = [row.get('arithmetic_share'), row.get('memory_share')]
    words = ['-' if share is None else f'{share:.3f}' for share in shares]
    verdict = '' if row['difference'] <= row['tolerance'] else ', TOO FAR'
    lines.append(
      f'| {row["program"]} | {row["count"]:,} {row["unit"]} | {row["seconds"]:.4g} | '
      f'{row["per_second"]:,.4g} | {row["compile_seconds"]:.1f} | {words[0]} | '
      f'{words[1]} | {row["difference"]:.1e}{verdict} |'
    )
  return '\n'.join(lines)


def render_costs(chosen: Sequence[Work]) -> str:
  """Returns what programs compute and move, as a Markdown table.

  Args:
    chosen: The programs.
  """
  lines = ['| program | a call | Gflop | GB in and out |', '|---' * 4 + '|']
  for work in chosen:
    flops, moved = cost(work)
    words = f'{flops / 1e9:,.3g}' if work.turns else '-'
    lines.append(
      f'| {work.name} | {work.count:,} {work.unit} | {words} | {moved / 1e9:.3g} |'
    )
  return '\n'.join(lines)


def _fits(
  name: str, make_job: Callable[[], jobs.Job], count: int, steps: int, loose: float
) -> Work:
  """Returns the fit of many small models at once, each with samples of its own."""
  samples = 1 << 12

  def make() -> tuple:
    job = make_job()
    states = jax.vmap(job.start)(jax.random.split(jax.random.key(0), count))
    few = jax.tree.map(lambda leaf: leaf[:samples], job.data)
    data = jax.tree.map(lambda leaf: jnp.stack([leaf] * count), few)
    return states, data

  def fit(states: PyTree, data: PyTree) -> Array:
    return jax.vmap(make_job().advance(steps))(states, data)[1]

  return Work(f'{name}, {steps} steps', 'models', count, fit, make, steps, loose)


def _training(
  name: str, make_job: Callable[[], jobs.Job], steps: int, loose: float
) -> Work:
  """Returns steps of one shared training."""

  def make() -> tuple:
    job = make_job()
    return job.start(jax.random.key(0)), job.data

  def train(state: PyTree, data: PyTree) -> Array:
    return make_job().advance(steps)(state, data)[1]

  return Work(name, 'steps', steps, train, make, steps, loose)


def _waves(count: int) -> Work:
  """Returns the closed-form fit of seeded waves to pictures."""
  config, samples = seeded.Config(), programs.SAMPLES[0]

  def make() -> tuple:
    rng = np.random.default_rng(0)
    encoded = rng.random((count, samples, 3), np.float32)
    codes = np.rint(255 * np.clip(1.4 * encoded - 0.2, 0, 1)).astype(np.uint8)
    where = rng.uniform(-1, 1, (count, samples, 5)).astype(np.float32)
    third = samples // 3
    ends = np.tile(np.int32([third, 2 * third, samples]), (count, 1))
    return encoded, codes, where, ends

  solve = jax.vmap(functools.partial(programs.solve_waves, config, (1.0,)))
  # Weights of nearly dependent waves are less sure than what they predict.
  return Work('gamut waves, solved', 'pictures', count, solve, make, 1, 5e-2)


def _pixels(method: str, small: bool) -> Work:
  """Returns the interpolation of pixels in a lattice of 33 nodes."""
  count = 1 << 12 if small else 12_000_000

  def make() -> tuple:
    rng = np.random.default_rng(0)
    table = lattice.identity(33) ** np.float32(0.8)
    return table.astype(np.float32), rng.random((count, 3), np.float32)

  name, read = f'{method} interpolation', interpolate.METHODS[method]
  return Work(name, 'pixels', count, read, make, 0, 1e-6)


def _nilut_lattices(count: int, nodes: int) -> Work:
  """Returns the decoding of many NILUTs."""
  job = jobs.nilut_job
  config = nilut.Config()

  def make() -> tuple:
    keys = jax.random.split(jax.random.key(0), count)
    return (jax.vmap(lambda key: job().start(key).variables)(keys),)

  def one(variables: PyTree) -> Array:
    def function(rgb: Array) -> Array:
      weights = jnp.ones(1)
      return nilut.apply(config, variables, nilut.query(config, rgb, weights))

    return tabulate.tabulate(function, nodes)

  name = f'NILUT lattices of {nodes} nodes'
  return Work(name, 'lattices', count, jax.vmap(one), make, nodes, 5e-3)


def _lutflow_lattices(count: int, nodes: int) -> Work:
  """Returns the decoding of the looks of one LutFlow."""
  names = tuple(labels.Label(str(i)) for i in range(count))
  config = lutflow.Config(looks=names)

  def make() -> tuple:
    return lutflow.init(config, jax.random.key(0)), np.arange(count, dtype=np.int32)

  def decode(variables: PyTree, index: Array) -> Array:
    one = functools.partial(lutflow.lattice, config, variables, size=nodes)
    return jax.vmap(one)(index)

  name = f'LutFlow lattices of {nodes} nodes'
  return Work(name, 'lattices', count, decode, make, nodes, 5e-3)


def _tables(side: int) -> Work:
  """Returns the restoration of a picture by tables, in integers."""
  config = structure.Config()

  def make() -> tuple:
    variables = jax.eval_shape(lambda: tinylut.init(config, jax.random.key(0)))
    filled = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.3, np.float32), variables)
    made = folding.prepare(config, tables.to_tables(config, filled)[1])
    plane = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    return made, plane

  restore = functools.partial(inference.restore_plane, config)
  count = (side * config.restores.scale) ** 2
  name = 'TinyLUT x4 restoration'
  return Work(name, 'pixels out', count, restore, make, 0, 0.0, traced=False)


def _fastest(function: Callable[..., Array], *args: Array) -> float:
  jax.block_until_ready(function(*args))
  taken = []
  for _ in range(5):
    began = time.perf_counter()
    jax.block_until_ready(function(*args))
    taken.append(time.perf_counter() - began)
  return min(taken)


def _size_bytes(leaf: Any) -> int:
  if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    leaf = jax.eval_shape(jax.random.key_data, leaf)
  return int(np.prod(leaf.shape)) * np.dtype(leaf.dtype).itemsize


def main(argv: Sequence[str]) -> None:
  """Prints the table."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  full, small = (works(small=size) for size in (False, True))
  pairs = [(one, other) for one, other in zip(full, small) if _ONLY.value in one.name]
  if not pairs:
    raise app.UsageError(f'--only={_ONLY.value}: found no such program.')
  if _LIST.value:
    print(render_costs([one for one, _ in pairs]))
    return
  device = jax.devices()[0]
  print(f'{device.device_kind} ({device.platform}), jax {jax.__version__}')
  print(f'host: {processor.describe()}')
  reached = rates(small=_SMALL.value)
  print(
    f'a product of matrices: {reached.flops / 1e12:.3g} Tflop/s; '
    f'a copy: {reached.bandwidth / 1e9:.3g} GB/s\n',
    flush=True,
  )
  rows = []
  for one, other in pairs:
    rows.append(measure(other if _SMALL.value else one, other, reached, _ROUNDS.value))
    print(render(rows[-1:]).splitlines()[-1], flush=True)
  print(f'\n{render(rows)}')
  if _OUT.value is not None:
    found = {
      'device': device.device_kind,
      'host': processor.describe(),
      'jax': jax.__version__,
      'flops_per_second': reached.flops,
      'bytes_per_second': reached.bandwidth,
      'programs': rows,
    }
    files.write_text(_OUT.value, json.dumps(found, indent=2) + '\n')


if __name__ == '__main__':
  app.run(main)
