"""Cores that a process may use."""

import os
import subprocess
import sys
import unittest

import jax
from absl.testing import absltest

from lutjax import errors
from lutjax.fit import mesh


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


class AloneTest(absltest.TestCase):
  def test_out_of_memory_is_one_line_that_names_what_it_was(self):
    line = '^x.png: a device has too little memory for one model alone; [^\n]+$'
    with self.assertRaisesRegex(errors.InputError, line), mesh.alone('x.png'):
      raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating')

  def test_other_errors_stay_what_they_are(self):
    error = self.assertRaisesRegex(jax.errors.JaxRuntimeError, 'INTERNAL: a cable')
    with error, mesh.alone('x.png'):
      raise jax.errors.JaxRuntimeError('INTERNAL: a cable is loose')


if __name__ == '__main__':
  absltest.main()
