"""Tests of the task of LutFlow and its residual correction, from the shell's side."""

import dataclasses
import json
import pathlib
import tempfile
import unittest
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from configs import lutflow_tiny
from lutjax import config as config_lib
from lutjax import errors, experiment, files, metrics, systems
from lutjax.codec import labels
from lutjax.commands import apply, evaluate, export, fit, scorecard, selection
from lutjax.data import histogram, images, luts, synthetic
from lutjax.fit import fleet
from lutjax.looks import every_colour, natural_colours, normalized
from lutjax.looks import task as looks
from lutjax.lut import cube, interpolate, lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import correction, residual_correction
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import report as lutflow_report
from lutjax.systems.lutflow import task as lutflow_task

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

_RGB = lattice.identity(9)
_LOOKS = {
  'warm': _RGB * [1.0, 0.9, 0.7] + [0.0, 0.02, 0.0],
  'faded': 0.15 + 0.7 * _RGB,
  'contrast': _RGB**2 * (3 - 2 * _RGB),
  'grey': np.repeat(_RGB @ [[0.3], [0.6], [0.1]], 3, axis=-1),
}


def _write_looks(folder):
  for name, table in _LOOKS.items():
    lut = lattice.from_table(np.asarray(table, np.float32))
    files.write_bytes(folder / f'{name}.cube', cube.render(lut))


def _experiment(**fields):
  settings = lutflow_tiny.get_config()
  return dataclasses.replace(settings, pictures='none', **fields)


def _decoded(size=9, **flags):
  looks = selection.named_looks(**flags)
  return {name: look.decode(size) for name, look in looks.items()}


class SamplerTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    rng = np.random.default_rng(0)
    tables = rng.uniform(size=(3, 7, 7, 7, 3)).astype(np.float32)
    self.data = {
      'table': tables,
      'size': np.array([7, 7, 5], np.int32),
      'pool': rng.uniform(size=(50, 3)).astype(np.float32),
    }

  @parameterized.parameters(
    ('uniform', True), ('uniform', False), ('natural', True), ('mixed', True)
  )
  def test_targets_are_the_looks(self, colours, at_nodes):
    config = lutflow_task.Config(colours=colours, at_nodes=at_nodes)
    batch = jax.jit(lutflow_task.sampler(config), static_argnums=2)(
      jax.random.key(0), self.data, 256
    )
    for look in range(3):
      mine = np.asarray(batch['lut']) == look
      self.assertGreater(mine.sum(), 40)
      size = self.data['size'][look]
      table = self.data['table'][look][:size, :size, :size]
      want = interpolate.trilinear(jnp.asarray(table), batch['rgb'][mine])
      np.testing.assert_allclose(batch['target'][mine], want, atol=1e-5)

  @parameterized.parameters(('uniform', 1.0), ('natural', 0.5), ('mixed', 1.0))
  def test_looks_are_drawn_as_they_are_wrong(self, colours, balance):
    config = lutflow_task.Config(colours=colours, balance=balance)
    labelled = tuple(labels.Label(name) for name in 'abc')
    model = lutflow.Config(precision='fp32', looks=labelled)
    identity = lattice.identity(7)
    # The untrained network is the identity: off by nothing, by some, by more.
    tables = np.stack([identity, 0.9 * identity, 0.7 * identity])
    data = {**self.data, 'table': tables, 'size': np.array([7, 7, 7])}
    variables = lutflow.init(model, jax.random.key(0))
    surveyed = jax.jit(lutflow_task.survey(config, model))(variables, data)
    odds = np.asarray(surveyed['odds'])
    self.assertAlmostEqual(odds.sum(), 1.0, places=5)
    self.assertLess(odds[0], 0.01**balance)
    # In Lab, three times as far is about three times as wrong.
    self.assertBetween(odds[2] / odds[1], 2.0**balance, 4.0**balance)
    batch = lutflow_task.sampler(config)(jax.random.key(1), surveyed, 4096)
    drawn = np.bincount(batch['lut'], minlength=3) / 4096
    np.testing.assert_allclose(drawn, odds, atol=0.04)

  def test_a_network_that_ran_away_is_drawn_from_still(self):
    labelled = tuple(labels.Label(name) for name in 'abc')
    model = lutflow.Config(precision='fp32', looks=labelled)
    variables = lutflow.init(model, jax.random.key(0))
    broken = variables._replace(
      params=jax.tree.map(lambda leaf: leaf * jnp.nan, variables.params)
    )
    survey = jax.jit(lutflow_task.survey(lutflow_task.Config(balance=1.0), model))
    odds = survey(broken, self.data)['odds']
    np.testing.assert_allclose(odds, np.full(3, 1 / 3), rtol=1e-5)

  @parameterized.parameters(0.0, 0.5)
  def test_a_fit_surveys_where_it_balances(self, balance):
    settings = config_lib.override(_experiment(), [f'balance={balance}'])
    with mock.patch.object(fleet, 'Programs') as made:
      fit.programs_for(settings, 1, 0)
    self.assertEqual(made.call_args.args[-2] is not None, balance > 0.0)

  def test_balance_must_be_a_power(self):
    with self.assertRaisesRegex(ValueError, r'balance in \[0, 4\], got -1'):
      lutflow_task.Config(balance=-1.0)

  def test_natural_colours_are_those_of_the_pool(self):
    config = lutflow_task.Config(colours='natural')
    batch = lutflow_task.sampler(config)(jax.random.key(0), self.data, 64)
    pool = {tuple(row) for row in self.data['pool']}
    self.assertTrue(all(tuple(row) in pool for row in np.asarray(batch['rgb'])))

  def test_natural_colours_pass_the_curve_of_their_look(self):
    config = lutflow_task.Config(colours='natural')
    at = np.linspace(0, 1, 257)
    curves = np.stack([np.stack([at**p] * 3, -1) for p in (0.5, 1.0, 2.0)])
    data = {**self.data, 'curve': curves.astype(np.float32)}
    plain = lutflow_task.sampler(config)(jax.random.key(0), self.data, 64)
    batch = lutflow_task.sampler(config)(jax.random.key(0), data, 64)
    want = np.asarray(plain['rgb'], float)
    for look, power in enumerate((0.5, 1.0, 2.0)):
      mine = np.asarray(plain['lut']) == look
      want[mine] = np.interp(want[mine], at, at**power)
    np.testing.assert_allclose(batch['rgb'], want, atol=1e-5)

  def test_pool_holds_the_colours_of_photos(self):
    with tempfile.TemporaryDirectory() as name:
      path = pathlib.Path(name) / 'red.png'
      pixels = np.zeros((4, 4, 3), np.uint8)
      pixels[..., 0] = 255
      images.write(path, images.Image(pixels))
      got = natural_colours.draw([path], 20)
    np.testing.assert_array_equal(got, np.tile(np.float32([[1, 0, 0]]), (20, 1)))

  def test_natural_colours_need_photos(self):
    with tempfile.TemporaryDirectory() as name:
      _write_looks(pathlib.Path(name))
      sources = experiment.Sources(luts=[name])
      with self.assertRaisesRegex(errors.InputError, '--images: found nothing'):
        lutflow_task.gather(lutflow_task.Config(colours='natural'), sources, print)


class NaturalTest(parameterized.TestCase):
  """Colours of photos, through a stored histogram."""

  def test_a_histogram_stands_for_photos(self):
    folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    _write_looks(folder)
    counts = np.zeros((8, 8, 8))
    counts[2, 3, 4] = 5
    histogram.write(folder / 'seen.npz', counts)
    sources = experiment.Sources(
      luts=[str(folder / '*.cube')], images=[str(folder / 'seen.npz')]
    )
    config = lutflow_task.Config(colours='natural', pool=256)
    gathered = lutflow_task.gather(config, sources, print)
    (job,) = gathered.jobs
    low, high = np.array([2, 3, 4]) / 8, np.array([3, 4, 5]) / 8
    self.assertEqual(job.data['pool'].shape, (256, 3))
    self.assertTrue((job.data['pool'] >= low).all())
    self.assertTrue((job.data['pool'] <= high).all())
    self.assertIn(str(folder / 'seen.npz'), gathered.inputs)

  def test_fits_and_corrects_natural_colours(self):
    folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    _write_looks(folder)
    counts = np.zeros((8, 8, 8))
    counts[:3, :3, :3] = 1
    histogram.write(folder / 'seen.npz', counts)
    sources = experiment.Sources(
      luts=[str(folder / '*.cube')], images=[str(folder / 'seen.npz')]
    )
    settings = config_lib.override(_experiment(), ['colours=natural', 'steps=300'])
    self.assertEqual(list(fit.fit(settings, sources, folder / 'run')), [])
    stored = histogram.read(folder / 'run' / lutflow_task.COLOURS)
    self.assertEqual(stored[12:].sum(), 0)
    named = _decoded(model=str(folder / 'run'), look='all')
    dark, bright = ([], [])
    for name, lut in named.items():
      gap = np.abs(np.asarray(lut.table) - _LOOKS[name])
      dark.append(gap[:3, :3, :3].mean())
      bright.append(gap[6:, 6:, 6:].mean())
    self.assertLess(np.mean(dark), 0.015)
    self.assertLess(np.mean(dark), np.mean(bright))


class ClimbTest(parameterized.TestCase):
  """The search of many looks on eight devices, with a search that is counted."""

  def setUp(self):
    super().setUp()
    order = residual_correction.ORDER

    def search(base, target, level, **_):
      spectrum = jnp.full((order,) * 3 + (3,), target.sum(), jnp.int16)
      return spectrum, base + level, 10.0 * level

    for module, name, function in (
      (lutflow, 'codes_of', lambda *_: ({}, jnp.arange(11.0)[:, None])),
      (residual_flow, 'tabulate', lambda shape, flow, code, size: code[0]),
      (residual_correction, 'error_of', lambda base, target, shares: base),
      (residual_correction, 'search', search),
      (correction, 'at_size', lambda table, size: table[0, 0, 0, 0]),
    ):
      self.enter_context(mock.patch.object(module, name, function))

  @parameterized.parameters(11, 9, 3)
  def test_every_look_gets_its_own_candidates(self, most):
    tables = np.zeros((11, 2, 2, 2, 3), np.float32)
    tables[:, 0, 0, 0, 0] = 100 + np.arange(11)
    data = {'table': tables, 'size': np.full(11, 2)}
    candidates = correction.search_levels(
      lutflow.Config(), None, data, levels=(2, 5), most=most
    )
    looks, searched = np.arange(11), np.arange(11) >= 11 - most
    np.testing.assert_array_equal(candidates.levels, [0, 2, 5])
    for level_index, level in enumerate(candidates.levels):
      level = level * searched
      np.testing.assert_array_equal(candidates.errors[level_index], looks + level)
      np.testing.assert_array_equal(candidates.size_bytes[level_index], 10 * level)
      np.testing.assert_array_equal(
        candidates.spectra[level_index, :, 0, 0, 0, 0], (100 + looks) * (level > 0)
      )


class GridTest(parameterized.TestCase):
  def test_grids_of_all_sizes_are_scored_by_one_program(self):
    rng = np.random.default_rng(0)
    table = lattice.identity(9) ** 1.3 + 0.1 * rng.normal(size=(9, 9, 9, 3))
    table = np.clip(table, 0, 1).astype(np.float32)
    look = normalized.NormalizedLook(labels.Label('a'), '', table)
    found = lutflow_report.grid_errors([look])
    self.assertEqual(list(found), [2, 3, 4, 5, 6, 7])
    rgb = metrics.uniform_colours(jax.random.key(0), 1024)
    sample = interpolate.trilinear
    for size in (2, 5, 7):
      coded = jnp.round(sample(table, jnp.asarray(lattice.identity(size))) * 255) / 255
      want = metrics.colour_errors(sample(coded, rgb), sample(table, rgb)).cie76.mean()
      self.assertAlmostEqual(found[size], float(want), places=4)


class FitTest(parameterized.TestCase):
  """One fit, looked at from all sides."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
    cls.looks = cls.folder / 'looks'
    cls.looks.mkdir()
    _write_looks(cls.looks)
    cls.run_folder = cls.folder / 'run'
    cls.sources = experiment.Sources(luts=[str(cls.looks)])
    cls.lines = []
    cls.problems = fit.fit(
      _experiment(), cls.sources, cls.run_folder, say=cls.lines.append
    )
    cls.artefact = cls.run_folder / 'model.lutjax'

  def test_stays_within_its_budget(self):
    self.assertEqual(list(self.problems), [])
    self.assertLessEqual(self.artefact.stat().st_size, 4000)
    self.assertTrue(any('looks corrected' in line for line in self.lines), self.lines)

  def test_looks_come_back(self):
    named = _decoded(model=str(self.run_folder), look='all')
    self.assertEqual(set(named), set(_LOOKS))
    for name, lut in named.items():
      gap = np.abs(np.asarray(lut.table) - _LOOKS[name]).mean()
      self.assertLess(gap, 0.01, name)

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_opencolorio_gives_the_same_pixels(self):
    named = selection.named_looks(model=str(self.artefact), look='contrast')
    (path,) = export.write_all(
      named,
      self.folder / 'contrast.cube',
      ['cube'],
      export.Options(overwrite=True),
    )
    photo = synthetic.photo(0, 48, 64).astype(np.float32)
    transform = ocio.FileTransform(
      str(path.resolve()), interpolation=ocio.INTERP_TETRAHEDRAL
    )
    got = photo.reshape(-1, 3).copy()
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(got)
    map_pixels = apply.applier(
      named['contrast'].decode(33), interpolation='tetrahedral', strength=1.0
    )
    np.testing.assert_allclose(got, map_pixels(photo).reshape(-1, 3), atol=1e-6)

  def test_a_blend_is_the_mix_of_lattices(self):
    named = _decoded(model=str(self.run_folder), look='all')
    blend = ['warm:1', 'grey:2', 'faded:1']
    (mixed,) = _decoded(model=str(self.run_folder), blend=blend).values()
    want = 0.25 * named['warm'].table + 0.5 * named['grey'].table
    want = want + 0.25 * named['faded'].table
    np.testing.assert_allclose(mixed.table, want, atol=1e-5)

  def test_evaluate_reprints_the_figures_of_the_fit(self):
    task = evaluate.config_for(str(self.artefact), [], self.sources)
    figures, problems = evaluate.evaluate(str(self.artefact), task, self.sources)
    self.assertEqual(list(problems), [])
    lines = (self.run_folder / 'metrics.jsonl').read_text().splitlines()
    events = [json.loads(line) for line in lines]
    (fitted,) = [event for event in events if event['event'] == 'model']
    for name, stats in fitted['looks'].items():
      for key, value in stats.items():
        self.assertAlmostEqual(figures['looks'][name][key], value, places=4)
    self.assertGreater(figures['names_bytes'], 10)
    self.assertIn('mean of medians', scorecard.render(figures))

  def evaluate(self, *assignments, images=(), **options):
    sources = self.sources._replace(images=images)
    config = evaluate.config_for(str(self.run_folder), assignments, sources)
    return evaluate.evaluate(
      str(self.run_folder), config, sources, say=self.lines.append, **options
    )

  def test_photos_split_the_cube_into_natural_colours_and_the_rest(self):
    path = self.folder / 'photo.png'
    pixels = np.random.default_rng(0).integers(0, 128, (64, 64, 3))
    images.write(path, images.Image(pixels.astype(np.uint8)))
    figures, problems = self.evaluate(images=[str(path)])
    self.assertEmpty(problems)
    for stats in figures['looks'].values():
      self.assertGreater(stats['natural_cie76_mean'], 0.0)
      self.assertGreater(stats['outside_cie76_mean'], 0.0)
    text = scorecard.render(figures)
    self.assertIn('| CIE76, natural: those of the images |', text)
    self.assertIn('outside, CIE76 mean', text)
    means = [stats['cie76_mean'] for stats in figures['looks'].values()]
    worst = max(figures['looks'], key=lambda n: figures['looks'][n]['cie76_mean'])
    self.assertLess(text.index(f'| {worst} |'), text.index('**mean over looks**'))
    self.assertLen(means, 4)
    for name in set(figures['looks']) - {worst}:
      self.assertLess(text.index(f'| {worst} |'), text.index(f'| {name} |'))

  def test_every_colour_of_chosen_looks_is_scored(self):
    with mock.patch.object(every_colour, 'COUNT', 1 << 20):
      figures, problems = self.evaluate('colours=hald256', only=['grey', '0'])
    self.assertEmpty(problems)
    self.assertEqual(set(figures['looks']), {'grey', sorted(_LOOKS)[0]})
    self.assertIn('Every colour of 8 bits, read as', scorecard.render(figures))

  def test_evaluate_names_what_it_cannot_score(self):
    with self.assertRaisesRegex(errors.InputError, 'did you mean grey'):
      self.evaluate(only=['gray'])
    with self.assertRaisesRegex(errors.InputError, 'one of sampled, hald256'):
      self.evaluate('colours=hald265')
    few = self.sources._replace(
      luts=[str(self.looks / 'warm.cube'), str(self.looks / 'grey.cube')]
    )
    config = evaluate.config_for(str(self.run_folder), [], few)
    figures, problems = evaluate.evaluate(str(self.run_folder), config, few)
    self.assertEqual(set(figures['looks']), {'warm', 'grey'})
    self.assertIn('no source for contrast, faded', problems[0])

  def test_fitting_again_does_nothing(self):
    before = self.artefact.read_bytes()
    lines = []
    fit.fit(_experiment(), self.sources, self.run_folder, say=lines.append)
    self.assertEqual(self.artefact.read_bytes(), before)
    self.assertTrue(any('1 of 1 models are done' in line for line in lines))

  def test_refuses_a_run_of_another_config(self):
    with self.assertRaisesRegex(errors.InputError, 'seed: 0, now 1'):
      fit.fit(_experiment(seed=1), self.sources, self.run_folder)

  def test_names_the_nearest_look(self):
    with self.assertRaisesRegex(errors.InputError, 'did you mean faded'):
      selection.named_looks(model=str(self.run_folder), look='fadde')
    with self.assertRaisesRegex(errors.InputError, 'no such look among 4'):
      selection.named_looks(model=str(self.run_folder), look='17')

  def test_refuses_to_run_a_free_network_backwards(self):
    with self.assertRaisesRegex(errors.InputError, 'lutflow_bijective'):
      selection.named_looks(model=str(self.run_folder), look='warm', inverse=True)

  def bijective(self):
    """Writes an untrained bijective model; returns its path."""
    loaded = systems.load(self.artefact.read_bytes())
    config = dataclasses.replace(
      loaded.config, coefficient=0.9, mended=False, aware=True, precision='int8'
    )
    variables = lutflow.init(config, jax.random.key(0))
    path = self.folder / 'bijective.lutjax'
    path.write_bytes(lutflow.export(config, variables))
    return path

  def test_a_bijective_network_runs_backwards(self):
    path = self.bijective()
    forward, back = (
      _decoded(17, model=str(path), look='warm', inverse=inverse)
      for inverse in (False, True)
    )
    rgb = np.random.default_rng(0).uniform(0.2, 0.8, (100, 3)).astype(np.float32)
    middle = interpolate.sample(forward['warm'], rgb)
    got = interpolate.sample(back['warm-inverse'], middle)
    np.testing.assert_allclose(got, rgb, atol=2e-3)

  def test_an_inverse_says_how_far_it_leads_back(self):
    lines = []
    named = selection.named_looks(
      model=str(self.bijective()), look='warm', inverse=True, say=lines.append
    )
    self.assertEmpty(lines)
    self.assertEqual(list(named), ['warm-inverse'])
    self.assertLen(named['warm-inverse'].decode(9).table, 9)
    self.assertRegex(lines[0], r'warm: look, then inverse.* CIE76 mean 0\.\d')

  def test_inverses_are_scored_on_photos(self):
    path = self.bijective()
    config = evaluate.config_for(str(path), ['size=17'], self.sources)
    figures, problems = evaluate.score_inverse(
      str(path), config, self.sources, only=['grey', 'warm'], pictures=self.folder
    )
    self.assertEmpty(problems)
    grey, warm = (figures['looks'][name] for name in ('grey', 'warm'))
    # The model is close to the identity, so that it hardly undoes anything.
    self.assertLess(warm['returned_cie76_mean'], 1.0)
    self.assertGreater(warm['undone_cie76_mean'], warm['returned_cie76_mean'])
    self.assertEqual((grey['flat'], warm['flat']), (1.0, 0.0))
    self.assertIn(
      'Pixels of the images, after look and inverse', scorecard.render(figures)
    )
    self.assertTrue((self.folder / 'grey-inverse.png').is_file())
    with self.assertRaisesRegex(errors.InputError, 'lutflow_bijective'):
      evaluate.score_inverse(str(self.artefact), config, self.sources)

  def test_the_report_draws_bytes_against_error(self):
    pages = list((self.run_folder / 'report').glob('rate*.png'))
    self.assertLen(pages, 1)
    html = (self.run_folder / 'report.html').read_text()
    self.assertIn('Bytes of all 4 looks together against CIE76', html)

  def test_looks_of_one_name_are_told_apart(self):
    twice = self.folder / 'twice'
    content = (self.looks / 'warm.cube').read_bytes()
    for folder in ('a', 'b'):
      (twice / folder).mkdir(parents=True)
      (twice / folder / 'warm.cube').write_bytes(content)
    lines = []
    found, _ = luts.load([str(twice)], say=lines.append)
    self.assertEqual([look.name for look in found], ['a-warm', 'b-warm'])
    self.assertEqual(lines, ['2 looks named warm: called a-warm, b-warm'])

  @parameterized.parameters(0.1, 0.5, 0.9, 0.99)
  def test_a_damaged_artefact_is_noticed(self, place):
    content = self.artefact.read_bytes()
    at = int(place * len(content))
    flipped = bytes([*content[:at], content[at] ^ 4, *content[at + 1 :]])
    for damaged in (content[:at], flipped):
      path = self.folder / 'damaged.lutjax'
      path.write_bytes(damaged)
      with self.assertRaisesRegex(errors.ArtefactError, 'damaged.lutjax: '):
        selection.named_looks(model=str(path), look='warm')

  def test_a_budget_that_holds_nothing_is_refused(self):
    model = dataclasses.replace(lutflow_tiny.get_config().model, budget_bytes=500)
    with self.assertRaisesRegex(errors.InputError, 'names of 4 looks and the small'):
      fit.fit(_experiment(model=model), self.sources, self.folder / 'small')


class GatherTest(parameterized.TestCase):
  def gather(self, **config):
    lines = []
    folder = pathlib.Path(self.create_tempdir().full_path)
    small, large = lattice.identity(5) ** 0.8, lattice.identity(21) ** 1.2
    wide = [[-0.5, 0.0, 0.0], [1.5, 1.0, 1.0]]
    for name, table, domain in (('small', small, None), ('large', large, wide)):
      lut = lattice.from_table(table.astype(np.float32), domain)
      files.write_bytes(folder / f'{name}.cube', cube.render(lut))
    sources = experiment.Sources(luts=[str(folder)])
    return lutflow_task.gather(
      lutflow_task.Config(**config), sources, lines.append
    ), lines

  def test_looks_of_all_sizes_stand_in_one_table(self):
    gathered, lines = self.gather()
    (job,) = gathered.jobs
    self.assertEqual(job.data['table'].shape, (2, 21, 21, 21, 3))
    np.testing.assert_array_equal(job.data['size'], [21, 5])
    self.assertEqual(lines, ['domains other than [0, 1], kept: large (-0.5 to 1.5)'])
    self.assertEqual(gathered.labels['model'][0].domain[1], (1.5, 1.0, 1.0))

  def test_more_nodes_than_an_index_reaches_are_refused(self):
    nodes = 2 * 21**3
    refused = self.assertRaisesRegex(errors.InputError, f'found {nodes} nodes in all')
    with mock.patch.object(lutflow_task, '_MOST_NODES', nodes), refused:
      self.gather()
    with mock.patch.object(lutflow_task, '_MOST_NODES', nodes + 1):
      self.gather()

  def test_large_looks_are_resampled_where_tables_are_large(self):
    with mock.patch.object(looks, '_MOST_BYTES', 10_000):
      gathered, lines = self.gather(bake_size=6)
    (job,) = gathered.jobs
    np.testing.assert_array_equal(job.data['size'], [6, 5])
    np.testing.assert_allclose(
      job.data['table'][0], lattice.identity(6) ** 1.2, atol=1e-6
    )
    self.assertRegex(lines[0], r'large \(21\^3\): resampled to 6\^3')
    # Scores are against the look as it is.
    self.assertLen(gathered.context['large'].table, 21)


if __name__ == '__main__':
  absltest.main()
