import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import synthetic
from lutjax.lut import hald, lattice, tiles


def _looks(level):
  nodes = lattice.identity(level**2).astype(np.float64)
  swung = 0.5 + 0.5 * np.sin(4 * np.pi * nodes[..., ::-1])
  return nodes, nodes**3, 1 - nodes, swung if level > 3 else nodes


class TilesTest(parameterized.TestCase):
  def test_a_strip_is_that_of_game_engines(self):
    # Unity's own description: red right in a tile, green up, blue the tile.
    nodes = lattice.identity(16)
    picture = tiles.from_lattice(nodes, 'strip_up')
    self.assertEqual(picture.shape, (16, 256, 3))
    np.testing.assert_array_equal(picture[15, 0], [0, 0, 0])
    np.testing.assert_array_equal(picture[0, 16 * 5 + 3], nodes[3, 15, 5])
    down = tiles.from_lattice(nodes, 'strip')
    np.testing.assert_array_equal(down[2, 16 * 5 + 3], nodes[3, 2, 5])

  def test_a_square_is_that_of_phones(self):
    # GPUImage's own arithmetic: column 64 * (b % 8) + r, row 64 * (b // 8) + g.
    picture = tiles.from_lattice(lattice.identity(64), 'tiles')
    self.assertEqual(picture.shape, (512, 512, 3))
    for r, g, b in ((0, 0, 0), (63, 1, 7), (5, 9, 8), (62, 40, 61)):
      want = np.array([r, g, b]) / 63
      found = picture[64 * (b // 8) + g, 64 * (b % 8) + r]
      np.testing.assert_allclose(found, want, atol=1e-6)

  @parameterized.product(
    layout=tiles.LAYOUTS, level=(2, 4), dtype=(np.uint8, np.uint16, np.float32)
  )
  def test_a_look_is_recognised_in_the_layout_it_has(self, layout, level, dtype):
    scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
    looks = _looks(level)
    # A look that ends where it starts says nothing of which end of green is up.
    for table in looks[:3] if layout.endswith('_up') else looks:
      codes = np.rint(table * scale) if scale > 1 else table
      picture = tiles.from_lattice(codes.astype(dtype), layout)
      found = tiles.recognise(picture)
      self.assertEqual(found.layout, layout)
      np.testing.assert_array_equal(found.table, codes.astype(dtype))
      given = tiles.to_lattice(picture, layout)
      np.testing.assert_array_equal(given, found.table)

  def test_a_constant_look_is_a_hald(self):
    self.assertEqual(tiles.recognise(np.zeros((64, 64, 3))).layout, 'hald')

  def test_photos_are_no_looks(self):
    for height, width in ((512, 512), (32, 1024)):
      photo = np.rint(255 * synthetic.photo(0, height, width)).astype(np.uint8)
      with self.assertRaisesRegex(errors.LutError, 'p.png: found an ordinary picture'):
        tiles.recognise(photo, source='p.png')

  def test_refuses_other_sizes(self):
    with self.assertRaisesRegex(errors.LutError, '30 x 20 pixels, expected a Hald'):
      tiles.recognise(np.zeros((20, 30, 3)))
    with self.assertRaisesRegex(errors.LutError, '256 x 17 pixels, expected strip'):
      tiles.to_lattice(np.zeros((17, 256, 3)), 'strip')
    with self.assertRaisesRegex(
      errors.LutError, '17 nodes per axis, expected a square'
    ):
      tiles.from_lattice(np.zeros((17, 17, 17, 3)), 'tiles')
    with self.assertRaisesRegex(errors.LutError, 'expected a Hald picture'):
      tiles.to_lattice(np.zeros((16, 256, 3)), 'hald')

  def test_a_hald_stays_one(self):
    for level in (2, 3, 4, 8):
      picture = np.asarray(hald.from_lattice(_looks(level)[0]))
      self.assertEqual(tiles.recognise(picture).layout, 'hald')


if __name__ == '__main__':
  absltest.main()
