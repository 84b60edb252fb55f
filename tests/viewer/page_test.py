import dataclasses
import io
import json
import re
import time
import urllib.parse

import numpy as np
import PyOpenColorIO as ocio
from absl.testing import absltest
from PIL import Image
from selenium.webdriver.common import keys
from selenium.webdriver.support import select

from configs import lutflow as lutflow_config
from lutjax import assets, errors, systems
from lutjax.codec import labels
from lutjax.lut import cube, lattice
from lutjax.viewer import artefact, page, photos
from tests.viewer import models, oracle, showing, wide_files

_HOSTILE = '<img src=x onerror="window.hacked=1"></script><b>'
_LOOKS = {**showing.looks(), _HOSTILE: showing.looks()['Warm'][::-1].copy()}
_ERRORS = {
  'Warm': {'cie76': 0.5, 'ciede2000': 0.25},
  'Swapped': {'cie76': 2.0, 'ciede2000': 1.5},
}
_HTML = showing.html_of(_LOOKS, errors=_ERRORS, title=f'Looks {_HOSTILE}')


class RenderTest(absltest.TestCase):
  def test_nothing_is_fetched_and_nothing_else_runs(self):
    policy = re.search(r'Security-Policy" content="(.*?)"', _HTML)[1]
    self.assertIn('default-src &#39;none&#39;', policy)
    self.assertNotIn('unsafe', policy)
    self.assertNotIn('connect-src', policy)
    self.assertNotRegex(_HTML, r'(src|href)="(?!data:)')
    self.assertNotIn('<img', _HTML)

  def test_writes_whole_or_not_at_all(self):
    path = self.create_tempdir().full_path + '/looks.html'
    content = artefact.lattices(['one'], [lattice.identity(2)])
    page.write(path, 'one', [page.Model(content)], photos.made_up()[:1])
    with self.assertRaisesRegex(errors.InputError, 'exists'):
      page.write(path, 'one', [], [], overwrite=False)

  def test_errors_that_are_no_numbers_are_left_out(self):
    scores = {
      'Warm': {'cie76': 1.0, 'ciede2000': float('nan')},
      'Swapped': {'cie76': float('inf'), 'ciede2000': 1.0},
      'Beyond': _ERRORS['Warm'],
    }
    html = showing.html_of(_LOOKS, errors=scores)
    data = json.loads(re.search('id="data">(.*?)</script>', html)[1])
    self.assertEqual(data['models'][0]['errors'], {'Beyond': _ERRORS['Warm']})


class PageTest(showing.TestCase):
  def setUp(self):
    super().setUp()
    self.show(_HTML)

  def tearDown(self):
    severe = [
      line for line in self.driver.get_log('browser') if line['level'] == 'SEVERE'
    ]
    self.assertEmpty(severe)
    super().tearDown()

  def cards(self) -> list[str]:
    return self.evaluate("""
      return [...document.querySelectorAll('#cards .name')].map((e) => e.textContent);
    """)

  def text(self, name: str) -> str:
    return self.evaluate('return document.getElementById(args[0]).textContent;', name)

  def table(self) -> np.ndarray:
    """Returns the lattice that is shown."""
    found = self.evaluate('return [...lutjax.app.table];')
    size = round((len(found) / 3) ** (1 / 3))
    return np.array(found).reshape(size, size, size, 3)

  def test_names_are_text(self):
    self.open_look(_HOSTILE)
    self.named('button', 'Add').click()
    found = self.evaluate(
      'return [document.images.length, !window.hacked, document.title, '
      'document.querySelectorAll("b:not(.readout b)").length];'
    )
    self.assertEqual(found, [0, True, f'Looks {_HOSTILE}', 0])
    self.assertIn(_HOSTILE, self.cards())
    self.assertEmpty(
      self.evaluate(
        'return performance.getEntriesByType("resource").map((e) => e.name);'
      )
    )

  def test_search_and_sort(self):
    self.assertEqual(self.cards(), list(_LOOKS))
    search = self.named('searchbox', 'Search by name')
    search.send_keys('w')
    self.assertEqual(self.cards(), ['Warm', 'Swapped', _HOSTILE])
    self.assertEqual(self.text('count'), '3 of 4 looks')
    search.send_keys(keys.Keys.BACKSPACE)
    sort = select.Select(self.named('combobox', 'Sort by'))
    sort.select_by_visible_text('error, largest first')
    self.assertEqual(self.cards()[:2], ['Swapped', 'Warm'])
    sort.select_by_visible_text('name')
    self.assertEqual(self.cards()[1:], ['Beyond', 'Swapped', 'Warm'])
    sizes = self.evaluate('return lutjax.app.library.looks.map(({bytes}) => bytes);')
    sort.select_by_visible_text('bytes, most first')
    order = np.argsort(-np.array(sizes), kind='stable')
    self.assertEqual(self.cards(), [list(_LOOKS)[i] for i in order])

  def test_controls_by_their_names(self):
    self.named('button', 'Warm ΔE00 0.25 · ' + self.bytes_of(0)).click()
    self.settle()
    self.assertEqual(self.text('name'), 'Warm')
    self.assertIn('0.50', self.text('facts'))
    self.named('button', 'Next look').click()
    self.settle()
    self.assertEqual(self.text('name'), 'Swapped')
    self.named('button', 'Previous look').click()
    self.settle()
    self.assertEqual(self.text('name'), 'Warm')
    for name, mode in (('Difference', 'difference'), ('Clipping', 'clipping')):
      self.named('button', name).click()
      self.assertEqual(self.evaluate('return lutjax.app.stage.view.mode'), mode)
      pressed = self.named('button', name).get_attribute('aria-pressed')
      self.assertEqual(pressed, 'true')
    self.assertIn('below 0', self.text('legend'))
    self.named('button', 'Look').click()
    self.named('button', 'Split').click()
    handle = self.named('slider', 'Split')
    handle.send_keys(keys.Keys.ARROW_RIGHT)
    self.assertEqual(handle.get_attribute('aria-valuenow'), '52')
    self.named('button', '1:1').click()
    self.settle()
    self.assertEqual(self.text('zoom'), '100 %')
    self.named('button', 'Fit').click()
    self.settle()
    self.assertNotEqual(self.text('zoom'), '100 %')
    select.Select(self.named('combobox', 'Interpolation')).select_by_value('trilinear')
    self.assertTrue(self.evaluate('return lutjax.app.stage.view.trilinear'))
    surround = select.Select(self.named('combobox', 'Surround'))
    surround.select_by_visible_text('Mid grey')
    view = 'return lutjax.app.stage.view.'
    self.assertEqual(self.evaluate(view + 'surround'), [119] * 3)
    for name in ('Which curves', 'Format of the photo', 'Look to blend with'):
      self.named('combobox', name)
    for name in ('Download .cube', 'Download photo', 'Open photo or .cube…', 'photo'):
      self.named('button', name)
    self.named('slider', 'Strength').send_keys(keys.Keys.ARROW_LEFT)
    self.settle()
    self.assertEqual(self.text('strength-value'), '99 %')
    self.assertAlmostEqual(self.evaluate(view + 'strength'), 0.99)
    turn = self.evaluate('return lutjax.app.cube.turn')
    cube_name = "Cube of the look's colours: arrow keys turn it"
    self.named('application', cube_name).send_keys(keys.Keys.ARROW_RIGHT)
    self.assertGreater(self.evaluate('return lutjax.app.cube.turn'), turn)
    self.named('button', 'All looks').click()
    self.assertTrue(self.driver.find_element('id', 'gallery').is_displayed())

  def bytes_of(self, number: int) -> str:
    return self.evaluate(
      'return lutjax.gallery.bytesText(lutjax.app.library.looks[args[0]].bytes);',
      number,
    )

  def test_keys(self):
    self.driver.find_element('css selector', '#cards button').send_keys(
      keys.Keys.ARROW_RIGHT
    )
    active = self.driver.switch_to.active_element
    self.assertIn('Swapped', active.text)
    active.send_keys(keys.Keys.ENTER)
    self.settle()
    body = self.driver.find_element('css selector', 'body')
    body.send_keys(keys.Keys.ARROW_RIGHT)
    self.settle()
    self.assertEqual(self.text('name'), 'Beyond')
    body.send_keys('D')
    self.assertEqual(self.evaluate('return lutjax.app.stage.view.mode'), 'difference')
    hold = self.named('button', 'Hold for original')
    self.evaluate(
      "args[0].dispatchEvent(new KeyboardEvent('keydown', {key: ' ', bubbles: true}));",
      hold,
    )
    self.assertTrue(self.evaluate('return lutjax.app.stage.held'))
    self.evaluate("dispatchEvent(new KeyboardEvent('keyup', {key: ' '}));")
    self.assertFalse(self.evaluate('return lutjax.app.stage.held'))
    self.driver.find_element('css selector', '#strip button').click()
    self.driver.switch_to.active_element.send_keys(keys.Keys.ARROW_RIGHT)
    self.settle()
    self.assertEqual(self.text('name'), 'Swapped')
    self.assertIn('Swapped', self.driver.switch_to.active_element.text)
    self.evaluate('lutjax.app.stage.hold(true);')
    self.evaluate("dispatchEvent(new PointerEvent('pointercancel'));")
    self.assertFalse(self.evaluate('return lutjax.app.stage.held'))
    body.send_keys(keys.Keys.ESCAPE)
    self.assertTrue(self.driver.find_element('id', 'gallery').is_displayed())
    body.send_keys('/')
    self.assertEqual(self.driver.switch_to.active_element.get_attribute('id'), 'search')

  def test_mixes_have_the_weights_that_are_shown(self):
    self.open_look('Warm')
    self.named('button', 'Add').click()
    self.settle()
    weights = self.evaluate('return [...lutjax.app.blend.weights()];')
    self.assertEqual(weights, [[0, 0.5], [1, 0.5]])
    slider = self.named('slider', 'Weight of Swapped')
    self.evaluate(
      "args[0].value = 25; args[0].dispatchEvent(new Event('input'));", slider
    )
    self.settle()
    self.assertEqual(self.text('command'), "--blend='Warm:0.800,Swapped:0.200'")
    tables = [showing.stored(_LOOKS[name]) for name in ('Warm', 'Swapped')]
    want = 0.8 * tables[0] + 0.2 * tables[1]
    np.testing.assert_allclose(self.table(), want, atol=1e-6)
    pad = self.named('application', 'Pad of weights: drag, or arrow keys')
    pad.send_keys(keys.Keys.ARROW_LEFT)
    self.assertIn('Warm:0.825', self.text('command'))
    self.named('button', 'Remove Warm').click()
    self.settle()
    self.assertEqual(self.text('name'), 'Swapped')

  def test_colours_under_the_cursor(self):
    self.open_look('Beyond')
    found = self.evaluate("""
      lutjax.app.pixel = [3, 0];
      lutjax.app.readout();
      return document.getElementById('readout').textContent;
    """)
    after = round(90 * 1.4 - 0.2 * 255)
    self.assertIn('before 90  90  90', found)
    self.assertIn(f'after {after}  {after}  {after}', found)

  def test_cube_that_is_dropped_is_found_again(self):
    table = showing.looks()['Swapped'] * 0.98
    self.drop(mine__cube=cube.render(lattice.from_table(table)))
    self.wait_for(lambda: 'Swapped' in self.text('nearest-list'), 'the nearest look')
    self.assertEqual(self.text('name'), 'mine')
    self.assertIn('mine', self.cards())
    np.testing.assert_array_equal(self.table().astype(np.float32), table)
    self.assertStartsWith(self.text('nearest-list'), 'Swapped')

  def test_files_of_one_name_are_told_apart(self):
    text = cube.render(lattice.from_table(showing.looks()['Swapped']))
    self.drop(Warm__cube=text)
    self.wait_for(lambda: self.text('name') == 'Warm (2)', 'the file')

  def test_photos_that_are_too_long_are_said(self):
    self.drop(long__png=showing.png(np.zeros((1, 70_000, 3), np.uint8)))
    self.wait_for(lambda: 'long.png: found 70000' in self.text('problems'), 'a message')
    self.assertEqual(self.evaluate('return lutjax.app.photo.name'), 'photo')

  def test_avif_is_a_photo(self):
    stream = io.BytesIO()
    Image.fromarray(showing.photo()).save(stream, 'AVIF')
    self.drop(one__avif=stream.getvalue())
    self.wait_for(
      lambda: self.evaluate('return lutjax.app.photo.name') == 'one.avif', 'a photo'
    )
    self.assertEqual(self.text('problems'), '')

  def test_what_cannot_be_read_is_said(self):
    self.drop(bad__cube=b'LUT_3D_SIZE 2\n0 0 0\n', other__png=b'nothing')
    self.wait_for(lambda: 'other.png' in self.text('problems'), 'a message')
    self.assertIn('bad.cube: found 1 rows, expected 8', self.text('problems'))
    self.open_look('Warm')
    self.assertEqual(self.text('name'), 'Warm')

  def test_stored_cube_is_the_look(self):
    self.open_look('Warm')
    self.evaluate("document.getElementById('size').value = 9;")
    self.named('button', 'Download .cube').click()
    content = self.downloaded('Warm.cube')
    table = showing.stored(_LOOKS['Warm']).astype(np.float32)
    want = cube.render(lattice.from_table(table), title='Warm')
    self.assertEqual(content.decode(), want.decode())
    path = self.create_tempfile('stored.cube', content, mode='wb').full_path
    rgb = np.random.default_rng(0).uniform(size=(1, 512, 3)).astype(np.float32)
    transform = ocio.FileTransform(path, interpolation=ocio.INTERP_TETRAHEDRAL)
    seen = rgb.copy()
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    processor.getDefaultCPUProcessor().applyRGB(seen)
    np.testing.assert_allclose(seen[0], oracle.tetrahedral(table, rgb[0]), atol=1e-5)

  def test_stored_cube_is_the_mix_that_is_seen(self):
    self.open_look('Warm')
    self.assertEqual(self.evaluate("return document.getElementById('size').value"), '9')
    self.evaluate('lutjax.app.blend.add(1); lutjax.app.blend.raw.set(0, 29);')
    self.named('button', 'Download .cube').click()
    # What is chosen meanwhile changes neither its name nor its weights.
    self.evaluate('lutjax.app.openLook(2); lutjax.app.setStrength(0.5);')
    content = self.downloaded('Warm+Swapped.cube')
    found = cube.parse(content).lut
    tables = [showing.stored(_LOOKS[name]) for name in ('Warm', 'Swapped')]
    want = 0.225 * tables[0] + 0.775 * tables[1]
    np.testing.assert_allclose(np.asarray(found.table), want, atol=1e-6)

  def test_long_names_keep_their_ends(self):
    ends = self.evaluate("""
      const names = [], click = HTMLAnchorElement.prototype.click;
      HTMLAnchorElement.prototype.click = function() { names.push(this.download); };
      lutjax.saving.save(new Blob([]), 'a/b'.repeat(200), '.cube');
      HTMLAnchorElement.prototype.click = click;
      return names;
    """)
    self.assertRegex(ends[0], r'^a_ba_b.{90,200}\.cube$')

  def test_looks_of_other_domains_are_mixed_as_lattices(self):
    far = labels.Label('Far', ((-0.5,) * 3, (1.5,) * 3), (0.0, 2.0))
    config = dataclasses.replace(models.SMALL_NILUT, looks=(labels.Label('Near'), far))
    content = artefact.for_page(models.nilut_of(config))
    self.show(showing.html_of(_LOOKS, more=(page.Model(content),)))
    # Not even what was still to be decoded is shown behind the gallery.
    self.evaluate("""
      lutjax.app.openLook(lutjax.app.library.find('Near'));
      await new Promise((done) => setTimeout(done, 60));
      lutjax.app.close();
      await new Promise((done) => setTimeout(done, 600));
    """)
    self.assertNotIn('look=', self.driver.current_url)
    self.open_look('Near')
    near = self.table()
    self.open_look('Far')
    far = self.table()
    self.evaluate("lutjax.app.blend.add(lutjax.app.library.find('Near'));")
    self.settle()
    self.assertEqual(self.text('problems'), '')
    np.testing.assert_allclose(self.table(), (near + far) / 2, atol=1e-5)
    command = self.driver.find_element('id', 'command')
    self.assertFalse(command.is_displayed())

  def test_stored_photo_is_graded(self):
    self.open_look('Swapped')
    self.evaluate('lutjax.app.setStrength(0.5);')
    select.Select(self.named('combobox', 'Format of the photo')).select_by_value(
      'image/png'
    )
    self.named('button', 'Download photo').click()
    found = showing.from_png(self.downloaded('photo Swapped.png'))
    table = showing.stored(_LOOKS['Swapped'])
    want = oracle.graded(table, showing.photo(), strength=0.5)
    self.assertLessEqual(float(np.abs(found - want).max()), 0.51)

  def test_address_keeps_look_mix_and_strength(self):
    self.open_look(_HOSTILE)
    self.evaluate('lutjax.app.setStrength(0.4); lutjax.app.blend.add(2);')
    address = self.wait_for(
      lambda: re.search('mix=.*strength=0.4', self.driver.current_url), 'the address'
    )
    self.assertIn(urllib.parse.quote('<img'), address[0])
    self.show_again()
    self.assertEqual(self.text('name'), f'{_HOSTILE} + Beyond')
    self.assertEqual(self.text('strength-value'), '40 %')
    weights = self.evaluate('return [...lutjax.app.blend.weights()];')
    self.assertEqual(weights, [[3, 0.5], [2, 0.5]])
    self.evaluate("location.hash = '#look=none%';")
    self.assertEqual(self.text('name'), f'{_HOSTILE} + Beyond')

  def test_broken_artefact_leaves_the_page_alive(self):
    content = artefact.lattices(['one'], [lattice.identity(2)])
    broken = page.Model(content[:-9] + bytes(9))
    self.show(showing.html_of(showing.looks(), more=(page.Model(b'not one'), broken)))
    self.assertRegex(self.text('problems'), r'model 2: .+model 3: .+')
    self.assertLen(self.cards(), 3)
    self.open_look('Warm')
    self.assertEqual(self.text('name'), 'Warm')

  def test_wide_colours_of_a_file_are_shown(self):
    codes = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype(np.uint8)
    content = wide_files.with_payload(codes)
    self.drop(wide__png=content)
    self.wait_for(lambda: 'outside sRGB' in self.text('status'), 'what is recovered')
    self.open_look('Warm')
    self.named('button', 'Outside sRGB').click()
    share = float(re.search(r'([\d.]+) % of the pixels', self.text('legend'))[1])
    want = wide_files.linear_srgb(codes)
    beyond = ((want < -0.001) | (want > 1.001)).any(axis=-1)
    self.assertAlmostEqual(share, 100 * beyond.mean(), delta=0.6)
    self.assertGreater(share, 5.0)
    layer = self.layer()
    # The same file, of a camera that was held upright.
    self.drop(turned__png=wide_files.turned(content))
    name = 'return lutjax.app.photo.wide && lutjax.app.photo.name'
    self.wait_for(lambda: self.evaluate(name) == 'turned.png', 'a photo')
    np.testing.assert_array_equal(self.layer(), np.rot90(layer, -1))
    self.named('button', 'Wide gamut').click()
    self.assertIn('Recovered from a payload', self.text('legend'))
    readout = self.evaluate("""
      lutjax.app.pixel = [0, 0];
      lutjax.app.readout();
      return document.getElementById('readout').textContent;
    """)
    self.assertIn('linear ProPhoto', readout)
    self.drop(plain__png=showing.png(codes))
    self.wait_for(
      lambda: self.evaluate('return lutjax.app.photo.name') == 'plain.png', 'a photo'
    )
    self.assertEqual(self.evaluate('return lutjax.app.stage.view.mode'), 'after')

  def layer(self) -> np.ndarray:
    """Returns where the photo is outside sRGB."""
    found, width = self.evaluate("""
      const {outside} = lutjax.app.photo.wide.layers, {width, height} = outside;
      const {data} = outside.getContext('2d').getImageData(0, 0, width, height);
      return [[...data], width];
    """)
    return np.reshape(found, (-1, width, 4))

  def test_photos_are_restored(self):
    path = assets.path('tinylut_sr_x4')
    content = artefact.for_page(path.read_bytes())
    pixels = showing.photo(12, 16)
    shown = page.Photo('small', 'image/png', showing.png(pixels))
    models = [page.Model(artefact.lattices(['Original'], [lattice.identity(2)]))]
    self.show(page.render('restorer', models, [shown], [content]).decode())
    self.named('button', 'Upscale 4\N{MULTIPLICATION SIGN}').click()
    self.wait_for(
      lambda: self.evaluate('return lutjax.app.photo.width === 64'), 'a larger photo'
    )
    found = self.evaluate("""
      const {canvas, width, height} = lutjax.app.photo;
      return [...canvas.getContext('2d').getImageData(0, 0, width, height).data];
    """)
    loaded = systems.load(path.read_bytes(), str(path))
    restorer = loaded.model.restorer
    want = restorer.process(loaded.config, loaded.variables)(pixels)
    got = np.reshape(found, (48, 64, 4))[..., :3]
    np.testing.assert_array_equal(got, want)

  def test_nothing_serious_for_axe(self):
    from axe_core_python import selenium as axe

    runner = axe.Axe()
    for look in (False, True):
      if look:
        self.open_look('Warm')
        self.named('button', 'Add').click()
        self.named('button', 'Split').click()
        self.named('button', 'Difference').click()
        self.settle()
      found = runner.run(self.driver)['violations']
      grave = [
        (item['id'], [node['html'] for node in item['nodes']])
        for item in found
        if item['impact'] in ('serious', 'critical')
      ]
      self.assertEmpty(grave)

  def test_many_looks_open_quickly(self):
    names = tuple(labels.Label(f'Look {i}') for i in range(512))
    config = dataclasses.replace(lutflow_config.get_config().model, looks=names)
    content = artefact.for_page(models.lutflow_of(config))
    photo = page.Photo('photo', 'image/png', showing.png(showing.photo(320, 480)))
    html = page.render('Looks', [page.Model(content)], [photo]).decode()
    # Of the main thread: what other processes do meanwhile does not count.
    before = self.thread_seconds()
    began = time.perf_counter()
    self.show(html)
    drawn = 'const {seen, queue} = lutjax.app.cards; return seen.size && !queue.size;'
    self.wait_for(lambda: self.evaluate(drawn), 'thumbnails')
    wall = time.perf_counter() - began
    seconds = self.thread_seconds() - before
    self.assertEqual(self.text('problems'), '')
    self.assertIn('512 looks', self.text('summary'))
    print(f'\n512 looks: thumbnails after {wall:.2f} s, {seconds:.2f} of work', end='')
    self.assertLess(seconds, 2.0)

  def thread_seconds(self) -> float:
    """Returns how long the page's main thread has been at work."""
    self.driver.execute_cdp_cmd('Performance.enable', {'timeDomain': 'threadTicks'})
    found = self.driver.execute_cdp_cmd('Performance.getMetrics', {})['metrics']
    return {item['name']: item['value'] for item in found}['TaskDuration']

  def test_memory_is_flat(self):
    self.open_look('Warm')
    through = """
      const {app} = lutjax, {gl} = app.stage.renderer;
      const make = gl.createTexture;
      let made = 0;
      gl.createTexture = () => ++made && make.call(gl);
      const draw = app.drawScopes.bind(app);
      let i = 0;
      app.drawScopes = () => i % 10 || draw();
      for (i = 0; i < args[0]; i++) {
        app.openMix(new Map([[i % 4, 0.5 + i / 1000], [(i + 1) % 4, 0.5 - i / 1000]]));
        await new Promise((done) => setTimeout(done));
        app.stage.drawNow();
      }
      return made;
    """
    self.evaluate(through, 20)
    before = self.heap()
    self.assertEqual(self.evaluate(through, 200), 0)
    grown = self.heap() - before
    print(f'\n200 looks later {grown / 1e6:+.1f} MB', end='')
    self.assertLess(grown, 8e6)

  def heap(self) -> int:
    self.driver.execute_cdp_cmd('HeapProfiler.collectGarbage', {})
    return self.driver.execute_cdp_cmd('Runtime.getHeapUsage', {})['usedSize']


if __name__ == '__main__':
  absltest.main()
