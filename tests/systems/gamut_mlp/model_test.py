import dataclasses
import os
import pathlib
import unittest

import jax
import numpy as np
from absl.testing import parameterized

from lutjax import errors
from lutjax.codec import container
from lutjax.data import images
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import network, recovery

DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_CONFIG = gamut_mlp.Config(width=16, octaves=3, precision='fp32')
_SOLVED = gamut_mlp.Config(width=8, octaves=1, colour_octaves=1, solved=True)


def _batch(count):
  rng = np.random.default_rng(0)
  return {
    'xy': rng.uniform(-1, 1, (count, 2)).astype(np.float32),
    'rgb': rng.uniform(0, 1, (count, 3)).astype(np.float32),
    'target': rng.uniform(0, 1, (count, 3)).astype(np.float32),
    'around': rng.uniform(-1, 1, (count, 3)).astype(np.float32),
  }


class GamutMlpTest(parameterized.TestCase):
  def test_matches_a_plain_network_in_float64(self):
    variables = gamut_mlp.init(_CONFIG, jax.random.key(0))
    batch = _batch(32)
    values = np.concatenate([batch['xy'], 2 * batch['rgb'] - 1], -1).astype(np.float64)
    angles = values[..., None] * np.pi * 2.0 ** np.arange(3)
    hidden = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(32, 30)
    for i, layer in enumerate(variables.params):
      hidden = hidden @ layer['weight'] + layer.get('bias', 0.0)
      hidden = np.maximum(hidden, 0) if i < 2 else hidden
    want = batch['rgb'] + hidden / 2
    got = gamut_mlp.apply(_CONFIG, variables, batch)
    np.testing.assert_allclose(got, want, atol=1e-5)
    loss, _ = gamut_mlp.loss(_CONFIG, variables.params, (), batch, jax.random.key(0))
    self.assertAlmostEqual(
      float(loss), 4 * np.mean((want - batch['target']) ** 2), delta=1e-5
    )

  @parameterized.parameters(
    (gamut_mlp.Config(), 120, 4992),
    (gamut_mlp.Config(width=64), 120, 12032),
    (gamut_mlp.Config(width=64, biased=True), 120, 12099),
    (gamut_mlp.Config(inputs='xy'), 48, 2688),
    (gamut_mlp.Config(inputs='rgb', octaves=0), 3, 1248),
  )
  def test_has_the_numbers_that_the_paper_counts(self, config, inputs, count):
    self.assertEqual(gamut_mlp.input_size(config), inputs)
    variables = gamut_mlp.init(config, jax.random.key(0))
    self.assertEqual(sum(leaf.size for leaf in jax.tree.leaves(variables)), count)

  def test_octaves_of_places_and_colours_differ(self):
    batch = _batch(8)
    both = dataclasses.replace(_CONFIG, octaves=2, colour_octaves=1)
    got = np.asarray(gamut_mlp.encode(both, batch))
    places, colours = batch['xy'], 2 * batch['rgb'] - 1
    angles = [np.pi * places[:, :1] * [1, 2], np.pi * places[:, 1:] * [1, 2]]
    angles += [np.pi * colours[:, i : i + 1] for i in range(3)]
    want = [np.stack([np.sin(a), np.cos(a)], -1).reshape(8, -1) for a in angles]
    np.testing.assert_allclose(got, np.concatenate(want, -1), atol=1e-6)
    none = dataclasses.replace(both, colour_octaves=0)
    got = np.asarray(gamut_mlp.encode(none, batch))
    np.testing.assert_allclose(got[:, 8:], colours, atol=1e-7)
    for config in (both, none):
      encoded = gamut_mlp.encode(config, batch)
      self.assertEqual(gamut_mlp.input_size(config), encoded.shape[1])

  def test_a_solved_network_sees_its_encoding_last(self):
    config = dataclasses.replace(_SOLVED, precision='fp32')
    layers = gamut_mlp.init(config, jax.random.key(0)).params
    rng = np.random.default_rng(1)
    size = gamut_mlp.input_size(config)
    self.assertEqual(size, 5 * (1 + 2) + 3)
    last = rng.normal(size=(8 + size, 3)).astype(np.float32)
    layers[-1] = {'weight': last, 'bias': np.float32([1, 2, 3])}
    batch = _batch(16)
    encoded = np.asarray(gamut_mlp.encode(config, batch))
    np.testing.assert_array_equal(encoded[:, -3:], batch['around'])
    hidden = encoded
    for layer in layers[:-1]:
      hidden = np.maximum(hidden @ layer['weight'] + layer['bias'], 0)
    want = hidden @ last[:8] + encoded @ last[8:] + [1, 2, 3]
    got = gamut_mlp.excess(config, gamut_mlp.Variables(layers), batch)
    np.testing.assert_allclose(got, want, atol=1e-4)

  def test_the_loss_of_a_solved_network_is_that_of_stored_weights(self):
    system = gamut_mlp.make(_SOLVED)
    params = system.init(jax.random.key(0)).params
    params[-1]['weight'] = jax.random.normal(jax.random.key(1), (8 + 18, 3))
    stats = jax.random.normal(jax.random.key(2), (19, 3))
    channel = np.arange(32) % 3
    batch = {**_batch(32), 'channel': channel}
    batch['target'] = batch['target'][:, 0]
    loss, _ = system.loss(params, stats, batch, jax.random.key(0))
    stored = network.stored(_SOLVED, params)
    whole = np.concatenate([stored[-1]['weight'][:8], stats])
    seen = gamut_mlp.features(_SOLVED, stored, gamut_mlp.encode(_SOLVED, batch))
    got = (np.asarray(seen) @ whole)[np.arange(32), channel]
    want = np.mean((got - batch['target']) ** 2)
    self.assertAlmostEqual(float(loss), want, delta=0.02 * want)

  def test_refuses_a_solved_network_of_sines(self):
    with self.assertRaisesRegex(ValueError, 'relu in a solved network'):
      gamut_mlp.Config(solved=True, activation='sine')

  @parameterized.parameters(_CONFIG, _SOLVED)
  def test_an_artefact_comes_back(self, config):
    system = gamut_mlp.make(dataclasses.replace(config, precision='fp32'))
    variables = system.init(jax.random.key(0))
    content = system.export(variables)
    artefact = container.unpack(content, 'x')
    found = gamut_mlp.config_of(artefact, 'x')
    self.assertEqual(found, dataclasses.replace(config, precision='fp32'))
    jax.tree.map(np.testing.assert_array_equal, system.restore(content), variables)

  def test_refuses_another_network_as_start(self):
    path = pathlib.Path(self.id() + '.lutjax')
    self.addCleanup(path.unlink, missing_ok=True)
    system = gamut_mlp.make(_CONFIG)
    path.write_bytes(system.export(system.init(jax.random.key(0))))
    gamut_mlp.read_start(str(path), _CONFIG)
    with self.assertRaisesRegex(errors.InputError, r'expected \[\(120, 32\)'):
      gamut_mlp.read_start(str(path), gamut_mlp.Config())

  @unittest.skipUnless((DATA / 'gamut_published').is_dir(), 'needs the published nets')
  @unittest.skipUnless((DATA / 'prophoto').is_dir(), 'needs the photographs')
  def test_a_published_initialisation_scores_about_as_clipping(self):
    start = str(DATA / 'gamut_published/meta32.npz')
    config = gamut_mlp.Config(precision='fp32')
    variables = gamut_mlp.read_start(start, config)
    encoded = images.to_float(images.read(DATA / 'prophoto/carrots.png').pixels)
    linear = np.where(encoded < 1 / 32, encoded / 16, encoded**1.8).astype(np.float32)
    rgb = np.asarray(recovery.expand(recovery.reduce(linear, 'truncate')))
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in rgb.shape[:2])
    xy = np.stack(np.meshgrid(rows, columns, indexing='ij'), -1)
    every = slice(None, None, 7)
    batch = {'xy': xy[every, every], 'rgb': rgb[every, every]}
    got = np.clip(gamut_mlp.apply(config, variables, batch), 0, 1)
    want = linear[every, every]
    error, clip = (np.sqrt(np.mean((a - want) ** 2)) for a in (got, batch['rgb']))
    self.assertLess(error, 1.3 * clip)
    swapped = {**batch, 'xy': xy[every, every] * 0, 'rgb': batch['rgb'][..., ::-1]}
    wrong = gamut_mlp.apply(config, variables, swapped)[..., ::-1]
    self.assertGreater(np.sqrt(np.mean((wrong - want) ** 2)), error)


if __name__ == '__main__':
  unittest.main()
