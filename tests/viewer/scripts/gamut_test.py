import base64
import functools
import io

import jax
import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax.codec import carriers
from lutjax.codec import payload as payload_lib
from lutjax.systems.gamut_mlp import codecs, decoding, residual_picture, seeded
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import programs as gamut_programs
from tests.viewer import decoding as page

_SIZE = (12, 15)
_RECOVER = """
  const found = await lutjax.gamut.read(bytes(args[0]));
  const pixels = new Uint8ClampedArray(bytes(args[1]));
  const {codec, mode, width, height} = found;
  const size = found.bytes;
  const problem = found.problem(pixels, args[2], args[3]);
  return {codec, mode, width, height, size, problem,
          colours: answer(found.recover(pixels))};
"""


class GamutTest(page.TestCase):
  @parameterized.parameters('mixed', 'plain', 'soft', 'clip')
  def test_colours_are_those_of_python(self, kind):
    stored = _stored(kind)
    found = self._recovered(stored, 'PNG')
    self.assertEqual((found['codec'], found['problem']), (stored.codec, None))
    self.assertEqual((found['height'], found['width']), _SIZE)
    got, want = found['colours'], _python(stored)
    # A residual picture is decoded by the browser, which rounds as it likes.
    np.testing.assert_allclose(got, want, atol=1e-3 if kind == 'mixed' else 2e-5)
    if kind != 'clip':
      moved = np.abs(want - _python(_stored('clip'))).max()
      self.assertGreater(moved, 0.05)

  def test_seeded_waves_alone(self):
    stored = _stored('waves')
    got = self._recovered(stored, 'WEBP')['colours']
    np.testing.assert_allclose(got, _python(stored), atol=2e-5)

  def test_edited_pixels_are_told(self):
    content = page.text_of(_file(_stored('clip'), 'PNG'))
    pixels = _rgba(255 - _codes())
    found = self.run_script(_RECOVER, content, pixels, _SIZE[1], _SIZE[0])
    self.assertIn('edited or encoded again', found['problem'])
    found = self.run_script(_RECOVER, content, pixels, _SIZE[0], _SIZE[1])
    self.assertIn('expected 15 x 12', found['problem'])

  @parameterized.parameters('PNG', 'JPEG', 'WEBP')
  def test_payloads_are_found_or_told_to_be_damaged(self, form):
    whole = _file(_stored('waves'), form)
    plain = _image(form)
    damaged = whole.replace(b'LJXG\x01\0\x24\0', b'LJXG\x01\0\x25\0')
    found = self.run_script(
      """
      const read = text => lutjax.gamut.read(bytes(text)).then(
        found => found && found.codec, error => error.message);
      const cut = [];
      const content = bytes(args[0]);
      for (let size = 0; size < content.length; size += 9) {
        const answered = await lutjax.gamut.read(content.slice(0, size)).then(
          () => Error, error => error.constructor);
        if (answered !== Error) cut.push(size);
      }
      return [await read(args[0]), await read(args[1]), await read(args[2]), cut];
      """,
      *map(page.text_of, (whole, plain, damaged)),
    )
    self.assertEqual(found[:2] + found[3:], ['seeded', None, []])
    if form != 'PNG':  # Of which the text is packed, and still whole.
      self.assertIn('damaged', found[2])

  def _recovered(self, stored, form):
    found = self.run_script(
      _RECOVER,
      page.text_of(_file(stored, form)),
      _rgba(_codes()),
      _SIZE[1],
      _SIZE[0],
    )
    colours = np.frombuffer(base64.b64decode(found['colours']), np.float32)
    return {**found, 'colours': colours.reshape(*_SIZE, 3)}


@functools.cache
def _codes():
  """Returns a picture of which a third is clipped."""
  rng = np.random.default_rng(0)
  return np.clip(rng.integers(-90, 345, size=(*_SIZE, 3)), 0, 255).astype(np.uint8)


def _rgba(codes):
  alpha = np.full((*_SIZE, 1), 255, np.uint8)
  return page.text_of(np.concatenate([codes, alpha], axis=-1).tobytes())


@functools.cache
def _stored(kind):
  rng = np.random.default_rng(0)
  waves = seeded.Config(waves=16)
  drawn = seeded.quantise(waves, rng.normal(size=(25, 3)).astype(np.float32))
  solved = gamut_mlp.Config(width=8, octaves=3, solved=True)
  plain = gamut_mlp.Config(width=8, octaves=4, inputs='xy', biased=True)
  if kind == 'clip':
    return codecs.pack()
  if kind == 'soft':
    return codecs.pack_soft(-0.2, 1.4)
  if kind == 'waves':
    return codecs.pack(waves=(waves, *drawn), threshold=0.3)
  if kind == 'plain':
    return codecs.pack(net=(plain, _layers(plain)), mode='plain')
  small = np.cumsum(rng.normal(size=(4, 5, 1)).astype(np.float32), axis=1)
  picture = residual_picture.encode(0.1 * small, 'WEBP', 3, 95)
  net = (solved, _layers(solved))
  return codecs.pack(waves=(waves, *drawn), net=net, picture=picture)


def _layers(config):
  rng = np.random.default_rng(1)
  layers = []
  for i, (fan_in, fan_out) in enumerate(gamut_mlp.layer_shapes(config)):
    weight = rng.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in)
    layer = {'weight': weight.astype(np.float32)}
    if gamut_mlp.has_bias(config, i):
      layer['bias'] = (0.3 * rng.normal(size=fan_out)).astype(np.float32)
    layers.append(layer)
  return layers


def _image(form):
  buffer = io.BytesIO()
  options = {'lossless': True} if form == 'WEBP' else {}
  PIL.Image.fromarray(_codes()).save(buffer, form, **options)
  return buffer.getvalue()


def _payload(stored):
  return payload_lib.Payload(
    codecs.NUMBERS.index(stored.codec),
    _SIZE[1],
    _SIZE[0],
    payload_lib.check_pixels(_codes()),
    stored.body,
    stored.seed,
  )


def _file(stored, form):
  return carriers.embed(_image(form), payload_lib.pack(_payload(stored)))


@functools.cache
def _programs():
  return gamut_programs.Programs()


def _python(stored):
  model = codecs.unpack(_payload(stored))
  decoder = decoding.Decoder(_programs(), model, _codes())
  return np.asarray(jax.device_get(decoder.band(0, _SIZE[0])))


if __name__ == '__main__':
  absltest.main()
