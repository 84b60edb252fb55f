import numpy as np
from absl.testing import absltest

from lutjax.lut import cube, interpolate, lattice
from tests.viewer import showing

_NODES = lattice.identity(5)
_LOOK = 0.7 * _NODES**1.3 + 0.2 * _NODES[..., ::-1]
_CURVES = np.linspace(-0.1, 1.1, 9)[:, None] ** 2 * np.array([1.0, 0.9, 0.8])
_LUTS = {
  'lattice': lattice.from_table(_LOOK),
  'domain': lattice.from_table(_LOOK, [[-0.2, 0.0, 0.1], [1.0, 1.5, 0.9]]),
  'curves': lattice.from_shaper(lattice.Shaper(_CURVES, [[0.0] * 3, [1.0] * 3])),
  'curves and lattice': lattice.from_table(
    _LOOK, [[0.0] * 3, [1.2] * 3], lattice.Shaper(_CURVES, [[-0.1] * 3, [1.1] * 3])
  ),
}
_ROWS = '\n'.join(['0 0 0'] * 8)
# Contents, and what is said of them.
_REFUSED = {
  '': 'no LUT_3D_SIZE or LUT_1D_SIZE',
  'LUT_3D_SIZE 1\n': "line 1: found 'LUT_3D_SIZE 1', expected 2 to 256",
  'LUT_3D_SIZE 2.5\n': "line 1: found 'LUT_3D_SIZE 2.5', expected 2 to 256",
  'LUT_3D_SIZE 257\n': 'line 1: .* expected 2 to 256',
  f'LUT_3D_SIZE 2\nLUT_3D_SIZE 2\n{_ROWS}': 'line 2: found LUT_3D_SIZE again',
  f'LUT_3D_SIZE 2\n{_ROWS}\n0 0 0\n': 'found 9 rows, expected 8',
  'LUT_3D_SIZE 2\n0 0\n': "line 2: found '0 0', expected three numbers",
  'LUT_3D_SIZE 2\n0 0 nan\n': "line 2: found '0 0 nan', expected three numbers",
  'LUT_3D_SIZE 2\n0 0 1e39\n': "line 2: found '0 0 1e39', expected finite",
  'LUT_3D_SIZE 2\n0 0 0x1\n': "line 2: found '0 0 0x1', expected three numbers",
  'SOMETHING 2\n': 'line 1: found SOMETHING, expected a keyword',
  f'{_ROWS}\nLUT_3D_SIZE 2\n': 'line 9: found LUT_3D_SIZE after the rows',
  f'LUT_3D_SIZE 2\nDOMAIN_MAX 0 1 1\n{_ROWS}\n': 'expected one that rises',
  'LUT_3D_SIZE 2\0\n': 'line 1: found binary data',
}


class CubeTest(showing.TestCase):
  def setUp(self):
    super().setUp()
    self.show(showing.html_of({'one': lattice.identity(2)}))

  def test_reads_what_python_writes(self):
    for name, lut in _LUTS.items():
      with self.subTest(name):
        text = cube.render(lut, title='a "title"', comments=['note']).decode()
        if name != 'curves and lattice':
          text = text.replace('\n', '\r\n')
        found = self.evaluate(
          """
          const {table, title, baked} = lutjax.cube.parse(args[0], 'file');
          return [[...lutjax.lattice.resample(table, 9)], title, baked];
          """,
          text,
        )
        rgb = lattice.identity(9)
        want = interpolate.sample(cube.parse(text.encode()).lut, rgb)
        np.testing.assert_allclose(
          np.reshape(found[0], rgb.shape), np.asarray(want), atol=2e-6
        )
        self.assertEqual(found[2], name != 'lattice')

  def test_ends_at_the_mark_of_old_systems(self):
    text = cube.render(lattice.from_table(_LOOK)) + b'\x1a\n\x1a'
    found = self.evaluate(
      'return [...lutjax.cube.parse(args[0], "").table];', text.decode()
    )
    np.testing.assert_array_equal(np.ravel(_LOOK), np.float32(found))

  def test_refuses_in_one_line(self):
    for content, message in _REFUSED.items():
      with self.subTest(content[:40]):
        found = self.evaluate(
          """
          try {
            lutjax.cube.parse(args[0], 'a.cube');
          } catch (error) {
            return error.message;
          }
          """,
          content,
        )
        self.assertRegex(found, f'^a.cube.*{message}')
        self.assertNotIn('\n', found)

  def test_writes_what_python_writes(self):
    rng = np.random.default_rng(0)
    shape = (3, 3, 3, 3)
    tables = {
      'six decimals': np.round(rng.uniform(size=shape), 6),
      'eight decimals': rng.integers(0, 255, shape) / 256 + 2**-8,
      'digits': rng.uniform(-1, 1, shape) * 10.0 ** rng.integers(-9, 5, shape),
      'large': rng.uniform(-1, 1, shape) * 10.0 ** rng.integers(-30, 30, shape),
      'signed zero': np.zeros(shape) * -1.0,
    }
    for name, table in tables.items():
      with self.subTest(name):
        table = table.astype(np.float32)
        title = 'name "of"\ta \u2028look' + 'é' * 120
        found = self.evaluate(
          'return lutjax.cube.render(Float32Array.from(args[0]), args[1], args[2]);',
          table.ravel().astype(float).tolist(),
          title,
          ['strength 0.5'],
        )
        lut = lattice.from_table(table)
        want = cube.render(lut, title=title, comments=['strength 0.5'])
        self.assertEqual(found, want.decode())


if __name__ == '__main__':
  absltest.main()
