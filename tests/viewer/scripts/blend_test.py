import numpy as np
from absl import flags
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

  def test_weights_are_whole_thousandths(self):
    rng = np.random.default_rng(0)
    given = [
      [1, 1, 1],
      [0, 0],
      [37, 100],
      [1, 999],
      *rng.uniform(size=(20, 8)).tolist(),
    ]
    found = self.evaluate(
      'return args[0].map((values) => lutjax.blend.inThousandths(values));', given
    )
    for values, weights in zip(given, found):
      thousandths = np.rint(1000 * np.array(weights))
      np.testing.assert_allclose(weights, thousandths / 1000, atol=1e-12)
      self.assertEqual(thousandths.sum(), 1000)
      want = np.array(values, float) if any(values) else np.ones(len(values))
      np.testing.assert_allclose(weights, want / want.sum(), atol=1e-3)
      # An address has the weights, and gives the same again.
      again = self.evaluate('return lutjax.blend.inThousandths(args[0]);', weights)
      self.assertEqual(again, weights)

  def test_page_is_no_taller_than_its_window(self):
    self.show(showing.html_of(showing.looks()))
    self.open_look('Warm')
    found = self.evaluate("""
      for (const number of [1, 2]) lutjax.app.blend.add(number);
      document.getElementById('pad').scrollIntoView();
      const {scrollHeight, clientHeight, scrollTop} = document.documentElement;
      return [scrollHeight - clientHeight, scrollTop];
    """)
    self.assertEqual(found, [0, 0])

  def test_items_are_those_that_flags_read(self):
    for item in ('film, warm:0.5', 'a "b":1.000', 'plain:0.1'):
      found = self.evaluate('return lutjax.blend.listed(args[0]);', item)
      self.assertEqual(flags.ListParser().parse(f'{found},other:1'), [item, 'other:1'])


if __name__ == '__main__':
  absltest.main()
