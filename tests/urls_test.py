"""Looks and images in an object store: a server of S3 in this process."""

import importlib.util
import os
import pathlib
import tempfile
import warnings
from unittest import mock

import numpy as np
import tifffile
from absl.testing import absltest, parameterized

from lutjax import errors, files, urls
from lutjax.data import listing
from lutjax.lut import cube, lattice
from tests.launch import in_process

_LOOKS = (0.8, 1.2)
_NILUT = (
  *('widths=8', 'activations=relu', 'steps=20', 'segment_steps=20', 'nodes=5'),
  *('random_colours=64', 'photo_colours=64', 'pictures=none'),
)


@absltest.skipIf(
  None in map(importlib.util.find_spec, ('moto', 's3fs', 'flask')),
  'moto[server] or s3fs is not installed',
)
class StoreTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')
      from moto.moto_server import threaded_moto_server

      cls.server = threaded_moto_server.ThreadedMotoServer('127.0.0.1', 0)
      cls.server.start()
    cls.addClassCleanup(cls.server.stop)
    host, port = cls.server.get_host_and_port()
    settings = {
      'AWS_ENDPOINT_URL': f'http://{host}:{port}',
      'AWS_ACCESS_KEY_ID': 'test',
      'AWS_SECRET_ACCESS_KEY': 'test',
      'AWS_DEFAULT_REGION': 'us-east-1',
    }
    cls.enterClassContext(mock.patch.dict(os.environ, settings))
    import s3fs

    folder = tempfile.TemporaryDirectory()
    cls.folder = pathlib.Path(cls.enterClassContext(folder))
    cls.store = s3fs.S3FileSystem()
    cls.store.mkdir('looks')
    for gamma in _LOOKS:
      content = cube.render(lattice.from_table(lattice.identity(3) ** gamma))
      cls.keep(f'looks/some/{gamma}.cube', content)
    cls.keep('looks/some/deep/notes.txt', b'text')
    path = cls.folder / 'a.tif'
    pixels = np.linspace(0, 65535, 24 * 16 * 3).reshape(24, 16, 3).astype(np.uint16)
    tifffile.imwrite(path, pixels, photometric='rgb')
    cls.keep('looks/images/of/a.tif', path.read_bytes())

  @classmethod
  def keep(cls, name, content):
    cls.store.pipe_file(name, content)
    path = cls.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

  def find(self, pattern):
    lines = []
    found = listing.find([pattern], ('.cube',), say=lines.append)
    return [(str(path), str(relative)) for path, relative in found], lines

  def test_folders_files_and_globs_are_listed(self):
    root = 's3://looks/some'
    want = [(f'{root}/{gamma}.cube', f'{gamma}.cube') for gamma in _LOOKS]
    skipped = [f'{root}: skipped 1 file: notes.txt']
    self.assertEqual(self.find(root), (want, skipped))
    self.assertEqual(self.find(f'{root}/0*.cube'), (want[:1], []))
    self.assertEqual(self.find(f'{root}/0.8.cube'), (want[:1], []))
    inside = [(path, f'some/{name}') for path, name in want]
    self.assertEqual(self.find('s3://looks/**/*.cube'), (inside, []))

  def test_what_cannot_be_read_is_one_line(self):
    for pattern, message in (
      ('s3://looks/nothing', 's3://looks/nothing: found no file to use'),
      ('s3://nowhere/looks', 's3://nowhere/looks: is not there'),
    ):
      with self.assertRaisesRegex(errors.InputError, message):
        self.find(pattern)
    with self.assertRaisesRegex(errors.InputError, '^s3://looks/b.cube: is not there$'):
      files.read_bytes('s3://looks/b.cube')
    with (
      mock.patch.object(type(self.store), 'find', side_effect=OSError('refused')),
      self.assertRaisesRegex(errors.InputError, 's3://looks: cannot be read: refused'),
    ):
      self.find('s3://looks')

  def test_a_fit_on_urls_gives_what_one_on_files_gives(self):
    for config, flag, name, sets, output in (
      ('nilut', 'luts', 'looks/some', _NILUT, 'models/0.8.lutjax'),
      (
        *('gamut_mlp', 'images', 'looks/images'),
        ('codec=seeded', 'model.waves.waves=16', 'pictures=none'),
        'images/of/a.png',
      ),
    ):
      outs = [self.folder / f'{config} {kind}' for kind in ('url', 'file')]
      for out, source in zip(outs, (f's3://{name}', self.folder / name)):
        problems, _ = in_process.run(
          'fit', config=config, out=out, set=list(sets), **{flag: source}
        )
        self.assertEmpty(problems)
      got, want = ((out / output).read_bytes() for out in outs)
      self.assertEqual(got, want)
    # The image is known again.
    _, printed = in_process.run(
      'fit', config=config, out=outs[0], set=list(sets), images=f's3://{name}'
    )
    self.assertIn('1 of 1 images are done', printed)

  def test_looks_and_images_of_a_store_are_applied_and_exported(self):
    for command, given, output in (
      ('apply', {'lut': 'some/0.8.cube', 'images': 'images'}, 'of/a.tif'),
      ('export', {'lut': 'some/0.8.cube', 'format': 'npz'}, '0.8.npz'),
    ):
      results = []
      for kind, root in (('url', 's3://looks'), ('file', self.folder / 'looks')):
        out = self.folder / f'{command} {kind}'
        found = {
          name: f'{root}/{value}' if name != 'format' else value
          for name, value in given.items()
        }
        target = out if command == 'apply' else out / output
        problems, _ = in_process.run(command, out=target, **found)
        self.assertEmpty(problems)
        results.append((out / output).read_bytes())
      self.assertEqual(*results)


class RefusalTest(parameterized.TestCase):
  @parameterized.parameters('file.cube', 'a:/b', '/s3/x', 'ftp://a/b')
  def test_paths_are_no_urls(self, name):
    self.assertFalse(urls.is_url(name))

  @parameterized.parameters(
    ('fit', {'out': 's3://a/run', 'luts': 'x', 'config': 'nilut'}, 'out: found s3://a'),
    ('fit', {'pairs': 'gs://a/b', 'out': 'x', 'config': 'nilut'}, 'pairs: found gs://'),
    ('apply', {'lut': 'a.cube', 'images': 'x', 'out': 's3://a/b'}, 'out: found s3://a'),
    ('apply', {'model': 's3://a/b', 'images': 'x', 'out': 'y'}, 'model: found s3://a'),
    ('export', {'lut': 'a.cube', 'out': 'gs://a/b.cube'}, 'out: found gs://a/b.cube'),
    ('evaluate', {'model': 'run', 'out': 's3://a/b'}, 'out: found s3://a/b'),
  )
  def test_refuses_urls_where_they_cannot_be(self, command, given, message):
    expected = f'^--{message}.*, expected a path of this machine: '
    with self.assertRaisesRegex(errors.InputError, expected):
      in_process.run(command, **given)

  def test_says_what_brings_the_driver(self):
    with (
      mock.patch.dict('sys.modules', {'gcsfs': None}),
      self.assertRaisesRegex(
        errors.InputError, r'^gs://a/b: found no gcsfs, .* \(extra \[gs\]\) brings it$'
      ),
    ):
      urls.find('gs://a/b')


if __name__ == '__main__':
  absltest.main()
