"""Cores that a process may use."""

import os
import subprocess
import sys
import unittest

from absl.testing import absltest


class HostCoresTest(absltest.TestCase):
  @unittest.skipUnless(sys.platform == 'linux', 'needs affinities')
  def test_are_those_that_the_process_is_held_to(self):
    code = (
      'import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); '
      'from lutjax.fit import mesh; print(mesh.host_cores())'
    )
    run = subprocess.run(
      [sys.executable, '-c', code],
      capture_output=True,
      text=True,
      check=True,
      env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    )
    self.assertEqual(run.stdout.strip(), '1')


if __name__ == '__main__':
  absltest.main()
