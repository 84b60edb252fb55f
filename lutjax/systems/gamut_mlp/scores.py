"""Errors of recovered wide-gamut images against their originals.

Root mean squared errors and PSNR in linear and in ROMM-encoded ProPhoto, over
all, out-of-gamut and in-gamut pixels; CIEDE2000; and both again after an edit,
since an editor is where wide-gamut colours are for. Two conventions for many
images: the mean of PSNR, and the PSNR of the mean error, which is 1 to 3 dB lower.
"""

import collections
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.color import difference, gamut, matrices, spaces, transfer
from lutjax.data import images
from lutjax.systems.gamut_mlp import codecs, decoding, expand, recovery
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.systems.gamut_mlp import sources as gamut_sources
from lutjax.types import Array

# Luminance of linear ProPhoto, and how far the edits go.
_LUMINANCE = (0.2880, 0.7119, 0.0001)
_STOP, _SATURATION = 2.0, 1.25
_PROPHOTO_TO_XYZ = matrices.primary_matrix(
  spaces.SPACES['prophoto'].primaries, spaces.SPACES['prophoto'].white
)


def score_images(
  patterns: Sequence[str],
  originals: Sequence[str],
  *,
  space: gamut_sources.Space = 'auto',
  say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], list[str]]:
  """Recovers images and compares them with their originals.

  Args:
    patterns: sRGB files with payloads, or their folder.
    originals: Wide-gamut images, matched by relative path, else by stem.
    space: Of the originals; see `sources.read`.
    say: Told what is skipped.

  Returns:
    Figures by image name, and one line per image that has no original or
    cannot be read.

  Raises:
    InputError: when nothing matches.
  """
  listed = images.find_images(originals, say=say)
  by_name = {item.relative.with_suffix('').as_posix(): item.path for item in listed}
  stems = collections.Counter(item.path.stem for item in listed)
  by_stem = {i.path.stem: i.path for i in listed if stems[i.path.stem] == 1}
  programs = gamut_programs.Programs(say)
  found: dict[str, Any] = {}
  problems = []
  for path, relative in images.find_images(patterns, say=say):
    name = relative.with_suffix('').as_posix()
    source = by_name.get(name, by_stem.get(path.stem))
    if source is None:
      problems.append(f'{path}: has no original of the same stem, or several')
      continue
    try:
      opened = expand.open_image(path)
      if opened.problem or opened.payload is None:
        raise errors.ImageError(opened.problem)
      codes = np.ascontiguousarray(opened.image.pixels[..., :3])
      original = gamut_sources.read(source, space)
      encoded = original.image.pixels[..., :3]
      if encoded.shape != codes.shape:
        raise errors.ImageError(f'{source}: found {encoded.shape}, not {codes.shape}')
      model = codecs.unpack(opened.payload, str(path))
    except errors.InputError as error:
      problems.append(str(error))
      continue
    decoder = decoding.Decoder(programs, model, codes, str(path))
    recovered = compare(programs, decoder, encoded)
    clip_model = decoding.Decoder(programs, codecs.Model(), codes, str(path))
    found[name] = {
      'size_bytes': opened.size_bytes,
      'codec': model.codec,
      'source_rounding': original.rounding,
      'recovered': recovered,
      'clip': compare(programs, clip_model, encoded),
    }
  if not found:
    raise errors.InputError(
      f'found no image with an original: {"; ".join(problems[:3])}'
    )
  return found, problems


def compare(
  programs: gamut_programs.Programs,
  decoder: decoding.Decoder,
  encoded: np.ndarray,
) -> dict[str, Any]:
  """Returns the figures of one image.

  Args:
    programs: Compiled programs.
    decoder: Of the image.
    encoded: `[H, W, 3]`, the original.

  Returns:
    Per measure three numbers: over all, out-of-gamut and in-gamut pixels; NaN
    where there are none. Errors are RMSE, `ciede2000` are means.
  """
  sums = np.zeros((2, len(_MEASURES)))
  counts = np.zeros(2)
  for start, stop in decoder.bands():
    got = decoder.band(start, stop).reshape(-1, 3)
    want = images.to_float(encoded[start:stop].reshape(-1, 3))
    block = gamut_programs.BLOCK
    rows = programs.in_blocks('measures', _measure, (), (got, want), block)
    outside = rows[:, 0] > 0
    for region, marked in enumerate((outside, ~outside)):
      sums[region] += rows[marked, 1:].sum(axis=0, dtype=np.float64)
      counts[region] += marked.sum()
  totals = np.stack([sums.sum(axis=0), *sums])
  weights = np.array([counts.sum(), *counts])[:, None]
  with np.errstate(invalid='ignore', divide='ignore'):
    means = totals / weights
  return {
    name: (np.sqrt(means[:, i]) if name.endswith('rmse') else means[:, i]).tolist()
    for i, name in enumerate(_MEASURES)
  }


def psnr_both_ways(found: Mapping[str, Any], side: str, measure: str) -> np.ndarray:
  """Returns PSNR `[2, 3]`: means of PSNR, then PSNR of mean errors, per region.

  Args:
    found: Records of images by name.
    side: Key of the side in each record.
    measure: Key of the root mean square errors `[3]`, one per region.
  """
  errors_ = np.array([item[side][measure] for item in found.values()], float)
  errors_ = np.maximum(errors_, 1e-12)
  return -20 * np.stack(
    [np.nanmean(np.log10(errors_), axis=0), np.log10(np.nanmean(errors_, axis=0))]
  )


def render(found: Mapping[str, Any]) -> str:
  """Returns the figures as Markdown."""
  heads = [*['image', 'codec', 'bytes'], *2 * ['all', 'OG', 'IG'], 'CIEDE2000', 'clip']
  lines = ['PSNR in dB recovered, then clipped; CIEDE2000 recovered, then clipped.', '']
  lines += [f'| {" | ".join(heads)} |', '|---' * len(heads) + '|']
  for name, item in found.items():
    cells = [name, item['codec'], f'{item["size_bytes"]}']
    for side in ('recovered', 'clip'):
      rmse = np.maximum(np.array(item[side]['linear_rmse'], float), 1e-12)
      cells += [f'{v:.2f}' for v in -20 * np.log10(rmse)]
    cells += [f'{item[side]["ciede2000"][0]:.3f}' for side in ('recovered', 'clip')]
    lines.append(f'| {" | ".join(cells)} |')
  sizes = [item['size_bytes'] for item in found.values()]
  coarse = gamut_sources.describe_rounding(
    item.get('source_rounding') for item in found.values()
  )
  lines += [
    '',
    f'{len(found)} images, payloads of {np.mean(sizes):,.0f} bytes on the mean, '
    f'{max(sizes):,} at most.',
    *([f'{coarse}.'] if coarse else []),
    '',
    '| measure | | recovered all | OG | IG | clip all | OG | IG |',
    '|---' * 8 + '|',
  ]
  for measure in _MEASURES:
    if measure.endswith('rmse'):
      both = [psnr_both_ways(found, side, measure) for side in ('recovered', 'clip')]
      for i, how in enumerate(('mean of PSNR', 'PSNR of mean RMSE')):
        cells = [f'{v:.2f}' for v in np.concatenate([both[0][i], both[1][i]])]
        name = measure.removesuffix('_rmse').replace('_', ' ')
        lines.append(f'| {name} | {how}, dB | {" | ".join(cells)} |')
    else:
      means = [
        np.nanmean([item[side][measure] for item in found.values()], axis=0)
        for side in ('recovered', 'clip')
      ]
      cells = [f'{v:.3f}' for v in np.concatenate(means)]
      lines.append(f'| {measure.replace("_", " ")} | mean | {" | ".join(cells)} |')
  return '\n'.join(lines) + '\n'


_MEASURES = (
  'linear_rmse',
  'romm_rmse',
  'exposed_rmse',
  'saturated_rmse',
  'ciede2000',
  'ciede2000_exposed',
  'ciede2000_saturated',
)


def _measure(got: Array, encoded: Array) -> Array:
  """Returns per pixel whether out of gamut, then the measures before any root."""
  want = transfer.romm_to_linear(encoded)
  outside = gamut.out_of_gamut(recovery.prophoto_to_linear(want))
  pairs = [(got, want), *((edit(got), edit(want)) for edit in (_expose, _saturate))]
  romm = (transfer.linear_to_romm(got), encoded)
  squares = [
    jnp.mean(jnp.square(a - b), axis=-1) for a, b in (pairs[0], romm, *pairs[1:])
  ]
  deltas = [difference.delta_e_2000(_to_lab(a), _to_lab(b)) for a, b in pairs]
  return jnp.stack([outside.astype(jnp.float32), *squares, *deltas], axis=-1)


def _to_lab(prophoto: Array) -> Array:
  xyz = matrices.apply(_PROPHOTO_TO_XYZ, prophoto)
  return spaces.xyz_to_lab(xyz, white=_PROPHOTO_TO_XYZ.sum(axis=1))


def _expose(prophoto: Array) -> Array:
  return jnp.clip(_STOP * prophoto, 0.0, 1.0)


def _saturate(prophoto: Array) -> Array:
  luminance = sum(w * prophoto[..., i] for i, w in enumerate(_LUMINANCE))
  grey = jnp.asarray(luminance)[..., None]
  return jnp.clip(grey + _SATURATION * (prophoto - grey), 0.0, 1.0)
