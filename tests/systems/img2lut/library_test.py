"""Looks of other systems as the library of a model that predicts one for a picture."""

import dataclasses
import functools
import io
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.codec import labels
from lutjax.nn import residual_flow, resnet
from lutjax.systems import img2lut
from lutjax.systems.img2lut import heads
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut

LOOKS = (labels.Label('warm'), labels.Label('cold'), labels.Label('old'))
STYLES = nilut.Config(widths=(8,), activations=('relu',), styles='heads', looks=LOOKS)
FLOW = lutflow.Config(
  flow=residual_flow.Shape(blocks=1, widths=(8, 8, 8), activation='rational'),
  precision='fp32',
  mended=False,
  looks=LOOKS,
)


def _drawn(system):
  """Random numbers in the form of a model, nothing compiled."""
  rng = np.random.default_rng(0)
  return jax.tree.map(
    lambda leaf: rng.normal(0.0, 0.3, leaf.shape).astype(np.float32),
    jax.eval_shape(system.init, jax.random.key(0)),
  )


@functools.cache
def _artefact(kind):
  config = STYLES if kind == 'nilut' else FLOW
  system = systems.make(config)
  return system.export(_drawn(system))


class LibraryTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def opened(self, kind):
    loaded = systems.load(_artefact(kind))
    return loaded, loaded.model.library(loaded.config, loaded.variables)

  def form(self, kind):
    path = self.folder / f'{kind}.lutjax'
    path.write_bytes(_artefact(kind))
    return img2lut.model.Config(
      side=16,
      network=resnet.Shape(stem=4, widths=(4,)),
      histogram=0,
      head=heads.Shape('library', size=3, hidden=(8,)),
      library=str(path),
    )

  @parameterized.parameters('nilut', 'lutflow')
  def test_a_code_of_a_look_gives_the_look(self, kind):
    loaded, library = self.opened(kind)
    rgb = jax.random.uniform(jax.random.key(1), (50, 3))
    for i in range(3):
      weights = np.eye(3, dtype=np.float32)[i]
      if kind == 'nilut':
        code = 40.0 * weights
      else:
        _, codes = lutflow.codes_of(loaded.config, loaded.variables)
        code = codes[i]
      want = loaded.model.apply(
        loaded.config,
        loaded.variables,
        loaded.model.query(loaded.config, rgb, jnp.asarray(weights)),
      )
      np.testing.assert_allclose(library.decode(code, rgb), want, atol=1e-6)
    self.assertEqual(library.start.shape, (library.size,))
    self.assertTrue((library.spread > 0).all())

  def test_published_weights_of_several_styles_are_a_library(self):
    rng = np.random.default_rng(0)
    # Colours and two styles enter four units.
    shapes = {'net.0': (4, 5), 'net.2': (3, 4)}
    weights = {}
    for name, shape in shapes.items():
      weights[f'{name}.weight'] = rng.normal(size=shape).astype(np.float32)
      weights[f'{name}.bias'] = rng.normal(size=shape[0]).astype(np.float32)
    content = io.BytesIO()
    np.savez(content, **weights)
    loaded = systems.load(content.getvalue())
    library = loaded.model.library(loaded.config, loaded.variables)
    rgb = rng.uniform(size=(20, 3))
    # One to three.
    style = np.tile([0.25, 0.75], (20, 1))
    seen = np.concatenate([rgb, style], -1)
    hidden = np.maximum(seen @ weights['net.0.weight'].T + weights['net.0.bias'], 0)
    added = hidden @ weights['net.2.weight'].T + weights['net.2.bias']
    got = library.decode(np.log([1.0, 3.0]).astype(np.float32), np.float32(rgb))
    np.testing.assert_allclose(got, np.clip(rgb + added, 0, 1), atol=1e-5)

  @parameterized.parameters('nilut', 'lutflow')
  def test_slopes_are_those_of_differences(self, kind):
    _, library = self.opened(kind)
    rgb = jnp.full((1, 3), 0.4)

    def red(code):
      return library.decode(code, rgb)[0, 0]

    start = jnp.asarray(library.start)
    slope = jax.grad(red)(start)
    for i in range(min(3, library.size)):
      step = 1e-2 * jnp.eye(library.size)[i]
      want = (red(start + step) - red(start - step)) / 2e-2
      self.assertAlmostEqual(float(slope[i]), float(want), delta=1e-3)

  @parameterized.parameters('nilut', 'lutflow')
  def test_an_artefact_contains_its_library(self, kind):
    form = img2lut.MODEL.complete(self.form(kind), systems.load)
    system = systems.make(form)
    variables = _drawn(system)
    content = system.export(variables)
    (self.folder / f'{kind}.lutjax').unlink()
    loaded = systems.load(content)
    picture = np.random.default_rng(0).random((16, 16, 3), np.float32)
    predict = jax.jit(functools.partial(img2lut.model.predict_lattice, form))
    want = predict(variables, picture)
    predict = jax.jit(functools.partial(img2lut.model.predict_lattice, loaded.config))
    got = predict(loaded.variables, picture)
    np.testing.assert_array_equal(got, want)
    self.assertGreater(float(jnp.std(want)), 0.01)
    batch = {
      'image': picture[None],
      'rgb': picture.reshape(1, -1, 3),
      'target': 1.0 - picture.reshape(1, -1, 3),
    }
    slopes = jax.jit(
      jax.grad(lambda p: img2lut.model.loss(form, p, {}, batch, None)[0])
    )(variables.params)
    last = slopes['head']['layers'][-1]['bias']
    self.assertGreater(float(jnp.abs(last).max()), 0.0)

  def test_refuses_what_is_no_library(self):
    single = dataclasses.replace(STYLES, styles='one', looks=LOOKS[:1])
    system = systems.make(single)
    content = system.export(_drawn(system))
    path = self.folder / 'nilut.lutjax'
    form = self.form('nilut')
    path.write_bytes(content)
    with self.assertRaisesRegex(
      errors.ArtefactError, f'^{path}: found a nilut of 1 look, expected several'
    ):
      img2lut.MODEL.complete(form, systems.load)
    own = dataclasses.replace(LOOKS[0], range=(0.0, 2.0))
    other = dataclasses.replace(STYLES, looks=(own, *LOOKS[1:]))
    system = systems.make(other)
    path.write_bytes(system.export(_drawn(system)))
    with self.assertRaisesRegex(
      errors.ArtefactError, f'^{path}: warm: found a domain, range or'
    ):
      img2lut.MODEL.complete(form, systems.load)
    path.unlink()
    with self.assertRaisesRegex(errors.InputError, 'nilut.lutjax: No such file'):
      img2lut.MODEL.complete(form, systems.load)


if __name__ == '__main__':
  absltest.main()
