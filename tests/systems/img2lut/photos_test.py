import hashlib
import pathlib

import imageio.v3 as iio
import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.lut import cube, lattice
from lutjax.systems.img2lut import photos


class PhotosTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []

  def save(self, name, seed=0, size=(20, 24)):
    path = self.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    return pixels

  def find(self, folder='in'):
    return photos.find_photos([str(self.folder / folder)], self.lines.append)[0]

  def test_a_file_is_always_for_the_same(self):
    for i in range(40):
      self.save(f'in/{i}.png', i)
    parts = {}
    for source in self.find():
      part = photos.part_of(source, test_share=0.25, validation_share=0.25)
      digest = hashlib.sha256(source.picture.path.read_bytes()).hexdigest()
      rank = int(digest[:8], 16) / 2**32
      want = 'test' if rank < 0.25 else 'validation' if rank < 0.5 else 'training'
      self.assertEqual(part, want)
      parts.setdefault(part, set()).add(digest)
    self.assertLen(parts, 3)
    # Other names, fewer neighbours.
    for path in sorted((self.folder / 'in').iterdir())[:20]:
      path.rename(path.with_name(f'new-{path.name}'))
    for path in sorted((self.folder / 'in').glob('[0-9]*')):
      path.unlink()
    for source in self.find():
      part = photos.part_of(source, test_share=0.25, validation_share=0.25)
      self.assertIn(source.picture.digest, parts[part])

  def test_grids_hold_the_codes_of_the_pictures(self):
    pixels = self.save('in/a.png')
    data, used, problems = photos.to_grids(self.find(), 8, 1 << 30, self.lines.append)
    self.assertEqual((len(used), problems), (1, []))
    rows = ((np.arange(8) + 0.5) * 20 / 8).astype(int)
    columns = ((np.arange(8) + 0.5) * 24 / 8).astype(int)
    np.testing.assert_array_equal(data['before'][0], pixels[rows][:, columns])
    self.assertEqual(data['before'].dtype, np.uint8)
    deep = np.random.default_rng(1).integers(0, 65536, (20, 24, 3), np.uint16)
    iio.imwrite(self.folder / 'in/b.tif', deep)
    data, used, _ = photos.to_grids(self.find(), 8, 1 << 30, self.lines.append)
    self.assertEqual(data['before'].dtype, np.uint16)
    at = [source.picture.name for source in used].index('b.tif')
    np.testing.assert_array_equal(data['before'][at], deep[rows][:, columns])

  def test_grids_shrink_to_fit_and_that_is_said(self):
    for i in range(4):
      self.save(f'in/{i}.png', i, (64, 64))
    data, _, _ = photos.to_grids(self.find(), 64, 4 * 3 * 40 * 40, self.lines.append)
    self.assertEqual(data['before'].shape, (4, 40, 40, 3))
    self.assertIn('kept on grids of 40 x 40 pixels instead of 64 x 64', self.lines[0])

  def test_grids_of_16_bits_fit_too(self):
    limit = 3 * 40 * 40
    deep = np.random.default_rng(1).integers(0, 65536, (64, 64, 3), np.uint16)
    (self.folder / 'in').mkdir()
    iio.imwrite(self.folder / 'in/b.tif', deep)
    data, _, _ = photos.to_grids(self.find(), 64, 2 * limit, self.lines.append)
    self.assertEqual(data['before'].shape, (1, 40, 40, 3))
    self.assertEqual(data['before'].nbytes, 2 * limit)
    self.assertIn('kept on grids of 40 x 40 pixels instead of 64 x 64', self.lines[-1])
    whole = {tuple(code) for code in deep.reshape(-1, 3)}
    self.assertContainsSubset(
      {tuple(c) for c in data['before'][0].reshape(-1, 3)}, whole
    )

  def test_a_file_that_has_changed_is_named(self):
    self.save('in/a.png')
    self.save('in/b.png', 1)
    found = self.find()
    self.save('in/a.png', 2)
    data, used, problems = photos.to_grids(found, 8, 1 << 30, self.lines.append)
    self.assertEqual([source.picture.name for source in used], ['b.png'])
    self.assertRegex(problems[0], 'a.png: has changed since it was found')
    self.assertLen(data['before'], 1)

  def test_pairs_have_one_version_each(self):
    self.save('pairs/x.png')
    for style in ('warm', 'cold'):
      self.save(f'pairs/x_{style}.png')
    with self.assertRaisesRegex(errors.InputError, r'2 versions of it \(cold, warm\)'):
      photos.find_pairs([str(self.folder / 'pairs')], self.lines.append)

  def test_pairs_of_one_name_are_told_apart(self):
    for side in ('before', 'after'):
      self.save(f'p/{side}/one/x.png', 1)
      self.save(f'p/{side}/two/x.png', 2)
    found = photos.find_pairs([str(self.folder / 'p')], self.lines.append)
    self.assertLen({source.picture.name for source in found}, 2)
    self.assertEqual([len(source.digests) for source in found], [2, 2])

  def test_large_pictures_are_measured_on_a_grid(self):
    rows, columns = np.meshgrid(np.arange(1100), np.arange(2000), indexing='ij')
    wide = np.stack([rows / 2000, columns / 2000, rows * 0.0], -1).astype(np.float32)
    got = photos.measured(photos.Pixels(wide, 1.0 - wide))
    self.assertBetween(got.before.shape[0] * got.before.shape[1], 1 << 19, 1 << 20)
    self.assertAlmostEqual(got.before.shape[1] / got.before.shape[0], 2000 / 1100, 2)
    np.testing.assert_allclose(got.before + got.after, 1.0, atol=1e-6)
    small = photos.Pixels(wide[:10], None)
    self.assertIs(photos.measured(small), small)

  def test_looks_are_split_by_their_content(self):
    digests = {}
    for i in range(12):
      table = np.clip(lattice.identity(3) * (0.5 + i / 30), 0, 1)
      content = cube.render(lattice.from_table(table))
      (self.folder / f'{i}.cube').write_bytes(content)
      digests[f'look {i}'] = hashlib.sha256(content).hexdigest()
    looks, found, problems = photos.read_looks(
      [str(self.folder)], 0.4, self.lines.append
    )
    self.assertEqual((found, problems), (digests, []))
    test = sum(int(digest[:8], 16) / 2**32 < 0.4 for digest in digests.values())
    self.assertEqual((len(looks['test']), len(looks['training'])), (test, 12 - test))
    self.assertEqual(looks['test'].shape[1:], (33, 33, 33, 3))
    self.assertIn('resampled to 33 nodes', self.lines[0])
    alone, _, _ = photos.read_looks(
      [str(self.folder / '3.cube')], 0.4, self.lines.append
    )
    np.testing.assert_array_equal(alone['test'], alone['training'])

  def test_looks_of_other_domains_are_refused(self):
    table = lattice.from_table(lattice.identity(3), [[0.0] * 3, [2.0] * 3])
    (self.folder / 'hdr.cube').write_bytes(cube.render(table))
    with self.assertRaisesRegex(errors.LutError, r'hdr.cube: found the domain .*2.0'):
      photos.read_looks([str(self.folder)], 0.2, self.lines.append)


if __name__ == '__main__':
  absltest.main()
