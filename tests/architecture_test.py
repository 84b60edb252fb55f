"""The floors of the house: imports point down, never sideways, never up."""

import ast
import pathlib
import re

from absl.testing import absltest, parameterized

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What a room may import, besides itself. A room is a folder or a module.
GROUND = {'types', 'errors', 'urls', 'files', 'config', 'progress'}
FIRST = GROUND | {'lut', 'color', 'nn', 'codec'}
SECOND = FIRST | {'metrics', 'data'}
THIRD = SECOND | {'fit', 'report', 'artefacts', 'viewer'}
FOURTH = THIRD | {'experiment', 'looks', 'restoration'}
ALLOWED = {
  'types': set(),
  'errors': set(),
  'progress': set(),
  'urls': {'errors'},
  'files': {'errors', 'urls'},
  'config': {'errors'},
  'native': GROUND,
  'lut': GROUND | {'native'},  # Others get at kernels through `lut`.
  'color': GROUND,
  'nn': GROUND,
  'codec': GROUND,
  'metrics': FIRST,
  'data': FIRST | {'metrics'},
  'artefacts': FIRST,
  'assets': {'artefacts'},
  'fit': SECOND,
  'report': SECOND,
  'viewer': SECOND | {'report'},
  'experiment': THIRD,
  'looks': THIRD | {'experiment'},
  'restoration': THIRD | {'experiment'},
  'systems': FOURTH,
  'baselines': FOURTH,
  'commands': FOURTH | {'systems', 'assets'},
  'configs': FOURTH | {'systems', 'baselines'},
  'launch': FOURTH | {'systems', 'commands', 'configs'},
}
# The registry, which alone names systems.
REGISTRY = 'lutjax/systems/__init__.py'


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


def _public_functions(nodes, prefix=''):
  """Yields names and nodes of public functions, and of methods of public classes."""
  for node in nodes:
    if isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
      yield from _public_functions(node.body, f'{node.name}.')
    elif isinstance(node, ast.FunctionDef) and not node.name.startswith('_'):
      yield f'{prefix}{node.name}', node


def _arguments(node: ast.FunctionDef) -> list[str]:
  given = node.args
  every = [
    *given.posonlyargs,
    *given.args,
    given.vararg,
    *given.kwonlyargs,
    given.kwarg,
  ]
  names = [argument.arg for argument in every if argument is not None]
  return [name for name in names if name not in ('self', 'cls')]


def _named(node: ast.ImportFrom):
  """Yields the dotted names that an import may mean."""
  for alias in node.names:
    yield f'{node.module}.{alias.name}'


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
    wrong = []
    for path in sorted((ROOT / 'lutjax/systems').rglob('*.py')):
      own = path.parent.name
      for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and own != 'systems':
          for name in _named(node):
            inside = name.startswith(f'lutjax.systems.{own}.')
            if name.startswith('lutjax.systems') and not inside:
              wrong.append(f'{path.relative_to(ROOT)} imports {name}')
    self.assertEmpty(wrong)

  def test_commands_know_systems_by_the_registry_only(self):
    wrong = []
    for top in ('lutjax', 'launch'):
      for path in sorted((ROOT / top).rglob('*.py')):
        room = _room(path)
        if room in ('systems', 'baselines', 'configs'):
          continue
        for node in ast.walk(ast.parse(path.read_text())):
          if isinstance(node, ast.ImportFrom):
            wrong += [
              f'{path.relative_to(ROOT)} imports {name}'
              for name in _named(node)
              if name.startswith(('lutjax.systems.', 'lutjax.baselines'))
            ]
    self.assertEmpty(wrong)

  def test_nothing_is_found_by_a_string(self):
    wrong = []
    for path in _sources():
      for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(
          node.func, ast.Name | ast.Attribute
        ):
          continue
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        literal = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
        on_library = isinstance(node.args[0] if node.args else None, ast.Name) and (
          node.args[0].id in ('os', 'array')
        )
        if name == 'hasattr' and not on_library:
          wrong.append(f'{path.relative_to(ROOT)}:{node.lineno}: hasattr')
        if (
          name == 'getattr'
          and literal
          and path.parent.name
          in (
            'commands',
            'looks',
            'restoration',
          )
        ):
          wrong.append(f'{path.relative_to(ROOT)}:{node.lineno}: getattr')
        lazy = ('lutjax/__init__.py', REGISTRY, 'lutjax/config.py')
        place = path.relative_to(ROOT).as_posix()
        if name == 'import_module' and place not in lazy:
          wrong.append(f'{place}:{node.lineno}: import_module')
    self.assertEmpty(wrong)

  def test_the_library_leaves_jit_to_its_callers(self):
    callers = {
      'fit',
      'looks',
      'restoration',
      'systems',
      'baselines',
      'commands',
      'launch',
    }
    wrong = []
    for path in _sources():
      if _room(path) in callers:
        continue
      for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr == 'jit':
          wrong.append(f'{path.relative_to(ROOT)}:{node.lineno}')
    self.assertEmpty(wrong)

  def test_arguments_are_described(self):
    """Optax: 86 %. Counted are public functions of two or more arguments."""
    total, bare, wrong = 0, [], []
    for path in sorted((ROOT / 'lutjax').rglob('*.py')):
      for name, node in _public_functions(ast.parse(path.read_text()).body):
        arguments = _arguments(node)
        if len(arguments) < 2:
          continue
        total += 1
        place = f'{path.relative_to(ROOT)}:{node.lineno}: {name}'
        _, section, rest = (ast.get_docstring(node) or '').partition('Args:\n')
        if not section:
          bare.append(place)
          continue
        described = re.findall(r'^  \**(\w+):', rest.partition('\n\n')[0], re.M)
        if described != arguments:
          wrong.append(f'{place}: {described}, not {arguments}')
    self.assertLess(len(bare), 0.05 * total, '\n'.join(bare))
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
      # Scripts of the page are tested in a browser.
      if not subject.exists() and not subject.with_suffix('.js').exists():
        wrong.append(str(relative))
    self.assertEmpty(wrong)


if __name__ == '__main__':
  absltest.main()
