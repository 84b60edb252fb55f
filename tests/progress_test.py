import contextlib
import io
from unittest import mock

from absl.testing import absltest

from lutjax import progress


class _Terminal(io.StringIO):
  def isatty(self):
    return True


class ProgressTest(absltest.TestCase):
  def run_bar(self, stderr, seconds_each):
    """Goes through ten items with a clock that is put forward by hand."""
    clock = 1000.0
    with (
      contextlib.redirect_stderr(stderr),
      mock.patch('tqdm.std.time', lambda: clock),
      mock.patch('time.time', lambda: clock),
      progress.bar(range(10), desc='work', unit='image') as bar,
    ):
      for i in bar:
        bar.set_postfix_str(f'at {i}')
        clock += seconds_each
    return stderr.getvalue()

  def test_lines_every_few_seconds_where_there_is_no_terminal(self):
    text = self.run_bar(io.StringIO(), 2.0)
    self.assertNotIn('\r', text)
    lines = text.splitlines()
    self.assertBetween(len(lines), 3, 4)
    for line in lines:
      self.assertRegex(line, r'^work: \d+/10 image in 00:\d\d, at \d$')
    self.assertStartsWith(lines[-1], 'work: 10/10')

  def test_lines_of_a_work_within_another_are_plain(self):
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr), progress.bar(total=1, desc='whole'):
      self.run_bar(stderr, 2.0)
    self.assertNotIn('\x1b', stderr.getvalue())
    self.assertStartsWith(stderr.getvalue().splitlines()[-1], 'work: 10/10')

  def test_no_line_of_a_short_work(self):
    self.assertEmpty(self.run_bar(io.StringIO(), 0.1))

  def test_a_bar_on_a_terminal(self):
    self.assertIn('\rwork: 100%', self.run_bar(_Terminal(), 1.0))


if __name__ == '__main__':
  absltest.main()
