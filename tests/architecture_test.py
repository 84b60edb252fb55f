"""The floors of the house: imports point down, never sideways, never up."""

import ast
import pathlib

from absl.testing import absltest, parameterized

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What a room may import, besides itself. A room is a folder or a module.
GROUND = {'types', 'errors', 'files', 'config'}
FIRST = GROUND | {'lut', 'color', 'nn', 'codec'}
SECOND = FIRST | {'metrics', 'data'}
ALLOWED = {
  'types': set(),
  'errors': set(),
  'files': {'errors'},
  'config': {'errors'},
  'progress': set(),
  'lut': GROUND,
  'color': GROUND,
  'nn': GROUND,
  'codec': GROUND,
  'metrics': FIRST,
  'data': FIRST | {'metrics'},
  'models': SECOND,
  'fit': SECOND,
  'report': SECOND,
  'tasks': SECOND | {'models', 'fit', 'report', 'progress'},
  'configs': SECOND | {'models', 'fit', 'report', 'tasks'},
  'launch': SECOND | {'models', 'fit', 'report', 'tasks', 'configs'},
}


def _sources():
  for top in ('lutjax', 'configs', 'launch'):
    yield from sorted((ROOT / top).rglob('*.py'))


def _room(path: pathlib.Path) -> str:
  parts = path.relative_to(ROOT).with_suffix('').parts
  return parts[1] if parts[0] == 'lutjax' and len(parts) > 1 else parts[0]


def _imported_rooms(path: pathlib.Path):
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      for alias in node.names:
        if alias.name.startswith('lutjax.'):
          yield alias.name.split('.')[1]
    elif isinstance(node, ast.ImportFrom) and not node.level:
      module = node.module or ''
      if module == 'lutjax':
        yield from (alias.name for alias in node.names)
      elif module.startswith('lutjax.'):
        yield module.split('.')[1]


def _system(name: str) -> str:
  """Returns the system of a file: `lutflow` of `lutflow_artefact`."""
  return name.strip('_').split('_')[0] if name != '__init__' else ''


class ArchitectureTest(parameterized.TestCase):
  def test_imports_point_down(self):
    wrong = []
    for path in _sources():
      room = _room(path)
      if path.name == '__init__.py' and room == '__init__':
        continue
      for imported in _imported_rooms(path):
        if imported != room and imported not in ALLOWED[room]:
          wrong.append(f'{path.relative_to(ROOT)} imports {imported}')
    self.assertEmpty(wrong)

  def test_systems_do_not_know_each_other(self):
    folder = ROOT / 'lutjax/models'
    wrong = []
    for path in sorted(folder.rglob('*.py')):
      own = _system(path.relative_to(folder).parts[0].removesuffix('.py'))
      for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not own:
          continue
        if node.module == 'lutjax.models':
          met = [alias.name for alias in node.names]
        elif (node.module or '').startswith('lutjax.models.'):
          met = [(node.module or '').split('.')[2]]
        else:
          continue
        wrong += [f'{path.name} imports {name}' for name in met if _system(name) != own]
    self.assertEmpty(wrong)

  def test_the_library_leaves_jit_to_its_callers(self):
    callers = {'fit', 'tasks', 'launch'}
    wrong = []
    for path in _sources():
      if _room(path) in callers:
        continue
      for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr == 'jit':
          wrong.append(f'{path.relative_to(ROOT)}:{node.lineno}')
    self.assertEmpty(wrong)

  def test_files_hold_one_idea(self):
    long = [
      str(path.relative_to(ROOT))
      for path in _sources()
      if len(path.read_text().splitlines()) > 500
    ]
    self.assertEmpty(long)

  def test_tests_mirror_the_library(self):
    wrong = []
    for path in sorted((ROOT / 'tests').rglob('*_test.py')):
      relative = path.relative_to(ROOT / 'tests')
      if len(relative.parts) < 2:
        continue
      base = ROOT if relative.parts[0] in ('launch', 'configs') else ROOT / 'lutjax'
      name = path.stem.removesuffix('_test')
      if relative.as_posix() == 'launch/exact_test.py':  # Of all commands.
        continue
      if relative.parts[0] == 'launch':
        # What a command does is a table for each side of it: `apply_metadata`.
        name = name.split('_')[0]
      subject = base / relative.parent / f'{name}.py'
      if not subject.exists():
        wrong.append(str(relative))
    self.assertEmpty(wrong)


if __name__ == '__main__':
  absltest.main()
