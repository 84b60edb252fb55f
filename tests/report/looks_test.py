"""Tests of the report on looks, on as many as a real fit has."""

import pathlib
import subprocess
import sys
import tempfile
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest

from lutjax.lut import lattice
from lutjax.report import comparison, looks, page, selection

_COUNT = 600
_IDENTITY = np.asarray(lattice.identity(5))
_PHOTO = np.random.default_rng(0).uniform(size=(400, 400, 3)).astype(np.float32)


def _look(i):
  error = np.float32(1 - 0.001 * (i * 7919 % _COUNT))
  scores = {
    'psnr': 60 - (i * 7919 % _COUNT) / 20,
    'cie76_mean': 0.01 * (i * 7919 % _COUNT),
    'cie76_median': 0.005 * (i * 7919 % _COUNT),
    'cie76_max': 0.1 * (i * 7919 % _COUNT),
    'ciede2000_mean': 0.007 * (i * 7919 % _COUNT),
    'size_bytes': 3456,
    'seconds': 0.6,
  }
  return looks.LookPage(
    f'look "{i}" / é', scores, lambda: (_IDENTITY, error * _IDENTITY)
  )


class ReportTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    made = tempfile.TemporaryDirectory()
    cls.addClassCleanup(made.cleanup)
    cls.folder = pathlib.Path(made.name)
    pages = [_look(i) for i in range(_COUNT)]
    pages.append(looks.LookPage('lost', {}, failure='the loss is not finite'))
    # A quarter of the pictures in a quarter of the room.
    with (
      mock.patch.multiple(selection, WORST=3, MEDIAN=1, BEST=2),
      mock.patch.object(page, 'LIMIT_BYTES', 5_000_000),
    ):
      cls.path = looks.write(
        cls.folder,
        title='600 looks',
        facts={'Config': 'configs/nilut.py'},
        pages=pages,
        photo=_PHOTO,
        measure=jax.jit(comparison.measure),
      )
    cls.text = cls.path.read_text('utf-8')

  def test_is_one_file_within_its_limit(self):
    # The photo is noise, which no JPEG makes small.
    self.assertEqual(self.path, self.folder / 'report.html')
    self.assertLessEqual(self.path.stat().st_size, 5_000_000)
    self.assertNotRegex(self.text, r'(src|href)="(https?:|//|file:)')
    self.assertEqual(self.text.count('<article'), 6)
    self.assertEqual(self.text.count('<img src="data:image/jpeg'), 12)

  def test_lists_every_look(self):
    self.assertEqual(self.text.count('<td class="name"'), _COUNT + 1)
    self.assertIn('lost: the loss is not finite', self.text)
    self.assertLess(
      self.text.index('failed: the loss'),
      self.text.index('<td class="name" data-v="look'),
    )

  def test_says_what_was_measured_on_what(self):
    for text in ('CIE76', 'CIEDE2000', 'on uniform random colours', '600 looks'):
      self.assertIn(text, self.text)

  def test_histograms_and_pictures_are_files_too(self):
    names = {path.name for path in (self.folder / 'report').iterdir()}
    self.assertLen(names, 8)
    self.assertContainsSubset({'histogram cie76.png', 'histogram ciede2000.png'}, names)


class SummaryTest(absltest.TestCase):
  def test_sums_up_means_medians_and_extremes(self):
    scores = [
      {'cie76_mean': float(i), 'cie76_median': i / 2, 'cie76_max': 10.0 * i}
      for i in range(101)
    ]
    table = looks.summary(scores)
    np.testing.assert_allclose(table.rows[0][1:], [50, 25, 90, 99, 100, 1000])
    self.assertTrue(np.isnan(table.rows[1][1:]).all())
    self.assertLen(table.header, 7)

  def test_takes_no_looks_and_leaves_out_what_is_not_finite(self):
    self.assertTrue(np.isnan(looks.summary([]).rows[0][1:]).all())
    odd = looks.summary([{'cie76_mean': np.nan}, {'cie76_mean': 2.0}])
    self.assertEqual(odd.rows[0][1], 2.0)

  def test_an_empty_fit_has_a_page(self):
    with tempfile.TemporaryDirectory() as folder:
      path = looks.write(folder, title='none', facts={}, pages=[], photo=_PHOTO)
      self.assertIn('<h2>All looks</h2>', path.read_text('utf-8'))

  def test_importing_it_draws_on_no_plotting_library(self):
    code = (
      'import sys; from lutjax.report import looks; '
      "sys.exit(', '.join({'matplotlib', 'jinja2', 'PIL'} & set(sys.modules)))"
    )
    root = pathlib.Path(__file__).resolve().parents[2]
    done = subprocess.run(
      [sys.executable, '-c', code], cwd=root, stderr=subprocess.PIPE
    )
    self.assertEqual(done.stderr.decode().strip(), '')

  def test_every_column_ranks(self):
    self.assertIn(looks.RANK, [column.key for column in looks.COLUMNS])
    self.assertLen({column.label for column in looks.COLUMNS}, len(looks.COLUMNS))
    self.assertIsInstance(looks.COLUMNS[0], page.Column)
