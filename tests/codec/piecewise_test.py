"""Tests of `lutjax.codec.piecewise`."""

import hashlib
import lzma
import os
import pathlib
import subprocess
import sys

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax import errors
from lutjax.codec import piecewise

_ROOT = pathlib.Path(__file__).parents[2]


def _smooth(seed, count=6, rows=64, columns=8):
  """Returns tables of piecewise straight columns, clipped, kinks of a table shared."""
  rng = np.random.default_rng(seed)
  at = np.arange(rows)[:, None]
  tables = []
  for _ in range(count):
    kinks = rng.uniform(0, rows, 6)
    slopes = rng.normal(size=(6, columns))
    hinges = np.maximum(at - kinks, 0.0) @ slopes
    column = hinges + rng.normal(size=columns) * 30 + at * rng.normal(size=columns)
    tables.append(np.clip(np.rint(column), -128, 127).astype(np.int8))
  return tables


def digest(content):
  """Returns a digest of what the tables of `_smooth(0)` are decoded to."""
  tables = piecewise.decode(content, [table.shape for table in _smooth(0)])
  return hashlib.sha256(b''.join(table.tobytes() for table in tables)).hexdigest()


class PiecewiseTest(parameterized.TestCase):
  def assert_comes_back(self, tables):
    content = piecewise.encode(tables)
    self.assertEqual(len(content) % 4, 0)
    got = piecewise.decode(content, [table.shape for table in tables])
    self.assertLen(got, len(tables))
    for one, other in zip(got, tables):
      self.assertEqual(one.dtype, np.int8)
      np.testing.assert_array_equal(one, other)
    return content

  @settings(deadline=None, max_examples=25)
  @given(st.data())
  def test_any_tables_come_back(self, data):
    shapes = data.draw(
      st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=4)
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    ends = data.draw(st.sampled_from([(0, 1), (-128, 128), (-128, -127), (126, 128)]))
    self.assert_comes_back([rng.integers(*ends, shape, np.int8) for shape in shapes])

  def test_smooth_tables_take_two_thirds_of_lzma(self):
    tables = _smooth(0)
    steps = [np.diff(table, axis=0, prepend=0).astype(np.int8).T for table in tables]
    joined = b''.join(step.tobytes() for step in steps)
    lzma_bytes = len(lzma.compress(joined, lzma.FORMAT_ALONE, preset=9))
    self.assertLess(len(self.assert_comes_back(tables)), 0.67 * lzma_bytes)

  def test_noise_takes_little_more_than_its_entropy(self):
    noise = np.random.default_rng(0).integers(-128, 128, (64, 32), np.int8)
    self.assertLess(len(self.assert_comes_back([noise])), 1.15 * noise.size)

  @parameterized.parameters(0, 127, -128)
  def test_constants_take_what_decoding_expects_at_least(self, value):
    table = np.full((64, 24), value, np.int8)
    size = len(self.assert_comes_back([table] * 8))
    self.assertBetween(
      size, 8 * table.size / piecewise.VALUES_PER_BYTE, 8 * table.size / 30
    )

  def test_is_the_same_with_other_instructions(self):
    """One machine stands for many: numpy without its vector instructions."""
    content = piecewise.encode(_smooth(0))
    program = (
      'import sys; from tests.codec import piecewise_test as t; '
      'print(t.digest(sys.stdin.buffer.read()))'
    )
    features = np._core._multiarray_umath.__cpu_dispatch__  # pyrefly: ignore
    done = subprocess.run(
      [sys.executable, '-c', program],
      cwd=_ROOT,
      env={
        **os.environ,
        'NPY_DISABLE_CPU_FEATURES': ' '.join(features),
        'PYTHONPATH': str(_ROOT),
      },
      input=content,
      capture_output=True,
      check=False,
    )
    self.assertEqual(done.returncode, 0, done.stderr[-2000:])
    self.assertEqual(done.stdout.decode().split()[-1], digest(content))

  def test_refuses_what_is_no_code(self):
    content = piecewise.encode(_smooth(1)[:1])
    for wrong in (content[:-1], b'', content[:4]):
      with self.assertRaisesRegex(errors.ArtefactError, 'found .* for 1024 values'):
        piecewise.decode(wrong, [(64, 16)])

  def test_other_content_is_refused_or_gives_tables(self):
    rng = np.random.default_rng(2)
    refused = 0
    for _ in range(60):
      content = rng.integers(0, 256, 4 * rng.integers(1, 9), np.uint8).tobytes()
      try:
        (got,) = piecewise.decode(content, [(20, 3)])
        self.assertEqual(got.shape, (20, 3))
      except errors.ArtefactError as error:
        self.assertNotIn('\n', str(error))
        refused += 1
    self.assertLess(refused, 60)


if __name__ == '__main__':
  absltest.main()
