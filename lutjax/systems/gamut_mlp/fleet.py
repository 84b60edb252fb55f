"""Fitting thousands of images on one device: read, fit, embed, verify, commit."""

import collections
import concurrent.futures
import contextlib
import pathlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from lutjax import errors, experiment, files, progress
from lutjax.codec import carriers
from lutjax.codec import payload as payload_lib
from lutjax.data import images
from lutjax.fit import mesh, runs
from lutjax.systems.gamut_mlp import (
  codecs,
  decoding,
  fitting,
  network_fitting,
  preparing,
)
from lutjax.systems.gamut_mlp import programs as gamut_programs

# Codecs that start from the ridge solution.
_RIDGE = ('auto', 'seeded', 'mixed')


class Job(NamedTuple):
  """An image to work on.

  Attributes:
    name: Relative path without extension; names the output.
    path: The source.
    size_bytes: Of the source.
    modified: When the source was changed, nanoseconds.
  """

  name: str
  path: pathlib.Path
  size_bytes: int
  modified: int


class _Loaded(NamedTuple):
  job: Job
  digest: str
  prepared: preparing.Prepared
  seconds: float


class Fleet:
  """The images of one run.

  Args:
    settings: The experiment.
    kind: Format of the outputs.
    run: Takes the outputs: the run folder, or what is on its way to one.
    devices: Over which fits are spread.
    group_size: Images vmapped together on a device.
    say: Told what a user should know.
  """

  def __init__(
    self,
    settings: experiment.Experiment,
    kind: str,
    run: runs.Ledger,
    devices: jax.sharding.Mesh,
    group_size: int,
    say: Callable[[str], None],
  ):
    self._settings = settings
    self._model: codecs.Config = fitting.affordable(settings.model, kind)
    self._kind = kind
    self._run = run
    self._devices = devices
    self._group_size = group_size
    self._say = say
    self._programs = gamut_programs.Programs(say)
    self._lock = threading.Lock()
    self._seconds: dict[str, float] = collections.defaultdict(float)
    self._done = 0

  def run(self, jobs: Sequence[Job]) -> list[str]:
    """Works on all jobs; says how it went, and returns a line for each that failed."""
    began = time.perf_counter()
    failed = self.work(jobs)
    seconds = time.perf_counter() - began
    done, made = self._done, self._programs
    self._say(
      f'{done} images in {seconds:.1f} s: {done / seconds:.2f} images/s; '
      f'{made.compilations} programs compiled in {made.compile_seconds:.1f} s on '
      f'{self._devices.size} device(s), {self._group_size} images at a time'
    )
    taken = self._seconds
    self._say(
      f'thread seconds: reading and reducing {taken["read"]:.1f}, solving '
      f'{taken["solve"]:.1f}, choosing codes {taken["choose"]:.1f}, writing and '
      f'checking {taken["write"]:.1f}; solving waited '
      f'{100 * taken["wait"] / seconds:.0f} % of the time for pictures'
    )
    self._run.log('compiled', programs=made.compilations, seconds=made.compile_seconds)
    return failed

  def work(self, jobs: Sequence[Job]) -> list[str]:
    """Works on all jobs; returns a line for each that failed."""
    failed: list[str] = []
    task = self._settings.task
    writing: collections.deque[concurrent.futures.Future] = collections.deque()
    with (
      concurrent.futures.ThreadPoolExecutor(task.workers) as writers,
      progress.bar(total=len(jobs), unit='image') as bar,
    ):

      def settle(most: int) -> None:
        while len(writing) > most:
          problem = writing.popleft().result()
          bar.update()
          if problem:
            failed.append(problem)
            self._log_failure(problem)
          else:
            self._done += 1

      for loaded, weight in self._fitted(jobs, failed, bar):
        writing.append(writers.submit(self._finish, loaded, weight))
        settle(2 * task.workers if loaded.job.size_bytes < 1 << 25 else 0)
      settle(0)
    return failed

  @contextlib.contextmanager
  def _taking(self, stage: str) -> Iterator[None]:
    """Adds the wall time of a block, on its thread, to that of a stage."""
    began = time.perf_counter()
    try:
      yield
    finally:
      with self._lock:
        self._seconds[stage] += time.perf_counter() - began

  def _log_failure(self, problem: str) -> None:
    with self._lock:
      self._run.log('failed', problem=problem)

  def _fitted(
    self, jobs: Sequence[Job], failed: list[str], bar: progress.Bar
  ) -> Iterator[tuple[_Loaded, np.ndarray | None]]:
    """Yields images with their ridge solutions, fitted in groups of one shape."""
    buckets: dict[int, list[_Loaded]] = collections.defaultdict(list)
    for loaded in self._loaded(jobs, failed, bar):
      empty = not loaded.prepared.index.size
      if empty or self._model.codec not in _RIDGE:
        yield loaded, None
        continue
      bucket = buckets[len(loaded.prepared.samples[0])]
      bucket.append(loaded)
      full = self._devices.size * self._group_size
      if len(bucket) >= full or loaded.job.size_bytes >= 1 << 25:
        yield from self._solve(bucket)
        bucket.clear()
    for bucket in buckets.values():
      if bucket:
        yield from self._solve(bucket)

  def _solve(
    self, bucket: list[_Loaded]
  ) -> Iterator[tuple[_Loaded, np.ndarray | None]]:
    waiting = list(bucket)
    while waiting:
      part = waiting[: self._devices.size * self._group_size]
      began = time.perf_counter() - self._programs.compile_seconds
      try:
        with self._taking('solve'):
          weights = self._programs.solve(
            self._model.waves,
            fitting.in_gamut_weights(self._model),
            [loaded.prepared.samples for loaded in part],
            self._devices,
            self._group_size,
          )
      except jax.errors.JaxRuntimeError as error:
        self._group_size = mesh.smaller_group(self._group_size, error, self._say)
        continue
      ended = time.perf_counter() - self._programs.compile_seconds
      for loaded, weight in zip(part, weights):
        yield loaded._replace(seconds=(ended - began) / len(part)), weight
      del waiting[: len(part)]

  def _loaded(
    self, jobs: Sequence[Job], failed: list[str], bar: progress.Bar
  ) -> Iterator[_Loaded]:
    """Yields images in order, some read ahead as far as memory allows."""
    task = self._settings.task
    budget = task.ahead_megabytes << 20
    ahead: collections.deque = collections.deque()
    waiting = collections.deque(jobs)
    in_work = 0
    with concurrent.futures.ThreadPoolExecutor(task.workers) as readers:
      while waiting or ahead:
        if self._run.stopping.is_set():
          # Those that are read or being read are finished.
          waiting.clear()
        while waiting and (
          not ahead
          or (
            len(ahead) < 2 * task.workers and in_work + waiting[0].size_bytes <= budget
          )
        ):
          job = waiting.popleft()
          in_work += job.size_bytes
          ahead.append((job, readers.submit(self._timed_load, job)))
        job, future = ahead.popleft()
        try:
          with self._taking('wait'):
            loaded = future.result()
          yield loaded
        except errors.InputError as error:
          failed.append(str(error))
          self._log_failure(str(error))
          bar.update()
        in_work -= job.size_bytes

  def _timed_load(self, job: Job) -> _Loaded:
    with self._taking('read'):
      return self._load(job)

  def _load(self, job: Job) -> _Loaded:
    task = self._settings.task
    content = files.read_bytes(job.path, error=errors.ImageError)
    digest = files.digest(content)
    del content
    prepared = preparing.prepare(
      self._programs,
      job.path,
      self._kind,
      task.quality,
      task.quantiser,
      soft=self._model.codec == 'soft',
      strict=self._model.guard == 'strict',
      space=task.space,
    )
    return _Loaded(job, digest, prepared, 0.0)

  def _finish(self, loaded: _Loaded, weight: np.ndarray | None) -> str:
    """Picks the code, embeds, verifies and commits; returns what went wrong."""
    job, prepared = loaded.job, loaded.prepared
    try:
      began = time.perf_counter()
      with self._taking('choose'):
        stored, record = self._coded(job, prepared, weight)
      record['seconds'] = loaded.seconds + time.perf_counter() - began
      with self._taking('write'):
        content, blob = _embedded(prepared, stored, str(job.path))
        record |= {'size_bytes': len(blob), 'codec': stored.codec}
        record |= self._verified(content, blob, prepared, str(job.path))
      source = {
        'path': str(job.path),
        'bytes': job.size_bytes,
        'modified': job.modified,
        'digest': loaded.digest,
        'space': prepared.space,
        'rounding': prepared.rounding,
      }
      with self._lock:
        self._run.commit(job.name, content, {**record, 'source': source})
    except errors.DiskFullError:
      # The images after this one would not fit either.
      raise
    except errors.InputError as error:
      return str(error)
    return ''

  def _coded(
    self, job: Job, prepared: preparing.Prepared, weight: np.ndarray | None
  ) -> tuple[codecs.Stored, dict[str, Any]]:
    """Returns the payload of an image, and what to record of it."""
    config, layers = self._model, None
    solved = fitting.needs_network(config)
    if solved and prepared.index.size:
      layers = network_fitting.solve_network(
        self._programs, self._settings, config.network, prepared, job.name
      )
    if config.codec in ('soft', 'sampled', 'mlp') and not solved:
      return network_fitting.fit_baseline(
        self._programs, self._settings, config, prepared, job.name
      )
    selection = fitting.CodeSelection(self._programs, config, prepared)
    best, found = selection.best(weight, layers)
    return best.stored, fitting.describe(selection, best, found)

  def _verified(
    self, content: bytes, blob: bytes, prepared: preparing.Prepared, source: str
  ) -> dict[str, Any]:
    """Reads the output back as a user will, and scores it against the source."""
    found = images.decode(content, source)
    codes = found.pixels[..., :3]
    carried = carriers.extract(content, source)
    if carried != blob or not np.array_equal(codes, prepared.codes):
      raise errors.ImageError(f'{source}: the output does not read back as written')
    model = codecs.unpack(payload_lib.unpack(blob, source), source)
    decoder = decoding.Decoder(self._programs, model, prepared.codes, source)
    return score(self._programs, decoder, prepared.encoded, prepared.codes)


def score(
  programs: gamut_programs.Programs,
  decoder: decoding.Decoder,
  encoded: np.ndarray,
  codes: np.ndarray,
) -> dict[str, Any]:
  """Returns PSNR in linear ProPhoto over all, out-of-gamut and in-gamut pixels.

  Args:
    programs: Compiled programs.
    decoder: Of the image.
    encoded: `[H, W, 3]`, the source.
    codes: `[H, W, 3]` uint8.

  Returns:
    `psnr` of what is recovered and `clip` of the clip expansion, three numbers
    each (None where there are no such pixels or no error), and `out_of_gamut`,
    the share.
  """
  sums = np.zeros((2, 3))
  for start, stop in decoder.bands():
    want = encoded[start:stop].reshape(-1, 3)
    recovered = decoder.band(start, stop).reshape(-1, 3)
    flat = np.ascontiguousarray(codes[start:stop]).reshape(-1, 3)
    for i, got in enumerate((recovered, programs.expand(flat))):
      sums[i] += programs.square_errors(got, want).sum(axis=0, dtype=np.float64)
  count = codes.shape[0] * codes.shape[1]
  outside = sums[0, 2]
  totals = np.stack([sums[:, 0], sums[:, 1], sums[:, 0] - sums[:, 1]], axis=1)
  means = totals / np.maximum([count, outside, count - outside], 1) / 3
  return {
    'psnr': [_decibels(v) for v in means[0]],
    'clip': [_decibels(v) for v in means[1]],
    'out_of_gamut': outside / count,
  }


def _decibels(mean_square: float) -> float | None:
  return float(-10 * np.log10(mean_square)) if mean_square > 0 else None


def _embedded(
  prepared: preparing.Prepared, stored: codecs.Stored, source: str
) -> tuple[bytes, bytes]:
  height, width, _ = prepared.codes.shape
  payload = payload_lib.Payload(
    codec=codecs.NUMBERS.index(stored.codec),
    width=width,
    height=height,
    pixel_check=payload_lib.check_pixels(prepared.codes),
    body=stored.body,
    seed=stored.seed,
  )
  blob = payload_lib.pack(payload)
  return carriers.embed(prepared.content, blob, source), blob
