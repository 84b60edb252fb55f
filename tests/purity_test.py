"""Public array functions under somebody else's `jit`, `vmap` and `grad`."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import metrics
from lutjax.codec import quantize
from lutjax.color import difference, gamut, matrices, spaces, transfer
from lutjax.lut import hald, interpolate, lattice, tabulate
from lutjax.nn import mlp
from lutjax.systems.nilut import model as nilut

LUT = lattice.from_table(lattice.identity(4) ** 1.5)
NETWORK = nilut.Config(widths=(4,), activations=('tanh',))
VARIABLES = nilut.init(NETWORK, jax.random.key(0))
LAYERS = mlp.init_uniform(jax.random.key(1), (3, 4, 3))

# Functions of colours [..., 3]; what else they take is bound.
FUNCTIONS = {
  **{
    name: lambda rgb, f=f: f(LUT.table, rgb) for name, f in interpolate.METHODS.items()
  },
  'sample': lambda rgb: interpolate.sample(LUT, rgb),
  'apply': lambda rgb: interpolate.apply(LUT, rgb, chunk=2),
  'srgb_to_lab': spaces.srgb_to_lab,
  'lab_to_srgb': lambda rgb: spaces.lab_to_srgb(100 * rgb),
  'linear_to_lab': spaces.linear_to_lab,
  'linear_to_xyz': spaces.linear_to_xyz,
  'xyz_to_linear': spaces.xyz_to_linear,
  'xyz_to_lab': spaces.xyz_to_lab,
  'lab_to_xyz': lambda rgb: spaces.lab_to_xyz(100 * rgb),
  'convert': lambda rgb: spaces.convert(rgb, 'prophoto', 'srgb'),
  'encode': lambda rgb: spaces.encode(rgb, 'prophoto'),
  'decode': lambda rgb: spaces.decode(rgb, 'prophoto'),
  'srgb_to_linear': transfer.srgb_to_linear,
  'linear_to_srgb': transfer.linear_to_srgb,
  'romm_to_linear': transfer.romm_to_linear,
  'linear_to_romm': transfer.linear_to_romm,
  'rec709_to_linear': transfer.rec709_to_linear,
  'linear_to_rec709': transfer.linear_to_rec709,
  'xyz_to_xy': matrices.xyz_to_xy,
  'delta_e_76': lambda rgb: difference.delta_e_76(100 * rgb, 50 * rgb),
  'delta_e_2000': lambda rgb: difference.delta_e_2000(100 * rgb, 50 * rgb),
  'out_of_gamut': gamut.out_of_gamut,
  'clip': gamut.clip,
  'soft_clip': lambda rgb: gamut.soft_clip(rgb, gamut.soft_clip_bounds(rgb)),
  'psnr': lambda rgb: metrics.psnr(rgb, 0.5 * rgb),
  'rmse': lambda rgb: metrics.rmse(rgb, 0.5 * rgb),
  'colour_errors': lambda rgb: metrics.colour_errors(rgb, 0.5 * rgb).cie76,
  'fake_quantize': lambda rgb: quantize.fake_quantize(rgb, 4),
  'nilut.apply': lambda rgb: nilut.apply(NETWORK, VARIABLES, {'rgb': rgb}),
  'mlp.apply': lambda rgb: mlp.apply(LAYERS, rgb, ('tanh',)),
  'resample': lambda rgb: tabulate.resample(
    LUT._replace(table=jnp.asarray(LUT.table) * rgb.mean()), 3
  ),
  'tabulate': lambda rgb: tabulate.tabulate(lambda nodes: nodes * rgb.mean(), 3),
  'hald': lambda rgb: hald.to_lattice(
    hald.from_lattice(jnp.asarray(lattice.identity(4)) * rgb.mean())
  ),
}


class PurityTest(parameterized.TestCase):
  @parameterized.parameters(*FUNCTIONS)
  def test_runs_mapped_and_differentiated_under_jit(self, name):
    function = FUNCTIONS[name]
    rgb = np.random.default_rng(0).uniform(size=(2, 5, 3)).astype(np.float32)

    def total(colours):
      result = function(colours).astype(jnp.float32)
      return result.sum(), result

    (_, got), slopes = jax.jit(jax.vmap(jax.value_and_grad(total, has_aux=True)))(rgb)
    want = np.stack([function(part) for part in rgb])
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)
    self.assertTrue(np.isfinite(slopes).all())


class LoweringTest(parameterized.TestCase):
  @parameterized.product(
    name=('apply', 'nilut.apply', 'delta_e_2000'), platform=('cpu', 'cuda', 'tpu')
  )
  def test_lowers_for(self, name, platform):
    rgb = jax.ShapeDtypeStruct((40_000, 3), jnp.float32)
    traced = jax.jit(FUNCTIONS[name]).trace(rgb)
    self.assertIn('func', traced.lower(lowering_platforms=(platform,)).as_text())

  @parameterized.parameters('cpu', 'cuda', 'tpu')
  def test_decoding_lowers_for(self, platform):
    def decode(variables):
      return tabulate.tabulate(
        lambda rgb: nilut.apply(NETWORK, variables, {'rgb': rgb}), 9
      )

    text = jax.jit(decode).trace(VARIABLES).lower(lowering_platforms=(platform,))
    self.assertIn('func', text.as_text())


if __name__ == '__main__':
  absltest.main()
