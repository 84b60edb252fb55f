import dataclasses
import pathlib
import unittest
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest

from lutjax import config as config_lib
from lutjax import errors
from lutjax.codec import payload
from lutjax.data import images
from lutjax.systems.gamut_mlp import (
  codecs,
  decoding,
  fitting,
  network_fitting,
  preparing,
  recovery,
)
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import programs as gamut_programs

_ROOT = pathlib.Path(__file__).resolve().parents[3]
_FIELDS = (
  'codec=mlp',
  'width=8',
  'model.network.octaves=2',
  'model.network.colour_octaves=1',
  'steps=150',
  'segment_steps=150',
)


class SolvedNetworkTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.programs = gamut_programs.Programs()
    y, x = np.mgrid[:60, :80] / 80
    waves = [np.sin(9 * x + 4 * y), np.sin(8 * y), np.cos(7 * x * y + 1)]
    codes = np.rint((0.5 + 0.5 * np.stack(waves, -1)) * 65535).astype(np.uint16)
    path = pathlib.Path(self.create_tempdir().full_path) / 'a.png'
    images.write(path, images.Image(codes))
    self.prepared = preparing.prepare(self.programs, path, 'PNG', 95, 'round')
    settings = config_lib.load(_ROOT / 'configs/gamut_mlp.py')
    self.settings = config_lib.override(settings, _FIELDS)

  def fit(self, settings):
    network = settings.model.network
    return network_fitting.solve_network(
      self.programs, settings, network, self.prepared, 'a'
    )

  def best(self, settings):
    selection = fitting.CodeSelection(self.programs, settings.model, self.prepared)
    best, _ = selection.best(None, self.fit(settings))
    return selection, best

  def test_a_device_out_of_memory_is_one_line_for_the_image(self):
    plain = config_lib.override(self.settings, ('model.network.solved=False',))
    error = jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating')
    line = '^a: a device has too little memory for one model alone'
    with mock.patch.object(self.programs, 'call', side_effect=error):
      with self.assertRaisesRegex(errors.InputError, line):
        self.fit(self.settings)
      with self.assertRaisesRegex(errors.InputError, line):
        network_fitting.fit_network(
          self.programs, plain, plain.model, self.prepared, 'a'
        )

  def test_a_reader_gets_what_was_compared_and_the_codes_stay(self):
    selection, best = self.best(self.settings)
    self.assertEqual(best.stored.codec, 'mlp')
    self.assertLess(best.errors[0], selection.clip.errors[0] / 4)
    block = payload.Payload(1, 80, 60, 0, best.stored.body)
    codes = self.prepared.codes
    decoder = decoding.Decoder(self.programs, codecs.unpack(block), codes)
    recovered = np.concatenate([decoder.band(*band) for band in decoder.bands()])
    np.testing.assert_array_equal(recovery.reduce(recovered), codes)
    index = gamut_programs.clipped(codes)
    got = recovered.reshape(-1, 3)[index]
    square = self.programs.square_errors(
      got, self.prepared.encoded.reshape(-1, 3)[index]
    )
    np.testing.assert_allclose(square[:, :2].sum(axis=0), best.errors, rtol=1e-4)

  def test_steps_and_the_last_solution_both_help(self):
    linear = config_lib.override(self.settings, ['steps=1', 'segment_steps=1'])
    layers = self.fit(self.settings)
    samples = gamut_programs.samples_of(*self.prepared.samples)
    network = self.settings.model.network

    def error(layers):
      rgb = 0.5 * (samples.inputs[:, 2:5] + 1)
      batch = {'xy': samples.inputs[:, :2], 'rgb': rgb, 'around': samples.inputs[:, 5:]}
      got = gamut_mlp.excess(network, gamut_mlp.Variables(layers), batch)
      channel = np.searchsorted(
        samples.ends, np.arange(int(samples.ends[2])), side='right'
      )
      picked = np.asarray(got)[np.arange(len(channel)), channel]
      return float(np.mean((picked - samples.target[: len(channel)]) ** 2))

    self.assertLess(error(layers), 0.7 * error(self.fit(linear)))
    rng = np.random.default_rng(0)
    for scale in (0.01, 0.1):
      last = layers[-1]['weight']
      moved = last + scale * np.abs(last).mean() * rng.normal(size=last.shape)
      other = [*layers[:-1], {**layers[-1], 'weight': moved.astype(np.float32)}]
      self.assertLess(error(layers), error(other))

  def test_hidden_layers_lose_nothing_when_stored(self):
    for precision in ('int8', 'int4'):
      settings = config_lib.override(
        self.settings, [f'model.network.precision={precision}']
      )
      layers = self.fit(settings)
      again = gamut_mlp.rounded(settings.model.network, layers[:-1])
      for got, want in zip(again, layers):
        np.testing.assert_allclose(got['weight'], want['weight'], rtol=2e-3, atol=1e-6)

  def test_auto_takes_the_best_of_all_and_pictures_only_on_small_networks(self):
    for budget, mixed in ((20_000, True), (1_000, False)):
      fields = ['codec=auto', 'effort=full', f'budget_bytes={budget}']
      settings = config_lib.override(self.settings, fields)
      selection = fitting.CodeSelection(self.programs, settings.model, self.prepared)
      best, found = selection.best(None, self.fit(settings))
      labels = [candidate.label for candidate in found]
      self.assertIn('mlp', labels)
      self.assertEqual(any(label.startswith('mlp + ') for label in labels), mixed)
      least = min(c.errors[0] for c in found if c.size_bytes <= budget)
      self.assertEqual(best.errors[0], least)

  def test_a_network_beyond_the_budget_is_not_taken(self):
    model = dataclasses.replace(self.settings.model, budget_bytes=100)
    settings = dataclasses.replace(self.settings, model=model)
    _, best = self.best(settings)
    self.assertEqual(best.stored.codec, 'clip')


if __name__ == '__main__':
  unittest.main()
