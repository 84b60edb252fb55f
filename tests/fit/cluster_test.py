"""What actors send back; the cluster itself is in `tests/launch/fit_ray_test.py`."""

import pathlib
from unittest import mock

from absl.testing import absltest, parameterized

from lutjax import errors, experiment
from lutjax.fit import cluster, runs


class KeptTest(absltest.TestCase):
  def test_what_was_kept_reaches_the_run_folder_in_order(self):
    folder = pathlib.Path(self.create_tempdir().full_path, 'run')
    run = runs.open_run(
      folder,
      config=experiment.Experiment(None, None),
      inputs={},
      resume=True,
      overwrite=False,
    )
    self.addCleanup(run.close)
    kept, said = cluster.Kept(), []
    kept.log('failed', name='b', problem='b: no')
    kept.commit('a', b'artefact', {'loss': 0.5})
    kept.say('a line')
    entries = kept.take()
    self.assertEmpty(kept.take())
    cluster._replay(entries, run, said.append)
    self.assertEqual((folder / 'models/a.lutjax').read_bytes(), b'artefact')
    self.assertEqual(
      [e['event'] for e in runs.read_events(folder)], ['failed', 'model']
    )
    self.assertEqual(run.done['a']['loss'], 0.5)
    self.assertEqual(said, ['a line'])


class ClusterTest(parameterized.TestCase):
  @parameterized.parameters((1, 1), (8, 1), (9, 2), (1000, 125))
  def test_actors_get_several_groups(self, models, most):
    self.assertEqual(cluster.Cluster('CPU', 2).group_most(models), most)

  def test_an_actor_names_where_it_is_and_forgets_a_group_that_failed(self):
    def fit(group):
      actor._kept.log('seen', group=group)
      if group == 'bad':
        raise errors.InputError('bad')
      return [f'{group}: not good']

    # An actor silences the bars of its process, here those of other tests.
    self.enter_context(mock.patch.object(cluster.progress, 'silence'))
    actor = cluster.Actor(lambda shared, kept: fit)
    actor._fit = fit  # As after the first group, whose reference Ray looks up.
    with self.assertRaises(errors.InputError):
      actor.fit(('held',), 0, 'bad')
    made = actor.fit(('held',), 1, 'good')
    self.assertEqual((made.number, made.problems), (1, ['good: not good']))
    self.assertEqual(made.entries, [('log', {'event': 'seen', 'group': 'good'})])
    self.assertEqual(made.place, actor.where())


if __name__ == '__main__':
  absltest.main()
