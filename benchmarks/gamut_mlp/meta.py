"""The gain of a meta-initialisation on images that it was not trained on.

  python -m benchmarks.gamut_mlp.meta --out=out/meta --published=META/meta32.npz
  python -m benchmarks.gamut_mlp.meta --held_out=carrots,stilllife --steps=300

Trains by Reptile on the images that are not held out, then fits the paper's
network to those that are, from random numbers, from what was trained and from a
published initialisation, all by the same steps, and prints PSNR (linear ProPhoto,
mean over the held-out images, all and out-of-gamut pixels). Every row is a run of
its own that resumes where it was stopped.
"""

import os
import pathlib
import time

import jax
import numpy as np
from absl import app, flags

from launch import binary
from lutjax import config as config_lib
from lutjax import experiment
from lutjax.commands import fit
from lutjax.data import images
from lutjax.fit import runs

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_IMAGES = flags.DEFINE_list('images', [str(_DATA / 'prophoto')], 'Wide-gamut images.')
_HELD_OUT = flags.DEFINE_list(
  'held_out', ['carrots', 'mttamnorth', 'mttamwest'], 'Stems that are not trained on.'
)
_OUT = flags.DEFINE_string('out', 'out/gamut_meta', 'Folder.')
_PUBLISHED = flags.DEFINE_string(
  'published', str(_DATA / 'gamut_published/meta32.npz'), 'Initialisation, or nothing.'
)
_STEPS = flags.DEFINE_list('steps', ['300', '600', '1200'], 'Of the fits.')
_SET = flags.DEFINE_multi_string('set', [], 'Config fields of the training.')
_FIT = flags.DEFINE_multi_string(
  'fit', ['learning_rate=5e-3', 'schedule=cosine'], 'Config fields of the fits.'
)


def main(argv: list[str]) -> None:
  del argv
  jax.config.update('jax_num_cpu_devices', len(os.sched_getaffinity(0)))
  out = pathlib.Path(_OUT.value)
  found = images.find_images(_IMAGES.value)
  kept = [str(f.path) for f in found if f.path.stem not in _HELD_OUT.value]
  held = [str(f.path) for f in found if f.path.stem in _HELD_OUT.value]

  settings = config_lib.load('gamut_meta', [binary.CONFIGS])
  fields = ['test_share=0', 'quantiser=truncate', *_SET.value]
  settings = config_lib.override(settings, fields)
  began, cpu = time.perf_counter(), time.process_time()
  fit.fit(settings, experiment.Sources(images=kept), out / 'training')
  print(
    f'training: {time.process_time() - cpu:.0f} core-seconds, '
    f'{time.perf_counter() - began:.0f} seconds'
  )

  starts = {'random': '', 'ours': str(out / 'training/model.lutjax')}
  if _PUBLISHED.value:
    starts['published'] = _PUBLISHED.value
  print('| start | steps | PSNR all | OG | gain over clip, all | OG |')
  print('|---' * 6 + '|')
  for steps in _STEPS.value:
    for name, start in starts.items():
      print(
        f'| {name} | {steps} | {_row(out / f"{name}-{steps}", held, start, steps)} |'
      )


def _row(folder: pathlib.Path, held: list[str], start: str, steps: str) -> str:
  """Fits the held-out images and returns the cells of their means."""
  settings = config_lib.load('gamut_mlp_paper', [binary.CONFIGS])
  fields = [f'steps={steps}', f'segment_steps={steps}', 'pictures=none', *_FIT.value]
  settings = config_lib.override(settings, [*fields, f'start={start}'])
  sources = experiment.Sources(images=held)
  failed = fit.fit(settings, sources, folder, say=lambda line: None)
  if failed:
    raise SystemExit('\n'.join(failed))
  events = [e for e in runs.read_events(folder) if e['event'] == 'model']
  psnr, clip = (np.array([e[k] for e in events], float) for k in ('psnr', 'clip'))
  means = [*psnr.mean(0)[:2], *(psnr - clip).mean(0)[:2]]
  return ' | '.join(f'{v:.2f}' for v in means)


if __name__ == '__main__':
  app.run(main)
