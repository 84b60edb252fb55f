import dataclasses
import json
import pathlib
from typing import Literal

from absl.testing import absltest, parameterized

from lutjax import config, errors, experiment
from lutjax.fit import loop
from lutjax.looks import task as looks
from lutjax.systems.nilut import model as nilut


@dataclasses.dataclass(frozen=True)
class Inner:
  steps: int = 10
  rate: float = 0.1
  widths: tuple[int, ...] = (8, 8)


@dataclasses.dataclass(frozen=True)
class Outer:
  fit: Inner = Inner()
  also: Inner = Inner()
  mode: Literal['a', 'b'] = 'a'
  together: bool = False
  budget: int | None = None


@dataclasses.dataclass(frozen=True)
class Whole:
  one: Outer = Outer()
  also: Inner = Inner()


class OverrideTest(parameterized.TestCase):
  def test_the_end_of_a_path_is_enough_where_it_is_the_only_one(self):
    got = config.override(Whole(), ['fit.steps=20'])
    self.assertEqual((got.one.fit.steps, got.also.steps), (20, 10))
    with self.assertRaisesRegex(errors.InputError, 'several fields'):
      config.override(Whole(), ['also.rate=1', 'rate=1'])

  @parameterized.parameters(
    ('fit.steps=20', lambda c: c.fit.steps, 20),
    ('mode=b', lambda c: c.mode, 'b'),
    ('together=true', lambda c: c.together, True),
    ('budget=5120', lambda c: c.budget, 5120),
    ('fit.rate=1', lambda c: c.fit.rate, 1.0),
    ('fit.widths=(4, 5)', lambda c: c.fit.widths, (4, 5)),
    ('fit.widths=4', lambda c: c.fit.widths, (4,)),
  )
  def test_sets_one_field(self, assignment, read, want):
    got = config.override(Outer(), [assignment])
    self.assertEqual(read(got), want)
    self.assertIs(type(read(got)), type(want))

  @parameterized.parameters(
    ('fit.stesp=20', r'did you mean fit.steps\?'),
    ('steps=20', r'expected one of fit.steps, also.steps'),
    ('mode=c', r"found 'c', expected one of a, b"),
    ('fit.steps=1.5', r"found '1.5', expected int"),
    ('fit.steps=true', r"found 'true', expected int"),
    ('together=1', r"found '1', expected bool"),
    ('together', r'found no "="'),
  )
  def test_refuses(self, assignment, message):
    with self.assertRaisesRegex(errors.InputError, message):
      config.override(Outer(), [assignment])

  def test_names_what_differs(self):
    before = config.to_dict(Outer())
    after = config.to_dict(config.override(Outer(), ['fit.steps=20', 'mode=b']))
    self.assertEqual(
      list(config.differences(before, after)),
      ['fit.steps: 10, now 20', 'mode: a, now b'],
    )


class ExperimentTest(parameterized.TestCase):
  def test_a_choice_called_none_is_a_word(self):
    settings = experiment.Experiment(nilut.Config(), looks.Config())
    self.assertEqual(config.override(settings, ['pictures=none']).pictures, 'none')

  @parameterized.parameters(
    'steps=0',
    'batch_size=-1',
    'segment_steps=0',
    'optimizer=lion',
    'schedule=cosin',
    'pictures=some',
    'seed=99999999999999999999',
    'overshoot=-1',
    'nodes=1',
    'random_colours=0',
    'widths=(0, 8)',
  )
  def test_refuses_what_cannot_be_run(self, assignment):
    settings = experiment.Experiment(nilut.Config(), looks.Config())
    with self.assertRaisesRegex(
      errors.InputError, f'--set=.*{assignment.split("=")[0]}'
    ):
      config.override(settings, [assignment])


class RecordTest(absltest.TestCase):
  def test_a_recorded_config_comes_back(self):
    want = loop.Config(steps=7, schedule='constant')
    record = json.loads(json.dumps(config.to_dict(want)))
    self.assertEqual(config.from_dict(record, 'run.json'), want)

  def test_refuses_foreign_classes_and_fields(self):
    for record in (
      {'class': 'os.path.join'},
      {'class': 'lutjax.files.write_text', 'path': '/dev/null', 'content': ''},
      {'class': 'lutjax.fit.loop.Confi'},
      {'class': 'lutjax.fit.loop.Config', 'stesp': 7},
    ):
      with self.assertRaisesRegex(errors.InputError, 'run.json: found .* cannot make'):
        config.from_dict(record, 'run.json')


class LoadTest(absltest.TestCase):
  def test_finds_a_packaged_config_by_its_name(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / 'tiny.py').write_text('def get_config():\n  return 7\n')
    for name in ('configs/tiny.py', 'tiny.py', 'tiny', 'configs/tiny'):
      self.assertEqual(config.load(name, [folder]), 7)

  def test_names_the_nearest_config(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / 'nilut.py').write_text('')
    with self.assertRaisesRegex(errors.InputError, r'did you mean nilut\?'):
      config.load('configs/nilutt.py', [folder])
    with self.assertRaisesRegex(errors.InputError, 'no such file'):
      config.load('mine/nilut.py', [folder])
    with self.assertRaisesRegex(errors.InputError, r'no get_config\(\)'):
      config.load(folder / 'nilut.py')


if __name__ == '__main__':
  absltest.main()
