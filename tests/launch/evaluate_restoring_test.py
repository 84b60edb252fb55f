"""Scores of models that restore pictures, as a shell gets them.

The model is one table of codes. Noise, JPEG files, PSNR and PSNR-B are made here with
numpy and Pillow; SSIM is scikit-image's.
"""

import csv
import io
import json
import os
import pathlib
import unittest
from unittest import mock

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import degradations
from lutjax.restoration import score_plots
from tests.launch import fake_restorer, in_process

try:
  from skimage import metrics
except ImportError:
  metrics = None

DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
TABLE = np.clip(np.arange(256) * 0.9 + 12, 0, 255).astype(np.uint8)
RNG = np.random.default_rng(0)
SSIM = {
  'gaussian_weights': True,
  'sigma': 1.5,
  'use_sample_covariance': False,
  'data_range': 255,
}


def picture(*shape: int) -> np.ndarray:
  """Returns a picture with large areas and some detail."""
  rough = RNG.uniform(0, 255, (shape[0] // 8 + 1, shape[1] // 8 + 1, *shape[2:]))
  whole = rough.repeat(8, 0).repeat(8, 1)[: shape[0], : shape[1]]
  return np.clip(whole + RNG.normal(0, 9, shape), 0, 255).astype(np.uint8)


def save(path: pathlib.Path, pixels: np.ndarray) -> np.ndarray:
  path.parent.mkdir(parents=True, exist_ok=True)
  PIL.Image.fromarray(pixels).save(path)
  return pixels


def luma(rgb: np.ndarray) -> np.ndarray:
  if rgb.ndim == 2:
    return rgb.astype(np.float64)
  r, g, b = np.moveaxis(rgb.astype(np.float64), -1, 0)
  return 16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0


def psnr(got: np.ndarray, want: np.ndarray) -> float:
  square = np.mean((np.asarray(got, np.float64) - want) ** 2)
  return 10 * np.log10(255.0**2 / square)


def ssim(got: np.ndarray, want: np.ndarray) -> float:
  if metrics is None:
    raise unittest.SkipTest('needs scikit-image')
  axis = 2 if want.ndim == 3 else None
  _, found = metrics.structural_similarity(
    got.astype(np.float64),
    want.astype(np.float64),
    full=True,
    channel_axis=axis,
    **SSIM,
  )
  return float(found[5:-5, 5:-5].mean())


def psnr_b(got: np.ndarray, want: np.ndarray) -> float:
  got, want = got.astype(np.float64), want.astype(np.float64)
  within, across = [], []
  for plane in (got, got.T):
    for i in range(1, len(plane)):
      squares = (plane[i] - plane[i - 1]) ** 2
      (across if i % 8 == 0 else within).append(squares)
  excess = np.concatenate(across).mean() - np.concatenate(within).mean()
  factor = 3 / np.log2(min(got.shape)) if excess > 0 else 0.0
  square = np.mean((got - want) ** 2) + factor * excess
  return 10 * np.log10(255.0**2 / square)


def through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
  with io.BytesIO() as file:
    PIL.Image.fromarray(pixels).save(file, 'JPEG', quality=quality)
    return np.array(PIL.Image.open(file))


class ScoringTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    fake_restorer.register(self)
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def model(self, kind: str, strength: int, name: str = 'ours') -> pathlib.Path:
    config = fake_restorer.Config(degradations.Degradation(kind, strength))
    return fake_restorer.save(self.folder / f'{name}.lutjax', config, TABLE)

  def evaluate(self, model: pathlib.Path, **given):
    """Returns problems, the figures of the JSON file, and what was printed."""
    out = self.folder / 'scores.json'
    settings = ['repeats=0', *given.pop('set', [])]
    blank = mock.Mock(return_value=np.zeros((1, 1, 3), np.uint8))
    with mock.patch.multiple(score_plots, parts=blank, sizes=blank):
      failed, printed = in_process.run(
        'evaluate', model=model, out=out, overwrite='true', set=settings, **given
      )
    return failed, json.loads(out.read_text()), printed

  def test_pairs_of_smaller_pictures(self):
    model = self.model('bicubic', 2)
    lows = {
      'a.png': save(self.folder / 'LR/a.png', picture(16, 21, 3)),
      'deep/b.png': save(self.folder / 'LR/deep/bx2.png', picture(14, 13)),
    }
    highs = {
      'a.png': save(self.folder / 'HR/a.png', picture(33, 42, 3))[:32],
      'deep/b.png': save(self.folder / 'HR/deep/b.png', picture(28, 26)),
    }
    failed, figures, printed = self.evaluate(
      model, pairs=f'{self.folder / "LR"},{self.folder / "HR"}'
    )
    self.assertEmpty(failed)
    (table,) = figures['tables']
    (one,) = figures['sets']
    self.assertEqual((one['pictures'], one['not_run']), (2, ''))
    self.assertEqual([row['name'] for row in table['rows']], ['bicubic', 'ours'])
    want = {}
    for name, low in lows.items():
      got = luma(TABLE[low].repeat(2, 0).repeat(2, 1))
      high = luma(highs[name])
      inner = slice(2, -2)
      want[name] = (psnr(got[inner, inner], high[inner, inner]), ssim(got, high))
      found = table['pictures'][one['name']][name]['ours']
      self.assertAlmostEqual(found['psnr_y'], want[name][0], places=9)
      self.assertAlmostEqual(found['ssim_y'], want[name][1], places=4)
    (_, ours) = table['rows']
    mean = np.mean([psnr_y for psnr_y, _ in want.values()])
    self.assertAlmostEqual(ours['mean']['psnr_y'], mean, places=9)
    self.assertEqual((ours['table_bytes'], ours['ms']), (256, None))
    self.assertEqual(ours['size_bytes'], model.stat().st_size)
    self.assertIn(f'| {mean:.3f} / ', printed)

  def test_noise_of_several_strengths_on_grey_and_colours(self):
    originals = [
      save(self.folder / 'mixed/1.png', picture(24, 17)),
      save(self.folder / 'mixed/2.png', picture(12, 30, 3)),
    ]
    failed, figures, _ = self.evaluate(
      self.model('noise', 25),
      images=self.folder / 'mixed',
      set=['strengths=15,50', 'seed=7'],
    )
    self.assertEmpty(failed)
    self.assertEqual(
      [table['degradation'] for table in figures['tables']],
      ['noise sigma 15', 'noise sigma 50'],
    )
    for table, sigma in zip(figures['tables'], (15, 50)):
      for i, original in enumerate(originals):
        # Grey has one channel of noise.
        drawn = np.random.default_rng(7 + i).standard_normal(original.shape)
        noisy = original + sigma * drawn
        cut = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        found = table['pictures']['mixed'][f'{i + 1}.png']
        for name, got in (
          ('noisy input, not cut', noisy),
          ('noisy input', cut),
          ('ours', TABLE[cut]),
        ):
          self.assertAlmostEqual(found[name]['psnr'], psnr(got, original), places=9)
          self.assertAlmostEqual(found[name]['ssim'], ssim(got, original), places=4)

  def test_jpeg_on_grey_and_on_the_luma_of_colours(self):
    grey = save(self.folder / 'a/1.png', picture(24, 33))
    colours = save(self.folder / 'b/1.png', picture(24, 33, 3))
    failed, figures, _ = self.evaluate(
      self.model('jpeg', 10), images=f'{self.folder / "a"},{self.folder / "b"}'
    )
    self.assertEmpty(failed)
    (table,) = figures['tables']
    rounded = np.rint(luma(colours)).astype(np.uint8)
    for name, original in (('a', grey), ('b', rounded)):
      coded = through_jpeg(original, 10)
      for row, got in zip(table['rows'], (coded, TABLE[coded])):
        found = row['sets'][name]
        self.assertAlmostEqual(found['psnr'], psnr(got, original), places=9)
        self.assertAlmostEqual(found['ssim'], ssim(got, original), places=4)
        self.assertAlmostEqual(found['psnr_b'], psnr_b(got, original), places=9)
    row = table['rows'][1]
    for measure in ('psnr', 'ssim', 'psnr_b'):
      mean = np.mean([row['sets'][name][measure] for name in 'ab'])
      self.assertAlmostEqual(row['mean'][measure], mean)

  def test_what_is_written_beside_rivals_and_published_rows(self):
    ours, rival = self.model('bicubic', 4), self.model('bicubic', 4, 'rival')
    for name, count in (('Set5', 5), ('mine', 1)):
      for i in range(count):
        save(self.folder / name / f'HR/{i}.png', picture(34, 47, 3))
    out = self.folder / 'scores'
    failed, printed = in_process.run(
      'evaluate',
      model=ours,
      images=f'{self.folder}/Set5/HR,{self.folder}/mine/HR,{self.folder}/Set14/HR',
      out=out,
      set=[f'rivals={rival}'],
    )
    (line,) = failed
    self.assertIn('Set14/HR: No such file', line)
    figures = json.loads((out / 'evaluate.json').read_text())
    self.assertIn('Set14: not run, nothing is there', printed)
    self.assertRegex(figures['processor'], r'cores, jax \d')
    lines = (out / 'evaluate.md').read_text().splitlines()
    self.assertEqual(printed.split(str(out))[0].splitlines()[: len(lines)], lines)
    start = lines.index('|---|---|---|---|---|---|---|')
    self.assertEqual(
      lines[start - 1],
      '| method | shipped | in memory | ms | Set5 | mine | mean |',
    )
    cells = [
      line.strip('| ').split(' | ') for line in lines[start + 1 :] if '|' in line
    ]
    self.assertEqual(
      [row[0] for row in cells][:4],
      ['bicubic', 'rival', '**ours**', 'SRLUT-S (published)'],
    )
    # Scored on the same pictures by the same table.
    self.assertEqual(cells[1][4:], cells[2][4:])
    self.assertRegex(cells[2][3], r'^\d+\.\d$')
    self.assertGreater(figures['tables'][0]['rows'][2]['ms'], 0)
    named = {row[0]: row for row in cells}
    tiny = named['TinyLUT-S (published)']
    self.assertEqual((tiny[2], tiny[4]), ('37 KB', '30.22 / 0.8535'))
    rows = list(csv.DictReader(io.StringIO((out / 'evaluate.csv').read_text())))
    held = {(row['method'], row['set']): row for row in rows}
    for row in figures['tables'][0]['rows'][:3]:
      for name in ('Set5', 'mine'):
        found = held[row['name'], name]
        self.assertEqual(float(found['psnr_y']), row['sets'][name]['psnr_y'])
      self.assertEqual(
        float(held[row['name'], 'mean']['ssim_y']), row['mean']['ssim_y']
      )
    self.assertEqual(held['ours', 'Set5']['pictures'], '5')
    self.assertEqual(held['', 'Set14']['role'], 'not run')
    for ending in ('parts', 'sizes'):
      with PIL.Image.open(out / f'evaluate-{ending}.png') as image:
        self.assertGreater(image.width, 1000)
    with self.assertRaisesRegex(errors.InputError, 'evaluate.json: exists already'):
      in_process.run('evaluate', model=ours, images=self.folder / 'mine', out=out)

  def test_what_cannot_be_scored_is_named_and_the_rest_goes_on(self):
    folder = self.folder / 'HR'
    save(folder / 'fine.png', picture(16, 16))
    save(folder / 'tiny.png', picture(30, 10))
    save(folder / 'deep.png', np.zeros((20, 20), np.uint16))
    (folder / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\nrest')
    failed, figures, _ = self.evaluate(self.model('noise', 25), images=folder)
    for line, message in zip(
      failed,
      (
        'broken.png: found the end of the file',
        'deep.png: found uint16 pixels, expected 8 bits',
        'tiny.png: found 10 x 30 pixels, too small to be scored, expected sides of 11',
      ),
      strict=True,
    ):
      self.assertIn(message, line)
    self.assertEqual(figures['sets'][0]['pictures'], 1)
    # Noise hangs on the place in the folder, whatever fails.
    original = np.array(PIL.Image.open(folder / 'fine.png'))
    noisy = original + 25 * np.random.default_rng(2).standard_normal((16, 16))
    (row, *_) = figures['tables'][0]['rows']
    self.assertAlmostEqual(row['mean']['psnr'], psnr(noisy, original), places=9)
    (folder / 'fine.png').unlink()
    with self.assertRaisesRegex(
      errors.InputError, '^found no picture to score: .*broken'
    ):
      self.evaluate(self.model('noise', 25), images=folder)

  def test_missing_partners_and_other_sizes_are_named(self):
    for name, side in (('a', 12), ('b', 12), ('c', 13)):
      save(self.folder / f'LR/{name}.png', picture(side, side))
    for name in 'acd':
      save(self.folder / f'HR/{name}.png', picture(24, 24))
    failed, figures, _ = self.evaluate(
      self.model('bicubic', 2), pairs=f'{self.folder / "LR"},{self.folder / "HR"}'
    )
    self.assertLen(failed, 3)
    self.assertIn('LR/b.png: found no partner in', failed[0])
    self.assertIn('HR/d.png: found no partner in', failed[1])
    self.assertRegex(failed[2], 'LR/c.png: found 13 x 13 .* 24 x 24 .* 12 x 12 at x2')
    self.assertEqual(figures['sets'][0]['pictures'], 1)

  def test_equal_pictures_have_no_number_in_json(self):
    plain = np.full((16, 16), 120, np.uint8)
    save(self.folder / 'LR/a.png', plain)
    save(self.folder / 'HR/a.png', plain)
    _, figures, printed = self.evaluate(
      self.model('jpeg', 10), pairs=f'{self.folder / "LR"},{self.folder / "HR"}'
    )
    self.assertIsNone(figures['tables'][0]['rows'][0]['mean']['psnr'])
    self.assertTrue(figures['tables'][0]['pairs'])
    self.assertIn('| inf / 1.0000 / inf |', printed)

  @parameterized.parameters(
    ({'luts': 'a.cube'}, [], '--luts: nothing to do with --model=.*, which restores'),
    ({'look': 'a', 'inverse': 'true'}, [], '--look, --inverse: nothing to do with'),
    ({'pairs': 'a,b'}, [], 'expected one of --images=HR, .* and --pairs=LR,HR'),
    ({'images': ''}, [], 'expected one of --images=HR, .* and --pairs=LR,HR'),
    ({'images': '', 'pairs': 'a'}, [], '--pairs=a: found 1 folders, expected LR,HR'),
    ({}, ['strengths=101'], '--set=strengths: Expected a strength of noise from 1'),
    ({}, ['kind=jpeg'], '--set=kind=jpeg: found no strengths beside it'),
    ({}, ['kind=bicubic', 'strengths=4'], 'found bicubic x4, expected the factor of n'),
    ({}, ['strength=15'], r'--set=strength: no such field; did you mean strengths\?'),
    (
      {'images': '', 'pairs': 'a,b'},
      ['strengths=15,25'],
      '--set=strengths=15,25: nothing to do with --pairs',
    ),
    ({}, ['rivals=nowhere'], '--model=nowhere: no such file or folder'),
    ({}, ['rivals={ours}'], '--set=rivals=.*: found a model twice, expected others'),
  )
  def test_refuses(self, given, settings, message):
    save(self.folder / 'HR/a.png', picture(16, 16))
    given = {'images': self.folder / 'HR', **given}
    with self.assertRaisesRegex(errors.InputError, message):
      model = self.model('noise', 25)
      settings = [text.format(ours=model) for text in settings]
      in_process.run('evaluate', model=model, set=settings, **given)

  def test_refuses_rivals_of_another_factor(self):
    save(self.folder / 'HR/a.png', picture(32, 32))
    rival = self.model('bicubic', 2, 'rival')
    message = 'rival.lutjax undoes bicubic x2, expected the factor of bicubic x4'
    with self.assertRaisesRegex(errors.InputError, message):
      self.evaluate(
        self.model('bicubic', 4), images=self.folder / 'HR', set=[f'rivals={rival}']
      )

  @unittest.skipUnless(
    (DATA / 'restoration').is_dir() and (DATA / 'mulut_published').is_dir(),
    'needs restoration and mulut_published under LUTJAX_DATA',
  )
  def test_published_tables_have_the_figures_of_their_pictures(self):
    path = DATA / 'restoration/set5/HR/butterfly.png'
    _, figures, _ = self.evaluate(DATA / 'mulut_published', images=path)
    (made,) = (DATA / 'mulut_published/expected_set5_x4').glob('butterfly*')
    got, want = (luma(np.array(PIL.Image.open(file))) for file in (made, path))
    inner = slice(4, -4)
    rows = {row['name']: row for row in figures['tables'][0]['rows']}
    found = rows['mulut_published']['sets']['set5']
    self.assertAlmostEqual(
      found['psnr_y'], psnr(got[inner, inner], want[inner, inner]), places=9
    )
    # One picture does not compare with what was published of five.
    self.assertEqual({*rows}, {'bicubic', 'mulut_published'})


if __name__ == '__main__':
  absltest.main()
