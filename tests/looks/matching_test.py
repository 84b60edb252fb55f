import json
import pathlib

from absl.testing import absltest

from lutjax import files
from lutjax.baselines import grid
from lutjax.codec import labels
from lutjax.commands import scorecard, selection
from lutjax.fit import runs
from lutjax.looks import matching, normalized
from lutjax.lut import lattice


def _source(name, digest, domain=labels.UNIT_DOMAIN):
  label = labels.Label(name, domain)
  return normalized.NormalizedLook(
    label, digest, lattice.identity(2), source=f'luts/{name}.cube'
  )


class MatchingTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def model(self, *names, inputs=None):
    """Writes a run with a model for each name; returns what is in it."""
    for name in names:
      config = grid.Config(size=2, looks=(labels.Label(name),))
      content = grid.export(config, grid.init(config, None))
      files.write_bytes(self.folder / f'models/{name}.lutjax', content)
    if inputs is not None:
      record = {'config': {}, 'inputs': inputs}
      files.write_text(self.folder / runs.RECORD, json.dumps(record))
    return selection.find_models(str(self.folder))

  def find(self, opened, sources, only=()):
    """Returns what is matched, with what, and how; and the problems."""
    held = {source.label.name: source for source in sources}
    matches, problems = matching.find(opened, held, only)
    self.lines = matching.remarks(matches, held)
    self.record = matching.record(matches)
    return [(m.name, m.source.label.name, m.how) for m in matches], problems

  def test_a_renamed_file_is_known_by_its_content(self):
    opened = self.model('soft', 'warm', inputs={'soft': 'a', 'warm': 'b'})
    found, problems = self.find(opened, [_source('b', 'b'), _source('renamed', 'a')])
    self.assertEqual(found, [('soft', 'renamed', 'content'), ('warm', 'b', 'content')])
    self.assertEmpty(problems)
    self.assertEmpty(self.lines)

  def test_of_two_files_of_one_stem_the_right_one_is_taken(self):
    opened = self.model('soft', inputs={'soft': 'a'})
    sources = [_source('old-soft', 'z'), _source('new-soft', 'a')]
    found, problems = self.find(opened, sources)
    self.assertEqual(found, [('soft', 'new-soft', 'content')])
    self.assertEmpty(problems)
    self.assertRegex(self.lines[0], 'luts/old-soft.cube: left out')

  def test_looks_of_equal_content_keep_their_names(self):
    opened = self.model('one', 'two', inputs={'one': 'a', 'two': 'a'})
    found, _ = self.find(opened, [_source('one', 'a'), _source('two', 'a')])
    self.assertEqual(found, [('one', 'one', 'content'), ('two', 'two', 'content')])

  def test_another_file_of_that_name_is_refused(self):
    opened = self.model('soft', inputs={'soft': 'a'})
    found, problems = self.find(opened, [_source('soft', 'z')])
    self.assertEmpty(found)
    self.assertRegex(problems[0], 'luts/soft.cube is not the file .*--look=soft')
    found, problems = self.find(opened, [_source('wrong', 'z')])
    self.assertEmpty(found)
    self.assertRegex(problems[0], 'no source for soft; --look=soft scores it')

  def test_another_file_is_scored_where_both_are_named_and_that_is_said(self):
    opened = self.model('soft', 'warm', inputs={'soft': 'a', 'warm': 'b'})
    found, problems = self.find(opened, [_source('wrong', 'z')], ['soft'])
    self.assertEqual(found, [('soft', 'wrong', 'other')])
    self.assertEmpty(problems)
    self.assertRegex(
      self.lines[0], 'soft: scored against luts/wrong.cube, not the file'
    )
    self.assertEqual(
      self.record['soft'],
      {'file': 'luts/wrong.cube', 'sha256': 'z', 'matched': 'other'},
    )
    stats = {key: 1.0 for key, _, _ in scorecard._COLUMNS}
    for measure in ('cie76', 'ciede2000'):
      for name in ('mean', 'median', 'p90', 'p99', 'max'):
        stats[f'{measure}_{name}'] = 1.0
    figures = {
      'size_bytes': 1,
      'names_bytes': 0,
      'colours': {'': 'uniform colours'},
      'looks': {'soft': stats},
      'sources': self.record,
    }
    self.assertIn(
      '| soft (against luts/wrong.cube: not the file it was fitted to) |',
      scorecard.render(figures),
    )
    # Several files beside one name are no choice.
    sources = [_source('wrong', 'z'), _source('other', 'y')]
    self.assertEmpty(self.find(opened, sources, ['soft'])[0])

  def test_without_a_run_names_count_and_that_is_said(self):
    opened = self.model('soft', 'warm')
    found, problems = self.find(opened, [_source('soft', 'z')])
    self.assertEqual(found, [('soft', 'soft', 'name')])
    self.assertRegex(problems[0], 'no source for warm$')
    self.assertRegex(self.lines[0], 'soft: matched by name, no run.json')

  def test_another_domain_is_refused(self):
    opened = self.model('soft')
    wide = ((0.0,) * 3, (2.0,) * 3)
    found, problems = self.find(opened, [_source('soft', 'a', wide)], ['soft'])
    self.assertEmpty(found)
    self.assertRegex(problems[0], 'soft: found a source of another domain')


if __name__ == '__main__':
  absltest.main()
