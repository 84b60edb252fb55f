"""What is claimed for accelerators, without one: it lowers, and its benchmark runs."""

import json
import re

import jax
from absl.testing import absltest, parameterized

from benchmarks import accelerator

_WORKS = {work.name: work for work in accelerator.works(small=True)}
# Those that compile in a second; the others are compiled by tests of their systems.
_QUICK = ('tetrahedral interpolation', 'NILUT lattices of 5 nodes')


class AcceleratorTest(parameterized.TestCase):
  @parameterized.parameters(*_WORKS)
  def test_lowers_for_gpus_and_tpus(self, name):
    work = _WORKS[name]
    jitted = jax.jit(work.function)
    made = jax.export.export(jitted, platforms=('cuda', 'tpu'))(
      *accelerator.shapes(work)
    )
    self.assertEqual(made.platforms, ('cuda', 'tpu'))
    called = set(re.findall(r'custom_call @([\w.]+)', made.mlir_module()))
    # No kernel of ours, which only a CPU has.
    self.assertEmpty([name for name in called if 'lutjax' in name])

  def test_the_benchmark_runs_small(self):
    rates = accelerator.rates(small=True)
    rows = []
    for name in _QUICK:
      work = _WORKS[name]
      rows.append(accelerator.measure(work, work, rates, rounds=1))
    table = accelerator.render(rows)
    self.assertLen(table.splitlines(), 2 + len(rows))
    self.assertNotIn('TOO FAR', table)
    lattices = rows[1]
    self.assertGreater(lattices['flops'], 2 * 2 * 5**3 * 3 * 64)
    self.assertEqual(lattices['per_second'], 2 / lattices['seconds'])
    self.assertIn('TOO FAR', accelerator.render([{**lattices, 'difference': 1.0}]))
    json.dumps(rows)

  def test_costs_are_listed_without_a_run(self):
    table = accelerator.render_costs([_WORKS[name] for name in _QUICK])
    # 12 bytes of each of 4,096 pixels, in and out, and a lattice of 33 nodes.
    moved = (2 * 4096 + 33**3) * 12 / 1e9
    self.assertIn(f'| 4,096 pixels | - | {moved:.3g} |', table)


if __name__ == '__main__':
  absltest.main()
