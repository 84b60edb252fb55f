"""Tests of `lutjax.looks.normalized` against float64 numpy."""

import json
import pathlib
import re
import tempfile

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import experiment
from lutjax.baselines import dct
from lutjax.baselines import task as baseline_task
from lutjax.commands import fit, selection
from lutjax.data import luts
from lutjax.fit import loop
from lutjax.looks import every_colour, normalized, unit_cube
from lutjax.looks import task as looks
from lutjax.lut import cube, lattice
from lutjax.systems.nilut import model as nilut

CASES = pathlib.Path(__file__).parent.parent / 'cases'
CURVED = ('curve1024', 'shaper_ranges')


def _rows(name):
  """Reads the curves and the lattice of a case, in float64."""
  lines = (CASES / f'{name}.cube').read_text().splitlines()
  rows = np.array([line.split() for line in lines if line[0] not in 'LDT#'], float)
  count = int(next(line for line in lines if 'LUT_1D_SIZE' in line).split()[1])
  size = round((len(rows) - count) ** (1 / 3))
  table = rows[count:].reshape(size, size, size, 3).transpose(2, 1, 0, 3)
  spans = [line.split()[1:] for line in lines if '1D_INPUT_RANGE' in line]
  return rows[:count], table, np.array((spans or [[0, 1]])[0], float)


def _trilinear(table, at):
  place = np.clip(at, 0, 1) * (len(table) - 1)
  corner = np.minimum(place.astype(int), len(table) - 2)
  part, total = place - corner, 0.0
  for vertex in np.ndindex(2, 2, 2):
    share = np.prod(np.where(vertex, part, 1 - part), axis=-1, keepdims=True)
    total = total + share * table[tuple((corner + vertex).T)]
  return total


def _oracle(name, at):
  """What a case does at places of its domain: np.interp, then trilinear."""
  curves, table, span = _rows(name)
  x = span[0] + np.asarray(at, np.float64) * (span[1] - span[0])
  nodes = np.linspace(*span, len(curves))
  shaped = np.stack([np.interp(x[:, i], nodes, curves[:, i]) for i in range(3)], -1)
  return _trilinear(table, shaped) if len(table) else shaped


def _normalize(name, **options):
  lines = []
  found = luts.load([str(CASES / f'{name}.cube')], say=lines.append).looks
  (look,) = normalized.normalize(found, 33, **options)
  return look, [*lines, look.remark]


class NormalizeTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.at = np.random.default_rng(0).uniform(size=(512, 3)).astype(np.float32)

  @parameterized.parameters(
    ('curve1024', 'curve1024'), ('shaper_ranges', 'shaper_ranges tetrahedral')
  )
  def test_the_truth_is_that_of_the_cases(self, name, key):
    expected = np.load(CASES / 'expected.npz')
    look, _ = _normalize(name)
    low, high = np.array(look.label.domain)
    at = np.clip((expected['rgb'] - low) / (high - low), 0, 1).astype(np.float32)
    got = normalized.truth(normalized.truth_of(look), at, 'tetrahedral')
    np.testing.assert_allclose(got, expected[key], atol=2e-6)

  @parameterized.product(name=CURVED, curves=('beside', 'baked'))
  def test_the_truth_is_the_file_and_not_what_is_fitted(self, name, curves):
    look, _ = _normalize(name, curves=curves)
    got = normalized.truth(normalized.truth_of(look), self.at, 'trilinear')
    low, high = look.label.range
    want = _oracle(name, self.at)
    np.testing.assert_allclose(low + (high - low) * got, want, atol=2e-6)
    nodes = normalized.table_of(look, 5, 'trilinear').reshape(-1, 3)
    grid = lattice.identity(5).reshape(-1, 3)
    np.testing.assert_allclose(nodes, _oracle(name, grid), atol=2e-6)

  @parameterized.parameters(*CURVED)
  def test_curve_and_lattice_together_are_the_file(self, name):
    look, lines = _normalize(name)
    seen = np.asarray(unit_cube.apply_curve(unit_cube.curve_of(look.label), self.at))
    low, high = look.label.range
    got = low + (high - low) * _trilinear(look.table.astype(float), seen)
    # 1e-5 of the cube, and what the lattice makes of that.
    np.testing.assert_allclose(got, _oracle(name, self.at), atol=5e-5)
    self.assertRegex(
      lines[0], f'{name}: curves of .* kept beside the network, in .*1e-05'
    )

  def test_baked_curves_are_said_with_their_error(self):
    look, lines = _normalize('curve1024', curves='baked')
    self.assertIsNone(look.label.curve)
    self.assertRegex(lines[0], r'curve1024: curves baked to a 33\^3 lattice, .*0\.0\d')

  def test_nothing_is_said_of_domains_and_values_that_are_usual(self):
    for curves in ('beside', 'baked'):
      look, _ = _normalize('curve1024', curves=curves)
      self.assertEmpty(list(normalized.extents([look.label])))
    lines = [*normalized.extents([_normalize(n)[0].label for n in CURVED])]
    self.assertEqual(
      lines, ['domains other than [0, 1], kept: shaper_ranges (-0.1 to 1.2)']
    )
    (line,) = normalized.extents([_normalize('log_to_linear9')[0].label])
    self.assertEqual(line, 'values beyond [0, 1], kept: log_to_linear9 (0 to 16)')

  def test_a_look_without_curves_is_its_table(self):
    look, lines = _normalize('steep17')
    self.assertIsNone(look.lut)
    self.assertEqual(lines, [''])
    self.assertEqual(set(normalized.truth_of(look)), {'table', 'size'})


class DrawnTest(absltest.TestCase):
  def test_half_of_the_colours_pass_the_curve(self):
    curved, _ = _normalize('curve1024')
    plain, _ = _normalize('steep17')
    config = looks.Config()
    bent, straight = looks.jobs(config, [curved, plain], 'model')
    self.assertEqual(set(bent.data), set(straight.data))
    key = jax.random.key(0)
    colours = np.asarray(looks.draw_colours(config, key, 64), float)
    batch = looks.sampler(config)(key, bent.data, 64)
    np.testing.assert_array_equal(batch['rgb'][32:], colours[32:])
    knots = np.linspace(0, 1, 1024)
    want = np.interp(colours[:32], knots, knots ** (1 / 2.4))
    dark = colours[:32] < 1 / 256  # Where the curve is too steep for its samples.
    np.testing.assert_allclose(np.where(dark, want, batch['rgb'][:32]), want, atol=2e-3)
    batch = looks.sampler(config)(key, straight.data, 64)
    np.testing.assert_allclose(batch['rgb'], colours, atol=1e-6)
    (alone,) = looks.jobs(config, [plain], 'model')
    self.assertEqual(set(alone.data), {'table', 'size'})


class ScoredTest(parameterized.TestCase):
  """Fits of nothing (a cosine spectrum) and of the identity (a network)."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

  def fit(self, name, model, task, **options):
    settings = experiment.Experiment(
      model, task, loop.Config(steps=0, schedule='constant'), **options
    )
    run = self.folder / f'{name}-{type(model).__module__}-{task.curves}'
    sources = experiment.Sources(luts=[str(CASES / f'{name}.cube')])
    self.assertEmpty(fit.fit(settings, sources, run, say=lambda line: None))
    events = map(json.loads, (run / 'metrics.jsonl').read_text().splitlines())
    (record,) = [event for event in events if event['event'] == 'model']
    return run, record['looks'][name]

  @parameterized.parameters(
    ('curve1024', 'beside', 95, 120, [1024]),
    ('curve1024', 'baked', 30, 42, [33]),
    ('shaper_ranges', 'beside', 80, 120, [256, 33]),
  )
  def test_a_figure_is_that_of_what_is_exported(self, name, curves, least, most, sizes):
    task = baseline_task.Config(curves=curves, nodes=9, random_colours=4096)
    run, stats = self.fit(name, dct.Config(), task)
    (look,) = selection.named_looks(model=str(run)).values()
    lut = look.decode(33)
    text = cube.render(lut).decode()
    self.assertEqual([int(n) for n in re.findall(r'LUT_.D_SIZE (\d+)', text)], sizes)
    at = np.random.default_rng(1).uniform(size=(20000, 3))
    got = at
    if lut.shaper is not None:
      nodes = np.linspace(0, 1, len(lut.shaper.table))
      columns = np.asarray(lut.shaper.table, float).T
      got = np.stack([np.interp(at[:, i], nodes, columns[i]) for i in range(3)], -1)
    if 'LUT_3D_SIZE' in text:
      got = _trilinear(np.asarray(lut.table, float), got)
    psnr = -10 * np.log10(np.mean((got - _oracle(name, at)) ** 2))
    self.assertAlmostEqual(stats['psnr'], psnr, delta=1.0)
    self.assertBetween(stats['psnr'], least, most)

  def test_networks_are_asked_behind_the_curve(self):
    task = looks.Config(nodes=9, random_colours=256, photo_colours=256)
    model = nilut.Config(widths=(8,), activations=('relu',))
    run, _ = self.fit('shaper_ranges', model, task, pictures='all')
    self.assertTrue(list((run / 'report').glob('*shaper_ranges*')))
    # An untrained network is the identity: the curve is all that is left.
    rgb = np.random.default_rng(0).uniform(-0.1, 1.2, (64, 3)).astype(np.float32)
    curves, _, span = _rows('shaper_ranges')
    nodes = np.linspace(*span, len(curves))
    want = np.stack([np.interp(rgb[:, i], nodes, curves[:, i]) for i in range(3)], -1)
    label = selection.find_models(str(run))[0].loaded.config.looks[0]
    np.testing.assert_allclose(unit_cube.to_unit(label, rgb), want, atol=2e-5)
    # Every colour, in one part instead of sixteen.
    loaded = selection.find_models(str(run))[0].loaded
    look, _ = _normalize('shaper_ranges')
    count = every_colour.COUNT
    every_colour.COUNT = 1 << 20
    self.addCleanup(setattr, every_colour, 'COUNT', count)
    for read in ('network', 'export'):
      scored = every_colour.score(
        loaded, 0, look, read=read, interpolation='trilinear', advance=lambda _: None
      )
      codes = np.asarray(every_colour.codes(np.int32(0), 1 << 20))[::97]
      x = span[0] + codes.astype(float) * (span[1] - span[0])
      got = np.stack([np.interp(x[:, i], nodes, curves[:, i]) for i in range(3)], -1)
      gap = got - _oracle('shaper_ranges', codes)
      self.assertAlmostEqual(
        scored['psnr'], -10 * np.log10(np.mean(gap**2)), delta=0.05
      )


if __name__ == '__main__':
  absltest.main()
