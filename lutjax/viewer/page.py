"""The page: looks, photos, and the scripts that show them, in one HTML file.

Nothing is fetched, and nothing that the file does not bring runs in it: its Content
Security Policy names the digest of each script and of the style.
"""

import base64
import hashlib
import json
import math
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import NamedTuple

import lutjax
from lutjax import files
from lutjax.viewer import artefact

# In the order in which they run, after the decoders.
SCRIPTS = (
  'colour.js',
  'lattice.js',
  'shading.js',
  'cube.js',
  'library.js',
  'photo.js',
  'wide.js',
  'background.js',
  'shelf.js',
  'gpu.js',
  'plain.js',
  'stage.js',
  'gallery.js',
  'scopes.js',
  'blend.js',
  'saving.js',
  'address.js',
  'files.js',
  'readout.js',
  'app.js',
)
# What a page should take at most, so that it can be mailed.
MOST_BYTES = 1_000_000
# Those that fill lines; no script has text of several lines.
_COMMENTS = re.compile(r'^ *(//[^\n]*|/\*\*.*?\*/)\n', re.M | re.S)
# What decodes models that restore pictures.
_RESTORING = ('tinylut.js', 'restoration.js')
_SHADERS = ('picture.vert', 'picture.frag')


class Model(NamedTuple):
  """Looks of the page.

  Attributes:
    content: As `artefact.for_page` or `artefact.lattices` makes it.
    errors: By the names of looks: `cie76` and `ciede2000`, means over uniform colours.
  """

  content: bytes
  errors: Mapping[str, Mapping[str, float]] = {}


class Photo(NamedTuple):
  """A photo of the page.

  Attributes:
    name: Any text.
    kind: Such as `image/jpeg`.
    content: The file.
  """

  name: str
  kind: str
  content: bytes


def write(
  path: str | os.PathLike,
  title: str,
  models: Sequence[Model],
  photos: Sequence[Photo],
  *,
  restorers: Sequence[bytes] = (),
  overwrite: bool = True,
) -> pathlib.Path:
  """Writes the page.

  Args:
    path: The file.
    title: Any text.
    models: In the order in which their looks are shown.
    photos: The first is shown at first.
    restorers: As `artefact.for_page` makes them: models that restore pictures.
    overwrite: Whether an existing file may be replaced.

  Returns:
    The path.

  Raises:
    InputError: if the file cannot be written, or exists.
  """
  content = render(title, models, photos, restorers)
  files.write_bytes(path, content, overwrite=overwrite)
  return pathlib.Path(path)


def render(
  title: str,
  models: Sequence[Model],
  photos: Sequence[Photo],
  restorers: Sequence[bytes] = (),
) -> bytes:
  """Returns the page; see `write`.

  Args:
    title: Any text.
    models: In the order in which their looks are shown.
    photos: The first is shown at first.
    restorers: See `write`.
  """
  import jinja2
  import markupsafe

  style = _text('style.css')
  left_out = () if restorers else _RESTORING
  decoders = [_script(name) for name in artefact.DECODERS if name not in left_out]
  scripts = [_script(name) for name in SCRIPTS if name not in left_out]
  environment = jinja2.Environment(
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  # What the page brings is written as it is; the title is text.
  html = environment.from_string(_text('page.html')).render(
    title=title,
    policy=_policy(style, [*decoders, *scripts]),
    style=markupsafe.Markup(style),
    data=markupsafe.Markup(_json(title, models, photos, restorers)),
    shaders={name: markupsafe.Markup(_text(f'shaders/{name}')) for name in _SHADERS},
    decoders=[markupsafe.Markup(script) for script in decoders],
    scripts=[markupsafe.Markup(script) for script in scripts],
  )
  return html.encode('utf-8', 'replace')


def _script(name: str) -> str:
  """Returns a script without lines of comment, a fifth of what it takes."""
  return _COMMENTS.sub('', _text(f'scripts/{name}'))


def _policy(style: str, scripts: Sequence[str]) -> str:
  """Returns what the page may load and run: itself, and pictures that it holds."""
  return (
    f"default-src 'none'; img-src data: blob:; style-src {_digest(style)}; "
    f'script-src {" ".join(map(_digest, scripts))}; '
    "worker-src blob:; base-uri 'none'; form-action 'none'"
  )


def _digest(text: str) -> str:
  digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
  return f"'sha256-{digest}'"


def _json(
  title: str,
  models: Sequence[Model],
  photos: Sequence[Photo],
  restorers: Sequence[bytes],
) -> str:
  data = {
    'version': lutjax.__version__,
    'title': title,
    'models': [
      {'artefact': _base64(model.content), 'errors': _plain(model.errors)}
      for model in models
    ],
    'photos': [
      {'name': photo.name, 'type': photo.kind, 'base64': _base64(photo.content)}
      for photo in photos
    ],
    'restorers': [_base64(content) for content in restorers],
  }
  # A script ends at the first `</script`, whatever is quoted.
  return json.dumps(data, separators=(',', ':')).replace('<', '\\u003c')


def _plain(errors: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
  return {
    name: {key: round(float(value), 4) for key, value in scores.items()}
    for name, scores in errors.items()
    # JSON has no word for NaN and infinity.
    if all(map(math.isfinite, scores.values()))
  }


def _base64(content: bytes) -> str:
  return base64.b64encode(content).decode('ascii')


def _text(name: str) -> str:
  return resources.files('lutjax.viewer').joinpath(name).read_text('utf-8')
