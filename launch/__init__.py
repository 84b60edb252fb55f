"""The commands."""

import os
import signal
import sys

# Where a command was started (`python -m launch.NAME`, or a console script), signals
# wait from here on until there is something that ends the command with one line:
# before anything that takes time to load.
if sys.argv[0] == '-m' or os.path.basename(sys.argv[0]).startswith('lutjax-'):
  signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
  from . import stopping

  stopping.watch()
