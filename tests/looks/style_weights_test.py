import numpy as np
from absl.testing import absltest

from lutjax.looks import style_weights


class StyleWeightsTest(absltest.TestCase):
  def test_blend_points_begin_as_published(self):
    points = style_weights.blend_points(3, 7)
    np.testing.assert_array_equal(points[:3], np.eye(3))
    np.testing.assert_allclose(points[3], [1 / 3] * 3, atol=1e-6)
    np.testing.assert_allclose(
      points[4:7], [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    )
    np.testing.assert_allclose(points.sum(axis=1), 1.0, atol=1e-6)
    self.assertLen(np.unique(points, axis=0), 10)
    with self.assertRaisesRegex(ValueError, 'at most 7 blend points for 3 styles'):
      style_weights.blend_points(3, 8)


if __name__ == '__main__':
  absltest.main()
