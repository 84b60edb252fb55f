import base64

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import assets, systems
from lutjax.commands import restore
from lutjax.data import degradations
from lutjax.systems import tinylut
from lutjax.systems.tinylut import artefact as tinylut_artefact
from lutjax.systems.tinylut import structure
from lutjax.types import Variables
from lutjax.viewer import artefact
from tests.viewer import decoding

_UPSCALE = """
  const restorer = await lutjax.tinylut.read(bytes(args[0]));
  const pixels = new Uint8ClampedArray(bytes(args[1]));
  const {data, width, height} = restorer.upscale(pixels, args[2], args[3]);
  return [answer(data), width, height, restorer.scale];
"""


class TinylutTest(decoding.TestCase):
  def test_pictures_are_those_of_python_in_every_pixel(self):
    self._check(assets.path('tinylut_sr_x4').read_bytes(), 13, 21)

  @parameterized.parameters(
    {'pairs': 1, 'pointwise': 0, 'kernel': 2, 'channels': 4, 'headroom': 3},
    {'msb_bits': 8, 'channels': 5, 'shift_radius': 1},
  )
  def test_other_structures_are_those_of_python(self, **form):
    kind = degradations.Degradation('bicubic', 2)
    if 'headroom' not in form:
      kind = degradations.Degradation('noise', 25)
    config = structure.Config(restores=kind, learned='entries', **form)
    content = tinylut_artefact.export(config, _entries(config))
    self._check(content, 3, 99)

  def test_another_system_is_refused(self):
    found = self.run_script(
      'return lutjax.tinylut.read(bytes(args[0])).then(() => "", e => e.message);',
      decoding.text_of(
        artefact.for_page(assets.path('tinylut_sr_x4').read_bytes())[:-3]
      ),
    )
    self.assertIn('cut short', found)

  def _check(self, content, height, width):
    loaded = systems.load(content, 'it')
    rng = np.random.default_rng(1)
    noise = rng.integers(-40, 40, size=(height, width, 4))
    ramp = np.linspace(0, 255, width)[:, None] * np.array([1.0, 0.5, 0.2, 0.9])
    pixels = np.clip(ramp + noise, 0, 255).astype(np.uint8)
    scale = loaded.config.restores.scale
    process = tinylut.MODEL.restorer.process(loaded.config, loaded.variables)
    want = restore.restored(process, pixels, scale)
    data, wide, tall, found_scale = self.run_script(
      _UPSCALE,
      decoding.text_of(artefact.for_page(content)),
      decoding.text_of(pixels.tobytes()),
      width,
      height,
    )
    self.assertEqual((tall, wide, found_scale), (*want.shape[:2], scale))
    got = np.frombuffer(base64.b64decode(data), np.uint8).reshape(want.shape)
    self.assertGreater(want.std(), 10)
    np.testing.assert_array_equal(got, want)


def _entries(config):
  """Returns random tables of a structure."""
  rng = np.random.default_rng(0)
  channels, params = config.channels, {}
  for branch in structure.branches(config):
    low, high = structure.level_range(config, branch)
    size = (config.kernel**2, high - low + 1, channels)
    params[branch] = {'spatial': rng.integers(-90, 90, size=size).astype(np.int8)}
    first, last = structure.row_range(config, branch)
    layers = []
    for kind in structure.layers(config):
      shape = (channels, last - first + 1, kind.outputs)
      if kind.kind == 'depthwise':
        shape = (config.kernel**2, last - first + 1, channels)
      radius = config.shift_radius
      layers.append(
        {
          'rows': rng.integers(-60, 60, size=shape).astype(np.int8),
          'scale': rng.uniform(0.3, 1.4, size=channels).astype(np.float32),
          'shift': rng.integers(-radius, radius + 1, size=(channels, 2)).astype(
            np.int8
          ),
        }
      )
    params[branch]['layers'] = layers if branch in structure.chained(config) else []
  return Variables(params)


if __name__ == '__main__':
  absltest.main()
