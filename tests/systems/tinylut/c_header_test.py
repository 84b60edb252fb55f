"""The C loop of a header gives the pixels of the training forward pass."""

import functools
import pathlib
import shutil
import subprocess
import unittest

import imageio.v3 as iio
import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import c_header, forward, model, networks, structure, tables
from lutjax.types import Variables
from tests.systems.tinylut import artefact_test

_NOISE = degradations.Degradation('noise', 25)
_STRICT = ('-std=c99', '-Wall', '-Wextra', '-Werror', '-pedantic', '-O2')
_SANITIZE = ('-fsanitize=address,undefined', '-fno-sanitize-recover=all')
# More than a tile, and less; sides that are mirrored more than once.
_SIZES = ((13, 11), (1, 1), (1, 9), (7, 1), (3, 2), (8, 16))
_MAIN = """\
#include <stdio.h>
#include <stdlib.h>
#include "small.h"

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int width = atoi(argv[1]), height = atoi(argv[2]);
  size_t size = (size_t)width * height, many = small_SCALE * small_SCALE * size;
  uint8_t *in = malloc(size), *out = malloc(many);
  FILE *file = fopen(argv[3], "rb");
  if (!in || !out || !file || fread(in, 1, size, file) != size) return 3;
  fclose(file);
  small_restore(in, width, height, width, out, (ptrdiff_t)width * small_SCALE);
  file = fopen(argv[4], "wb");
  if (!file || fwrite(out, 1, many, file) != many || fclose(file)) return 4;
  free(in);
  free(out);
  return 0;
}
"""


def _entries(config):
  """Returns random tables, coarse enough for halves and clipped values."""
  rng = np.random.default_rng(0)

  def entry(path, leaf):
    name = path[-1].key
    if name == 'scale':
      return rng.uniform(0.3, 1.3, leaf.shape).astype(np.float32)
    most = {'shift': config.shift_radius, 'spatial': 40}.get(name, 128)
    return rng.integers(-most, max(most, 1), leaf.shape, np.int8)

  shapes = jax.eval_shape(functools.partial(model.init, config), jax.random.key(0))
  return jax.tree_util.tree_map_with_path(entry, shapes)


def _by_forward(config, variables, pictures):
  """Restores pictures by the float forward pass on mirrored, square patches."""
  margin = max(structure.margins(config))
  side = max(max(picture.shape) for picture in pictures) + 2 * margin
  patches = np.zeros((len(pictures), side, side), np.float32)
  for patch, picture in zip(patches, pictures):
    mirrored = np.pad(picture, margin, mode='reflect')
    patch[: mirrored.shape[0], : mirrored.shape[1]] = mirrored
  floats = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), variables.params)

  @jax.jit
  def run(floats, patches):
    return forward.forward(config, *networks.entries(config, floats), patches)

  got = np.clip(np.asarray(run(floats, patches)), 0, 255).astype(np.uint8)
  scale = config.restores.scale
  return [
    one[: scale * height, : scale * width]
    for one, (height, width) in zip(got, (picture.shape for picture in pictures))
  ]


class CHeaderTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def compiled(self, content, *defines):
    """Compiles the header with a main that restores one plane; returns the program."""
    compiler = shutil.which('cc')
    if compiler is None:
      self.skipTest('needs a C compiler, cc')
    (self.folder / 'small.h').write_bytes(content)
    (self.folder / 'main.c').write_text(_MAIN)
    program = self.folder / 'main'
    command = [compiler, *_STRICT, *defines, 'main.c', '-o', str(program)]
    for extra in (_SANITIZE, ()):
      done = subprocess.run(
        [*command, *extra],
        cwd=self.folder,
        capture_output=True,
        text=True,
        check=False,
      )
      # Where there are no sanitizers, the linker says so.
      if done.returncode == 0 or 'error:' in done.stderr:
        break
    self.assertEqual(done.returncode, 0, done.stderr)
    return program

  def restored(self, program, picture, scale):
    source, target = self.folder / 'in.raw', self.folder / 'out.raw'
    source.write_bytes(picture.tobytes())
    height, width = picture.shape
    done = subprocess.run(
      [program, str(width), str(height), source, target],
      capture_output=True,
      text=True,
      check=False,
    )
    self.assertEqual(done.returncode, 0, done.stderr[-2000:])
    pixels = np.frombuffer(target.read_bytes(), np.uint8)
    return pixels.reshape(scale * height, scale * width)

  @parameterized.named_parameters(
    ('s_x4', {'channels': 16}, ()),
    (
      'f_x1',
      {'restores': _NOISE, 'channels': 3, 'pointwise': 0, 'pairs': 1},
      ('-Dsmall_TILE=5',),
    ),
    (
      'fused_moved_x2',
      {
        'restores': degradations.Degradation('bicubic', 2),
        'channels': 4,
        'low': 'fused',
        'shift_radius': 1,
        'kernel': 2,
      },
      (),
    ),
  )
  def test_gives_the_pixels_of_training(self, fields, defines):
    config = structure.Config(learned='entries', **fields)
    variables = _entries(config)
    (content,) = c_header.files(config, variables, 'small').values()
    program = self.compiled(content, *defines)
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, size, np.uint8) for size in _SIZES]
    want = _by_forward(config, variables, pictures)
    for picture, one in zip(pictures, want):
      got = self.restored(program, picture, config.restores.scale)
      np.testing.assert_array_equal(got, one, str(picture.shape))
    self.assertGreater(np.std(want[0]), 10)

  @unittest.skipUnless(
    artefact_test.PUBLISHED.is_dir(), 'needs tinylut_published under LUTJAX_DATA'
  )
  def test_gives_a_published_picture(self):
    config, variables, _ = artefact_test.published()
    program = self.compiled(*c_header.files(config, variables, 'small').values())
    folder = artefact_test.PUBLISHED
    given = iio.imread(folder.parent / 'restoration/set5/LR_x4/butterfly.png')
    want = iio.imread(folder / 'expected_set5_x4/butterfly.png')
    planes = [
      self.restored(program, np.ascontiguousarray(given[..., c]), 4) for c in range(3)
    ]
    np.testing.assert_array_equal(np.stack(planes, axis=-1), want)

  def test_says_what_it_is(self):
    config = structure.Config(
      learned='entries', restores=_NOISE, channels=2, name='odd */ näme', headroom=3
    )
    variables = _entries(config)
    ((name, content),) = c_header.files(config, variables, '2nd-model').items()
    self.assertEqual(name, '2nd-model.h')
    text = content.decode('ascii')
    self.assertIn('odd __ n_me, a TinyLUT, removes Gaussian noise of sigma 25', text)
    self.assertIn('void tinylut_2nd_model_restore(', text)
    self.assertIn(
      f'{self.rows(config, variables)} bytes of tables', ' '.join(text.split())
    )
    rows = text.partition('high_spatial[1152] = {\n')[2].split('\n')
    self.assertLen(rows[0].split(), 16)

  def rows(self, config, variables):
    """Counts entries, those between reached rows with them."""
    count = 0
    for branch, held in variables.params.items():
      count += held['spatial'].size
      for layer in held['layers']:
        levels = tables.levels_of(config, branch, layer['scale'])
        heights = levels.max(axis=1) - levels.min(axis=1) + 1
        count += int(heights.sum()) * layer['rows'].shape[-1]
    return count

  def test_rounds_what_was_learned(self):
    config = structure.Config(learned='entries', restores=_NOISE, channels=1, kernel=1)
    variables = _entries(config)
    floats = Variables(
      jax.tree.map(lambda leaf: leaf.astype(np.float32), variables.params)
    )
    made = tables.to_tables(config, floats)
    same = c_header.files(config, floats, 'a') == c_header.files(*made, 'a')
    self.assertTrue(same)


if __name__ == '__main__':
  absltest.main()
