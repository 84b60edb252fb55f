import json
import os
import pathlib
import socket
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest

from lutjax import errors
from lutjax.fit import checkpoint, hosts, loop, mesh
from lutjax.types import Variables

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What each of two processes does; it says what it found in a file of its own.
_PROCESS = """
import json, pathlib, sys
from lutjax import errors
from lutjax.fit import checkpoint, hosts, mesh
from tests.fit import hosts_test

folder, port, index = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
hosts.join(f'127.0.0.1:{port}', 2, index, out=folder, peer_seconds=10)
print('printed')
found = {}

def refused(function, *args):
  try:
    function(*args)
  except (errors.InputError, OSError) as error:
    return str(error)

def fails():
  raise OSError('no room')

hosts.agree('what', 1)
found['differing'] = refused(hosts.agree, 'what', index)
found['first'] = refused(hosts.by_first, fails, 'a thing')
found['made'] = hosts.by_first(lambda: 7, 'a thing')
found['lines'] = hosts.collect(['a'] if index else ['b', 'c'])
found['said'] = hosts.first_says(not index), hosts.all_say(not index)
found['share'] = list(hosts.share([0, 1, 2, 3, 4]))
found['devices'] = [[d.process_index for d in hosts.devices(n)] for n in (1, 3, 9)]
devices = mesh.make_mesh(hosts.devices())
state = mesh.place(hosts_test.state(4), devices)
found['step'] = hosts.whole(state.step).tolist()
with checkpoint.manager(folder / 'by two') as saved:
  checkpoint.save(saved, state)
with checkpoint.manager(folder / 'by one') as saved:
  restored = checkpoint.restore(saved, hosts_test.state(4), print)
found['restored'] = restored.variables.params.tolist()
placed = mesh.place(restored, devices)
found['same'] = hosts.whole(placed.variables.params).tolist() == found['restored']
(folder / f'{index}.json').write_text(json.dumps(found))
hosts.leave()
"""


def state(models):
  """Returns stacked states, all different."""
  numbers = jnp.arange(models, dtype=jnp.float32)
  return loop.State(
    Variables(jnp.sin(numbers[:, None] + jnp.arange(3))),
    (),
    jnp.full(models, 5, jnp.int32),
    jax.random.split(jax.random.key(1), models),
    numbers,
  )


class HostsTest(absltest.TestCase):
  def test_alone_nothing_is_asked_of_others(self):
    self.assertFalse(hosts.joined())
    self.assertEqual((hosts.count_all(), hosts.index()), (1, 0))
    self.assertTrue(hosts.is_first() and hosts.first_says(True) and hosts.all_say(True))
    self.assertFalse(hosts.first_says(False) or hosts.all_say(False))
    hosts.meet()
    hosts.agree('what', 1)
    self.assertEqual(hosts.by_first(lambda: 3, 'what'), 3)
    self.assertEqual(hosts.collect(['a']), ['a'])
    self.assertEqual(hosts.share([1, 2]), [1, 2])
    self.assertEqual(hosts.devices(), jax.local_devices())
    self.assertEqual(hosts.devices(3), jax.local_devices()[:3])
    self.assertIsInstance(hosts.whole({'a': jnp.ones(2)})['a'], np.ndarray)

  def test_a_port_that_is_taken_is_refused(self):
    with socket.create_server(('', 0)) as server:
      port = server.getsockname()[1]
      with self.assertRaisesRegex(
        errors.InputError, f'port {port} cannot be had: Addr'
      ):
        hosts.join(f'127.0.0.1:{port}', 2, 0, out=self.create_tempdir().full_path)

  def test_two_processes(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    with socket.create_server(('127.0.0.1', 0)) as server:
      port = server.getsockname()[1]
    with checkpoint.manager(folder / 'by one') as saved:
      checkpoint.save(saved, state(4))
    processes = [
      subprocess.Popen(
        [sys.executable, '-c', _PROCESS, str(folder), str(port), str(i)],
        cwd=ROOT,
        env={**os.environ, 'JAX_NUM_CPU_DEVICES': '2'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
      )
      for i in range(2)
    ]
    ends = [process.communicate(timeout=120) for process in processes]
    self.assertEqual([process.returncode for process in processes], [0, 0], ends)
    # Process 0 alone prints; what the runtime says is in the files.
    self.assertEqual(ends, [('printed\n', ''), ('', '')])
    for i in range(2):
      log = (folder / f'processes/{i}.log').read_text()
      self.assertIn('Gloo', log)
      self.assertEqual('printed' in log, i == 1)
    first, second = (json.loads((folder / f'{i}.json').read_text()) for i in range(2))
    self.assertIn('found others in process 1 than in process 0', first['differing'])
    self.assertEqual(second['differing'], first['differing'])
    self.assertEqual(first['first'], 'no room')
    self.assertEqual(second['first'], 'a thing: process 0 cannot go on, and says why')
    self.assertEqual((first['made'], second['made']), (7, None))
    self.assertEqual((first['share'], second['share']), ([0, 2, 4], [1, 3]))
    params = np.asarray(state(4).variables.params)
    for found in (first, second):
      self.assertEqual(found['lines'], ['b', 'c', 'a'])
      self.assertEqual(found['said'], [True, False])
      self.assertEqual(found['devices'], [[0, 1], [0, 0, 1, 1], [0, 0, 1, 1]])
      self.assertEqual(found['step'], [5, 5, 5, 5])
      np.testing.assert_array_equal(np.float32(found['restored']), params)
      self.assertTrue(found['same'])
    with checkpoint.manager(folder / 'by two') as saved:
      restored = checkpoint.restore(saved, state(8), self.fail)
    jax.tree.map(
      np.testing.assert_array_equal,
      restored._replace(key=jax.random.key_data(restored.key)),
      state(4)._replace(key=jax.random.key_data(state(4).key)),
    )
    placed = mesh.place(restored, mesh.make_mesh(jax.devices()[:2]))
    np.testing.assert_array_equal(placed.variables.params, params)


if __name__ == '__main__':
  absltest.main()
