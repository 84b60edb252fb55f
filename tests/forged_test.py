"""Forged content behind a right checksum is refused, or loads as finite numbers."""

import dataclasses
import functools
import itertools
import time
import zlib
from collections.abc import Callable

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.baselines import dct, grid, mulut
from lutjax.codec import container, labels, payload, stream
from lutjax.data import degradations
from lutjax.lut import lattice
from lutjax.nn import residual_flow, resnet
from lutjax.systems.gamut_mlp import codecs, residual_picture, seeded
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.img2lut import artefact as img2lut
from lutjax.systems.img2lut import heads
from lutjax.systems.img2lut import model as predictor
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import residual_correction
from lutjax.systems.nilut import model as nilut
from lutjax.systems.tinylut import model as tinylut
from lutjax.systems.tinylut import structure
from lutjax.types import Variables

_LOOKS = tuple(labels.Label(name) for name in ('velvia', 'sepia'))
_MUTATIONS = 300
# Of one mutation: far more than any takes, far less than one that runs away.
_SECONDS = 5.0
_ODD = (0, -1, 1, 7, 255, 1 << 40, 1e30, float('nan'), '', 'x', None, True, [], {}, [1])


@functools.cache
def _artefacts() -> dict[str, bytes]:
  """One small artefact of each kind."""
  table = lattice.identity(9) ** 0.8
  made = {}
  for step in (0.03, 0.003):
    config = dct.Config(size=9, size_bytes=0, step=step, looks=_LOOKS[:1])
    made[f'dct {step}'] = dct.export(config, dct.from_lattice(config, table))
  for bits in (8, 5):
    config = grid.Config(size=5, bits=bits, looks=_LOOKS[:1])
    made[f'grid {bits}'] = grid.export(config, grid.from_lattice(config, table))
  config = mulut.model.Config(('sd', 'y'), 7)
  system = mulut.make(config)
  made['mulut'] = system.export(_drawn(system.init))
  for precision in ('fp32', 'bf16', 'int8', 'int4'):
    config = nilut.Config(widths=(8, 8), precision=precision, looks=_LOOKS[:1])
    variables = _drawn(functools.partial(nilut.init, config))
    made[f'nilut {precision}'] = nilut.export(config, variables)
  for encoding, styles in itertools.product(
    ('fourier', 'frequency'), ('heads', 'inputs')
  ):
    config = nilut.Config(
      widths=(8, 8), features=3, encoding=encoding, styles=styles, looks=_LOOKS
    )
    variables = _drawn(functools.partial(nilut.init, config))
    made[f'cnilut {encoding} {styles}'] = nilut.export(config, variables)
  order = residual_correction.ORDER
  spectra = np.zeros((2, order, order, order, 3), np.int16)
  spectra[0, :3, :3, :3] = np.random.default_rng(0).integers(-3, 4, (3, 3, 3, 3))
  correction = {'correction': {'levels': np.array([5, 0]), 'spectra': spectra}}
  for precision, stats in (('bf16', {}), ('int8', correction), ('learned', correction)):
    config = lutflow.Config(
      flow=residual_flow.Shape(1, (8, 8), (1,), (2,), 'rational', turned=True),
      looks=_LOOKS,
      precision=precision,
      mended=bool(stats),
    )
    params = dict(_drawn(functools.partial(lutflow.init, config)).params)
    if 'steps' in params:
      params['steps'] = jax.tree.map(lambda leaf: leaf * 0.0 - 6.0, params['steps'])
    content = lutflow.export(config, Variables(params, stats))
    made[f'lutflow {precision}{" corrected" * bool(stats)}'] = content
  for spatial, low in (('line', 'chain'), ('curve', 'fused')):
    config = tinylut.Config(
      restores=degradations.Degradation('noise', 25),
      channels=2,
      kernel=2,
      pairs=1,
      msb_bits=4,
      low=low,
      spatial=spatial,
      shift_radius=1,
      learned='entries',
    )
    made[f'tinylut {spatial} {low}'] = tinylut.make(config).export(_entries(config))
  return made | _predictors(made['cnilut frequency heads'])


def _predictors(library: bytes) -> dict[str, bytes]:
  """One small artefact of each head of a model that predicts a LUT."""
  network = resnet.Shape(stem=4, widths=(4,), norm='batch')
  held = predictor.Held('looks.lutjax', library)
  opened = systems.load(library)
  functions = opened.model.library(opened.config, opened.variables)
  made = {}
  for head, precision in (
    (heads.Shape('factors', 5, (6,), rank=2), 'fp32'),
    (heads.Shape('compressed', 5, (6,), bases=2, ranks=(2, 2)), 'int8'),
    (heads.Shape('library', 5, (6,)), 'bf16'),
  ):
    form = predictor.Config(
      side=16,
      network=network,
      histogram=2,
      head=head,
      precision=precision,
      held=dataclasses.replace(held, functions=functions)
      if head.kind == 'library'
      else None,
    )
    variables = _drawn(functools.partial(predictor.init, form))
    made[f'img2lut {head.kind}'] = img2lut.export(form, variables)
  return made


def _entries(config: tinylut.Config) -> Variables:
  """Returns random tables, spatial ones straight lines where the config says so."""
  rng = np.random.default_rng(0)

  def entry(path, leaf):
    if path[-1].key == 'scale':
      return rng.uniform(0.4, 1.2, leaf.shape).astype(np.float32)
    if path[-1].key == 'spatial' and config.spatial == 'line':
      low, high = structure.level_range(config, path[1].key)
      lines = np.arange(low, high + 1)[:, None] * rng.uniform(-1, 1, (4, 1, 2))
      return np.rint(lines).astype(np.int8)
    return rng.integers(-1, 2, leaf.shape, np.int8)

  shapes = jax.eval_shape(functools.partial(tinylut.init, config), jax.random.key(0))
  return jax.tree_util.tree_map_with_path(entry, shapes)


def _drawn(init: Callable[[jax.Array], Variables]) -> Variables:
  """Returns random numbers in the form of what `init` gives, nothing compiled."""
  rng = np.random.default_rng(0)
  return jax.tree.map(
    lambda leaf: (0.3 * rng.normal(size=leaf.shape)).astype(np.float32),
    jax.eval_shape(init, jax.random.key(0)),
  )


@functools.cache
def _payloads() -> dict[str, payload.Payload]:
  """One small payload of each codec."""
  rng = np.random.default_rng(0)
  config = seeded.Config(waves=16)
  waves = config, *seeded.quantise(config, rng.normal(size=(25, 3)).astype(np.float32))
  picture = residual_picture.encode(
    rng.normal(size=(8, 10, 1)).astype(np.float32), 'AVIF', 3, 90
  )
  stored = {
    'clip': codecs.pack(),
    'soft': codecs.pack_soft(-0.1, 1.2),
    'sampled': codecs.pack_sampled(rng.integers(0, 65536, (4, 4, 3)).astype(np.uint16)),
    'seeded': codecs.pack(waves=waves),
    'picture': codecs.pack(picture=picture),
    'mixed': codecs.pack(waves=waves, picture=picture),
  }
  for precision in ('fp32', 'bf16', 'int8', 'int4'):
    network = gamut_mlp.Config(width=8, octaves=2, precision=precision)
    layers = _drawn(functools.partial(gamut_mlp.init, network)).params
    stored[f'mlp {precision}'] = codecs.pack(net=(network, layers))
  return {
    name: payload.Payload(codecs.NUMBERS.index(s.codec), 30, 24, 0, s.body, s.seed)
    for name, s in stored.items()
  }


def _flipped(content: bytes, rng: np.random.Generator) -> bytes:
  """Changes some bytes, or cuts, or repeats."""
  found = bytearray(content or b'\0')
  kind = rng.integers(6)
  at = int(rng.integers(len(found)))
  if kind == 0:
    return bytes(found[:at])
  if kind == 1:
    return bytes(found[:at] + found[at // 2 :])
  if kind == 2:
    found[at : at + 4] = rng.integers(0, 256, 4, np.uint8).tobytes()
  for _ in range(rng.integers(1, 5)):
    found[rng.integers(len(found))] = rng.integers(256)
  return bytes(found)


def _with_odd_value(value, rng: np.random.Generator):
  """Returns header content with one value, at any depth, that does not belong."""
  if isinstance(value, dict) and value and rng.random() < 0.9:
    name = list(value)[rng.integers(len(value))]
    return {**value, name: _with_odd_value(value[name], rng)}
  if isinstance(value, list) and value and rng.random() < 0.8:
    at = rng.integers(len(value))
    return [*value[:at], _with_odd_value(value[at], rng), *value[at + 1 :]]
  return _ODD[rng.integers(len(_ODD))]


def _forged(content: bytes, rng: np.random.Generator) -> bytes:
  """Returns an artefact with a right checksum and other content."""
  kind = rng.integers(4)
  if kind == 0:
    start = 8 + len(stream.varint_to_bytes(len(content)))
    body = _flipped(content[start:], rng)
    rest = stream.varint_to_bytes(len(body)) + body
    return (
      content[:4]
      + zlib.crc32(rest, zlib.crc32(content[:4])).to_bytes(4, 'little')
      + rest
    )
  found = container.unpack(content)
  header, tensors = found.header, list(found.tensors)
  at = rng.integers(len(tensors))
  if kind == 1:
    header = _with_odd_value(header, rng)
  elif kind == 2:
    shapeless = tensors[at].reshape(-1)
    options = (shapeless[:-1], shapeless, tensors[at][..., None], shapeless[:0])
    tensors[at] = options[rng.integers(len(options))]
    if rng.random() < 0.2:
      del tensors[at]
  else:
    raw = bytearray(tensors[at].tobytes())
    for _ in range(rng.integers(1, 6)):
      raw[rng.integers(len(raw))] = rng.integers(256)
    tensors[at] = np.frombuffer(bytes(raw), tensors[at].dtype).reshape(
      tensors[at].shape
    )
  return container.pack(
    found.system, header if isinstance(header, dict) else {}, tensors
  )


class ForgedTest(parameterized.TestCase):
  @parameterized.parameters(
    'dct', 'grid', 'mulut', 'nilut', 'cnilut', 'lutflow', 'tinylut', 'img2lut'
  )
  def test_an_artefact_is_refused_or_finite(self, kind):
    rng = np.random.default_rng(0)
    kinds = [name for name in _artefacts() if name.startswith(kind)]
    loaded = 0
    for i in range(_MUTATIONS):
      content = _forged(_artefacts()[kinds[i % len(kinds)]], rng)
      loaded += self._loads(lambda c=content: systems.load(c, 'forged').variables)
    self.assertBetween(loaded, 1, _MUTATIONS - 1)

  @parameterized.parameters('soft', 'sampled', 'seeded', 'picture', 'mixed', 'mlp')
  def test_a_payload_is_refused_or_finite(self, kind):
    rng = np.random.default_rng(0)
    kinds = [name for name in _payloads() if name.startswith(kind)]

    def read(content):
      model = codecs.unpack(payload.unpack(content, 'forged'), 'forged')
      if model.picture is None:
        return model.weight, model.layers, model.samples, model.bounds
      planes = residual_picture.decode(model.picture, (24, 30), 'forged')
      return model.weight, model.layers, list(map(np.asarray, planes))

    loaded = 0
    for i in range(_MUTATIONS):
      whole = _payloads()[kinds[i % len(kinds)]]
      body = _flipped(whole.body, rng)
      content = payload.pack(whole._replace(body=body))
      loaded += self._loads(lambda c=content: read(c))
    self.assertLess(loaded, _MUTATIONS)

  def _loads(self, load) -> bool:
    """Whether it loads, and does so as it must."""
    began = time.perf_counter()
    try:
      found = load()
    except errors.ArtefactError as error:
      self.assertStartsWith(str(error), 'forged: ')
      self.assertNotIn('\n', str(error))
      return False
    finally:
      self.assertLess(time.perf_counter() - began, _SECONDS)
    for leaf in jax.tree.leaves(found):
      self.assertTrue(np.isfinite(np.asarray(leaf, np.float32)).all())
    return True


if __name__ == '__main__':
  absltest.main()
