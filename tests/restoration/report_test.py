import json
import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest

from lutjax import experiment, types
from lutjax.data import degradations, pictures
from lutjax.fit import loop
from lutjax.restoration import preparing, report
from tests.restoration import gain

X2 = degradations.Degradation('bicubic', 2)


class ReportTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    rng = np.random.default_rng(0)
    (self.folder / 'in').mkdir()
    for i in range(8):
      pixels = rng.integers(0, 256, (40, 48, 3), np.uint8)
      PIL.Image.fromarray(pixels).save(self.folder / f'in/p{i}.png')
    self.held, _ = pictures.find([str(self.folder / 'in')], print)
    events = [
      {'step': 20, 'loss': 9.0, 'psnr': 20.0, 'baseline_psnr': 21.0, 'seconds': 4.0},
      {'step': 40, 'loss': 8.0, 'psnr': 22.0, 'baseline_psnr': 21.0, 'seconds': 5.0},
      # Taken again after a resume.
      {'step': 40, 'loss': None, 'psnr': None, 'baseline_psnr': 21.0, 'seconds': 6.0},
    ]
    lines = [json.dumps({'event': 'segment', **event}) for event in events]
    (self.folder / 'metrics.jsonl').write_text('\n'.join(lines) + '\n')

  def write(self, records, *, restorer=gain.MODEL.restorer):
    model = gain.MODEL._replace(restorer=restorer)
    config = gain.Config(X2)
    loaded = types.Loaded(model, config, types.Variables({'gain': 1.0, 'offset': 0.0}))
    (self.folder / 'model.lutjax').write_bytes(b'held')
    opened = []
    gathered = experiment.Gathered(
      jobs=[],
      inputs={picture.name: picture.digest for picture in self.held},
      problems=[],
      single=True,
      labels={},
      context=preparing.Context(tuple(self.held), 5, '0.2 MB of planes'),
      system='gain',
    )
    finished = experiment.Finished(
      experiment.Experiment(
        model=config,
        task=preparing.Config(patch=8, restores=X2),
        fit=loop.Config(steps=40, batch_size=4),
      ),
      self.folder,
      records,
      gathered,
      ['x.png: broken'],
      lambda content, source: opened.append(source) or loaded,
    )
    path = report.write(finished)
    self.assertLessEqual(len(opened), 1)
    return path.read_text()

  def test_a_page_shows_figures_curves_and_parts_of_six_pictures(self):
    pictures = {
      picture.name: {'psnr': 30.0 + i, 'baseline_psnr': 28.0}
      for i, picture in enumerate(self.held[:-1])
    }
    pictures[self.held[0].name]['psnr'] = None  # Equal to the original.
    page = self.write(
      [
        {
          'name': 'model',
          'size_bytes': 1234,
          'table_bytes': 5678,
          'psnr': 31.5,
          'baseline_psnr': 28.0,
          'compared_pixels': 9999,
          'differing_pixels': 0,
          'pictures': pictures,
        }
      ]
    )
    for text in (
      'lutjax: gain for bicubic x2',
      '5 to train on, 8 held out',
      '40 x 4 patches of 8 x 8',
      '10 s, without compiling',
      '1,234 shipped, 5,678 of tables',
      '31.50 dB, 28.00 dB without a model',
      '0 of 9,999 pixels differ',
      f'{self.held[-1].name}: the file has changed',
      'x.png: broken',
      'Levels that each channel uses',
    ):
      self.assertIn(text, page)
    drawn = sorted(path.name for path in (self.folder / 'report').iterdir())
    want = [f'{picture.name}.png' for picture in self.held[:6]]
    self.assertEqual(drawn, sorted([*want, 'levels.png', 'loss.png', 'validation.png']))

  def test_a_run_without_a_model_has_its_curves_and_says_so(self):
    page = self.write([])
    self.assertIn('not measured: see the problems', page)
    drawn = sorted(path.name for path in (self.folder / 'report').iterdir())
    self.assertEqual(drawn, ['loss.png', 'validation.png'])

  def test_levels_and_curves_are_drawn_where_there_are_any(self):
    (self.folder / 'metrics.jsonl').unlink()
    record = {'size_bytes': 1, 'table_bytes': 2, 'psnr': None, 'baseline_psnr': None}
    restorer = gain.MODEL.restorer._replace(levels=None)
    page = self.write([record | {'name': 'model'}], restorer=restorer)
    self.assertIn('no finite value', page)
    self.assertFalse((self.folder / 'report').exists())


if __name__ == '__main__':
  absltest.main()
