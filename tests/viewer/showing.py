"""Pages of looks in a browser, for tests."""

import base64
import io
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image
from selenium.webdriver.remote import webelement

from lutjax.lut import lattice
from lutjax.viewer import artefact, page
from tests.viewer import browser

_SECONDS = 20
# Elements that may have a role.
_TAGS = {
  'button': 'button',
  'combobox': 'select',
  'searchbox': 'input[type=search]',
  'slider': 'input[type=range], [role=slider]',
  'application': '[role=application]',
}


def looks(size: int = 9) -> dict[str, np.ndarray]:
  """Returns lattices `[size, size, size, 3]` that differ, one of them out of range."""
  nodes = lattice.identity(size)
  swapped = 0.3 * nodes[..., ::-1] + 0.6 * nodes**1.5
  return {
    'Warm': (nodes ** np.array([0.8, 1.0, 1.4])).astype(np.float32),
    'Swapped': swapped.astype(np.float32),
    'Beyond': (1.4 * nodes - 0.2).astype(np.float32),
  }


def photo(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
  """Returns pixels `[height, width, 3]` uint8 of all kinds."""
  pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
  pixels[0, :4] = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [90, 90, 90]]
  return pixels.astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
  """Returns pixels as a PNG file."""
  stream = io.BytesIO()
  Image.fromarray(pixels).save(stream, 'PNG', compress_level=1)
  return stream.getvalue()


def from_png(content: bytes) -> np.ndarray:
  """Returns the pixels of a PNG file, `[H, W, 3]` uint8."""
  return np.asarray(Image.open(io.BytesIO(content)).convert('RGB'))


def html_of(
  tables: Mapping[str, np.ndarray],
  *,
  errors: Mapping[str, Mapping[str, float]] | None = None,
  more: tuple[page.Model, ...] = (),
  title: str = 'Looks',
  pixels: np.ndarray | None = None,
) -> str:
  """Returns a page of lattices and one photo.

  Args:
    tables: By name.
    errors: Of the looks.
    more: Models behind them.
    title: Of the page.
    pixels: Of the photo.
  """
  content = artefact.lattices(list(tables), list(tables.values()))
  models = [page.Model(content, errors or {}), *more]
  shown = page.Photo('photo', 'image/png', png(photo() if pixels is None else pixels))
  return page.render(title, models, [shown]).decode()


def stored(table: np.ndarray) -> np.ndarray:
  """Returns a lattice as a page gets it: 16 bits of its range."""
  low, high = float(table.min()), float(table.max())
  codes = np.rint((table.astype(np.float64) - low) / (high - low) * 65535)
  return low + (high - low) * codes / 65535


class TestCase(browser.TestCase):
  """Tests of a page of looks."""

  def show(self, html: str) -> None:
    """Opens a page, and waits until all of its looks are read."""
    self.driver = browser.open_page(html)
    self._prepare()

  def show_again(self) -> None:
    """Loads the address anew."""
    self.driver.refresh()
    self._prepare()
    self.settle()

  def _prepare(self) -> None:
    self.driver.set_window_size(1000, 640)
    # Without a graphics card a frame takes longer than what is tested.
    self.evaluate(
      """
      window.requestAnimationFrame = (work) => setTimeout(work);
      window.cancelAnimationFrame = clearTimeout;
      await lutjax.app.ready;
      """
    )

  def named(self, role: str, name: str) -> webelement.WebElement:
    """Returns the one control that is shown with a role and an accessible name.

    Of lists it knows the first entry alone: to ask for names takes long.
    """
    shown = self.driver.execute_script(
      """
      return [...document.querySelectorAll(arguments[0])].filter((element) =>
        element.checkVisibility() && !element.closest('li:not(:first-child)'));
      """,
      _TAGS[role],
    )
    found = [element for element in shown if element.accessible_name == name]
    self.assertEqual([element.aria_role for element in found], [role] * len(found))
    self.assertLen(found, 1, f'{role} named {name!r}')
    return found[0]

  def wait_for(self, found: Callable[[], Any], what: str) -> Any:
    """Returns what comes to be true."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
      result = found()
      if result:
        return result
      time.sleep(0.05)
    return self.fail(f'{what} did not come within {_SECONDS} s')

  def open_look(self, name: str) -> None:
    """Opens a look, and waits until it is drawn."""
    self.evaluate(
      'lutjax.app.openLook(lutjax.app.library.find(args[0])); await 0;', name
    )
    self.settle()

  def settle(self) -> None:
    """Waits until what was asked for is shown."""
    self.evaluate(
      """
      do {
        await new Promise((done) => setTimeout(done));
      } while (lutjax.app.pending.size || lutjax.app.refining);
      await new Promise((done) => setTimeout(done));
      """
    )

  def drop(self, **contents: bytes) -> None:
    """Drops files, by names in which `__` stands for the dot."""
    files = {
      name.replace('__', '.'): base64.b64encode(content).decode()
      for name, content in contents.items()
    }
    self.evaluate(
      """
      const data = new DataTransfer();
      for (const [name, text] of Object.entries(args[0])) {
        data.items.add(new File([lutjax.photo.bytesOf(text)], name));
      }
      const event = new DragEvent('drop', {dataTransfer: data, bubbles: true});
      document.body.dispatchEvent(event);
      """,
      files,
    )

  def downloaded(self, name: str) -> bytes:
    """Returns a file that the page stored, once it is whole."""
    path = browser.downloads() / name
    self.wait_for(path.is_file, name)
    content = path.read_bytes()
    path.unlink()
    return content

  def pixels(self, script: str = '') -> np.ndarray:
    """Returns what the stage shows, `[H, W, 3]` uint8, after a script."""
    found = self.evaluate(
      script
      + """
      const {stage} = lutjax.app;
      stage.drawNow();
      const copy = document.createElement('canvas');
      copy.width = stage.canvas.width, copy.height = stage.canvas.height;
      const context = copy.getContext('2d');
      context.drawImage(stage.canvas, 0, 0);
      const {data} = context.getImageData(0, 0, copy.width, copy.height);
      let text = '';
      for (let i = 0; i < data.length; i += 4096) {
        text += String.fromCharCode(...data.subarray(i, i + 4096));
      }
      return [copy.width, copy.height, btoa(text)];
      """
    )
    width, height, text = found
    flat = np.frombuffer(base64.b64decode(text), np.uint8)
    return flat.reshape(height, width, 4)[..., :3]
