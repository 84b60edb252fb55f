"""Eight devices on one CPU, so that sharding is tested everywhere.

What one test has compiled, others of the session load, in whichever worker.
"""

import atexit
import os
import shutil
import tempfile

import jax
from absl import flags

# The workers of pytest-xdist inherit it from the process that starts them, and that
# removes it.
_VARIABLE = 'LUTJAX_TEST_CACHE'
if _VARIABLE not in os.environ:
  os.environ[_VARIABLE] = tempfile.mkdtemp(prefix='lutjax-')
  atexit.register(shutil.rmtree, os.environ[_VARIABLE], ignore_errors=True)

jax.config.update('jax_num_cpu_devices', 8)
jax.config.update('jax_compilation_cache_dir', os.environ[_VARIABLE])
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
flags.FLAGS.mark_as_parsed()  # absltest reads its own flags
