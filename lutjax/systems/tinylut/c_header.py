"""A TinyLUT as a C99 header for edge devices: tables and a small integer loop.

A tile of pixels at a time is looked at in four rotations. Its pixels and a margin are
gathered, mirrored at the border of the picture; layers then work in place on one
buffer of activations, since what a layer gives is written where nothing is read any
more: windows and moved channels look down and right of where they write. There is no
memory but a few KB of stack, and nothing but additions, look-ups and exact means.

A row of a layer's table is found by one look-up, of the channel and its level: the
requantisation and the start of the channel's block are folded into it.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lutjax.systems.tinylut import artefact, structure, tables
from lutjax.types import PyTree, Variables

_TILE = 8
_A_LINE = 16


def files(
  config: structure.Config, variables: Variables, name: str
) -> Mapping[str, bytes]:
  """Renders the header.

  Args:
    config: Of networks or entries.
    variables: What was learned.
    name: Of the file; in C what is no letter or digit in it is an underscore.

  Returns:
    The header by its name, `NAME.h`, in ASCII.
  """
  config, variables = artefact.entries(config, variables)
  prefix = re.sub(r'\W', '_', name, flags=re.ASCII)
  if not prefix[:1].isalpha():
    prefix = f'tinylut_{prefix}'
  held, layers, size_bytes = [], [], {'tables': 0, 'maps': 0}
  radius = config.shift_radius
  for branch in structure.branches(config):
    spatial = variables.params[branch]['spatial']
    size_bytes['tables'] += spatial.size
    held.append(_array('int8_t', f'{branch}_spatial', spatial))
    structs = []
    for index, (layer, kind) in enumerate(
      zip(variables.params[branch]['layers'], structure.layers(config))
    ):
      label = f'{branch}_{index + 1}'
      rows, places, zeros = _blocks(config, branch, layer, kind)
      size_bytes['tables'] += rows.size
      size_bytes['maps'] += 2 * (places.size + zeros.size)
      held += [
        _array('int8_t', f'{label}_rows', rows),
        _array('uint16_t', f'{label}_row_of', places),
        _array('uint16_t', f'{label}_zero', zeros),
        _array('int8_t', f'{label}_shift', np.clip(layer['shift'], -radius, radius)),
      ]
      limits = (-128, 127) if kind.last else structure.level_range(config, branch)
      deep = int(kind.kind == 'depthwise')
      structs.append(
        f'  {{NAME_{label}_rows, NAME_{label}_row_of, NAME_{label}_zero,\n'
        f'   NAME_{label}_shift, {deep}, {kind.outputs}, {limits[0]}, {limits[1]}}},'
      )
    if structs:
      layers.append(
        f'static const NAME_layer NAME_{branch}_layers[] = {{\n'
        + '\n'.join(structs)
        + '\n};'
      )
  parts = [
    _comment(config, size_bytes),
    *_definitions(config),
    _LAYER,
    *held,
    *layers,
    _HELPERS,
    _SPATIAL.replace('FUSED', _FUSED if _fused(config) else ''),
    _APPLY,
    _tile(config),
    _RESTORE,
  ]
  text = '\n\n'.join(parts).replace('NAME', prefix)
  return {f'{name}.h': f'{text}\n'.encode('ascii')}


def _plain(name: str) -> str:
  """Returns a name that ends no comment."""
  return re.sub(r'[^\w .-]', '_', name, flags=re.ASCII)


def _blocks(
  config: structure.Config,
  branch: structure.Branch,
  layer: PyTree,
  kind: structure.Layer,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns a layer's table, and where its rows are.

  Returns:
    `[rows, outputs]` int8, the block of each channel from the first row that a level
    reaches to the last; `[C, L]`, the row of each level; `[C]`, that of level 0.
  """
  first, _ = structure.row_range(config, branch)
  found = tables.levels_of(config, branch, layer['scale'])
  rows = layer['rows']
  if kind.kind == 'depthwise':
    rows = rows.transpose(2, 1, 0)
  blocks, starts, start = [], [], 0
  for levels, block in zip(found, rows):
    least, most = int(levels.min()), int(levels.max())
    blocks.append(block[least - first : most + 1 - first])
    starts.append(start - least)
    start += most + 1 - least
  starts = np.array(starts)
  return np.concatenate(blocks), found + starts[:, None], starts


def _array(kind: str, label: str, values: np.ndarray) -> str:
  """Renders values in lines of 16."""
  texts = [str(int(value)) for value in values.ravel()]
  width = max(map(len, texts))
  lines = [
    ' '.join(f'{text:>{width}},' for text in texts[start : start + _A_LINE])
    for start in range(0, len(texts), _A_LINE)
  ]
  shape = ' x '.join(map(str, values.shape))
  body = '\n'.join(f'  {line}' for line in lines)
  return (
    f'/* {shape} */\nstatic const {kind} NAME_{label}[{len(texts)}] = {{\n{body}\n}};'
  )


def _fused(config: structure.Config) -> bool:
  return config.low == 'fused' and len(structure.branches(config)) == 2


def _comment(config: structure.Config, size_bytes: Mapping[str, int]) -> str:
  scale = config.restores.scale
  undone = {
    'bicubic': f'enlarges pictures {scale} times that were reduced by bicubic '
    'filtering',
    'noise': f'removes Gaussian noise of sigma {config.restores.strength}',
    'jpeg': f'removes the blocks of JPEG of quality {config.restores.strength}',
  }[config.restores.kind]
  before, after = structure.margins(config)
  side = _TILE + before + after
  pixels = _TILE**2 * config.outputs
  stack = side**2 * (1 + config.channels) + 2 * pixels * 2
  text = f"""
  NAME: {_plain(config.name)}, a TinyLUT, {undone}.
  Made by lutjax; the licence of the tables stands on the card of the model.

  One plane of 8 bits at a time (grey, or each of red, green and blue). Strides are in
  bytes; the planes must not overlap:

  #include "NAME.h"
  NAME_restore(in, width, height, in_stride, out, out_stride);

  `out` has {scale} x width by {scale} x height pixels. Sides are of any size from 1 on.
  {size_bytes['tables']} bytes of tables, {size_bytes['maps']} bytes of places of rows,
  about {stack} bytes of stack (less with a smaller NAME_TILE), no other memory, no
  floating point. Halves are rounded to even: the same pixels as lutjax's.
  """
  paragraphs = textwrap.dedent(text).strip().split('\n\n')
  filled = [
    textwrap.indent(paragraph, '    ')
    if paragraph.startswith('#')
    else textwrap.fill(' '.join(paragraph.split()), 80)
    for paragraph in paragraphs
  ]
  body = textwrap.indent('\n\n'.join(filled), '   ').strip()
  return f'/* {body} */'


def _definitions(config: structure.Config) -> Iterator[str]:
  before, after = structure.margins(config)
  yield '#ifndef NAME_H\n#define NAME_H'
  yield '#include <stddef.h>\n#include <stdint.h>'
  values: dict[str, Any] = {
    'SCALE': config.restores.scale,
    'CHANNELS': config.channels,
    'KERNEL': config.kernel,
    'RADIUS': config.shift_radius,
    'LOW_BITS': 8 - config.msb_bits,
    'MARGIN_BEFORE': before,
    'MARGIN_AFTER': after,
  }
  yield '\n'.join(f'#define NAME_{key} {value}' for key, value in values.items())
  yield (
    '/* Side of a tile in pixels. */\n'
    f'#ifndef NAME_TILE\n#define NAME_TILE {_TILE}\n#endif\n'
    '#define NAME_SIDE (NAME_TILE + NAME_MARGIN_BEFORE + NAME_MARGIN_AFTER)'
  )


def _tile(config: structure.Config) -> str:
  """Renders the function that restores a tile: the order of branches and layers."""
  calls = []
  for branch in structure.chained(config):
    low, high = structure.level_range(config, branch)
    drop = 'NAME_LOW_BITS' if branch == 'high' else '0'
    count = len(structure.layers(config))
    calls.append(
      f'    NAME_branch(\n        pixels, NAME_{branch}_spatial, {drop}, {low}, '
      f'{high - low + 1}, NAME_{branch}_layers, {count},\n'
      '        rows, columns, state);\n'
      '    NAME_add(state, rows, columns, quarter);'
    )
  rest = ''
  if config.low == 'fused':
    rest = _REST
  return _TILE_TEXT.replace('CALLS', '\n'.join(calls)).replace('REST', rest)


_LAYER = """\
/* A layer after the spatial one. Its table holds, channel after channel, the rows of
   the levels that there are. */
typedef struct {
  const int8_t *rows;
  const uint16_t *row_of; /* Of each level of each channel. */
  const uint16_t *zero;   /* Row of level 0 of each channel. */
  const int8_t *shift;    /* How far each channel is moved, down and right. */
  int depthwise;          /* Columns are positions of the window, not outputs. */
  int outputs;
  int least, most;
} NAME_layer;"""

_HELPERS = """\
static inline int NAME_clip(int value, int least, int most) {
  return value < least ? least : value > most ? most : value;
}

/* Rounds sum / count, halves to even. */
static inline int NAME_mean(int sum, int count) {
  int whole = sum / count, rest = sum % count;
  if (rest < 0) {
    rest += count;
    whole -= 1;
  }
  return whole + (2 * rest > count || (2 * rest == count && whole % 2 != 0));
}

/* Mirrors a place outside of a side; the pixel at the border is not repeated. */
static inline int NAME_mirror(int place, int size) {
  int period = size > 1 ? 2 * (size - 1) : 1;
  place %= period;
  if (place < 0) place += period;
  return place < size ? place : period - place;
}

/* Row i and column j, turned to the left so many times, as row y and column x. */
static inline void NAME_turn(
    int turns, int i, int j, int height, int width, int *y, int *x) {
  *y = turns == 0 ? i : turns == 1 ? j : turns == 2 ? height - 1 - i : height - 1 - j;
  *x = turns == 0 ? j : turns == 1 ? width - 1 - i : turns == 2 ? width - 1 - j : i;
}"""

_SPATIAL = """\
/* Tables of a window of pixels; gives levels of rows x columns. */
static inline void NAME_spatial(
    const uint8_t *pixels, const int8_t *table, int drop, int lowest, int levels,
    int rows, int columns, int8_t *state) {
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      int sums[NAME_CHANNELS] = {0}, pixel = 0;
      for (int k = 0; k < NAME_KERNEL * NAME_KERNEL; ++k) {
        pixel = pixels[(i + k / NAME_KERNEL) * NAME_SIDE + j + k % NAME_KERNEL];
        const int level = (pixel >> drop) & (levels - 1);
        const int8_t *row = table + (k * levels + level) * NAME_CHANNELS;
        for (int c = 0; c < NAME_CHANNELS; ++c) sums[c] += row[c];FUSED
      }
      /* The last pixel of the window is the one in question. */
      const int centre = ((pixel >> drop) & (levels - 1)) + lowest;
      for (int c = 0; c < NAME_CHANNELS; ++c) {
        const int mean = NAME_mean(sums[c], NAME_KERNEL * NAME_KERNEL);
        state[(i * NAME_SIDE + j) * NAME_CHANNELS + c] =
            (int8_t)NAME_clip(mean + centre, lowest, lowest + levels - 1);
      }
    }
  }
}"""

_FUSED = """
        const int low = pixel & ((1 << NAME_LOW_BITS) - 1);
        row = NAME_low_spatial + ((k << NAME_LOW_BITS) + low) * NAME_CHANNELS;
        for (int c = 0; c < NAME_CHANNELS; ++c) sums[c] += row[c];"""

_APPLY = """\
/* A layer, in place; it gives levels of rows x columns. */
static inline void NAME_apply(
    const NAME_layer *layer, int lowest, int levels, int rows, int columns,
    int8_t *state) {
  const int window = NAME_KERNEL * NAME_KERNEL;
  const int reach = layer->depthwise ? NAME_KERNEL - 1 : NAME_RADIUS;
  const int count = layer->depthwise ? window : NAME_CHANNELS;
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      int8_t *here = state + (i * NAME_SIDE + j) * NAME_CHANNELS;
      const int8_t *own = here + reach * (NAME_SIDE + 1) * NAME_CHANNELS;
      int sums[NAME_CHANNELS] = {0};
      for (int c = 0; c < NAME_CHANNELS; ++c) {
        const uint16_t *row_of = layer->row_of + c * levels - lowest;
        if (layer->depthwise) {
          for (int k = 0; k < window; ++k) {
            const int place = (k / NAME_KERNEL) * NAME_SIDE + k % NAME_KERNEL;
            const int row = row_of[here[place * NAME_CHANNELS + c]];
            sums[c] += layer->rows[row * window + k];
          }
        } else {
          const int place = layer->shift[2 * c] * NAME_SIDE + layer->shift[2 * c + 1];
          const int row = row_of[own[place * NAME_CHANNELS + c]];
          for (int o = 0; o < layer->outputs; ++o) {
            sums[o] += layer->rows[row * layer->outputs + o];
          }
        }
      }
      for (int o = 0; o < layer->outputs; ++o) {
        const int row = layer->row_of[o * levels + own[o] - lowest];
        const int value = NAME_mean(sums[o], count) + row - layer->zero[o];
        here[o] = (int8_t)NAME_clip(value, layer->least, layer->most);
      }
    }
  }
}

/* A branch: rows x columns of codes, from the pixels of a tile and its margin. */
static inline void NAME_branch(
    const uint8_t *pixels, const int8_t *table, int drop, int lowest, int levels,
    const NAME_layer *layers, int count, int rows, int columns, int8_t *state) {
  int more = NAME_MARGIN_BEFORE + NAME_MARGIN_AFTER - (NAME_KERNEL - 1);
  NAME_spatial(pixels, table, drop, lowest, levels, rows + more, columns + more, state);
  for (int i = 0; i < count; ++i) {
    more -= layers[i].depthwise ? NAME_KERNEL - 1 : 2 * NAME_RADIUS;
    NAME_apply(layers + i, lowest, levels, rows + more, columns + more, state);
  }
}

static inline void NAME_add(
    const int8_t *state, int rows, int columns, int16_t *quarter) {
  const int outputs = NAME_SCALE * NAME_SCALE;
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      for (int o = 0; o < outputs; ++o) {
        quarter[(i * NAME_TILE + j) * outputs + o] +=
            state[(i * NAME_SIDE + j) * NAME_CHANNELS + o];
      }
    }
  }
}"""

_TILE_TEXT = """\
/* The tile at (top, left), of height x width pixels. */
static inline void NAME_tile(
    const uint8_t *in, int in_width, int in_height, ptrdiff_t in_stride, int top,
    int left, int height, int width, uint8_t *out, ptrdiff_t out_stride) {
  enum { SCALE = NAME_SCALE, OUTPUTS = SCALE * SCALE, LINE = NAME_TILE * SCALE };
  uint8_t pixels[NAME_SIDE * NAME_SIDE];
  int8_t state[NAME_SIDE * NAME_SIDE * NAME_CHANNELS];
  int16_t total[LINE * LINE] = {0};
  for (int turns = 0; turns < 4; ++turns) {
    const int rows = turns % 2 ? width : height, columns = turns % 2 ? height : width;
    const int more = NAME_MARGIN_BEFORE + NAME_MARGIN_AFTER;
    int16_t quarter[NAME_TILE * NAME_TILE * OUTPUTS] = {0};
    int y, x;
    for (int i = 0; i < rows + more; ++i) {
      for (int j = 0; j < columns + more; ++j) {
        NAME_turn(
            turns, i - NAME_MARGIN_BEFORE, j - NAME_MARGIN_BEFORE, height, width,
            &y, &x);
        y = NAME_mirror(top + y, in_height);
        x = NAME_mirror(left + x, in_width);
        pixels[i * NAME_SIDE + j] = in[y * in_stride + x];
      }
    }
CALLS
    for (int i = 0; i < rows * SCALE; ++i) {
      for (int j = 0; j < columns * SCALE; ++j) {
        const int pixel = (i / SCALE) * NAME_TILE + j / SCALE;
        const int output = (i % SCALE) * SCALE + j % SCALE;
        NAME_turn(turns, i, j, height * SCALE, width * SCALE, &y, &x);
        total[y * LINE + x] += NAME_clip(quarter[pixel * OUTPUTS + output], -128, 127);
      }
    }
  }
  for (int y = 0; y < height * SCALE; ++y) {
    uint8_t *row = out + (top * SCALE + y) * out_stride + left * SCALE;
    for (int x = 0; x < width * SCALE; ++x) {
      int value = total[y * LINE + x] + 128;REST
      row[x] = (uint8_t)NAME_clip(value, 0, 255);
    }
  }
}"""

_REST = """
      /* What the skips of the high bits, one in each rotation, leave of a pixel. */
      const int pixel = in[(top + y / SCALE) * in_stride + left + x / SCALE];
      value += pixel - 128 - 4 * ((pixel >> NAME_LOW_BITS) - (128 >> NAME_LOW_BITS));"""

_RESTORE = """\
static inline void NAME_restore(
    const uint8_t *in, int width, int height, ptrdiff_t in_stride, uint8_t *out,
    ptrdiff_t out_stride) {
  for (int top = 0; top < height; top += NAME_TILE) {
    for (int left = 0; left < width; left += NAME_TILE) {
      const int rows = height - top < NAME_TILE ? height - top : NAME_TILE;
      const int columns = width - left < NAME_TILE ? width - left : NAME_TILE;
      NAME_tile(
          in, width, height, in_stride, top, left, rows, columns, out, out_stride);
    }
  }
}

#endif"""
