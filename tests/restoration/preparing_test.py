import io
import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors, types
from lutjax.data import degradations, pictures, resize
from lutjax.restoration import preparing
from tests.restoration import gain

X2 = degradations.Degradation('bicubic', 2)
NOISE = degradations.Degradation('noise', 25)
JPEG = degradations.Degradation('jpeg', 10)


class PreparingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.rgb = np.random.default_rng(0).integers(0, 256, (31, 50, 3), np.uint8)

  def save(self, name, pixels):
    PIL.Image.fromarray(pixels).save(self.folder / name)

  def pictures(self):
    return pictures.find([str(self.folder)], lambda line: None)[0]

  def test_originals_are_halved_turned_to_luma_and_cut(self):
    picture = pictures.Picture('a', pathlib.Path('a.png'), '0' * 64)
    config = preparing.Config(patch=7, planes='luma', halve=True, restores=X2)
    got = preparing.originals(config, picture, self.rgb)
    half = resize.shrink(self.rgb[:30], 2)
    want = np.asarray(PIL.Image.fromarray(half).convert('L'))[:14, :24]
    np.testing.assert_array_equal(got[..., 0], want)
    for config, pixels, side in (
      (preparing.Config(patch=8, halve=True, restores=X2), self.rgb, 32),
      (preparing.Config(patch=16, restores=X2), self.rgb, 32),
      (preparing.Config(patch=1, halve=True, restores=X2), self.rgb[:1], 4),
    ):
      height = len(pixels)
      message = f'^a.png: found 50 x {height} pixels, expected sides of {side} or more'
      with self.assertRaisesRegex(errors.ImageError, message):
        preparing.originals(config, picture, pixels)

  def test_refuses_what_jpeg_cannot_hold(self):
    picture = pictures.Picture('a', pathlib.Path('a.png'), '0' * 64)
    config = preparing.Config(patch=1, restores=JPEG)
    with self.assertRaisesRegex(errors.ImageError, 'a.png: .* at most 65500 for JPEG'):
      preparing.originals(config, picture, np.zeros((1, 65501, 1), np.uint8))

  def test_planes_are_degraded_on_their_own(self):
    got = preparing.degraded(JPEG, self.rgb, 0)
    for k in range(3):
      stream = io.BytesIO()
      PIL.Image.fromarray(self.rgb[..., k]).save(stream, 'JPEG', quality=10)
      want = np.asarray(PIL.Image.open(stream))
      np.testing.assert_array_equal(got[..., k], want)
    grey = np.full((40, 40, 3), 128, np.uint8)
    noisy = preparing.degraded(NOISE, grey, 3).astype(int) - 128
    self.assertLess(abs(np.corrcoef(noisy.reshape(-1, 3).T) - np.eye(3)).max(), 0.1)
    np.testing.assert_array_equal(noisy + 128, preparing.degraded(NOISE, grey, 3))

  def test_noise_is_left_to_the_device(self):
    for degradation in (NOISE, JPEG):
      config = preparing.Config(restores=degradation)
      pairs = list(preparing.training_pairs(config, self.rgb))
      self.assertLen(pairs, 3)
      for k, (low, high) in enumerate(pairs):
        np.testing.assert_array_equal(high, self.rgb[..., k])
        self.assertEqual(low is None, degradation is NOISE)

  def test_a_margin_is_mirrored_around_planes(self):
    config = preparing.Config(patch=8, margin=3, restores=X2)
    self.assertEqual(config.side, 14)
    pair = next(preparing.training_pairs(config, self.rgb[:30]))
    low = resize.shrink(self.rgb[:30], 2)[..., 0]
    self.assertEqual((pair.low.shape, pair.high.shape), ((21, 31), (42, 62)))
    np.testing.assert_array_equal(pair.low[3:-3, 3:-3], low)
    np.testing.assert_array_equal(pair.low[:3, 3:-3], low[3:0:-1])
    np.testing.assert_array_equal(pair.low[:, -3:], pair.low[:, -7:-4][:, ::-1])
    np.testing.assert_array_equal(pair.high[6:-6, 6:-6], self.rgb[:30, :, 0])

  def test_files_that_have_changed_are_left_out(self):
    self.save('a.png', self.rgb)
    self.save('b.png', self.rgb[::-1])
    pictures = self.pictures()
    config = preparing.Config(patch=8, restores=X2)
    both = list(preparing.measured(config, pictures))
    self.assertEqual([one.picture for one in both], pictures)
    one = next(one for one in both if one.picture.name == 'a.png')
    np.testing.assert_array_equal(one.high, self.rgb[:30])
    np.testing.assert_array_equal(one.low, resize.shrink(self.rgb[:30], 2))
    np.testing.assert_array_equal(one.plain, resize.enlarge(one.low, 2))
    self.save('a.png', self.rgb[:-1])
    (self.folder / 'b.png').unlink()
    self.assertEmpty(list(preparing.measured(config, pictures)))

  def test_patches_that_are_measured_come_from_every_picture(self):
    self.save('small.png', self.rgb[-16:, -16:])  # One patch in each of three planes.
    self.save('large.png', self.rgb)  # Three of them, and one below.
    self.save('grey.png', self.rgb[::-1, :, 0])
    config = preparing.Config(patch=8, probe_patches=12, restores=X2)
    data = preparing.probe_data(config, self.pictures())
    shapes = {name: held.shape for name, held in data.items()}
    count = len(data['probe_seen'])
    self.assertEqual(
      shapes,
      {
        'probe_seen': (count, 8, 8),
        'probe_plain': (count, 16, 16),
        'probe_target': (count, 16, 16),
      },
    )
    self.assertBetween(count, 9, 12)
    lows = {
      one.picture.name: one for one in preparing.measured(config, self.pictures())
    }
    for name, planes in (('small.png', 3), ('large.png', 3), ('grey.png', 1)):
      one = lows[name]
      for k in range(planes):
        at = [np.array_equal(p, one.low[:8, :8, k]) for p in data['probe_seen']]
        (i,) = np.flatnonzero(at)
        np.testing.assert_array_equal(data['probe_plain'][i], one.plain[:16, :16, k])
        np.testing.assert_array_equal(data['probe_target'][i], one.high[:16, :16, k])

  def test_a_config_must_be_complete(self):
    with self.assertRaisesRegex(ValueError, 'config that is complete'):
      _ = preparing.Config().degradation

  @parameterized.parameters(
    {'patch': 0},
    {'patch': 513},
    {'validation_share': 1.0},
    {'validation_most': 0},
    {'probe_patches': 0},
    {'pool_megabytes': 0},
    {'pool_megabytes': 2048},
  )
  def test_refuses_impossible_values(self, **given):
    (name,) = given
    with self.assertRaisesRegex(ValueError, f'Expected {name} in'):
      preparing.Config(**given)

  def test_only_restoring_models_restore(self):
    loaded = gain.MODEL._replace(restorer=None)
    with self.assertRaisesRegex(ValueError, 'a model that restores, got gain'):
      preparing.restorer_of(types.Loaded(loaded, None, None))


if __name__ == '__main__':
  absltest.main()
