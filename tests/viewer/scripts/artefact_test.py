import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import artefacts
from lutjax.baselines import dct, grid
from lutjax.codec import container, curves, labels
from lutjax.looks import decoding as looks_decoding
from lutjax.looks import unit_cube
from lutjax.lut import lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut
from lutjax.viewer import artefact
from tests.viewer import decoding, models

_MODELS = {
  'nilut': nilut.MODEL,
  'lutflow': lutflow.MODEL,
  'dct': dct.MODEL,
  'grid': grid.MODEL,
}
_SIZE = 5
_WEIGHTS = [1.0, 0.0, 2.5]
_CURVES = curves.fit(
  np.stack([np.linspace(0, 1, 100) ** power for power in (0.5, 1.0, 2.2)], 1)
)
_WIDE = labels.Label('wide', ((-0.1, 0.0, 0.2), (1.0, 2.0, 0.9)), (-0.5, 2.0), _CURVES)


@functools.cache
def _program(model, config):
  """Compiles once for all artefacts of a form, whatever their precision."""

  def run(variables, rgb, weights):
    return model.apply(config, variables, model.query(config, rgb, weights))

  return jax.jit(run)


def _evaluate(loaded, weights):
  """Returns a look at the nodes of [0, 1], as `decoding.evaluate` gives it."""
  label = loaded.config.looks[int(np.argmax(weights))]
  config = looks_decoding.unlabelled(loaded.config)
  if loaded.model.name == 'lutflow':
    config = dataclasses.replace(config, precision='fp32')
  rgb = unit_cube.to_unit(label, jnp.asarray(lattice.identity(_SIZE)))
  outputs = _program(loaded.model, config)(loaded.variables, rgb, weights)
  return np.asarray(unit_cube.from_unit(label, outputs))


class ArtefactTest(decoding.TestCase):
  def test_activations_are_those_of_python(self):
    activations = ('relu', 'tanh', 'silu', 'gelu', 'sine')
    config = nilut.Config(
      widths=(6, 5, 6, 5, 6), activations=activations, looks=models.LOOKS[:1]
    )
    self._check(models.nilut_of(config))

  @parameterized.parameters('fp32', 'bf16', 'int5', 'int2')
  def test_precisions_are_those_of_python(self, precision):
    config = nilut.Config(
      widths=(5,), activations=('relu',), precision=precision, looks=models.LOOKS[:1]
    )
    self._check(models.nilut_of(config))

  @parameterized.parameters(('unit', 1), ('fourier', 5), ('frequency', 6))
  def test_encodings_and_styles_are_those_of_python(self, encoding, features):
    for styles in ('heads', 'inputs'):
      config = nilut.Config(
        widths=(6,),
        activations=('tanh',),
        encoding=encoding,
        features=features,
        styles=styles,
        looks=models.LOOKS,
      )
      content = models.nilut_of(config)
      self._check(content, index=2)
      self._check(content, weights=_WEIGHTS)

  def test_domain_range_and_curve_are_in_the_lattice(self):
    config = nilut.Config(widths=(6,), activations=('relu',), looks=(_WIDE,))
    self._check(models.nilut_of(config))

  @parameterized.parameters('fp32', 'bf16', 'int8', 'learned')
  def test_flows_are_those_of_python(self, precision):
    flow = residual_flow.Shape(
      blocks=2,
      widths=(6, 5),
      conditioned=(1,),
      gains=(2,),
      activation='rational',
      turned=True,
    )
    content = models.lutflow_of(
      lutflow.Config(flow=flow, precision=precision, looks=models.LOOKS)
    )
    self._check(content, index=0)
    self._check(content, weights=_WEIGHTS)

  @parameterized.parameters(
    {'activation': 'lipswish', 'conditioned': (1, 2), 'stretch': 10.0, 'gated': True},
    {'activation': 'tanh', 'ends': False, 'residual': False, 'small': True},
  )
  def test_other_forms_of_flows_are_those_of_python(self, **form):
    flow = residual_flow.Shape(blocks=2, widths=(4, 5), **{'conditioned': (2,), **form})
    config = lutflow.Config(
      flow=flow, precision='int6', mended=False, looks=models.LOOKS[:2]
    )
    self._check(models.lutflow_of(config), index=1)

  def test_default_flow_at_33_nodes_with_its_correction(self):
    flow = residual_flow.Shape(
      conditioned=(1,), gains=(3,), activation='rational', turned=True
    )
    content = models.lutflow_of(lutflow.Config(flow=flow, looks=models.LOOKS[:1]))
    loaded = artefacts.load_as(lutflow.MODEL, content, 'it')
    got = self.lattice(artefact.for_page(content), 0, 33)
    want = _evaluate(loaded, np.ones(1, np.float32))
    # Every eighth node is one of `_SIZE`.
    np.testing.assert_allclose(got[::8, ::8, ::8], want, atol=1e-5)

  @parameterized.parameters((5, 'trilinear'), (6, 'trilinear'), (4, 'tetrahedral'))
  def test_spectra_are_those_of_python(self, size, interpolation):
    self._check(models.dct_of(size, interpolation))

  @parameterized.parameters((5, 8), (4, 3))
  def test_grids_are_those_of_python(self, size, bits):
    self._check(models.grid_of(size, bits))

  def test_looks_are_named_and_counted(self):
    for system, content in models.small().items():
      found = self.run_script(
        'const {system, names, bytes: size, lookBytes, blend} ='
        '  await lutjax.artefact.read(bytes(args[0]));'
        'return [system, names, size, lookBytes, blend !== null];',
        decoding.text_of(artefact.for_page(content)),
      )
      several = system in ('nilut', 'lutflow')
      names = list(models.NAMES[: 3 if several else 1])
      each = None if several else [len(content)]
      self.assertEqual(found, [system, names, len(content), each, several])

  def test_looks_that_do_not_mix_are_refused(self):
    looks = (*models.LOOKS[:1], _WIDE)
    config = nilut.Config(
      widths=(4,), activations=('relu',), styles='heads', looks=looks
    )
    page = decoding.text_of(artefact.for_page(models.nilut_of(config)))
    for weights, message in (
      ([1, 1], 'first and wide have different domains'),
      ([0, 0], 'weights of sum 0'),
      ([1, -1], 'not negative'),
      ([1], 'expected 2'),
    ):
      found = self.run_script(
        'const model = await lutjax.artefact.read(bytes(args[0]));'
        'try { model.blend(args[1], 3); } catch (error) { return error.message; }',
        page,
        weights,
      )
      self.assertIn(message, found)

  def _check(self, content, index=0, weights=None):
    """Compares a look, or a mix, at the nodes of [0, 1] with what Python gives."""
    model = _MODELS[container.unpack(content).system]
    loaded = artefacts.load_as(model, content, 'it')
    shares = np.eye(len(loaded.config.looks), dtype=np.float32)[index]
    if weights is not None:
      shares = np.array(weights, np.float32) / np.float32(sum(weights))
    want = _evaluate(loaded, shares)
    page = artefact.for_page(content)
    if weights is None:
      got = self.lattice(page, index, _SIZE)
    else:
      got = self.blend(page, weights, _SIZE)
    self.assertGreater(want.std(), 0.01)
    np.testing.assert_allclose(got, want, atol=1e-5)


if __name__ == '__main__':
  absltest.main()
