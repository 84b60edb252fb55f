"""Decoding artefacts in a browser, for tests."""

import base64
import pathlib
from typing import Any

import numpy as np

from lutjax import viewer
from lutjax.viewer import artefact
from tests.viewer import browser

_SCRIPTS = pathlib.Path(viewer.__file__).parent / 'scripts'
# Of pages: nothing is fetched, and no text becomes a script.
_POLICY = (
  '<meta http-equiv="Content-Security-Policy" '
  "content=\"default-src 'none'; script-src 'unsafe-inline'\">"
)
# What a page answers: float32 as they are, in base64.
_ANSWER = """
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const answer = array => {
    let text = '';
    for (const byte of new Uint8Array(array.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  };
"""


def open_decoders() -> None:
  """Opens a page that holds nothing but the decoders."""
  scripts = [(_SCRIPTS / name).read_text('utf-8') for name in artefact.DECODERS]
  body = ''.join(f'<script>\n{script}</script>\n' for script in scripts)
  browser.open_page(
    f'<!doctype html><meta charset="utf-8"><title>decoders</title>{body}'
  )


def text_of(content: bytes) -> str:
  """Returns bytes as a page is given them."""
  return base64.b64encode(content).decode()


class TestCase(browser.TestCase):
  """Tests that share one page of decoders."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    open_decoders()

  def run_script(self, script: str, *args: Any) -> Any:
    """Evaluates a script that may use `bytes(text)` and `answer(array)`."""
    return self.evaluate(_ANSWER + script, *args)

  def lattice(self, content: bytes, index: int, size: int) -> np.ndarray:
    """Returns what the page decodes of a look, `[size, size, size, 3]`."""
    found = self.run_script(
      'const model = await lutjax.artefact.read(bytes(args[0]));'
      'return answer(model.lattice(args[1], args[2]));',
      text_of(content),
      index,
      size,
    )
    return self._floats(found, size)

  def blend(self, content: bytes, weights: list[float], size: int) -> np.ndarray:
    """Returns what the page decodes of a mix, `[size, size, size, 3]`."""
    found = self.run_script(
      'const model = await lutjax.artefact.read(bytes(args[0]));'
      'return answer(model.blend(args[1], args[2]));',
      text_of(content),
      weights,
      size,
    )
    return self._floats(found, size)

  def _floats(self, text: str, size: int) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(text), np.float32)
    return values.reshape(size, size, size, 3)
