"""Fitting and decoding pace of the gamut codecs, beside the network in torch.

  taskset -c 0 python benchmarks/gamut_speed.py --images=FOLDER

Process (CPU) seconds, medians over repeats, after compilation. The peer is the
published network and loss in torch on one thread; its 1,200 steps of 65,536 and
of 8,192 pixels are extrapolated from a few measured ones.
"""

import os
import pathlib
import time
from collections.abc import Callable

import jax
import numpy as np
from absl import app, flags

from lutjax.codec import payload
from lutjax.data import images
from lutjax.fit import mesh
from lutjax.models.gamut import codecs
from lutjax.tasks import gamut_decoding, gamut_fitting, gamut_programs

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_IMAGES = flags.DEFINE_list('images', [str(_DATA / 'prophoto')], 'Wide-gamut images.')
_REPEATS = flags.DEFINE_integer('repeats', 3, 'Of each measurement.')
_PEER_STEPS = flags.DEFINE_integer('peer_steps', 3, 'Measured torch steps.')
_LINE = '{:24} {:7.2f} MP   fit {:6.3f} s ({:5.3f} s/MP)   decode {:6.1f} MP/s'


def main(argv: list[str]) -> None:
  del argv
  jax.config.update('jax_num_cpu_devices', len(os.sched_getaffinity(0)))
  programs = gamut_programs.Programs()
  alone = mesh.make_mesh(mesh.make_mesh().devices.flatten()[:1].tolist())
  config = codecs.Config(codec='seeded')
  fits = []
  for path, _ in images.find_images(_IMAGES.value):
    prepared = gamut_fitting.prepare(programs, path, 'PNG', 95, 'round')
    pixels = prepared.codes.size / 3e6

    def fit(ready: gamut_fitting.Prepared = prepared) -> np.ndarray:
      return programs.solve(config.waves, (1.0,), [ready.samples], alone, 1)[0]

    choosing = gamut_fitting.Choosing(programs, config, prepared)
    best, _ = choosing.best(fit())
    number = codecs.NUMBERS.index(best.stored.codec)
    height, width, _ = prepared.codes.shape
    block = payload.Payload(number, width, height, 0, best.stored.body)

    def decode(block: payload.Payload = block, codes: np.ndarray = prepared.codes):
      decoder = gamut_decoding.Decoder(programs, codecs.unpack(block), codes)
      for band in decoder.bands():
        decoder.band(*band)

    fits.append(_seconds(fit))
    rate = pixels / _seconds(decode)
    print(_LINE.format(path.stem, pixels, fits[-1], fits[-1] / pixels, rate))
  mean = float(np.mean(fits))
  print(f'mean fit {mean:.3f} s an image')
  for batch in (65_536, 8_192):
    peer = _peer_step(batch)
    if peer is not None:
      total = 1200 * peer
      print(
        f'torch: {peer * 1e3:.1f} ms a step of {batch}, 1,200 of them {total:.1f} s: '
      )
      print(f'  {total / mean:.0f} times the closed-form fit')


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
