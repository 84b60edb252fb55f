import dataclasses
import functools
import pathlib
from unittest import mock

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors, experiment, files, systems, types
from lutjax.commands import fit
from lutjax.data import degradations, synthetic
from lutjax.fit import fleet, loop, runs
from lutjax.restoration import task
from lutjax.systems.nilut import model as nilut
from lutjax.systems.tinylut import structure
from tests.restoration import gain

X2 = degradations.Degradation('bicubic', 2)
NOISE = degradations.Degradation('noise', 20)
SETTINGS = experiment.Experiment(
  model=gain.Config(X2, gain=0.7),
  task=task.Config(patch=12, validation_share=0.3, probe_patches=16),
  fit=loop.Config(
    steps=6,
    batch_size=8,
    segment_steps=2,
    learning_rate=3e-2,
    checkpoint_seconds=0.0,
  ),
  pictures='none',
)


@functools.cache
def _photos():
  return [np.rint(255 * synthetic.photo(i, 64, 80)).astype(np.uint8) for i in range(8)]


def _standing(programs, state, data, steps):
  """Takes steps that change nothing, without compiling any."""
  del programs, data
  return state._replace(step=state.step + steps), np.zeros(1, np.float32)


def _psnr(got, want):
  gap = got.astype(np.float64) - want
  return 10 * np.log10(255**2 / np.mean(gap**2))


class _Runs(parameterized.TestCase):
  """A folder of pictures, and runs of its own."""

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    (self.folder / 'in').mkdir()
    self.lines = []

  def save(self, name, pixels):
    PIL.Image.fromarray(pixels).save(self.folder / 'in' / name)

  def save_all(self):
    for i, photo in enumerate(_photos()):
      self.save(f'{i}.png', photo)

  def fit(self, settings=SETTINGS, out='run', **options):
    given = experiment.Sources(images=[str(self.folder / 'in')])
    return fit.fit(settings, given, self.folder / out, say=self.lines.append, **options)

  def fit_nothing(self, *given):
    with mock.patch.object(fleet.Programs, 'advance', _standing):
      return self.fit(*given)

  def gather(self, **fields):
    config = task.Config(patch=12, restores=X2, **fields)
    given = experiment.Sources(images=[str(self.folder / 'in')])
    return task.gather(config, given, self.lines.append)

  def events(self, kind, out='run'):
    found = runs.read_events(self.folder / out)
    return [event for event in found if event['event'] == kind]

  def fit_interrupted(self, settings, out):
    """Fits two segments of three."""
    advance, calls = fleet.Programs.advance, []

    def interrupted(programs, state, data, steps):
      calls.append(steps)
      if len(calls) == 3:
        raise KeyboardInterrupt
      return advance(programs, state, data, steps)

    with (
      mock.patch.object(fleet.Programs, 'advance', interrupted),
      self.assertRaises(KeyboardInterrupt),
    ):
      self.fit(settings, out)
    self.assertFalse((self.folder / out / 'model.lutjax').exists())


class TrainingTest(_Runs):
  def setUp(self):
    super().setUp()
    table = {**systems._TABLE, 'gain': 'tests.restoration.gain'}
    self.enter_context(mock.patch.object(systems, '_TABLE', table))
    systems.entries.cache_clear()
    self.addCleanup(systems.entries.cache_clear)

  def test_a_folder_becomes_a_model_that_scores_as_recorded(self):
    self.save_all()
    self.assertEmpty(self.fit())
    (record,) = self.events('model')
    path = self.folder / 'run/model.lutjax'
    self.assertEqual(record['size_bytes'], path.stat().st_size)
    self.assertEqual((record['table_bytes'], record['differing_pixels']), (8, 0))
    self.assertGreater(record['compared_pixels'], 1000)
    # Held out are those whose digests are low, and at least one.
    ranks = {
      path.name: int(files.digest(path.read_bytes())[:8], 16) / 2**32
      for path in (self.folder / 'in').iterdir()
    }
    held = {name for name, rank in ranks.items() if rank < 0.3}
    self.assertEqual(set(record['pictures']), held or {min(ranks, key=ranks.get)})
    self.assertEqual(set(runs.read_record(self.folder / 'run')['inputs']), set(ranks))
    loaded = systems.load(path.read_bytes())
    process = gain.process(loaded.config, loaded.variables)
    gaps, plains = [], []
    for name, scores in record['pictures'].items():
      high = np.asarray(PIL.Image.open(self.folder / 'in' / name))
      low = degradations.degrade(X2, high, 0)
      gaps.append(_psnr(process(low), high))
      plains.append(_psnr(degradations.undone(X2, low), high))
      self.assertAlmostEqual(scores['psnr'], gaps[-1], places=9)
    self.assertAlmostEqual(record['psnr'], np.mean(gaps), places=9)
    self.assertAlmostEqual(record['baseline_psnr'], np.mean(plains), places=9)
    segments = self.events('segment')
    self.assertEqual([event['step'] for event in segments], [2, 4, 6])
    for event in segments:
      self.assertGreater(event['seconds'], 0)
      self.assertBetween(event['psnr'], 10, 40)
      self.assertEqual(event['baseline_psnr'], segments[0]['baseline_psnr'])
    self.assertGreater(segments[-1]['psnr'], segments[0]['psnr'] + 1)

  def test_a_run_that_was_interrupted_ends_with_the_same_bytes(self):
    self.save_all()
    self.fit()
    want = (self.folder / 'run/model.lutjax').read_bytes()
    self.fit_interrupted(SETTINGS, 'again')
    self.assertEmpty(self.fit(out='again'))
    self.assertEqual((self.folder / 'again/model.lutjax').read_bytes(), want)
    steps = [event['step'] for event in self.events('segment', 'again')]
    self.assertEqual(steps, [2, 4, 6])

  def test_training_goes_on_from_an_artefact(self):
    self.save_all()
    self.fit()
    first = self.folder / 'run/model.lutjax'
    changed = dataclasses.replace(SETTINGS.task, start=str(self.folder / 'run'))
    settings = dataclasses.replace(SETTINGS, task=changed)
    self.assertEmpty(self.fit_nothing(settings, 'more'))
    start = systems.load(first.read_bytes())
    self.assertNotAlmostEqual(float(start.variables.params['gain']), 0.7, places=2)
    again = (self.folder / 'more/model.lutjax').read_bytes()
    self.assertEqual(again, first.read_bytes())
    inputs = runs.read_record(self.folder / 'more')['inputs']
    digest = files.digest(first.read_bytes())
    self.assertEqual(inputs[f'start {self.folder}/run'], digest)
    other = gain.Config(degradations.Degradation('bicubic', 3))
    with self.assertRaisesRegex(errors.InputError, 'model.lutjax: found another scale'):
      self.fit(dataclasses.replace(settings, model=other), 'other')
    with (
      mock.patch.object(gain, 'ENTRY', gain.ENTRY._replace(models=(_without_start(),))),
      self.assertRaisesRegex(errors.InputError, 'model.lutjax: .* none for gain'),
    ):
      systems.entries.cache_clear()
      self.fit(settings, 'none')

  def test_noise_is_measured_with_the_same_noise_every_time(self):
    self.save_all()
    self.fit_nothing(
      dataclasses.replace(SETTINGS, model=gain.Config(NOISE, gain=1.0, margin=0))
    )
    (record,) = self.events('model')
    # 22.1 dB, and what cutting at 0 and 255 takes off.
    self.assertBetween(record['baseline_psnr'], 22.0, 23.2)
    self.assertEqual(record['psnr'], record['baseline_psnr'])
    for event in self.events('segment'):
      self.assertAlmostEqual(event['psnr'], event['baseline_psnr'], places=4)
      self.assertAlmostEqual(event['psnr'], record['psnr'], delta=0.5)

  def test_tables_that_give_something_else_are_told(self):
    self.save_all()
    wrong = dataclasses.replace(SETTINGS.model, error=1)
    problems = self.fit_nothing(dataclasses.replace(SETTINGS, model=wrong))
    self.assertLen(problems, 1)
    self.assertRegex(
      problems[0], r'model: \d+ of \d+ pixels differ between the network and its tables'
    )

  def test_what_cannot_be_used_is_named_and_the_rest_goes_on(self):
    self.save('a.png', _photos()[0])
    self.save('b.png', np.dstack([_photos()[1], _photos()[1][..., :1]]))
    self.save('tiny.png', np.zeros((9, 99), np.uint8))
    self.save('deep.png', np.zeros((99, 99), np.uint16))
    (self.folder / 'in/broken.png').write_bytes(b'no picture')
    gathered = self.gather()
    self.assertLen(gathered.problems, 3)
    for line, word in zip(gathered.problems, ('foreign', 'uint16', '99 x 9 pixels')):
      self.assertIn(word, line)
    self.assertEqual(set(gathered.inputs), {'a.png', 'b.png'})
    said = ' '.join(self.lines)
    self.assertIn('alpha left out: b.png', said)
    self.assertIn('2 pictures, 1 held out', said)

  def test_one_picture_is_trained_on_and_measured(self):
    self.save('a.png', _photos()[0])
    gathered = self.gather()
    self.assertEqual([p.name for p in gathered.context.held], ['a.png'])
    self.assertIn('one picture alone', ' '.join(self.lines))
    self.assertLen(gathered.jobs[0].data['widths'], 3)

  def test_one_picture_at_least_is_trained_on(self):
    for i in range(3):
      self.save(f'{i}.png', _photos()[i])
    gathered = self.gather(validation_share=0.999)
    self.assertEqual((len(gathered.context.held), gathered.context.trained), (2, 1))
    gathered = self.gather(validation_share=0.999, validation_most=1)
    self.assertEqual((len(gathered.context.held), gathered.context.trained), (1, 2))

  def test_more_than_the_pool_holds_is_thinned_and_said(self):
    large = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    self.save('a.png', large)
    self.save('b.png', large[::-1])
    gathered = self.gather(pool_megabytes=1)
    self.assertLess(gathered.jobs[0].data['high'].nbytes, 1 << 20)
    self.assertRegex(self.lines[-1], r'one tile in \d+; --set=pool_megabytes=N lets')

  def test_refuses_nothing_to_train_on(self):
    with self.assertRaisesRegex(errors.InputError, '--images: found nothing'):
      task.gather(SETTINGS.task, experiment.Sources(), print)
    self.save('tiny.png', np.zeros((9, 9), np.uint8))
    with self.assertRaisesRegex(errors.InputError, 'no picture that can .* 9 x 9'):
      self.gather()
    with self.assertRaisesRegex(errors.ArtefactError, 'none.lutjax'):
      self.gather(start=str(self.folder / 'none.lutjax'))

  def test_the_model_says_what_is_undone(self):
    complete = functools.partial(task.complete, model=gain.MODEL)
    got = complete(task.Config(), model_config=gain.Config(NOISE))
    self.assertEqual(got, task.Config(restores=NOISE, margin=2))
    again = complete(got, model_config=gain.Config(NOISE))
    self.assertEqual(again, got)
    with self.assertRaisesRegex(errors.InputError, 'bicubic x2, .* of noise sigma 20'):
      complete(task.Config(restores=X2), model_config=gain.Config(NOISE))
    with self.assertRaisesRegex(errors.InputError, 'for nilut, .* restores pictures'):
      task.complete(task.Config(), nilut.MODEL, nilut.Config())

  def test_files_that_are_gone_are_left_out_of_the_scores(self):
    self.save_all()
    gathered = self.gather(validation_share=0.5)
    config = task.complete(
      task.Config(patch=12), model=gain.MODEL, model_config=SETTINGS.model
    )
    for path in (self.folder / 'in').iterdir():
      path.unlink()
    loaded = gain.MODEL, gain.Config(X2), gain.init(gain.Config(), None)
    record = task.scorer(config, gathered)(types.Loaded(*loaded), 1, gathered.jobs[0])
    self.assertEqual((record['psnr'], record['pictures']), (None, {}))
    self.assertEmpty(
      task.verify(config, gathered, types.Loaded(*loaded), types.Loaded(*loaded))
    )


class TinyLutTest(_Runs):
  def test_tables_are_the_network_and_the_same_after_an_interruption(self):
    self.save_all()
    # Few layers, since compiling them takes longest.
    model = structure.Config(
      X2, channels=4, width=8, pointwise=0, low='fused', shift_radius=1
    )
    settings = dataclasses.replace(SETTINGS, model=model)
    self.assertEmpty(self.fit(settings))
    (record,) = self.events('model')
    self.assertEqual(record['differing_pixels'], 0)
    self.assertGreater(record['compared_pixels'], 1000)
    self.fit_interrupted(settings, 'again')
    self.assertEmpty(self.fit(settings, 'again'))
    got, want = (
      (self.folder / out / 'model.lutjax').read_bytes() for out in ('again', 'run')
    )
    self.assertEqual(got, want)


def _without_start():
  return gain.MODEL._replace(start=None)


if __name__ == '__main__':
  absltest.main()
