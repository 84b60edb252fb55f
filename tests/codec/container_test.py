import lzma
import tracemalloc
import zlib

import ml_dtypes
import msgpack
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax import errors
from lutjax.codec import container, packing, stream
from lutjax.codec import tensors as tensors_codec

_DTYPES = ('f4', 'f2', 'bfloat16', 'u1', 'u2', 'i2', 'i4', 'i1')
_HEADER = {'size': 3, 'gain': 0.1, 'names': ['a', 'b'], 'on': True, 'none': None}


def _array(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
  dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
  bits = np.random.default_rng(seed).bytes(int(np.prod(shape)) * dtype.itemsize)
  return np.frombuffer(bits, dtype).reshape(shape)


def _bytes(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
  return array.dtype.name, array.shape, array.tobytes()


def _small() -> bytes:
  codes = np.random.default_rng(0).integers(-30, 30, (9, 8)).astype(np.int8)
  return container.pack('nilut', _HEADER, [codes, np.linspace(0, 1, 8, dtype='f2')])


def _sealed(body: bytes) -> bytes:
  """An artefact with this body and a checksum that is right."""
  start = container.MAGIC + bytes([container.VERSION])
  rest = stream.varint_to_bytes(len(body)) + body
  return start + zlib.crc32(rest, zlib.crc32(start)).to_bytes(4, 'little') + rest


def _forged(
  head: bytes = msgpack.packb(['x', {}]),
  specs: bytes = b'\0',
  payload: bytes = b'',
  methods: int = 0,
  size: int | None = None,
) -> bytes:
  lengths = stream.varint_to_bytes(len(head))
  if methods & 3:
    lengths += stream.varint_to_bytes(len(head) if size is None else size)
  return _sealed(bytes([methods]) + lengths + specs + head + payload)


class ContainerTest(parameterized.TestCase):
  @settings(deadline=None, max_examples=60)
  @given(st.data())
  def test_what_goes_in_comes_out(self, data):
    shapes = st.lists(st.integers(0, 6), max_size=4).map(tuple)
    kinds = st.tuples(st.sampled_from(_DTYPES), shapes)
    arrays = [_array(*kind) for kind in data.draw(st.lists(kinds, max_size=5))]
    leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text()
    leaves |= st.floats(allow_nan=False) | st.binary()
    values = st.recursive(
      leaves, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=8
    )
    header = data.draw(st.dictionaries(st.text(), values, max_size=4))
    content = container.pack('système', header, arrays)
    got = container.unpack(content)
    self.assertEqual((got.system, got.header), ('système', header))
    self.assertEqual([*map(_bytes, got.tensors)], [*map(_bytes, arrays)])
    self.assertEqual(container.pack('système', header, got.tensors), content)

  def test_any_packing_comes_out_the_same(self):
    rng = np.random.default_rng(0)
    cases = {
      'raw': rng.integers(0, 256, 50).astype(np.uint8),
      'deflate': rng.binomial(8, 0.5, 3000).astype(np.uint8),
      'lzma': np.tile(rng.integers(0, 256, 999), 9).astype(np.uint8),
    }
    for name, array in cases.items():
      content = container.pack('x', {'names': [name] * 99}, [array])
      self.assertEqual(container.layout(content).payload_packing, name)
      got = container.unpack(content)
      self.assertEqual(got.header['names'], [name] * 99)
      np.testing.assert_array_equal(got.tensors[0], array)
      self.assertTrue(got.tensors[0].flags.writeable)

  def test_small_codes_take_few_bits(self):
    for bits in range(2, 9):
      rng = np.random.default_rng(bits)
      codes = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), 800).astype(np.int8)
      content = container.pack('x', {}, [codes])
      self.assertLess(len(content), 100 * bits + 22)
      self.assertEqual(container.unpack(content).tensors[0].dtype, np.int8)
    self.assertEqual(container.layout(content).stored_bits, (8,))

  def test_overhead_is_small(self):
    content = container.pack('x', {}, [_array('u1', (200,))])
    self.assertLessEqual(len(content) - 200, 20)
    where = container.layout(content)
    self.assertEqual((where.size_bytes, where.payload_bytes), (len(content), 200))

  def test_foreign_byte_order_and_strides_are_stored_alike(self):
    array = _array('f4', (6, 4))
    for other in (array.astype('>f4'), np.asfortranarray(array)):
      want, got = (container.pack('x', {}, [a]) for a in (array, other))
      self.assertEqual(want, got)

  def test_describes(self):
    text = container.describe(_small(), 'a.lutjax')
    self.assertRegex(text, r'^a\.lutjax: nilut artefact, format 1, \d+ bytes\n')
    self.assertIn("names: ['a', 'b']", text)
    self.assertIn('tensor 0: int8 9 x 8, 6 bits each', text)

  def test_every_cut_is_refused(self):
    content = _small()
    for length in range(len(content)):
      with self.assertRaises(errors.ArtefactError):
        container.unpack(content[:length])
    with self.assertRaisesRegex(errors.ArtefactError, 'x: found .* expected .*cut sho'):
      container.unpack(content[:-1], 'x')
    with self.assertRaisesRegex(errors.ArtefactError, 'followed by something else'):
      container.unpack(content + b'\0')

  def test_every_flipped_bit_is_refused(self):
    content = _small()
    for bit in range(8 * len(content)):
      flipped = bytearray(content)
      flipped[bit // 8] ^= 1 << bit % 8
      with self.assertRaises(errors.ArtefactError):
        container.unpack(bytes(flipped))

  def test_damage_behind_a_right_checksum_is_refused_or_harmless(self):
    body = _small()[9:]
    refused = 0
    for trial in range(2000):
      rng = np.random.default_rng(trial)
      damaged = bytearray(body)
      for at in rng.integers(0, len(body) if trial % 2 else 24, 2):
        damaged[at] = rng.integers(256)
      try:
        container.unpack(_sealed(bytes(damaged)))
      except errors.ArtefactError as error:
        refused += 1
        self.assertNotIn('\n', str(error))
    self.assertBetween(refused, 900, 1999)

  @parameterized.named_parameters(
    ('empty', b'', r"starts with b'', expected a lutjax artefact"),
    ('foreign', b'\x89PNG\r\n\x1a\n....', r'starts with .*PNG'),
    ('newer', b'LJX\x02' + b'?' * 20, 'found format 2, expected 1: a newer lutjax'),
    ('version 0', b'LJX\x00' + b'?' * 20, 'found format 0, expected 1$'),
    ('packing', _forged(methods=3), 'found unknown packing 3'),
    ('huge header', _forged(methods=1, size=10**9), 'header of 1000000000 bytes'),
    ('many tensors', _forged(specs=b'\xff\xff\xff\x7f'), 'found 268435455 tensors'),
    ('endless number', _forged(specs=b'\xff' * 9), 'number of over 5 bytes'),
    ('unknown kind', _forged(specs=b'\x01\xf1\x01'), 'tensor of kind 15 with 1 axes'),
    ('many axes', _forged(specs=b'\x01\x0f' + b'\1' * 15), 'kind 0 with 15 axes'),
    (
      'wide and empty',
      _forged(specs=b'\x01\x02\0\xff\xff\xff\xff\x01'),
      r'\[0, 536870911',
    ),
    (
      'short',
      _forged(specs=b'\x01\x01\x03', payload=b'1' * 11),
      'found 11 bytes of un',
    ),
    (
      'long',
      _forged(specs=b'\x01\x01\x03', payload=b'1' * 13),
      'found over 12 bytes',
    ),
    ('no deflate', _forged(methods=4, payload=b'?'), 'deflate content that does not'),
    ('no lzma', _forged(methods=8, payload=b'?'), 'lzma content that does not unpack'),
    ('end missing', _forged(methods=8, payload=b''), 'found 0 bytes of unpacked'),
    ('not a pair', _forged(msgpack.packb({})), 'not a pair of a name and a map'),
    ('not a map', _forged(msgpack.packb(['x', []])), 'not a pair of a name and a map'),
    ('number key', _forged(msgpack.packb(['x', {1: 2}])), 'int is not allowed'),
    ('twice', _forged(b'\x92\xa1x\x82\xa1a\1\xa1a\1'), 'a name comes twice'),
    ('timestamp', _forged(b'\x92\xa1x\x81\xa1a\xd6\xff\0\0\0\0'), 'got Timestamp'),
    ('extension', _forged(b'\x92\xa1x\x81\xa1a\xd4\1\0'), 'an extension type 1'),
    ('huge list', _forged(b'\x92\xa1x\x81\xa1a\xdd\xff\xff\xff\xff'), 'cannot be read'),
    ('deep', _forged(b'\x92\xa1x\x81\xa1a' + b'\x91' * 99 + b'\1'), '8 levels'),
    ('deeper', _forged(b'\x91' * 9999 + b'\1'), 'cannot be read'),
    ('not utf-8', _forged(b'\x92\xa1\xff\x80'), 'cannot be read'),
    ('unfinished', _forged(b'\x92\xa1x'), 'cannot be read'),
  )
  def test_refuses(self, content, message):
    with self.assertRaisesRegex(errors.ArtefactError, f'^a.bin: .*{message}[^\n]*$'):
      container.unpack(content, 'a.bin')

  def test_claims_of_ten_gigabytes_cost_nothing(self):
    many = b'\x0a' + b'\x01\x80\x80\x80\x80\x01' * 10
    zeros = zlib.compressobj(9, wbits=-15)
    bomb = zeros.compress(bytes(1 << 27)) + zeros.flush()
    filters = [{'id': lzma.FILTER_LZMA2, 'dict_size': 1 << 22}]
    swollen = lzma.compress(bytes(1 << 27), lzma.FORMAT_RAW, filters=filters)
    head = msgpack.packb(['x', {}])
    for content in (
      _forged(specs=many),
      _forged(specs=b'\x01\x02\x80\x80\x04\x80\x80\x0c', methods=4, payload=bomb),
      _forged(specs=b'\x01\x01\x03', methods=4, payload=bomb),
      _forged(specs=b'\x01\x01\x03', methods=8, payload=swollen),
      _forged(head=bomb, methods=1, size=len(head)),
    ):
      tracemalloc.start()
      with self.assertRaises(errors.ArtefactError):
        container.unpack(content)
      _, peak = tracemalloc.get_traced_memory()
      tracemalloc.stop()
      self.assertLess(peak, 8_000_000)

  def test_the_bound_can_be_lowered(self):
    content = container.pack('x', {}, [np.zeros(1000, np.float32)])
    with self.assertRaisesRegex(errors.ArtefactError, '4000 bytes in all, expected at'):
      container.unpack(content, max_bytes=3999)
    self.assertLen(container.unpack(content, max_bytes=4000).tensors, 1)

  def test_writing_refuses_what_could_not_be_read(self):
    for header, tensors, kind, message in (
      ({'a': np.float32(1)}, [], TypeError, 'plain header values, got float32'),
      ({'a': {1: 2}}, [], TypeError, 'plain header values, got dict'),
      ({}, [np.zeros(3)], TypeError, 'got float64'),
      ({}, [np.zeros((1,) * 9, 'f4')], ValueError, 'at most 8 axes'),
      ({'a': 'x' * 2_000_000}, [], ValueError, 'Expected at most 1048576 bytes'),
    ):
      with self.assertRaisesRegex(kind, message):
        container.pack('x', header, tensors)

  def test_the_parts_agree_on_their_limits(self):
    self.assertLen(packing.METHODS, 3)
    spec = tensors_codec.Spec(14, (3, 3))
    self.assertEqual((spec.bits, spec.size_bytes), (2, 3))


if __name__ == '__main__':
  absltest.main()
