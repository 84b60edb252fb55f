import functools

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.codec import quantize

_SHAPE = (7, 5)
_fake = jax.jit(quantize.fake_quantize, static_argnames=('bits', 'scale_dtype'))


def _weights(seed: int, shape: tuple[int, ...] = _SHAPE) -> np.ndarray:
  rng = np.random.default_rng(seed)
  size = np.exp(rng.normal(size=shape[-1]) * 2)
  return (rng.normal(size=shape) * size).astype(np.float32)


class QuantizeTest(parameterized.TestCase):
  @parameterized.product(bits=(2, 3, 4, 6, 8), scale_dtype=[np.float16, np.float32])
  def test_codes_are_the_nearest_multiples_of_the_stored_scale(self, bits, scale_dtype):
    weights = _weights(bits, (40, 6))
    codes, scale = quantize.quantize(weights, bits, scale_dtype=scale_dtype)
    self.assertEqual((codes.dtype, scale.dtype), (np.int8, scale_dtype))
    top = 2 ** (bits - 1) - 1
    self.assertEqual(np.abs(codes).max(axis=0).tolist(), [top] * 6)
    exact = scale.astype(np.float64)
    best = np.clip(np.rint(weights / exact), -top, top)
    np.testing.assert_array_equal(codes, best)
    error = np.abs(quantize.dequantize(codes, scale) - weights)
    self.assertTrue((error <= exact * (0.5 + top * 2.0**-11) + 1e-9).all())

  @settings(deadline=None, max_examples=40)
  @given(st.integers(0, 10**6), st.sampled_from([4, 8]))
  def test_rounding_twice_changes_nothing(self, seed, bits):
    once = quantize.quantize(_weights(seed), bits)
    weights = quantize.dequantize(*once)
    twice = quantize.quantize(weights, bits)
    np.testing.assert_array_equal(quantize.dequantize(*twice), weights)

  def test_decoding_is_one_rounded_product(self):
    codes, scale = quantize.quantize(_weights(0), 8)
    want = codes.astype(np.float64) * scale.astype(np.float64)
    got = quantize.dequantize(codes, scale)
    self.assertEqual(got.dtype, np.float32)
    np.testing.assert_array_equal(got, want.astype(np.float32))

  @parameterized.parameters(4, 8)
  def test_training_sees_the_weights_that_export_writes(self, bits):
    for seed in range(20):
      weights = _weights(seed)
      want = quantize.dequantize(*quantize.quantize(weights, bits))
      np.testing.assert_array_equal(_fake(weights, bits), want)

  def test_the_gradient_passes_straight_through(self):
    weights = jnp.asarray(_weights(1)).at[:, 2].set(0.0)
    target = jnp.asarray(_weights(2))
    fake = functools.partial(quantize.fake_quantize, bits=4)
    got = jax.grad(lambda w: jnp.sum(fake(w) * target))(weights)
    np.testing.assert_array_equal(got, target)

  def test_columns_of_zeros_and_of_next_to_nothing(self):
    weights = np.zeros((3, 3), np.float32)
    weights[:, 1], weights[:, 2] = 1e-30, 1.0
    got = quantize.dequantize(*quantize.quantize(weights, 8))
    np.testing.assert_allclose(got, weights, atol=1e-3)
    self.assertEqual(np.abs(got[:, :2]).max(), 0.0)
    np.testing.assert_array_equal(_fake(weights, 8), got)

  @parameterized.parameters(*quantize.PRECISIONS)
  def test_tensors_give_the_weight_back(self, precision):
    weights = _weights(3)
    tensors = quantize.to_tensors(weights, precision)
    behind = np.arange(5)
    remaining = iter([*tensors, behind])
    got = quantize.from_tensors(remaining, precision)
    self.assertIs(next(remaining), behind)
    bits = quantize.to_bits(precision)
    if bits is not None:
      want = quantize.dequantize(*quantize.quantize(weights, bits))
    else:
      dtype = np.float32 if precision == 'fp32' else ml_dtypes.bfloat16
      want = weights.astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(got, want)
    layers = [*tensors, behind] * 3
    for weight in quantize.weights(layers, precision):
      np.testing.assert_array_equal(weight, want)

  def test_refuses(self):
    weights = _weights(0)
    for action, message in (
      (lambda: quantize.quantize(weights, 9), 'Expected 2 to 8 bits, got 9'),
      (lambda: quantize.quantize(weights[0], 8), r'inputs, outputs\], got \(5,\)'),
      (lambda: quantize.quantize(weights[:0], 8), r'got \(0, 5\)'),
      (lambda: quantize.quantize(weights * np.nan, 8), 'got NaN'),
      (lambda: quantize.quantize(weights * 1e9, 8), 'float16 scales can hold'),
      (lambda: quantize.to_tensors(weights, 'int9'), "int3, int2, got 'int9'"),
    ):
      with self.assertRaisesRegex(ValueError, message):
        action()

  def test_refuses_tensors_that_do_not_belong(self):
    codes, scale = quantize.quantize(_weights(0), 8)
    for taken in ([], [codes], [codes, scale[1:]], [scale, codes], [codes, codes]):
      with self.assertRaisesRegex(ValueError, 'Expected the tensors of an int8 weight'):
        quantize.from_tensors(iter(taken), 'int8')
    with self.assertRaisesRegex(ValueError, r"bf16 weight, got \['float32\[7, 5\]'\]"):
      quantize.from_tensors(iter([_weights(0)]), 'bf16')
    for stack in ([codes, scale], [codes, scale, codes], [codes, scale, scale[1:]]):
      with self.assertRaisesRegex(ValueError, r'and a bias \[outputs\], got \(7, 5\)'):
        quantize.weights(stack, 'int8')


if __name__ == '__main__':
  absltest.main()
