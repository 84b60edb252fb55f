"""Eight devices on one CPU, so that sharding is tested everywhere."""

import jax
from absl import flags

jax.config.update('jax_num_cpu_devices', 8)
flags.FLAGS.mark_as_parsed()  # absltest reads its own flags
