"""Tests of the page."""

import functools
import html.parser
import pathlib
import tempfile
import urllib.parse
from unittest import mock

import numpy as np
from absl.testing import parameterized
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lutjax.report import page

_COLUMNS = (
  page.Column('psnr', 'PSNR dB', higher_is_better=True),
  page.Column('cie76', 'CIE76 mean', hint='uniform random colours'),
  page.Column('bytes', 'Bytes', digits=0),
)
_NASTY = "\"><script>alert(1)</script> & 'q' {{ 7*7 }} ./x/映画 \udcff"


class _Reader(html.parser.HTMLParser):
  """Collects tags, addresses, the text of cells and the headings."""

  def __init__(self, text):
    super().__init__()
    self.tags, self.links, self.names, self.headings, self.text = [], [], [], [], ''
    self._inside = ''
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    found = dict(attrs)
    self.tags.append(tag)
    self.links += [v for k, v in attrs if k in ('src', 'href')]
    if tag == 'td' and found.get('class') == 'name':
      self.names.append(found['data-v'])
    self._inside = tag

  def handle_data(self, data):
    self.text += data
    if self._inside in ('h1', 'h2') and data.strip():
      self.headings.append(data)
    self._inside = ''


def _picture(seed, noise=0, size=(60, 90)):
  rng = np.random.default_rng(seed)
  pixels = np.full((*size, 3), seed % 256, np.uint8)
  pixels += rng.integers(0, noise + 1, pixels.shape, np.uint8)
  return page.Picture(pixels, pixels[:12, :18], header=8, margin=3)


def _entry(i, **more):
  scores = {'psnr': 60.0 - i / 10, 'cie76': i / 100, 'bytes': 1000 + i}
  draw = functools.partial(_picture, i, **more)
  return page.Entry(f'look {i:04d}', scores, draw=draw)


def _write(folder, entries, **more):
  more = {'title': 'Fit', 'facts': {'Seed': '0'}, 'rank': 'cie76', **more}
  path = page.write(folder, columns=_COLUMNS, entries=entries, **more)
  return path.read_text('utf-8')


class PageTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    made = tempfile.TemporaryDirectory()
    self.addCleanup(made.cleanup)
    self.folder = pathlib.Path(made.name)

  def test_shows_the_worst_the_median_and_the_best_of_many(self):
    text = _write(self.folder, [_entry(i) for i in range(600)])
    files = sorted(path.stem for path in (self.folder / 'report').iterdir())
    shown = [*range(6), *range(297, 303), *range(588, 600)]
    self.assertEqual(files, [f'look {i:04d}' for i in shown])
    found = _Reader(text)
    self.assertEqual(found.names, [f'look {i:04d}' for i in range(599, -1, -1)])
    self.assertEqual(found.tags.count('article'), 24)
    self.assertEqual(sum(link.startswith('data:') for link in found.links), 48)
    self.assertEqual(
      found.headings[-3:], ['The worst 12', '6 around the median', 'The best 6']
    )

  def test_links_the_others_when_all_are_wanted(self):
    text = _write(self.folder, [_entry(i) for i in range(40)], pictures='all')
    found = _Reader(text)
    self.assertEqual(found.tags.count('article'), 40)
    self.assertLen(list((self.folder / 'report').iterdir()), 40)
    self.assertEqual(sum(link.startswith('data:') for link in found.links), 48)

  def test_draws_nothing_when_none_are_wanted(self):
    def draw():
      raise AssertionError('drawn')

    _write(self.folder, [page.Entry('a', {'cie76': 1.0}, '', draw)], pictures='none')
    self.assertEqual([p.name for p in self.folder.iterdir()], ['report.html'])

  @parameterized.parameters(150_000, 900_000)
  def test_stays_within_its_size(self, limit_bytes):
    entries = [_entry(i, noise=90, size=(150, 200)) for i in range(60)]
    with mock.patch.object(page, 'LIMIT_BYTES', limit_bytes):
      text = _write(self.folder, entries)
    self.assertLessEqual(len(text.encode()), limit_bytes)
    embedded = sum(link.startswith('data:') for link in _Reader(text).links)
    self.assertEqual(embedded, 24 if limit_bytes < 200_000 else 48)

  def test_every_address_is_inside(self):
    figures = [page.Figure('a/b', 'Curves', _picture(3).pixels)]
    found = _Reader(_write(self.folder, [_entry(i) for i in range(3)], figures=figures))
    self.assertNotEmpty(found.links)
    for link in found.links:
      if link.startswith('report/'):
        with Image.open(self.folder / urllib.parse.unquote(link)) as image:
          self.assertEqual(image.size, (90, 60))
      else:
        self.assertRegex(link, r'^(data:image/(png|jpeg);base64,|#p\d+$)')

  def test_escapes_whatever_it_is_told(self):
    score = {'cie76': 1.0}
    entries = [
      page.Entry(_NASTY, score, draw=functools.partial(_picture, 1)),
      page.Entry(f'{_NASTY}2', {}, failure=_NASTY),
    ]
    clean = _Reader(
      _write(
        self.folder, [e._replace(name='a', failure=e.failure and 'b') for e in entries]
      )
    )
    text = _write(
      self.folder,
      entries,
      title=_NASTY,
      facts={'Seed': _NASTY},
      tables=[page.Table(_NASTY, [_NASTY], [[_NASTY]])],
      problems=[_NASTY],
      remark=_NASTY,
      noun=_NASTY,
    )
    found = _Reader(text)
    self.assertEqual(found.tags.count('script'), clean.tags.count('script'))
    self.assertNotIn('<script>alert', text)
    self.assertIn(_NASTY.replace('\udcff', '?'), found.names)
    self.assertIn('{{ 7*7 }}', found.text)

  def test_lists_what_failed_first_and_why(self):
    entries = [
      _entry(3),
      page.Entry('lost', {}, failure='the loss is not finite'),
      _entry(7),
      page.Entry('known', {}, failure='see above', draw=lambda: self.fail('drawn')),
    ]
    problems = ['known: out of memory', 'bad.cube: line 3: found 2 numbers, expected 3']
    found = _Reader(_write(self.folder, entries, problems=problems))
    self.assertEqual(found.names, ['known', 'lost', 'look 0007', 'look 0003'])
    self.assertIn('3 problems', found.text)
    self.assertIn('lost: the loss is not finite', found.text)
    self.assertIn('failed: see above', found.text)
    self.assertNotIn('known: see above', found.text)
    for line in problems:
      self.assertIn(line, found.text)

  def test_same_input_same_page(self):
    pages = [_write(self.folder / str(i), [_entry(5), _entry(2)]) for i in range(2)]
    self.assertEqual(*pages)

  def test_prints_numbers_as_asked(self):
    scores = {'psnr': float('inf'), 'cie76': float('nan'), 'bytes': 1234567}
    table = page.Table('t', ['a', 'b', 'c'], [['x', 0.12345, -2.0]], digits=2)
    found = _Reader(_write(self.folder, [page.Entry('a', scores)], tables=[table]))
    for text in ('∞', '\u2013', '1\u2009234\u2009567', '0.12', '\u22122.00'):
      self.assertIn(text, found.text)

  def test_shows_progress(self):
    seen = []

    def progress(entries):
      for entry in entries:
        seen.append(entry.name)
        yield entry

    _write(self.folder, [_entry(1), _entry(2)], progress=progress)
    self.assertEqual(seen, ['look 0002', 'look 0001'])

  def test_names_what_it_does_not_know(self):
    with self.assertRaisesRegex(ValueError, "rank to be one of .*, got 'speed'"):
      _write(self.folder, [], rank='speed')
    with self.assertRaisesRegex(ValueError, "'auto', 'all' or 'none', got 'some'"):
      _write(self.folder, [], pictures='some')

  def test_leaves_no_temporary_file(self):
    _write(self.folder, [_entry(1)])
    names = sorted(p.name for p in self.folder.rglob('*') if p.is_file())
    self.assertEqual(names, ['look 0001.png', 'report.html'])


class OrderTest(parameterized.TestCase):
  @given(st.lists(st.floats(allow_nan=True), max_size=30), st.booleans())
  def test_no_entry_is_better_than_the_next(self, values, higher_is_better):
    column = page.Column('x', 'X', higher_is_better=higher_is_better)
    entries = [page.Entry(str(i), {'x': value}) for i, value in enumerate(values)]
    got = [entry.scores['x'] for entry in page.worst_first(entries, column)]
    known = [value for value in got if not np.isnan(value)]
    self.assertTrue(np.isnan(got[: len(got) - len(known)]).all())
    self.assertEqual(known, sorted(known, reverse=not higher_is_better))
    self.assertCountEqual(map(repr, got), map(repr, values))
