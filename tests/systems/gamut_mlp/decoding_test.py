import functools
import struct
import tracemalloc

import jax
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax import errors
from lutjax.codec import payload as payload_lib
from lutjax.systems.gamut_mlp import (
  codecs,
  decoding,
  recovery,
  residual_picture,
  seeded,
)
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import programs as gamut_programs

_SIZE = (24, 30)
# Bytes that reading a forged block of a few thousand may take.
_MOST_MEMORY = 64 << 20
_KINDS = ('waves', 'network', 'plain', 'picture', 'mixed', 'sampled', 'soft')


@functools.cache
def _stored() -> dict[str, codecs.Stored]:
  """A code of each kind."""
  rng = np.random.default_rng(0)
  waves = seeded.Config(waves=16)
  drawn = seeded.quantise(waves, rng.normal(size=(25, 3)).astype(np.float32))
  solved = gamut_mlp.Config(width=8, octaves=1, solved=True)
  plain = gamut_mlp.Config(width=8, octaves=1)
  nets = [
    (net, gamut_mlp.init(net, jax.random.key(0)).params) for net in (solved, plain)
  ]
  small = rng.normal(size=(8, 10, 1)).astype(np.float32)
  picture = residual_picture.encode(small, 'AVIF', 3, 90)
  return {
    'waves': codecs.pack(waves=(waves, *drawn)),
    'network': codecs.pack(net=nets[0]),
    'plain': codecs.pack(net=nets[1], mode='plain'),
    'picture': codecs.pack(picture=picture),
    'mixed': codecs.pack(waves=(waves, *drawn), net=nets[0], picture=picture),
    'sampled': codecs.pack_sampled(rng.integers(0, 65536, (6, 6, 3)).astype('u2')),
    'soft': codecs.pack_soft(-0.2, 1.4),
  }


def _block(kind: str, body: bytes) -> bytes:
  """Returns a block whose checksums are right, whatever its body."""
  stored = _stored()[kind]
  number = codecs.NUMBERS.index(stored.codec)
  return payload_lib.pack(
    payload_lib.Payload(number, _SIZE[1], _SIZE[0], 0, body, stored.seed)
  )


_CHANGES = st.lists(
  st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4
)


def _changed(content: bytes, changes: list[tuple[float, int]], share: float) -> bytes:
  """Returns bytes of which some were flipped, cut short or grown."""
  altered = bytearray(content)
  for place, mask in changes:
    altered[int(place * len(content))] ^= mask
  return bytes((altered + altered)[: int(share * len(content))])


class GamutDecodingTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.programs = gamut_programs.Programs()
    rng = np.random.default_rng(0)
    values = np.array([0, 3, 90, 254, 255], np.uint8)
    cls.codes = rng.choice(values, (*_SIZE, 3))

  def recovered(self, block: bytes) -> np.ndarray | None:
    """Decodes a block; None where it was refused in one line."""
    try:
      tracemalloc.start()
      try:
        model = codecs.unpack(payload_lib.unpack(block, 'x'), 'x')
        decoder = decoding.Decoder(self.programs, model, self.codes, 'x')
        self.assertLess(tracemalloc.get_traced_memory()[1], _MOST_MEMORY)
      finally:
        tracemalloc.stop()
      return np.concatenate([decoder.band(*band) for band in decoder.bands()])
    except errors.ArtefactError as error:
      self.assertRegex(str(error), '^(x|entropy code): found [^\n]+$')
      return None

  @parameterized.parameters(*_KINDS)
  def test_each_kind_decodes(self, kind):
    found = self.recovered(_block(kind, _stored()[kind].body))
    if kind not in ('plain', 'sampled', 'soft'):
      np.testing.assert_array_equal(recovery.reduce(found), self.codes)

  @parameterized.parameters(*_KINDS)
  def test_a_forged_body_gives_colours_or_one_line(self, kind):
    body = _stored()[kind].body

    @settings(deadline=None, max_examples=25)
    @given(_CHANGES, st.sampled_from([1.0, 1.0, 0.0, 0.3, 0.9, 1.1, 2.0]))
    def check(changes, share):
      found = self.recovered(_block(kind, _changed(body, changes, share)))
      if found is not None:
        self.assertTrue(np.isfinite(found).all())
        self.assertBetween(found.min(), 0.0, 1.0)
        self.assertBetween(found.max(), 0.0, 1.0)

    check()

  @parameterized.parameters(('waves', 10), ('network', 13), ('plain', 13))
  def test_a_signalling_nan_is_refused_without_a_warning(self, kind, offset):
    body = bytearray(_stored()[kind].body)
    scale = np.frombuffer(body[offset : offset + 2], '<f2')
    self.assertBetween(float(scale[0]), 1e-4, 1.0)
    body[offset : offset + 2] = b'\x01\x7c'
    self.assertIsNone(self.recovered(_block(kind, bytes(body))))

  def test_one_plane_moves_the_clipped_channel_predicted_to_move_most(self):
    rng = np.random.default_rng(0)
    codes = self.codes.reshape(-1, 3)
    # Few sizes, so that some are alike: the first of them counts.
    excess = rng.integers(-2, 3, codes.shape).astype(np.float32)
    near = rng.normal(size=(len(codes), 1)).astype(np.float32)
    want = excess.copy()
    for row, code in enumerate(codes):
      sizes = [abs(excess[row, c]) if code[c] in (0, 255) else -1 for c in range(3)]
      want[row, sizes.index(max(sizes))] += near[row, 0]
    got = decoding.add_residual(codes, excess, near)
    np.testing.assert_array_equal(got, want)

  @parameterized.parameters('plain', 'gate', 'project')
  def test_weights_that_overflow_give_colours(self, mode):
    net = gamut_mlp.Config(width=8, octaves=1, hidden_layers=8)
    layers = gamut_mlp.init(net, jax.random.key(0)).params
    rng = np.random.default_rng(0)
    large = jax.tree.map(lambda leaf: 6e6 * rng.choice([-1, 1], leaf.shape), layers)
    layers = [{**layer, 'weight': w['weight']} for layer, w in zip(layers, large)]
    body = codecs.pack(net=(net, layers), mode=mode).body
    found = self.recovered(_block('plain', body))
    self.assertBetween(found.min(), 0.0, 1.0)
    self.assertBetween(found.max(), 0.0, 1.0)

  @settings(deadline=None, max_examples=100)
  @given(_CHANGES, st.floats(0, 2), st.sampled_from(_KINDS))
  def test_a_damaged_block_is_refused(self, changes, share, kind):
    block = _block(kind, _stored()[kind].body)
    altered = _changed(block, changes, share)
    if altered != block:
      self.assertIsNone(self.recovered(altered))

  @parameterized.parameters(0xFFFFFFFF, 1 << 31, payload_lib.MAX_BYTES + 1, 100_000)
  def test_a_claim_is_not_believed(self, claim):
    block = bytearray(_block('waves', _stored()['waves'].body))
    block[24:28] = struct.pack('<I', claim)
    self.assertIsNone(self.recovered(bytes(block)))

  @parameterized.parameters(2, 3, 255)
  def test_a_later_version_is_refused(self, version):
    block = bytearray(_block('waves', _stored()['waves'].body))
    block[4] = version
    with self.assertRaisesRegex(errors.ArtefactError, 'a newer lutjax wrote it'):
      payload_lib.unpack(bytes(block), 'x')

  @parameterized.parameters(
    (float('nan'), 1.0), (0.0, float('inf')), (1.0, 0.0), (0.5, 1.5)
  )
  def test_bounds_that_no_soft_clip_has_are_refused(self, low, high):
    body = codecs.pack_soft(low, high).body
    self.assertIsNone(self.recovered(_block('soft', body)))

  def test_more_samples_than_any_config_has_are_refused(self):
    side = 1025
    body = struct.pack('<H', side) + bytes(6 * side * side)
    self.assertIsNone(self.recovered(_block('sampled', body)))


if __name__ == '__main__':
  absltest.main()
