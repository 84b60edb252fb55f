import numpy as np
from absl.testing import absltest

from lutjax.lut import lattice
from tests.viewer import showing


class BlendTest(showing.TestCase):
  def setUp(self):
    super().setUp()
    self.show(showing.html_of({'one': lattice.identity(2)}))

  def test_weights_of_the_pad_are_barycentric(self):
    for count in range(2, 9):
      corners, places, weights = self.evaluate(
        """
        const at = lutjax.blend.corners(args[0]);
        const places = [...at.map(([x, y]) => [x * (1 - 1e-9), y * (1 - 1e-9)]),
          [0, 0], [0.3, args[0] === 2 ? 0 : 0.2], [-0.2, 0]];
        const weights = places.map((place) => lutjax.blend.weightsAt(place, at));
        return [at, places, weights];
        """,
        count,
      )
      corners, places, weights = map(np.array, (corners, places, weights))
      np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-9)
      self.assertGreaterEqual(float(weights.min()), -1e-9)
      np.testing.assert_allclose(weights @ corners, places, atol=1e-6)
      np.testing.assert_allclose(weights[:count], np.eye(count), atol=1e-6)


if __name__ == '__main__':
  absltest.main()
