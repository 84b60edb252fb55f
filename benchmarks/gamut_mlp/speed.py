"""Fitting and decoding times of the gamut codecs, compared with torch.

  taskset -c 0 python -m benchmarks.gamut_mlp.speed --images=FOLDER

Seeded waves, and the network of `configs/gamut_mlp.py` (`--set` changes it). Process
(CPU) seconds, medians over repeats, after compilation; PSNR in linear ProPhoto of what
the payload gives back. The peer is the published network and loss in torch on one
thread; its 1,200 steps of 65,536 and of 8,192 pixels are extrapolated from a few
measured ones.
"""

import dataclasses
import os
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import app, flags

from launch import binary
from lutjax import config as config_lib
from lutjax import experiment
from lutjax.codec import payload
from lutjax.data import images
from lutjax.fit import mesh
from lutjax.systems.gamut_mlp import (
  codecs,
  decoding,
  fitting,
  network_fitting,
  preparing,
)
from lutjax.systems.gamut_mlp import fleet as gamut_fleet
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.types import PyTree

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_IMAGES = flags.DEFINE_list('images', [str(_DATA / 'prophoto')], 'Wide-gamut images.')
_REPEATS = flags.DEFINE_integer('repeats', 3, 'Of each measurement.')
_PEER_STEPS = flags.DEFINE_integer('peer_steps', 3, 'Measured torch steps.')
_SET = flags.DEFINE_multi_string('set', [], 'Config fields.')
_LINE = '{:22} {:5.2f} MP  {:8} fit {:6.3f} s  decode {:6.1f} MP/s'


def main(argv: list[str]) -> None:
  del argv
  jax.config.update('jax_num_cpu_devices', len(os.sched_getaffinity(0)))
  programs = gamut_programs.Programs()
  alone = mesh.make_mesh(mesh.make_mesh().devices.flatten()[:1].tolist())
  settings = config_lib.load('gamut_mlp', [binary.CONFIGS])
  settings = config_lib.override(settings, _SET.value)
  fits: dict[str, list[float]] = {'waves': [], 'network': []}
  gains: dict[str, list[np.ndarray]] = {'waves': [], 'network': []}
  for path, _ in images.find_images(_IMAGES.value):
    prepared = preparing.prepare(programs, path, 'PNG', 95, 'round')

    def solve(ready: preparing.Prepared = prepared) -> np.ndarray:
      waves = settings.model.waves
      return programs.solve(waves, (1.0,), [ready.samples], alone, 1)[0]

    def train(ready: preparing.Prepared = prepared) -> PyTree:
      network = settings.model.network
      return network_fitting.solve_network(programs, settings, network, ready, 'x')

    for name, codec, fit in (('waves', 'seeded', solve), ('network', 'mlp', train)):
      config = dataclasses.replace(settings.model, codec=codec)
      selection = fitting.CodeSelection(programs, config, prepared)
      found = fit()
      waves, layers = (found, None) if name == 'waves' else (None, found)
      best, _ = selection.best(waves, layers)
      fits[name].append(_seconds(fit))
      scored = _decoded(programs, prepared, best.stored, settings)
      gains[name].append(np.array(scored['psnr'][:2], float))
      pixels = prepared.codes.size / 3e6
      rate = pixels / scored['seconds']
      print(_LINE.format(path.stem, pixels, name, fits[name][-1], rate), flush=True)
  means = {name: float(np.mean(seconds)) for name, seconds in fits.items()}
  for name, mean in means.items():
    quality = '/'.join(f'{v:.2f}' for v in np.mean(gains[name], axis=0))
    print(f'{name}: {mean:.3f} s an image, PSNR all/OG {quality} dB')
  for batch in (65_536, 8_192):
    peer = _peer_step(batch)
    if peer is not None:
      total = 1200 * peer
      times = ', '.join(f'{total / mean:.0f} times {n}' for n, mean in means.items())
      print(f'torch: {peer * 1e3:.1f} ms a step of {batch}, 1,200 are {total:.1f} s:')
      print(f'  {times}')


def _decoded(
  programs: gamut_programs.Programs,
  prepared: preparing.Prepared,
  stored: codecs.Stored,
  settings: experiment.Experiment,
) -> dict[str, Any]:
  """Returns the scores of a code, and how long its decoding takes."""
  number = codecs.NUMBERS.index(stored.codec)
  height, width, _ = prepared.codes.shape
  block = payload.Payload(
    number, width, height, 0, stored.body, settings.model.waves.seed
  )

  def decoder() -> decoding.Decoder:
    return decoding.Decoder(programs, codecs.unpack(block), prepared.codes)

  def decode() -> None:
    made = decoder()
    for band in made.bands():
      made.band(*band)

  scored = gamut_fleet.score(programs, decoder(), prepared.encoded, prepared.codes)
  return {**scored, 'seconds': _seconds(decode)}


def _seconds(function: Callable[[], object]) -> float:
  function()
  taken = []
  for _ in range(_REPEATS.value):
    began = time.process_time()
    function()
    taken.append(time.process_time() - began)
  return float(np.median(taken))


def _peer_step(batch: int) -> float | None:
  """Returns the CPU time of one step of the published network in torch."""
  try:
    import torch
  except ImportError:
    print('torch is not installed: no peer')
    return None
  torch.set_num_threads(1)
  values = torch.rand(batch, 5) * 2 - 1
  target = torch.rand(batch, 3)
  scales = torch.pi * 2.0 ** torch.arange(12)
  network = torch.nn.Sequential(
    torch.nn.Linear(120, 32),
    torch.nn.ReLU(),
    torch.nn.Linear(32, 32, bias=False),
    torch.nn.ReLU(),
    torch.nn.Linear(32, 3, bias=False),
  )
  optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

  def step() -> None:
    angles = values[..., None] * scales
    encoded = torch.stack([torch.sin(angles), torch.cos(angles)], -1).reshape(batch, -1)
    loss = torch.mean((network(encoded) + values[:, 2:] - target) ** 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

  step()
  began = time.process_time()
  for _ in range(_PEER_STEPS.value):
    step()
  return (time.process_time() - began) / _PEER_STEPS.value


if __name__ == '__main__':
  app.run(main)
