"""Transfer functions against colour-science, and their promises at the edges."""

import unittest
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.color import transfer

try:
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import colour
except ImportError:
  colour = None

_CURVES = ('SRGB', 'ROMM', 'REC709', 'REC2020', 'ADOBE_RGB')
_encode = jax.jit(transfer.encode, static_argnums=1)
_decode = jax.jit(transfer.decode, static_argnums=1)
_encode_slope = jax.jit(
  jax.vmap(jax.grad(transfer.encode), (0, None)), static_argnums=1
)
_decode_slope = jax.jit(
  jax.vmap(jax.grad(transfer.decode), (0, None)), static_argnums=1
)


def _peers(name: str) -> tuple:
  """Returns colour-science's encoder and decoder."""
  models = colour.models
  if name == 'ADOBE_RGB':
    gamma = 563 / 256
    return (lambda x: x ** (1 / gamma)), (lambda x: x**gamma)
  if name == 'REC2020':
    twelve_bits = {'is_12_bits_system': True}
    return (
      lambda x: models.oetf_BT2020(x, **twelve_bits),
      lambda x: models.oetf_inverse_BT2020(x, **twelve_bits),
    )
  return {
    'SRGB': (models.eotf_inverse_sRGB, models.eotf_sRGB),
    'ROMM': (models.cctf_encoding_ROMMRGB, models.cctf_decoding_ROMMRGB),
    'REC709': (models.oetf_BT709, models.oetf_inverse_BT709),
  }[name]


@unittest.skipIf(colour is None, 'needs colour-science')
class OracleTest(parameterized.TestCase):
  # Four last places of float32 at 1; BT.2020 is given to colour-science with four
  # digits; colour-science ends the toe of BT.709 on the upper side of its step.
  @parameterized.parameters(
    ('SRGB', 2.5e-7, 2.5e-7),
    ('ROMM', 2.5e-7, 2.5e-7),
    ('REC709', 2.5e-7, 1e-4),
    ('REC2020', 2e-5, 2e-5),
    ('ADOBE_RGB', 2.5e-7, 2.5e-7),
  )
  def test_matches_colour_science(self, name, encode_tolerance, decode_tolerance):
    curve = getattr(transfer, name)
    encode, decode = _peers(name)
    ramp = np.linspace(0, 1, 65537, dtype=np.float32)
    exact = ramp.astype(np.float64)
    np.testing.assert_allclose(
      _encode(ramp, curve), encode(exact), atol=encode_tolerance
    )
    np.testing.assert_allclose(
      _decode(ramp, curve), decode(exact), atol=decode_tolerance
    )


class CurveTest(parameterized.TestCase):
  @parameterized.parameters(*_CURVES)
  def test_codes_survive_a_round_trip(self, name):
    curve = getattr(transfer, name)
    # The toe of BT.709 jumps over 16 codes, which nothing encodes to.
    bits = 8 if name == 'REC709' else 16
    codes = np.arange(2**bits) / (2**bits - 1)
    back = _encode(_decode(codes.astype(np.float32), curve), curve)
    np.testing.assert_array_equal(
      np.round(np.asarray(back, np.float64) * (2**bits - 1)), np.arange(2**bits)
    )

  @parameterized.parameters(*_CURVES)
  def test_keeps_black_and_white_exactly(self, name):
    curve = getattr(transfer, name)
    ends = np.array([-1.0, 0.0, 1.0], np.float32)
    np.testing.assert_array_equal(_encode(ends, curve), ends)
    np.testing.assert_array_equal(_decode(ends, curve), ends)

  @parameterized.parameters(*_CURVES)
  def test_slopes_are_finite_and_positive(self, name):
    curve = getattr(transfer, name)
    knees = [curve.cut, curve.cut * curve.slope]
    values = [0.0, 1e-30, 1e-12, 1e-3, 0.02, 0.5, 1.0, 2.0, 100.0, *knees]
    values = np.array(values + [-v for v in values], np.float32)
    for slope in (_encode_slope, _decode_slope):
      got = np.asarray(slope(values, curve))
      self.assertTrue(np.all(np.isfinite(got) & (got > 0)), got)

  @parameterized.parameters(*_CURVES)
  def test_slopes_match_differences(self, name):
    curve = getattr(transfer, name)
    values = np.array([-0.7, -1e-3, 1e-3, 0.01, 0.3, 0.9, 1.7], np.float32)
    step = 1e-4 * np.abs(values)
    for function, slope in ((_encode, _encode_slope), (_decode, _decode_slope)):
      rise = function(values + step, curve) - function(values - step, curve)
      np.testing.assert_allclose(slope(values, curve), rise / (2 * step), rtol=5e-3)

  @settings(deadline=None, max_examples=50)
  @given(st.floats(-4, 4, width=32), st.sampled_from(_CURVES))
  def test_negatives_mirror_and_invert(self, value, name):
    curve = getattr(transfer, name)
    value = np.float32(value)
    np.testing.assert_array_equal(_encode(-value, curve), -_encode(value, curve))
    np.testing.assert_array_equal(_decode(-value, curve), -_decode(value, curve))
    back = _decode(_encode(value, curve), curve)
    np.testing.assert_allclose(back, value, rtol=2e-6, atol=1e-7)

  def test_named_functions_use_their_curve(self):
    value = jnp.float32(0.4)
    for encode, decode, curve in (
      (transfer.linear_to_srgb, transfer.srgb_to_linear, transfer.SRGB),
      (transfer.linear_to_romm, transfer.romm_to_linear, transfer.ROMM),
      (transfer.linear_to_rec709, transfer.rec709_to_linear, transfer.REC709),
    ):
      np.testing.assert_array_equal(encode(value), transfer.encode(value, curve))
      np.testing.assert_array_equal(decode(value), transfer.decode(value, curve))

  def test_nan_stays_nan(self):
    self.assertTrue(jnp.isnan(_encode(jnp.float32(jnp.nan), transfer.SRGB)))
    self.assertTrue(jnp.isnan(_decode(jnp.float32(jnp.nan), transfer.SRGB)))
