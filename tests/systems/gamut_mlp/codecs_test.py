import unittest

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.codec import payload
from lutjax.systems.gamut_mlp import codecs, network, residual_picture, sampled, seeded
from lutjax.systems.gamut_mlp import model as gamut_mlp

_WAVES = seeded.Config(waves=16)
_NETWORK = gamut_mlp.Config(width=8, octaves=2)


def _parts():
  rng = np.random.default_rng(0)
  codes, scale = seeded.quantise(_WAVES, rng.normal(size=(22, 3)).astype(np.float32))
  layers = gamut_mlp.init(_NETWORK, jax.random.key(0)).params
  small = rng.normal(size=(8, 10, 1)).astype(np.float32)
  return {
    'waves': (_WAVES, codes, scale),
    'net': (_NETWORK, layers),
    'picture': residual_picture.encode(small, 'AVIF', 3, 90),
  }


def _payload(stored: codecs.Stored) -> payload.Payload:
  number = codecs.NUMBERS.index(stored.codec)
  return payload.Payload(number, 30, 24, 0, stored.body, stored.seed)


class CodecsTest(parameterized.TestCase):
  @parameterized.parameters(
    (('waves',), 'seeded'),
    (('net',), 'mlp'),
    (('picture',), 'picture'),
    (('waves', 'picture'), 'mixed'),
    (('waves', 'net', 'picture'), 'mixed'),
    ((), 'clip'),
  )
  def test_parts_come_back(self, names, codec):
    parts = {name: part for name, part in _parts().items() if name in names}
    model = codecs.unpack(_payload(codecs.pack(**parts, threshold=0.01)))
    self.assertEqual(model.codec, codec)
    self.assertEqual(model.weight is not None, 'waves' in names)
    self.assertEqual(model.picture, parts.get('picture'))
    self.assertEqual(model.network, _NETWORK if 'net' in names else None)
    if names:
      self.assertBetween(model.threshold, 0.01, 0.0101)
    if 'net' in names:
      for got, want in zip(model.layers, parts['net'][1]):
        step = np.abs(want['weight']).max() / 127
        np.testing.assert_allclose(got['weight'], want['weight'], atol=step)

  @parameterized.product(
    precision=['fp32', 'bf16', 'int8', 'int6', 'int4'], solved=[False, True]
  )
  def test_a_network_of_each_precision_comes_back(self, precision, solved):
    config = gamut_mlp.Config(
      width=8, precision=precision, biased=True, octaves=1, solved=solved
    )
    layers = gamut_mlp.init(config, jax.random.key(1)).params
    mode = 'project' if solved else 'plain'
    model = codecs.unpack(_payload(codecs.pack(net=(config, layers), mode=mode)))
    self.assertEqual((model.network, model.mode), (config, mode))
    stored = network.stored(config, layers)
    jax.tree.map(np.testing.assert_array_equal, model.layers, stored)
    steps = {'fp32': np.inf, 'bf16': 128, 'int8': 127, 'int6': 31, 'int4': 7}
    for got, want in zip(model.layers, layers):
      for name in want:
        loss = 0.51 * np.abs(want[name]).max() / steps[precision]
        np.testing.assert_allclose(got[name], want[name], atol=1.01 * loss)

  @parameterized.product(precision=['fp32', 'bf16', 'int8', 'int5'], width=[8, 32])
  def test_a_network_takes_about_what_is_expected(self, precision, width):
    config = gamut_mlp.Config(width=width, precision=precision, octaves=4, solved=True)
    rng = np.random.default_rng(0)
    layers = jax.tree.map(
      lambda leaf: rng.normal(size=leaf.shape).astype(np.float32),
      gamut_mlp.init(config, jax.random.key(1)).params,
    )
    size = len(network.to_bytes(config, layers))
    expected = network.expected_bytes(config)
    self.assertBetween(size, 0.95 * expected, 1.05 * expected)

  def test_a_solved_network_works_on_codes_alone(self):
    with self.assertRaisesRegex(ValueError, 'project for a solved network'):
      codecs.Config(codec='mlp', mode='gate', network=gamut_mlp.Config(solved=True))
    config = gamut_mlp.Config(width=8, octaves=1, solved=True)
    layers = gamut_mlp.init(config, jax.random.key(1)).params
    stored = codecs.pack(net=(config, layers), mode='plain')
    with self.assertRaisesRegex(errors.ArtefactError, 'solved network in plain mode'):
      codecs.unpack(_payload(stored))

  def test_refuses_a_plain_network_that_is_none(self):
    stored = codecs.pack(picture=_parts()['picture'], mode='plain')
    with self.assertRaisesRegex(errors.ArtefactError, 'found parts 4, mode 2'):
      codecs.unpack(_payload(stored))

  def test_whatever_is_altered_gives_a_model_or_one_line(self):
    body = codecs.pack(**_parts()).body
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
      altered = bytearray(body)
      for place in rng.integers(0, len(body), rng.integers(1, 4)):
        altered[place] ^= 1 << rng.integers(8)
      content = bytes(altered[: rng.integers(0, 2 * len(body))])
      stored = codecs.Stored('mixed', content)
      try:
        model = codecs.unpack(_payload(stored), 'x')
        if model.picture is not None:
          residual_picture.decode(model.picture, (24, 30), 'x')
      except errors.ArtefactError as error:
        refused += 1
        self.assertRegex(str(error), '^x: found|^entropy code: ')
        self.assertNotIn('\n', str(error))
    self.assertGreater(refused, 100)

  def test_a_picture_of_another_size_is_not_decoded(self):
    part = _parts()['picture']
    with self.assertRaisesRegex(errors.ArtefactError, r'expected \(334, 334\)'):
      residual_picture.decode(part, (1000, 1000), 'x')

  def test_a_later_codec_is_refused(self):
    with self.assertRaisesRegex(errors.ArtefactError, 'found codec 200'):
      codecs.unpack(payload.Payload(200, 1, 1, 0, b''))

  def test_rivals_come_back(self):
    model = codecs.unpack(_payload(codecs.pack_soft(-0.25, 1.5)))
    self.assertEqual(model.bounds, (-0.25, 1.5))
    samples = np.arange(27, dtype=np.uint16).reshape(3, 3, 3)
    model = codecs.unpack(_payload(codecs.pack_sampled(samples)))
    np.testing.assert_array_equal(model.samples, samples)
    with self.assertRaisesRegex(errors.ArtefactError, 'sampled colours'):
      sampled.from_bytes(b'\x03\x00abc', 'x')

  def test_refuses_a_mode_that_a_codec_lacks(self):
    with self.assertRaisesRegex(ValueError, 'codec mlp for mode plain'):
      codecs.Config(mode='plain')


class SampledTest(absltest.TestCase):
  def test_fits_a_cubic_exactly(self):
    rgb = np.random.default_rng(0).uniform(size=(200, 3)).astype(np.float32)
    target = np.stack([rgb[:, 0] ** 3, rgb[:, 1] * rgb[:, 2], 0.5 + rgb[:, 0]], 1)
    weight = sampled.fit(rgb, target)
    got = np.asarray(sampled.terms(rgb)) @ weight
    np.testing.assert_allclose(got, target, atol=1e-5)

  def test_the_grid_reaches_the_corners(self):
    got = sampled.positions((7, 5), 3)
    np.testing.assert_array_equal(got, [0, 2, 4, 15, 17, 19, 30, 32, 34])


class ResidualPictureTest(parameterized.TestCase):
  def test_averages_cells_and_fills_holes(self):
    values = np.array([[1.0], [3.0], [8.0]], np.float32)
    index = np.array([0, 1, 5])
    got = residual_picture.average(values, np.ones((3, 1), bool), index, (4, 6), 2)
    self.assertEqual(got.shape, (2, 3, 1))
    np.testing.assert_allclose(got[0, :, 0], [2.0, 2.0, 8.0])
    self.assertTrue(np.isfinite(got).all())

  @parameterized.parameters(1, 3)
  def test_rows_are_those_of_the_whole(self, scale):
    picture = np.random.default_rng(0).normal(
      size=(-(-20 // scale), -(-31 // scale), 3)
    )
    coded = residual_picture.encode(picture.astype(np.float32), 'WEBP', scale, 90)
    planes = residual_picture.decode(coded, (20, 31))
    whole = residual_picture.rows(planes, scale, 31, 0, 20).reshape(20, 31, 3)
    part = residual_picture.rows(planes, scale, 31, 7, 12).reshape(5, 31, 3)
    np.testing.assert_allclose(part, whole[7:12], atol=1e-4)


if __name__ == '__main__':
  unittest.main()
