"""A real browser for tests of pages: headless Chromium through Selenium.

Starting it takes a second, so that the tests of a class share one.
"""

import atexit
import functools
import os
import pathlib
import shutil
import tempfile
from typing import Any

from absl.testing import absltest, parameterized
from selenium import webdriver

_OPTIONS = (
  '--headless=new',
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--force-device-scale-factor=1',
  # WebGL2 without a graphics card.
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
)
_SECONDS = 60


def open_page(html: str) -> webdriver.Chrome:
  """Opens a page from `file://`, as users do, in the browser of this process.

  Args:
    html: The whole page.

  Returns:
    The browser, once the page is loaded; it shows one page at a time.
  """
  driver, folder = _browser()
  path = folder / 'page.html'
  path.write_text(html, encoding='utf-8')
  driver.get(path.as_uri())
  return driver


def downloads() -> pathlib.Path:
  """Returns the folder that holds what pages hand to their users."""
  return _browser()[1] / 'downloads'


def missing() -> str | None:
  """Returns a line that says what the tests lack to run, or None."""
  lacking = [name for name in ('chromium', 'chromedriver') if not shutil.which(name)]
  if not lacking:
    return None
  return f'no {" and no ".join(lacking)}: apt-get install chromium chromium-driver'


class TestCase(parameterized.TestCase):
  """Skips without a browser, and fails where `CI` is set."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    lacking = missing()
    if lacking is not None and os.environ.get('CI'):
      raise AssertionError(lacking)
    if lacking is not None:
      raise absltest.SkipTest(lacking)

  def evaluate(self, script: str, *args: Any) -> Any:
    """Runs the body of an async function in the page that is open.

    Args:
      script: JavaScript; reads `args`, and may `await` and `return`.
      *args: Plain values.

    Returns:
      What it returned.
    """
    driver, _ = _browser()
    wrapped = (
      'const args = [...arguments], done = args.pop();'
      f'(async () => {{ {script} }})().then('
      'value => done({value}), error => done({error: String(error)}));'
    )
    result = driver.execute_async_script(wrapped, *args)
    self.assertNotIn('error', result, result.get('error'))
    return result.get('value')


@functools.cache
def _browser() -> tuple[webdriver.Chrome, pathlib.Path]:
  """Starts the browser of this process, which ends with it."""
  folder = pathlib.Path(tempfile.mkdtemp(prefix='lutjax-browser-'))
  options = webdriver.ChromeOptions()
  options.binary_location = shutil.which('chromium') or ''
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
  preferences = {'download.default_directory': str(folder / 'downloads')}
  options.add_experimental_option('prefs', preferences)
  for option in (*_OPTIONS, f'--user-data-dir={folder / "profile"}'):
    options.add_argument(option)
  service = webdriver.ChromeService(executable_path=shutil.which('chromedriver'))
  driver = webdriver.Chrome(options=options, service=service)
  driver.set_script_timeout(_SECONDS)
  driver.set_page_load_timeout(_SECONDS)

  def close() -> None:
    driver.quit()
    shutil.rmtree(folder, ignore_errors=True)

  atexit.register(close)
  return driver, folder
