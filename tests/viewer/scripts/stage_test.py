import time

import colour
import numpy as np
from absl.testing import absltest, parameterized

from tests.viewer import oracle, showing

_LOOKS = showing.looks()
_PHOTO = showing.photo()
# Renderers, and what puts a page to use the second.
_RENDERERS = {'webgl2': '', 'canvas': 'lutjax.app.stage.usePlain();'}


class StageTest(showing.TestCase):
  def setUp(self):
    super().setUp()
    self.show(showing.html_of(_LOOKS, pixels=_PHOTO))

  def shown(self, script: str, zoom: int = 1) -> np.ndarray:
    """Returns the photo as it is shown, a pixel for each of its pixels."""
    sheet = self.pixels(f'{script} lutjax.app.stage.zoomTo({zoom});')
    x, y = self.evaluate('const {x, y} = lutjax.app.stage.view; return [x, y];')
    height, width = _PHOTO.shape[:2]
    left, top = round(-x * zoom), round(-y * zoom)
    part = sheet[top : top + height * zoom, left : left + width * zoom]
    self.assertEqual(part.shape[:2], (height * zoom, width * zoom))
    return part[zoom // 2 :: zoom, zoom // 2 :: zoom]

  def assert_pixels(self, found, want):
    self.assertLessEqual(float(np.abs(found - want).max()), 1.0)

  @parameterized.parameters('webgl2', 'canvas')
  def test_pixels_match_float64(self, kind):
    self.open_look('Warm')
    self.evaluate(_RENDERERS[kind])
    self.assertEqual(self.evaluate('return lutjax.app.stage.renderer.kind'), kind)
    for name, table in _LOOKS.items():
      table = showing.stored(table)
      self.open_look(name)
      self.assert_pixels(self.shown(''), oracle.graded(table, _PHOTO))
    self.assert_pixels(self.shown('', zoom=3), oracle.graded(table, _PHOTO))
    self.assert_pixels(
      self.shown('lutjax.app.stage.set({trilinear: true});'),
      oracle.graded(table, _PHOTO, method=oracle.trilinear),
    )
    script = 'lutjax.app.stage.set({trilinear: false, strength: 0.37});'
    self.assert_pixels(self.shown(script), oracle.graded(table, _PHOTO, strength=0.37))
    self.assert_pixels(self.shown('lutjax.app.stage.hold(true);'), _PHOTO)
    half = self.shown(
      'lutjax.app.stage.hold(false); lutjax.app.stage.set({split: 0.5});'
    )
    middle = self.evaluate(
      'const {view, canvas} = lutjax.app.stage; return canvas.width / 2 + view.x'
    )
    want = oracle.graded(table, _PHOTO, strength=0.37)
    want[:, : round(middle)] = _PHOTO[:, : round(middle)]
    self.assert_pixels(half, want)

  @parameterized.parameters('webgl2', 'canvas')
  def test_differences_have_the_colours_of_the_scale(self, kind):
    self.open_look('Swapped')
    script = _RENDERERS[kind] + "lutjax.app.stage.set({mode: 'difference'});"
    found = self.shown(script)
    after = oracle.graded(showing.stored(_LOOKS['Swapped']), _PHOTO) / 255
    labs = []
    for rgb in (_PHOTO / 255, after):
      linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
      xyz = (
        linear
        @ np.array(
          [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
          ]
        ).T
      )
      share = xyz / [0.95047, 1.0, 1.08883]
      bent = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
      x, y, z = np.moveaxis(bent, -1, 0)
      labs.append(np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1))
    error = colour.difference.delta_E_CIE2000(*labs)
    scale = np.array(self.evaluate('return lutjax.colour.SCALE'), float)
    limit = self.evaluate('return lutjax.colour.LIMIT')
    at = np.sqrt(np.clip(error / limit, 0, 1)) * (len(scale) - 1)
    want = [np.interp(at, np.arange(len(scale)), column) for column in scale.T]
    off = np.abs(found - np.stack(want, axis=-1))
    self.assertLessEqual(float(np.quantile(off, 0.999)), 1.0)

  @parameterized.parameters('webgl2', 'canvas')
  def test_clipped_colours_are_marked(self, kind):
    self.open_look('Beyond')
    found = self.shown(_RENDERERS[kind] + "lutjax.app.stage.set({mode: 'clipping'});")
    after = _PHOTO / 255 * 1.4 - 0.2
    marks = self.evaluate('return lutjax.shading.MARKS')
    above = after.max(axis=-1) > 1.01
    below = ~(after.max(axis=-1) > 0.99) & (after.min(axis=-1) < -0.01)
    self.assertGreater(above.sum(), 100)
    self.assertGreater(below.sum(), 100)
    self.assert_pixels(found[above], np.array(marks['above']))
    self.assert_pixels(found[below], np.array(marks['below']))
    rest = (after.max(axis=-1) < 0.99) & (after.min(axis=-1) > 0.01)
    self.assertGreater(rest.sum(), 100)
    self.assertEqual(float(np.ptp(found[rest].astype(int), axis=-1).max()), 0.0)

  def test_large_photo(self):
    pixels = np.tile(showing.photo(300, 400, seed=1), (10, 10, 1))
    began = time.perf_counter()
    self.drop(large__png=showing.png(pixels))
    self.wait_for(
      lambda: self.evaluate('return lutjax.app.photo.width === 4000'),
      'a photo of 12 MP',
    )
    self.open_look('Warm')
    print(f'\n12 MP: open after {time.perf_counter() - began:.1f} s', end='')
    sheet = self.pixels('lutjax.app.stage.zoomTo(1);')
    x, y = self.evaluate('const {x, y} = lutjax.app.stage.view; return [x, y];')
    part = pixels[round(y) :, round(x) :][: sheet.shape[0], : sheet.shape[1]]
    self.assert_pixels(sheet, oracle.graded(showing.stored(_LOOKS['Warm']), part))
    self.evaluate(
      "lutjax.app.open = true; document.getElementById('format').value = 'image/png';"
    )
    began = time.perf_counter()
    self.named('button', 'Download photo').click()
    stored = self.downloaded('large Warm.png')
    print(f', stored after {time.perf_counter() - began:.1f} s', end='')
    self.assertGreater(len(stored), 1 << 20)

  def test_says_where_a_photo_is_shown_smaller(self):
    limited = """
      const {renderer} = lutjax.app.stage, {gl} = renderer, ask = gl.getParameter;
      gl.getParameter = (what) =>
        what === gl.MAX_TEXTURE_SIZE ? 32 : ask.call(gl, what);
      lutjax.app.stage.setPhoto(lutjax.app.photo);
      return document.getElementById('status').textContent;
    """
    self.assertIn('seen at 32 \N{MULTIPLICATION SIGN} 24', self.evaluate(limited))

  def test_zoom_keeps_the_place_under_the_pointer(self):
    self.open_look('Warm')
    before, after = self.evaluate("""
      const {stage} = lutjax.app;
      stage.zoomTo(4);
      const x = stage.canvas.width / 2 + 50, y = stage.canvas.height / 2 - 40;
      const spot = () => [stage.view.x + x / stage.view.zoom,
        stage.view.y + y / stage.view.zoom];
      const before = spot();
      stage.zoomTo(9, x, y);
      return [before, spot()];
    """)
    np.testing.assert_allclose(before, after, atol=1 / 4)

  def test_context_that_was_lost_comes_back(self):
    self.open_look('Warm')
    was = self.pixels()
    self.evaluate("""
      const lost = lutjax.app.stage.renderer.gl.getExtension('WEBGL_lose_context');
      const {canvas} = lutjax.app.stage;
      lost.loseContext();
      await new Promise((resolve) =>
        canvas.addEventListener('webglcontextlost', resolve));
      setTimeout(() => lost.restoreContext(), 50);
      await new Promise((resolve) =>
        canvas.addEventListener('webglcontextrestored', () => setTimeout(resolve)));
    """)
    np.testing.assert_array_equal(self.pixels(), was)


if __name__ == '__main__':
  absltest.main()
