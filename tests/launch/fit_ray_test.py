"""A fit on a Ray cluster of this machine, whose processes are killed."""

import contextlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from unittest import mock

import numpy as np
import tifffile
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.lut import cube, lattice
from tests.launch import in_process

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
_SECONDS = 120
_IMAGES, _LOOKS = 4, 12
_SETS = {
  'nilut': (
    *('widths=8', 'activations=relu', 'steps=60', 'segment_steps=20', 'nodes=5'),
    *('random_colours=64', 'photo_colours=64', 'pictures=none'),
  ),
  'gamut_mlp': ('codec=seeded', 'model.waves.waves=16', 'pictures=none'),
}


# Groups of which one ends its process, whatever is tried.
_DEADLY = """
import os, pathlib, sys
from lutjax import experiment
from lutjax.fit import cluster, runs

def make(shared, kept):
  def fit(group):
    if group == ['bad']:
      os._exit(1)
    kept.commit(group[0], shared, {})
    return []
  return fit

none = experiment.Experiment(None, None)
run = runs.open_run(sys.argv[1], config=none, inputs={}, resume=True, overwrite=False)
with cluster.connected(cluster.Engine(actors=1)) as found:
  groups = [['a'], ['bad'], ['b']]
  print(found.fit(make, b'shared', groups, list, run, unit='model', say=print))
"""


@absltest.skipIf(importlib.util.find_spec('ray') is None, 'Ray is not installed')
class ClusterTest(absltest.TestCase):
  """Heads are started, and all of their processes killed, by their ids."""

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    luts, images = self.folder / 'luts', self.folder / 'images'
    luts.mkdir()
    images.mkdir()
    self.given = {'nilut': f'--luts={luts}', 'gamut_mlp': f'--images={images}'}
    for gamma in np.linspace(0.6, 1.4, _LOOKS):
      lut = lattice.from_table(lattice.identity(3) ** gamma)
      (luts / f'{gamma:.2f}.cube').write_bytes(cube.render(lut))
    ramp = np.linspace(0, 65535, 24 * 16 * 3).reshape(24, 16, 3)
    for i in range(_IMAGES):
      pixels = np.roll(ramp, i, axis=-1).astype(np.uint16)
      tifffile.imwrite(images / f'{i}.tif', pixels, photometric='rgb')
    # Names of sockets must be short.
    home = tempfile.mkdtemp(prefix='ray-')
    self.addCleanup(shutil.rmtree, home, ignore_errors=True)
    with socket.create_server(('127.0.0.1', 0)) as server:
      self.address = f'127.0.0.1:{server.getsockname()[1]}'
    self.env = {
      **os.environ,
      'RAY_TMPDIR': home,
      'HOME': home,  # Ray keeps a token there.
      'RAY_ADDRESS': self.address,
      'PYTHONPATH': str(ROOT),
      'LUTJAX_CACHE': os.environ['LUTJAX_TEST_CACHE'],
    }

  def start_head(self):
    """Starts the head of a cluster; returns its process."""
    head = subprocess.Popen(
      [
        *(sys.executable, '-m', 'ray.scripts.scripts', 'start', '--head', '--block'),
        *(f'--port={self.address.partition(":")[2]}', '--node-ip-address=127.0.0.1'),
        *('--num-cpus=2', '--include-dashboard=false', '--disable-usage-stats'),
      ],
      env={k: v for k, v in self.env.items() if k != 'RAY_ADDRESS'},
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )
    self.addCleanup(_kill_all, head)
    for line in head.stdout:
      if 'Ray runtime started' in line:
        return head
    self.fail('the head did not start')

  def start_fit(self, config, out):
    return subprocess.Popen(
      [
        *(sys.executable, '-m', 'launch.fit', f'--config={config}', f'--out={out}'),
        *(self.given[config], '--engine=ray'),
        *(f'--set={assignment}' for assignment in _SETS[config]),
      ],
      cwd=ROOT,
      env=self.env,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def wait_for_models(self, process, out, count):
    """Waits until so many models are done, but not all; returns how many are."""
    end = time.monotonic() + _SECONDS
    while (done := len(_models(out))) < count:
      if process.poll() is not None:
        self.fail(f'it has ended before: {process.communicate()}')
      self.assertLess(time.monotonic(), end)
      time.sleep(0.005)
    return done

  def check_same(self, config, out, folder):
    """Checks that outputs are those of the local engine."""
    alone = self.folder / f'{config} alone'
    flag, _, value = self.given[config].removeprefix('--').partition('=')
    sets = list(_SETS[config])
    problems, _ = in_process.run(
      'fit', config=config, out=alone, set=sets, **{flag: value}
    )
    self.assertEmpty(problems)
    names = sorted(path.name for path in (alone / folder).iterdir())
    self.assertEqual(names, sorted(path.name for path in (out / folder).iterdir()))
    for name in names:
      got, want = (run / folder / name for run in (out, alone))
      self.assertEqual(got.read_bytes(), want.read_bytes(), name)

  def test_nothing_is_lost_with_an_actor_or_with_the_head(self):
    head = self.start_head()
    out = self.folder / 'images run'
    fit = self.start_fit('gamut_mlp', out)
    self.wait_for_models(fit, out, 1)
    os.kill(_actors(head.pid)[0], signal.SIGKILL)
    stdout, stderr = fit.communicate(timeout=_SECONDS)
    self.assertEqual(fit.returncode, 0, stderr)
    self.assertIn('Ray: 1 actor(s) died and were started again', stdout)
    self.assertIn(f'{_IMAGES} images in ', stdout)
    self.check_same('gamut_mlp', out, 'images')
    out = self.folder / 'deadly'
    command = [sys.executable, '-c', _DEADLY, out]
    stdout = subprocess.check_output(command, env=self.env, cwd=ROOT, text=True)
    self.assertIn("['bad: its group ended its actor 3 times (Actor", stdout)
    self.assertEqual(_models(out), ['a', 'b'])
    out = self.folder / 'run'
    fit = self.start_fit('nilut', out)
    self.wait_for_models(fit, out, 1)
    _kill_all(head)
    _, stderr = fit.communicate(timeout=_SECONDS)
    self.assertEqual(fit.returncode, 1, stderr)
    self.assertRegex(stderr, 'the head .* is gone, .*; with a head, the same command')
    before = _models(out)
    self.assertBetween(len(before), 1, _LOOKS - 1)
    self.start_head()
    fit = self.start_fit('nilut', out)
    stdout, stderr = fit.communicate(timeout=_SECONDS)
    self.assertEqual(fit.returncode, 0, stderr)
    self.assertIn(f'{len(before)} of {_LOOKS} models are done', stdout)
    self.assertIn('Ray: 2 actors on 1 host(s), a CPU each', stdout)
    self.assertCountEqual(_models(out), set(_models(out)))
    self.check_same('nilut', out, 'models')


class RefusalTest(parameterized.TestCase):
  @parameterized.parameters(
    ({'config': 'nilut', 'actors': 2}, '--actors: nothing to do with --engine=local'),
    (
      {'config': 'lutflow', 'engine': 'ray'},
      '--engine=ray: nothing to do with --config=lutflow: Ray fits models that do not',
    ),
    (
      {'config': 'gamut_meta', 'engine': 'ray'},
      '--engine=ray: nothing to do with --config=gamut_meta',
    ),
    (
      {'config': 'nilut', 'engine': 'ray', 'coordinator': 'auto'},
      '--coordinator: nothing to do with --engine=ray',
    ),
  )
  def test_refuses_flags_that_do_not_fit(self, given, message):
    out = pathlib.Path(self.create_tempdir().full_path, 'run')
    inputs = {'images' if 'gamut' in given['config'] else 'luts': 'folder'}
    with self.assertRaisesRegex(errors.InputError, message):
      in_process.run('fit', out=out, **inputs, **given)
    self.assertFalse(out.exists())

  def test_says_where_ray_comes_from(self):
    out = pathlib.Path(self.create_tempdir().full_path, 'run')
    with (
      mock.patch.object(importlib.util, 'find_spec', return_value=None),
      self.assertRaisesRegex(errors.InputError, r'found no Ray; .* \(extra \[ray\]\)'),
    ):
      in_process.run('fit', config='nilut', luts='looks', out=out, engine='ray')


def _models(out):
  metrics = out / 'metrics.jsonl'
  text = metrics.read_text() if metrics.exists() else ''
  lines = re.findall(r'^{"event": "model".*}$', text, re.M)
  return [json.loads(line)['name'] for line in lines]


def _descendants(pid):
  """Returns the processes that a process has started, and they."""
  parents = {}
  for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
    with contextlib.suppress(OSError):
      parents[int(path.parent.name)] = int(
        path.read_text().rpartition(')')[2].split()[1]
      )
  found = [pid]
  for one in found:
    found += [child for child, parent in parents.items() if parent == one]
  return found[1:]


def _actors(pid):
  found = []
  for one in _descendants(pid):
    with contextlib.suppress(OSError):
      if 'ray::Actor' in pathlib.Path(f'/proc/{one}/cmdline').read_text():
        found.append(one)
  return found


def _kill_all(head):
  for pid in [head.pid, *_descendants(head.pid)]:
    with contextlib.suppress(ProcessLookupError):
      os.kill(pid, signal.SIGKILL)
  head.wait()
  head.stdout.close()


if __name__ == '__main__':
  absltest.main()
