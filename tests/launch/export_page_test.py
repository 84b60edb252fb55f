import pathlib
from unittest import mock

import numpy as np
from absl import flags
from absl.testing import absltest, flagsaver, parameterized
from PIL import Image

from launch import export
from lutjax import errors
from lutjax.lut import cube, lattice
from lutjax.viewer import page
from tests.launch import in_process, tiny_grader
from tests.viewer import showing


class ExportPageTest(showing.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    flags.FLAGS.mark_as_parsed()

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.out = self.folder / 'looks.html'
    (self.folder / 'luts').mkdir()
    nodes = lattice.identity(7)
    for name, table in {'a': nodes**1.4, 'b': 0.8 * nodes + 0.1}.items():
      content = cube.render(lattice.from_table(table), title=name)
      (self.folder / 'luts' / f'{name}.cube').write_bytes(content)

  def test_models_of_a_run_are_mixed_as_by_blend(self):
    luts = self.folder / 'luts'
    run = self.folder / 'run'
    in_process.run(
      'fit',
      config='configs/grid.py',
      luts=luts,
      out=run,
      set=['pictures=none', 'task.random_colours=256', 'task.photo_colours=256'],
    )
    failed, printed = in_process.run('export', model=run, format='html', out=self.out)
    self.assertEmpty(failed)
    self.assertEqual(printed.splitlines()[-1], str(self.out))
    mixed = self.folder / 'mixed.cube'
    in_process.run('export', model=run, blend='a:1,b:3', size=9, out=mixed)
    self.show(self.out.read_text())
    found = self.evaluate("""
      const {library} = lutjax.app;
      const errors = library.looks.map((look) => look.errors.ciede2000);
      return [[...library.mix(new Map([[0, 0.25], [1, 0.75]]), 9)], errors];
    """)
    want = cube.read(mixed).lut.table
    np.testing.assert_allclose(np.reshape(found[0], want.shape), want, atol=1e-5)
    self.assertLess(max(found[1]), 10.0)
    live = run / 'looks.html'
    self.assertTrue(live.is_file())
    self.assertIn('href="looks.html"', (run / 'report.html').read_text())

  def test_lut_files_on_photos_of_ones_own(self):
    pixels = showing.photo(40, 2000)
    Image.fromarray(pixels).save(self.folder / 'wide.png')
    given = {'lut': self.folder / 'luts', 'images': self.folder / 'wide.png'}
    failed, printed = in_process.run('export', format='html', out=self.out, **given)
    self.assertEmpty(failed)
    self.assertIn('2000 x 40 pixels, ', printed)
    self.show(self.out.read_text())
    self.open_look('b')
    names, table = self.evaluate("""
      const {library, table, shelf: {photos}} = lutjax.app;
      return [[...library.looks, ...photos].map((one) => one.name), [...table]];
    """)
    self.assertEqual(names, ['a', 'b', 'wide'])
    want = 0.8 * lattice.identity(7) + 0.1
    np.testing.assert_allclose(np.reshape(table, want.shape), want, atol=1e-5)

  def test_a_page_too_large_to_mail_says_so(self):
    with mock.patch.object(page, 'MOST_BYTES', 50_000):
      _, printed = in_process.run(
        'export', lut=self.folder / 'luts', format='html', out=self.out
      )
    size = self.out.stat().st_size
    self.assertRegex(printed, rf'looks.html: {size:,} bytes, [\d,]+ without photos: ')
    self.assertIn('more than the 50,000 of a page that is easily mailed', printed)

  def test_identity(self):
    in_process.run('export', lut='identity', format='html', out=self.out)
    self.show(self.out.read_text())
    self.open_look('identity')
    table = self.evaluate('return [...lutjax.app.table];')
    np.testing.assert_allclose(table, lattice.identity(2).ravel(), atol=1e-6)

  def test_predicted_luts_of_photos(self):
    model = tiny_grader.save(self.folder / 'grader.lutjax')
    for i in range(2):
      pixels = showing.photo(20, 30, seed=i)
      Image.fromarray(pixels).save(self.folder / f'photo {i}.png')
    given = {'model': model, 'images': self.folder / 'photo *.png'}
    failed, _ = in_process.run('export', format='html', out=self.out, **given)
    self.assertEmpty(failed)
    luts = self.folder / 'predicted'
    in_process.run('apply', out=self.folder / 'graded', lut_out=luts, **given)
    self.show(self.out.read_text())
    for i in range(2):
      self.open_look(f'photo {i}')
      table = self.evaluate('return [...lutjax.app.table];')
      want = cube.read(luts / f'photo {i}.cube').lut.table
      np.testing.assert_allclose(np.reshape(table, want.shape), want, atol=2e-5)
    with self.assertRaisesRegex(errors.InputError, '--images: found none'):
      in_process.run('export', model=model, format='html', out=self.folder / 'b.html')

  @parameterized.parameters(
    ({'size': '9'}, '--size: nothing to do with --format=html'),
    ({'look': 'a', 'blend': 'a:1'}, '--look, --blend: nothing to do with'),
    ({'format': 'html,cube'}, '--format=html,cube: found html among others'),
    ({'format': 'cube', 'images': 'a.png'}, '--images: nothing to do with'),
    ({'out': 'looks.cube'}, r'--out=looks.cube: expected a file named \*.html'),
    ({'info': 'true', 'out': None, 'images': 'a.png'}, '--images: .* --info'),
  )
  def test_refuses_what_it_would_ignore(self, given, message):
    given = {'lut': 'a.cube', 'format': 'html', 'out': 'looks.html', **given}
    given = {key: value for key, value in given.items() if value is not None}
    if 'info' in given:
      del given['format']
    with (
      flagsaver.as_parsed(**given),
      self.assertRaisesRegex(errors.InputError, f'^{message}'),
    ):
      export.main()

  def test_keeps_a_file_that_is_there(self):
    self.out.write_text('mine')
    with self.assertRaisesRegex(errors.InputError, 'exists already; --overwrite'):
      in_process.run('export', lut=self.folder / 'luts', format='html', out=self.out)
    self.assertEqual(self.out.read_text(), 'mine')


if __name__ == '__main__':
  absltest.main()
