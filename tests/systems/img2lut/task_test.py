"""Img2LUT from folders of pictures to a run, with a network of some hundred numbers.

What a run says of its artefact is computed again with OpenColorIO and colour-science.
"""

import dataclasses
import functools
import json
import pathlib
import unittest
from unittest import mock

import jax
import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors, experiment, files, systems
from lutjax.commands import evaluate_grader, fit
from lutjax.data import grid, synthetic
from lutjax.fit import fleet, loop, mesh, methods, runs
from lutjax.nn import resnet
from lutjax.systems.img2lut import heads, model, photos, sampling, scoring, task

try:
  import colour
  import PyOpenColorIO as ocio
except ImportError:
  colour = ocio = None

FORM = model.Config(
  side=16,
  network=resnet.Shape(stem=4, widths=(4,)),
  histogram=4,
  head=heads.Shape(size=5, hidden=(8,), rank=3),
)
SETTINGS = experiment.Experiment(
  model=FORM,
  task=task.Config(
    task='exposure',
    kept=32,
    pixels=64,
    test_share=0.3,
    validation_share=0.2,
    constant_steps=30,
    oracle_steps=30,
  ),
  fit=loop.Config(
    steps=6, batch_size=8, segment_steps=2, learning_rate=1e-2, checkpoint_seconds=0.0
  ),
)


@functools.cache
def _photos():
  return [np.rint(255 * synthetic.photo(i, 40, 48)).astype(np.uint8) for i in range(12)]


def _through_ocio(table, rgb):
  lut = ocio.Lut3DTransform(gridSize=len(table))
  lut.setInterpolation(ocio.INTERP_TETRAHEDRAL)
  lut.setData(np.ascontiguousarray(table, np.float32).ravel())
  out = np.ascontiguousarray(rgb, np.float32).copy()
  processor = ocio.Config.CreateRaw().getProcessor(lut)
  processor.getDefaultCPUProcessor().applyRGB(out)
  return out


def _cie76(one, other):
  labs = [
    colour.XYZ_to_Lab(
      colour.RGB_to_XYZ(of.astype(np.float64), 'sRGB', apply_cctf_decoding=True),
      colour.CCS_ILLUMINANTS['CIE 1931 2 Degree Standard Observer']['D65'],
    )
    for of in (one, other)
  ]
  return float(np.mean(np.linalg.norm(labs[0] - labs[1], axis=-1)))


class _Folders(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []

  def save(self, folder='in', change=lambda pixels: pixels):
    (self.folder / folder).mkdir(parents=True)
    for i, pixels in enumerate(_photos()):
      PIL.Image.fromarray(change(pixels)).save(self.folder / folder / f'{i}.png')

  def fit(self, settings=SETTINGS, out='run', **given):
    given = given or {'images': [str(self.folder / 'in')]}
    sources = experiment.Sources(**given)
    where = self.folder / out
    return fit.fit(settings, sources, where, say=self.lines.append)

  def gather(self, given, **fields):
    config = dataclasses.replace(SETTINGS.task, side=16, **fields)
    return task.gather(config, experiment.Sources(**given), self.lines.append)

  def events(self, kind, out='run'):
    found = runs.read_events(self.folder / out)
    return [event for event in found if event['event'] == kind]


class RunTest(_Folders):
  @unittest.skipIf(colour is None, 'needs colour-science and opencolorio')
  def test_a_folder_becomes_a_model_that_scores_as_recorded(self):
    self.save()
    self.assertEmpty(self.fit())
    (record,) = self.events('model')
    content = (self.folder / 'run/model.lutjax').read_bytes()
    self.assertLen(content, record['size_bytes'])
    ranks = {
      path.name: int(files.digest(path.read_bytes())[:8], 16) / 2**32
      for path in (self.folder / 'in').iterdir()
    }
    test = {name for name, rank in ranks.items() if rank < 0.3}
    self.assertEqual(set(record['pictures']), test)
    self.assertBetween(len(test), 2, 8)
    loaded = systems.load(content)
    table_of = jax.jit(functools.partial(model.predict_lattice, loaded.config))
    sources, _ = photos.find_photos([str(self.folder / 'in')], self.lines.append)
    for source in sources:
      if source.picture.name not in test:
        continue
      pixels = photos.read(source, self.lines.append)
      pair = scoring.pair_of(SETTINGS.task, source, pixels, None)
      table = np.asarray(table_of(loaded.variables, grid.sample(pair.before, 16)))
      scores = record['pictures'][source.picture.name]
      got = _through_ocio(table, pair.before)
      want = _cie76(np.clip(got, 0, 1), pair.after)
      self.assertAlmostEqual(scores['ours']['cie76'], want, delta=2e-3)
      want = _cie76(pair.before, pair.after)
      self.assertAlmostEqual(scores['identity']['cie76'], want, delta=2e-3)
    means = record['methods']
    for name in scoring.METHODS:
      each = [scores[name]['cie76'] for scores in record['pictures'].values()]
      self.assertAlmostEqual(means[name]['cie76'], np.mean(each), places=6)
    constant, ours, oracle = (
      means[name]['cie76'] for name in ('constant', 'ours', 'oracle')
    )
    self.assertAlmostEqual(
      record['gap_closed'], (constant - ours) / (constant - oracle), places=6
    )
    # What is measured on the picture itself is nearly all that is to know of exposure.
    self.assertLess(means['classical']['cie76'], 0.5 * means['identity']['cie76'])
    self.assertLess(means['oracle']['cie76'], means['constant']['cie76'])
    self.assertEqual(record['rounding_cie76'], 0.0)
    self.assertIn('no step waited for data', '\n'.join(self.lines))

  def test_a_run_shows_what_it_does(self):
    self.save()
    self.fit()
    self.assertEqual([e['step'] for e in self.events('segment')], [2, 4, 6])
    for event in self.events('segment'):
      self.assertGreater(event['identity_cie76'], 1.0)
      self.assertTrue(np.isfinite(event['cie76']))
    strips = sorted((self.folder / 'run/progress').iterdir())
    self.assertEqual([strip.stem[-1] for strip in strips], list('246'))
    # Three pictures beside each other: given, wanted, made.
    with PIL.Image.open(strips[0]) as strip:
      self.assertEqual(strip.width, 3 * (16 + 4))
    page = (self.folder / 'run/report.html').read_text()
    self.assertIn('Gap closed', page)
    for name in ('data', 'validation', 'loss', 'greys'):
      self.assertTrue((self.folder / f'run/report/{name}.png').exists(), name)

  def test_a_run_that_was_interrupted_ends_with_the_same_bytes(self):
    self.save()
    settings = dataclasses.replace(SETTINGS, pictures='none')
    self.fit(settings, 'whole')
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
      self.fit(settings, 'again')
    self.assertFalse((self.folder / 'again/model.lutjax').exists())
    self.fit(settings, 'again')
    whole, again = (
      (self.folder / name / 'model.lutjax').read_bytes() for name in ('whole', 'again')
    )
    self.assertEqual(whole, again)

  def test_evaluation_gives_what_the_run_says(self):
    self.save()
    self.fit()
    figures, text, problems = evaluate_grader.evaluate(
      str(self.folder / 'run'),
      [],
      experiment.Sources(images=[str(self.folder / 'in')]),
      say=self.lines.append,
    )
    self.assertEmpty(problems)
    (record,) = self.events('model')
    for name in ('identity', 'classical', 'ours', 'oracle'):
      self.assertAlmostEqual(
        figures['methods'][name]['cie76'], record['methods'][name]['cie76'], places=4
      )
    self.assertIn(f'gap closed: {figures["gap_closed"]:.1%} in CIE76', text)
    self.assertIn('| img2lut |', text)
    json.dumps(figures, allow_nan=False)


class DataParallelTest(_Folders):
  def test_eight_devices_give_the_losses_of_one(self):
    self.save()
    gathered = self.gather({'images': [str(self.folder / 'in')]})
    form = dataclasses.replace(
      FORM, network=resnet.Shape(stem=4, widths=(4,), norm='batch')
    )
    config = dataclasses.replace(SETTINGS.task, side=16)
    settings = dataclasses.replace(SETTINGS, model=form, task=config)
    made = fit.programs_for(settings, 1, 1)
    self.assertEqual((made.split, made.mesh.size), (True, 8))
    # A batch of six goes over two of eight devices.
    six = dataclasses.replace(SETTINGS.fit, batch_size=6)
    made = fit.programs_for(dataclasses.replace(settings, fit=six), 1, 1)
    self.assertEqual((made.split, made.mesh.size), (True, 2))
    losses = []
    system = systems.make(form)
    for count in (1, 8):
      programs = fleet.Programs(
        system,
        methods.make(SETTINGS.fit, system),
        sampling.sampler(config),
        SETTINGS.fit,
        mesh.make_mesh(jax.devices()[:count]),
        1,
        split=count > 1,
      )
      told = []
      (fitted,) = fleet.fit_block(
        programs,
        gathered.jobs,
        1,
        seed=0,
        shapes=fleet.largest_shapes(gathered.jobs),
        folder=self.folder / f'saved{count}',
        on_segment=told.append,
        say=self.lines.append,
      )
      losses.append([float(segment.losses[0]) for segment in told])
      self.assertNotEmpty(jax.tree.leaves(fitted.variables.stats))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


class GatherTest(_Folders):
  def test_pairs_are_matched_by_stem_and_stay_aligned(self):
    self.save('pairs/before')
    self.save('pairs/after', lambda pixels: 255 - pixels)
    gathered = self.gather({'pairs': [str(self.folder / 'pairs')]}, task='pairs')
    data = gathered.jobs[0].data
    np.testing.assert_array_equal(data['before'], 255 - data['after'])
    (self.folder / 'pairs/after/3.png').unlink()
    with self.assertRaisesRegex(errors.InputError, '--pairs: 3: before or after'):
      self.gather({'pairs': [str(self.folder / 'pairs')]}, task='pairs')

  def test_parts_do_not_meet(self):
    self.save()
    context = self.gather({'images': [str(self.folder / 'in')]}).context
    parts = [
      {source.picture.digest for source in part}
      for part in (context.training, context.validation, context.test)
    ]
    self.assertLen(set.union(*parts), 12)
    self.assertEqual(sum(map(len, parts)), 12)

  @parameterized.parameters(
    (
      {'images': ['in']},
      {'task': 'pairs'},
      '--images: expected a task that makes pairs',
    ),
    ({'images': ['in'], 'luts': ['x.cube']}, {}, '--luts: nothing to do with'),
    ({'images': ['in']}, {'task': 'undo'}, '--luts: found nothing'),
    ({'pairs': ['in']}, {}, '--pairs: nothing to do with --set=task=exposure'),
    ({}, {}, 'expected one of them'),
    ({'images': ['in']}, {'test_share': 1.0}, 'found no picture to train on'),
  )
  def test_refuses_what_does_not_fit(self, given, fields, message):
    self.save()
    given = {
      name: [str(self.folder / item) for item in items] for name, items in given.items()
    }
    with self.assertRaisesRegex(errors.InputError, message):
      self.gather(given, **fields)

  def test_refuses_similarity_of_single_pixels(self):
    form = dataclasses.replace(FORM, loss='ssim')
    with self.assertRaisesRegex(errors.InputError, 'task.pixels: found 64'):
      task.complete(SETTINGS.task, systems.model_of(form), form)

  def test_refuses_what_no_artefact_holds(self):
    head = heads.Shape('dense', size=65, hidden=(128,))
    form = dataclasses.replace(FORM, head=head)
    with self.assertRaisesRegex(errors.InputError, r'found 10\d,\d+,\d+ parameters'):
      task.complete(SETTINGS.task, systems.model_of(form), form)

  def test_a_broken_file_is_named_and_the_rest_goes_on(self):
    self.save()
    (self.folder / 'in/broken.png').write_bytes(b'\x89PNG\r\n\x1a\n' + b'x' * 40)
    gathered = self.gather({'images': [str(self.folder / 'in')]})
    parts = gathered.context
    held = {s.picture.name for s in (*parts.test, *parts.validation)}
    if 'broken.png' not in held:
      self.assertRegex(
        gathered.problems[0], 'broken.png: found .*: the file is cut short'
      )
    self.assertEqual(gathered.jobs[0].data['before'].dtype, np.uint8)


class SamplingOfRunTest(absltest.TestCase):
  def test_kinds_are_those_of_the_config(self):
    for kind in sampling.KINDS:
      self.assertEqual(task.Config(task=kind).task, kind)


if __name__ == '__main__':
  absltest.main()
