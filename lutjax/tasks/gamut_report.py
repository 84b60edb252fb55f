"""What a run of the gamut task says of itself."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lutjax import files


def summary(records: Sequence[Mapping[str, Any]]) -> str:
  """Returns one line: bytes, and gain over clipping, means over images."""
  sizes = [record['size_bytes'] for record in records]
  gains = [
    [a - b if a is not None and b is not None else np.nan for a, b in pairs]
    for pairs in (list(zip(r['psnr'], r['clip'])) for r in records)
  ]
  if not sizes:
    return 'no image was done'
  gain = (
    np.nanmean(np.array(gains, float), axis=0) if np.isfinite(gains).any() else [0] * 3
  )
  return (
    f'payloads of {np.mean(sizes):,.0f} bytes (most {max(sizes):,}); PSNR above '
    f'clipping: {gain[0]:+.2f} dB all, {gain[1]:+.2f} dB out of gamut, '
    f'{gain[2]:+.2f} dB in gamut'
  )


def write(
  experiment: Any,
  folder: pathlib.Path,
  records: Sequence[Mapping[str, Any]],
  jobs: Sequence[Any],
  problems: Sequence[str],
) -> pathlib.Path:
  """Writes the table of a run; returns its path."""
  del experiment, jobs
  lines = ['| image | codec | bytes | PSNR all | OG | IG | clip all | OG | IG |']
  lines.append('|---' * 9 + '|')
  for record in records:
    numbers = [f'{v:.2f}' if v is not None else '-' for v in record['psnr']]
    numbers += [f'{v:.2f}' if v is not None else '-' for v in record['clip']]
    cells = [record['name'], record.get('label', record['codec'])]
    lines.append(f'| {" | ".join([*cells, str(record["size_bytes"]), *numbers])} |')
  lines += ['', *(f'* {problem}' for problem in problems)]
  path = folder / 'report.md'
  files.write_text(path, '\n'.join(lines) + '\n')
  return path
