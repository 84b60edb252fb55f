import dataclasses
import pathlib

import jax
import numpy as np
from absl.testing import absltest

from lutjax.codec import carriers, payload
from lutjax.color import spaces
from lutjax.data import images
from lutjax.fit import mesh
from lutjax.systems.gamut_mlp import (
  codecs,
  decoding,
  fitting,
  preparing,
  recovery,
  seeded,
)
from lutjax.systems.gamut_mlp import fleet as gamut_fleet
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import programs as gamut_programs

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

  def choose(self, pixels, guard='overall'):
    """Returns a function that picks a code by a price per KB, and what was prepared."""
    path = pathlib.Path(self.create_tempdir().full_path) / 'a.png'
    images.write(path, images.Image(pixels))
    config = codecs.Config(codec='seeded', guard=guard, waves=_WAVES)
    strict = guard == 'strict'
    prepared = preparing.prepare(self.programs, path, 'PNG', 95, 'round', strict=strict)
    weights = fitting.in_gamut_weights(config)
    alone = mesh.make_mesh(jax.devices()[:1])
    (found,) = self.programs.solve(_WAVES, weights, [prepared.samples], alone, 1)

    def pick(price=0.0):
      priced = dataclasses.replace(config, min_gain_db_per_kb=price)
      selection = fitting.CodeSelection(self.programs, priced, prepared)
      return selection, *selection.best(found)

    return pick, prepared

  def best(self, guard: str) -> np.ndarray:
    """Returns the gains of the picked code in squared error: all, OG, IG."""
    selection, best, _ = self.choose(_wide_gamut(), guard)[0]()
    self.assertEqual(best.label, 'seeded')
    gains = selection.clip.errors - best.errors
    return np.array([*gains, gains[0] - gains[1]])

  def test_the_strict_guard_holds_in_gamut_too_and_still_gains(self):
    overall, strict = self.best('overall'), self.best('strict')
    self.assertLess(overall[2], 0.0)
    self.assertGreaterEqual(strict.min(), 0.0)
    self.assertGreater(strict[1], 0.0)

  def test_a_code_is_kept_only_where_it_earns_its_bytes(self):
    pick, prepared = self.choose(_wide_gamut())
    selection, best, found = pick()
    # The gain over all pixels, measured on what a reader recovers.
    model = codecs.unpack(
      payload.Payload(codecs.NUMBERS.index('seeded'), 96, 96, 0, best.stored.body)
    )
    decoder = decoding.Decoder(self.programs, model, prepared.codes)
    scored = gamut_fleet.score(self.programs, decoder, prepared.encoded, prepared.codes)
    gain = scored['psnr'][0] - scored['clip'][0]
    self.assertAlmostEqual(selection.gain(best), gain, places=3)
    price = gain / ((best.size_bytes - payload.HEADER_BYTES) / 1024)
    self.assertEqual(pick(0.99 * price)[1].label, 'seeded')
    self.assertEqual(pick(1.01 * price)[1].label, 'clip')
    record = fitting.describe(selection, best, found)
    self.assertEqual(record['rivals']['clip'], [36, 0.0])

  def test_a_picture_almost_inside_srgb_buys_nothing(self):
    y, x = np.mgrid[:96, :96] / 96
    srgb = np.stack([x, y, 1 - x], axis=-1)
    linear = 1.0004 * spaces.decode(srgb, 'srgb') - 0.0002
    self.buys_nothing(linear)
    # Codes of 8 bits at 16 bits: the others are exact, so PSNR tells the least error.
    codes = np.rint(255 * srgb) / 255
    self.buys_nothing(1.00004 * spaces.decode(codes, 'srgb') - 0.00002)

  def buys_nothing(self, linear):
    almost = np.asarray(spaces.convert(linear, 'srgb', 'prophoto'))
    encoded = np.asarray(spaces.encode(almost.clip(0, 1), 'prophoto'))
    pick, prepared = self.choose(np.rint(65535 * encoded).astype(np.uint16))
    self.assertGreater(prepared.index.size, 100)
    selection, best, _ = pick()
    self.assertEqual(best.label, 'seeded')
    self.assertBetween(selection.gain(best), 1e-6, 2e-3)
    self.assertEqual(pick(codecs.Config().min_gain_db_per_kb)[1].label, 'clip')

  def test_a_budget_narrows_what_it_cannot_hold_and_full_effort_widens_waves(self):
    net = gamut_mlp.Config(octaves=6, colour_octaves=4, solved=True)

    def held(budget, effort='fast', kind='PNG'):
      config = codecs.Config(budget_bytes=budget, effort=effort, network=net)
      found = fitting.affordable(config, kind)
      return found.budget_bytes, found.waves.waves, found.network.width

    self.assertEqual(held(0), (0, 256, 32))
    self.assertEqual(held(5120), (5120, 256, 32))
    self.assertEqual(held(5120, 'full'), (5120, 512, 32))
    self.assertEqual(held(23000, 'full'), (23000, 1024, 32))
    self.assertEqual(held(1024, 'full'), (1024, 256, 10))
    self.assertEqual(held(500)[1:], (128, 3))
    self.assertEqual(held(0, kind='JPEG'), (carriers.SEGMENT_BYTES, 256, 32))

  def test_a_network_is_a_candidate_at_full_effort(self):
    net = gamut_mlp.Config(solved=True)
    for codec, effort, want in (
      ('mlp', 'fast', True),
      ('auto', 'full', True),
      ('auto', 'fast', False),
      ('seeded', 'full', False),
    ):
      config = codecs.Config(codec=codec, effort=effort, network=net)
      self.assertEqual(fitting.needs_network(config), want)
      plain = dataclasses.replace(config, network=gamut_mlp.Config())
      self.assertFalse(fitting.needs_network(plain))

  def test_surroundings_in_bands_are_those_of_the_whole_image(self):
    rng = np.random.default_rng(0)
    width = gamut_programs.BLOCK // 2
    codes = rng.choice(np.array([0, 90, 255], np.uint8), (7, width, 3))
    index = np.sort(rng.choice(codes[..., 0].size, 5000, replace=False))
    got = gamut_programs.position_features(index, codes)
    want = recovery.surroundings(codes).reshape(-1, 3)[index] / np.float32(9)
    np.testing.assert_array_equal(got[:, 2:], want)
    places = gamut_programs.places(index, codes.shape[:2])
    np.testing.assert_array_equal(got[:, :2], places)


if __name__ == '__main__':
  absltest.main()
