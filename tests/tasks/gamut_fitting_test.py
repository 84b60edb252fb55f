import pathlib

import jax
import numpy as np
from absl.testing import absltest

from lutjax.data import images
from lutjax.fit import mesh
from lutjax.models.gamut import codecs, recovery, seeded
from lutjax.tasks import gamut_fitting, gamut_programs

_WAVES = seeded.Config(waves=16)


def _wide_gamut() -> np.ndarray:
  """Smooth colours with noise, so that pixels in and out of gamut lie side by side."""
  rng = np.random.default_rng(3)
  y, x = np.mgrid[:96, :96] / 96
  rgb = np.stack([0.55 + 0.4 * x, 0.6 + 0.2 * np.sin(5 * y), 0.35 + 0.3 * y], axis=-1)
  rgb = rgb + rng.normal(0, 0.03, rgb.shape)
  return np.rint(65535 * rgb.clip(0, 1)).astype(np.uint16)


class GamutFittingTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.programs = gamut_programs.Programs()

  def best(self, guard: str) -> np.ndarray:
    """Returns the gains of the picked code in squared error: all, OG, IG."""
    path = pathlib.Path(self.create_tempdir().full_path) / 'a.png'
    images.write(path, images.Image(_wide_gamut()))
    config = codecs.Config(codec='seeded', guard=guard, waves=_WAVES)
    strict = guard == 'strict'
    prepared = gamut_fitting.prepare(
      self.programs, path, 'PNG', 95, 'round', strict=strict
    )
    weights = gamut_fitting.in_gamut_weights(config)
    alone = mesh.make_mesh(jax.devices()[:1])
    (found,) = self.programs.solve(_WAVES, weights, [prepared.samples], alone, 1)
    choosing = gamut_fitting.Choosing(self.programs, config, prepared)
    best, _ = choosing.best(found)
    self.assertEqual(best.label, 'seeded')
    gains = choosing.clip.errors - best.errors
    return np.array([*gains, gains[0] - gains[1]])

  def test_the_strict_guard_holds_in_gamut_too_and_still_gains(self):
    overall, strict = self.best('overall'), self.best('strict')
    self.assertLess(overall[2], 0.0)
    self.assertGreaterEqual(strict.min(), 0.0)
    self.assertGreater(strict[1], 0.0)

  def test_surroundings_in_bands_are_those_of_the_whole_image(self):
    rng = np.random.default_rng(0)
    width = gamut_programs.BLOCK // 2
    codes = rng.choice(np.array([0, 90, 255], np.uint8), (7, width, 3))
    index = np.sort(rng.choice(codes[..., 0].size, 5000, replace=False))
    got = gamut_programs.whereabouts(index, codes)
    want = recovery.surroundings(codes).reshape(-1, 3)[index] / np.float32(9)
    np.testing.assert_array_equal(got[:, 2:], want)
    places = gamut_programs.places(index, codes.shape[:2])
    np.testing.assert_array_equal(got[:, :2], places)


if __name__ == '__main__':
  absltest.main()
