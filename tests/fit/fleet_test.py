import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.fit import fleet, loop, mesh, methods
from lutjax.nn import mlp
from lutjax.types import System, Variables

CONFIG = loop.Config(steps=40, batch_size=16, segment_steps=10, checkpoint_seconds=0.0)


def _loss(params, stats, batch, key):
  del key
  got = batch['rgb'] + mlp.apply(params, batch['rgb'], ('tanh',))
  return jnp.mean(jnp.abs(got - batch['target'])), (stats, {})


SYSTEM = System(
  init=lambda key: Variables(mlp.init_gain(key, (3, 8, 3))),
  apply=lambda variables, batch: batch['rgb'],
  loss=_loss,
  export=lambda variables: b'',
  restore=lambda content: Variables([]),
)


def _sample(key, data, batch_size):
  rgb = jax.random.uniform(key, (batch_size, 3))
  return {'rgb': rgb, 'target': rgb ** data['gamma']}


def _jobs(count):
  return [
    fleet.Job(f'look {i}', {'gamma': np.float32(0.5 + 0.2 * i)}) for i in range(count)
  ]


def _survey(variables, data):
  return {'gamma': data['gamma'] + jnp.abs(variables.params[0]['weight']).mean()}


PROBE = loop.Probe(
  lambda variables, data: {
    'weight': jnp.abs(variables.params[0]['weight']).sum(),
    'twice': 2.0 * data['gamma'],
  },
  lambda figures: f'weight {figures["weight"]:.1f}',
  lambda variables, data: jnp.full((2, 3, 3), 100 * data['gamma']).astype(jnp.uint8),
)


@functools.cache
def _programs(devices, group_size, survey=None, probe=None, split=False):
  method = methods.make(CONFIG, SYSTEM)
  over = mesh.make_mesh(jax.devices()[:devices])
  return fleet.Programs(
    SYSTEM, method, _sample, CONFIG, over, group_size, survey, probe, split
  )


class _Cramped(fleet.Programs):
  """A device without memory for groups beyond `most`, from the second segment on."""

  most = 2
  advanced = 0

  def _call(self, name, one, args, *, donate):
    made = super()._call(name, one, args, donate=donate)
    self.advanced += name[0] == 'advance'
    if self.advanced > 1 and self.group_size > self.most:
      raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating')
    return made


class FleetTest(parameterized.TestCase):
  def fit(
    self,
    jobs,
    devices,
    group_size,
    folder=None,
    on_segment=None,
    survey=None,
    probe=None,
    split=False,
  ):
    programs = _programs(devices, group_size, survey, probe, split)
    size = 1 if split else fleet.block_size(len(jobs), programs.mesh, group_size)
    folder = pathlib.Path(folder or self.create_tempdir().full_path)
    fitted = []
    for block in fleet.blocks(jobs, size):
      fitted += fleet.fit_block(
        programs,
        block,
        size,
        seed=3,
        shapes=fleet.largest_shapes(jobs),
        folder=folder,
        on_segment=on_segment or (lambda segment: None),
        say=self.fail,
      )
    return fitted

  def test_eight_devices_give_what_one_gives(self):
    jobs = _jobs(11)
    want = self.fit(jobs, 1, 1)
    got = self.fit(jobs, 8, 1)
    for a, b in zip(got, want, strict=True):
      jax.tree.map(np.testing.assert_array_equal, a.variables, b.variables)
      self.assertLess(b.loss, 0.1)

  def test_grouped_models_are_fitted_as_alone(self):
    jobs = _jobs(8)
    want = self.fit(jobs, 1, 1)
    got = self.fit(jobs, 2, 4)
    for a, b in zip(got, want, strict=True):
      jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=2e-5),
        a.variables,
        b.variables,
      )

  def test_devices_that_share_a_batch_give_the_losses_of_one(self):
    told = {1: [], 8: []}
    fitted = {}
    for devices, segments in told.items():
      (fitted[devices],) = self.fit(
        _jobs(1), devices, 1, on_segment=segments.append, split=devices > 1
      )
    losses = [[segment.losses[0] for segment in told[n]] for n in told]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    jax.tree.map(
      lambda x, y: np.testing.assert_allclose(x, y, atol=1e-4),
      fitted[8].variables,
      fitted[1].variables,
    )
    # Each has an eighth of every batch.
    programs = _programs(8, 1, split=True)
    spread = jax.jit(lambda key, data: programs._sample(key, data, 16))(
      jax.random.key(0), programs.place(_jobs(1)[0].data)
    )
    self.assertEqual({s.data.shape for s in spread['rgb'].addressable_shards}, {(2, 3)})

  def test_a_model_does_not_depend_on_its_neighbours(self):
    (alone,) = self.fit(_jobs(8)[5:6], 1, 1)
    among = self.fit(_jobs(8), 1, 1)[5]
    jax.tree.map(np.testing.assert_array_equal, alone.variables, among.variables)

  @parameterized.parameters(None, _survey)
  def test_an_interrupted_block_ends_as_an_uninterrupted_one(self, survey):
    jobs = _jobs(8)
    want = self.fit(jobs, 8, 1, survey=survey)
    folder = self.create_tempdir().full_path
    seen = []

    def stop(segment):
      seen.append(segment.step)
      if segment.step == 30:
        raise KeyboardInterrupt

    with self.assertRaises(KeyboardInterrupt):
      self.fit(jobs, 8, 1, folder, stop, survey)
    again = []
    got = self.fit(jobs, 8, 1, folder, lambda s: again.append(s.step), survey)
    self.assertEqual((seen, again), ([10, 20, 30], [30, 40]))
    for a, b in zip(got, want, strict=True):
      jax.tree.map(np.testing.assert_array_equal, a.variables, b.variables)

  def test_a_block_goes_on_where_there_are_other_devices(self):
    jobs = _jobs(5)
    want = self.fit(jobs, 1, 1)
    folder = self.create_tempdir().full_path
    for devices, last in ((8, 20), (1, 30), (8, 40)):
      seen = []

      def stop(segment, seen=seen, last=last):
        seen.append(segment.step)
        if segment.step == last != 40:
          raise KeyboardInterrupt

      programs = _programs(devices, 1)
      fitted = fleet.fit_block(
        programs,
        jobs,
        fleet.filled_size(5, programs.mesh, 1),
        seed=3,
        shapes=fleet.largest_shapes(jobs),
        folder=pathlib.Path(folder),
        on_segment=stop,
        say=self.fail,
      )
      if last == 40:
        got = list(fitted)
      else:
        self.assertRaises(KeyboardInterrupt, list, fitted)
      # The segment that was stopped has no checkpoint yet.
      self.assertEqual(seen, {20: [10, 20], 30: [20, 30], 40: [30, 40]}[last])
    for a, b in zip(got, want, strict=True):
      jax.tree.map(np.testing.assert_array_equal, a.variables, b.variables)

  def test_a_survey_changes_what_is_drawn(self):
    (plain,) = self.fit(_jobs(1), 1, 1)
    (surveyed,) = self.fit(_jobs(1), 1, 1, survey=_survey)
    gap = plain.variables.params[0]['weight'] - surveyed.variables.params[0]['weight']
    self.assertGreater(np.abs(gap).max(), 1e-3)

  def test_a_probe_measures_every_model_after_each_segment_and_moves_none(self):
    jobs, segments = _jobs(8), []
    want = self.fit(jobs, 8, 1)
    got = self.fit(jobs, 8, 1, on_segment=segments.append, probe=PROBE)
    for a, b in zip(got, want, strict=True):
      jax.tree.map(np.testing.assert_array_equal, a.variables, b.variables)
    self.assertEqual([segment.step for segment in segments], [10, 20, 30, 40])
    for segment in segments:
      self.assertEqual(segment.losses.shape, (8,))
      self.assertGreater(segment.seconds, 0)
      gammas = [2 * job.data['gamma'] for job in jobs]
      np.testing.assert_allclose(segment.figures['twice'], gammas)
      self.assertEqual(segment.pictures.shape, (8, 2, 3, 3))
      np.testing.assert_array_equal(
        segment.pictures[:, 0, 0, 0], [int(50 * gamma) for gamma in gammas]
      )
    weights = [np.abs(f.variables.params[0]['weight']).sum() for f in got]
    np.testing.assert_allclose(segments[-1].figures['weight'], weights, rtol=1e-5)

  def test_the_number_of_programs_is_bounded(self):
    self.fit(_jobs(16), 8, 1)
    before = _programs(8, 1).compilations
    self.fit(_jobs(40), 8, 1)
    self.assertEqual(_programs(8, 1).compilations, before)

  def test_a_failed_model_is_told_apart_and_spoils_no_other(self):
    jobs = _jobs(8)
    want = self.fit(jobs, 1, 1)
    jobs[2] = fleet.Job('broken', {'gamma': np.float32('nan')})
    got = self.fit(jobs, 1, 1)
    self.assertEqual([r.job.name for r in got if not r.finite], ['broken'])
    jax.tree.map(np.testing.assert_array_equal, got[3].variables, want[3].variables)

  def cramped(self, group_size, most, on_segment, say):
    devices = mesh.make_mesh(jax.devices()[:1])
    method = methods.make(CONFIG, SYSTEM)
    programs = _Cramped(SYSTEM, method, _sample, CONFIG, devices, group_size)
    programs.most = most
    jobs = _jobs(2)
    return programs, fleet.fit_block(
      programs,
      jobs,
      2,
      seed=3,
      shapes=fleet.largest_shapes(jobs),
      folder=pathlib.Path(self.create_tempdir().full_path),
      on_segment=on_segment,
      say=say,
    )

  def test_a_device_out_of_memory_goes_on_with_smaller_groups(self):
    steps, lines = [], []
    programs, fitted = self.cramped(
      2, 1, lambda segment: steps.append(segment.step), lines.append
    )
    got, want = list(fitted), self.fit(_jobs(2), 1, 1)
    self.assertEqual(steps, [10, 20, 30, 40])
    self.assertEqual(programs.group_size, 1)
    self.assertLen(lines, 1)
    self.assertRegex(lines[0], 'too little memory for 2 models at .* going on with 1$')
    for a, b in zip(got, want, strict=True):
      jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=2e-5),
        a.variables,
        b.variables,
      )

  def test_one_model_that_does_not_fit_is_one_line(self):
    _, fitted = self.cramped(1, 0, lambda segment: None, self.fail)
    with self.assertRaisesRegex(errors.InputError, '^a device .* for one model alone'):
      list(fitted)

  @parameterized.parameters(
    (1, 2, 1, 2), (512, 2, 1, 16), (5, 8, 1, 8), (100, 2, 64, 128), (17, 2, 1, 10)
  )
  def test_blocks_are_whole_groups(self, jobs, devices, group, want):
    got = fleet.block_size(jobs, mesh.make_mesh(jax.devices()[:devices]), group)
    self.assertEqual(got, want)


class LoweringTest(parameterized.TestCase):
  @parameterized.parameters('cpu', 'cuda', 'tpu')
  def test_a_fit_step_lowers_for(self, platform):
    method = methods.make(CONFIG, SYSTEM)

    def one(key, data):
      state = loop.init(SYSTEM, method, key)
      return loop.advance(method, _sample, state, data, steps=2, batch_size=8)

    traced = jax.jit(one).trace(jax.random.key(0), {'gamma': jnp.float32(1)})
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    self.assertIn('stablehlo', text)


if __name__ == '__main__':
  absltest.main()
