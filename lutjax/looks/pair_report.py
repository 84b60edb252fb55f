"""The report on looks fitted to pictures: scores, and the cells they visit."""

import pathlib

import numpy as np

from lutjax import experiment
from lutjax.report import page, plots

_COLUMNS = (
  page.Column('psnr', 'PSNR dB', higher_is_better=True),
  page.Column(
    'floor_psnr',
    'Floor, PSNR dB',
    higher_is_better=True,
    hint='the best that any LUT can do: equal colours keep the spread of their results',
  ),
  page.Column('cie76_mean', 'CIE76 mean'),
  page.Column(
    'floor_cie76_mean',
    'Floor, CIE76 mean',
    hint='of the colour map that gives the floor in PSNR',
  ),
  page.Column('cie76_p90', 'CIE76 p90'),
  page.Column('cie76_max', 'CIE76 max'),
  page.Column('ciede2000_mean', 'CIEDE2000 mean'),
  page.Column('visited', 'Cells visited', digits=3),
  page.Column('size_bytes', 'Bytes', digits=0),
  page.Column('seconds', 'Seconds'),
)
_PIXELS = 24
_SHOWN = 6


def write(finished: experiment.Finished) -> pathlib.Path:
  """Writes `report.html`, and maps of the cells that the pictures visit.

  Args:
    finished: The run.

  Returns:
    The path of the page.
  """
  settings, folder, records, gathered, problems, _ = finished
  entries = []
  for record in records:
    shared = {
      'size_bytes': record['size_bytes'] / len(record['looks']),
      'seconds': record['seconds'] / len(record['looks']),
    }
    for name, scores in record['looks'].items():
      entries.append(page.Entry(name, {**scores, **shared}))
  floors = page.Table(
    'What no LUT can remove from these pictures, and what it looks like.',
    ('Look', 'Floor'),
    [
      (entry.name, str(entry.scores['floor_text']).removeprefix(f'{entry.name}: '))
      for entry in entries
      if 'floor_text' in entry.scores
    ],
  )
  figures = [
    page.Figure(
      f'cells {name}',
      f'Colours that the pictures of {name} show, among {len(data["cells"])}^3 cells: '
      'slices of blue, red to the right and green upwards; black cells are never seen.',
      visited_map(data['cells']),
    )
    for name, data in list(gathered.context.items())[:_SHOWN]
  ]
  return page.write(
    folder,
    title=f'lutjax: {len(entries)} looks from pictures',
    facts={
      'System': type(settings.model).__module__.split('.')[-1],
      'Steps and batch': f'{settings.fit.steps} x {settings.fit.batch_size}',
      'Scored on': 'the pixels of the pictures',
    },
    columns=_COLUMNS,
    entries=entries,
    rank='cie76_mean',
    tables=[floors] if floors.rows else [],
    figures=figures,
    problems=problems,
    pictures='none',
    remark='Scores are on the pixels of the pictures.',
  )


def visited_map(cells: np.ndarray) -> np.ndarray:
  """Draws which cells hold pixels, slice by slice of blue.

  Args:
    cells: `[N, N, N]` pixels per cell, indexed `[r, g, b]`.

  Returns:
    `[H, W, 3]` uint8.
  """
  size = len(cells)
  centres = (np.arange(size) + 0.5) / size
  slices, names = [], []
  for b in range(0, size, max(1, size // 8)):
    red, green = np.meshgrid(centres, centres[::-1])
    colour = np.stack([red, green, np.full_like(red, centres[b])], axis=-1)
    seen = (cells[:, ::-1, b].T > 0)[..., None]
    shown = np.where(seen, colour, 0.0).astype(np.float32)
    slices.append(np.kron(shown, np.ones((_PIXELS, _PIXELS, 1), np.float32)))
    names.append(f'blue {centres[b]:.2f}')
  return plots.strip(slices, names, columns=4)
