import base64

import numpy as np
from absl.testing import absltest

from lutjax.codec import piecewise
from tests.viewer import decoding


class PiecewiseTest(decoding.TestCase):
  def test_tables_of_any_sizes_come_back(self):
    rng = np.random.default_rng(0)
    sizes = [(40, 3), (7, 5), (0, 2), (1, 4), (40, 1), (12, 3)]
    tables = []
    for rows, columns in sizes:
      steps = rng.integers(-2, 3, size=(rows, columns)).cumsum(0).cumsum(0)
      tables.append(np.clip(steps, -128, 127).astype(np.int8))
    tables.append(rng.integers(-128, 128, size=(20, 2)).astype(np.int8))
    found = self.run_script(
      'return lutjax.piecewise.decode(bytes(args[0]), args[1]).map(answer);',
      decoding.text_of(piecewise.encode(tables)),
      [table.shape for table in tables],
    )
    for text, table in zip(found, tables, strict=True):
      got = np.frombuffer(base64.b64decode(text), np.int8).reshape(table.shape)
      np.testing.assert_array_equal(got, table)

  def test_halves_go_to_the_even_side(self):
    values = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49, -0.51, 3.0]
    found = self.run_script('return args[0].map(lutjax.piecewise.rint);', values)
    self.assertEqual(found, np.rint(values).tolist())


if __name__ == '__main__':
  absltest.main()
