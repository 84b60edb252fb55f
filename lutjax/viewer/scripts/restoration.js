// Pictures through the tables of a TinyLUT, in integers (Python: `tinylut.forward`,
// `tinylut.processing`, `data.resize`).
(() => {
  'use strict';

  const TURNS = 4;
  const OFFSET = 128;
  // Pixels to a side of a tile without its margin: its levels stay in memory of a core.
  const TILE = 96;
  // Where the rows of a pixel's channels begin; at most 64 of them.
  const STARTS = new Int32Array(64);

  /** Returns the pairs that hold so many entries, in whole fours. */
  const halves = count => Math.ceil(count / 8) * 4;

  /**
   * Restores a picture.
   * @param {Structure} structure
   * @param {Object} held Tables, from `prepare`.
   * @param {Uint8ClampedArray} pixels `[H, W, 4]`.
   * @param {number} width
   * @param {number} height
   * @return {{data: Uint8ClampedArray, width: number, height: number}}
   */
  function upscale(structure, held, pixels, width, height) {
    if (!(width > 0 && height > 0) || pixels.length !== width * height * 4) {
      throw new Error(
        `picture: found ${pixels.length} bytes, expected RGBA of ${width} x ${height}`);
    }
    const {scale} = structure;
    const data = new Uint8ClampedArray(pixels.length * scale ** 2);
    const reach = margins(structure)[0];
    const rows = mirrored(height, reach);
    const columns = mirrored(width, reach);
    for (let channel = 0; channel < 3; channel++) {
      for (let top = 0; top < height; top += TILE) {
        for (let left = 0; left < width; left += TILE) {
          const tall = Math.min(TILE, height - top);
          const wide = Math.min(TILE, width - left);
          const plane = {
            height: tall + 2 * reach,
            width: wide + 2 * reach,
            values: new Uint8Array((tall + 2 * reach) * (wide + 2 * reach)),
          };
          for (let y = 0; y < plane.height; y++) {
            for (let x = 0; x < plane.width; x++) {
              const from = rows[top + y] * width + columns[left + x];
              plane.values[y * plane.width + x] = pixels[from * 4 + channel];
            }
          }
          const restored = restore(structure, held, plane, tall, wide);
          for (let y = 0; y < tall * scale; y++) {
            const to = (top * scale + y) * width * scale + left * scale;
            for (let x = 0; x < wide * scale; x++) {
              data[(to + x) * 4 + channel] = restored[y * wide * scale + x];
            }
          }
        }
      }
    }
    alpha(pixels, width, height, scale, data);
    return {data, width: width * scale, height: height * scale};
  }

  /** Returns how far a pixel is seen up and left, and down and right. */
  function margins({kernel, pairs, radius, layers}) {
    const moves = radius * layers.filter(layer => layer.kind === 'pointwise').length;
    return [(kernel - 1) * (1 + pairs) + moves, moves];
  }

  /** Returns the pixels of a line with its margins, mirrored at its ends. */
  function mirrored(side, margin) {
    const period = Math.max(1, 2 * (side - 1));
    return Int32Array.from({length: side + 2 * margin}, (_, i) => {
      const place = ((i - margin) % period + period) % period;
      return side > 1 ? Math.min(place, period - place) : 0;
    });
  }

  /** Returns the sub-pixels `[s height, s width]` of a plane with its margin. */
  function restore(structure, held, plane, height, width) {
    const {scale, msbBits, fused} = structure;
    const [before, after] = margins(structure);
    const total = new Int32Array(height * width * scale ** 2);
    for (let turn = 0; turn < TURNS; turn++) {
      const seen = cut(turned(plane, turn), before - after);
      const [tall, wide] = turn % 2 ? [width, height] : [height, width];
      const sums = quarter(structure, held, seen);
      add(total, sums, turn, tall, wide, scale);
    }
    const step = 2 ** (8 - msbBits);
    return total.map((sum, at) => {
      let value = sum + OFFSET;
      if (fused) {
        // What four skips of the high branch leave of a pixel.
        const y = Math.floor(Math.floor(at / (width * scale)) / scale);
        const x = Math.floor(at % (width * scale) / scale);
        const pixel = plane.values[(y + before) * plane.width + x + before];
        value += pixel - OFFSET - TURNS * Math.floor((pixel - OFFSET) / step);
      }
      return Math.min(Math.max(value, 0), 255);
    });
  }

  /** Returns a plane after quarter turns against the clock. */
  function turned(plane, turn) {
    let {height, width, values} = plane;
    for (let i = 0; i < turn; i++) {
      const next = new Uint8Array(values.length);
      for (let y = 0; y < width; y++) {
        for (let x = 0; x < height; x++) {
          next[y * height + x] = values[x * width + width - 1 - y];
        }
      }
      [height, width, values] = [width, height, next];
    }
    return {height, width, values};
  }

  /** Takes lines off the bottom and columns off the right. */
  function cut({height, width, values}, count) {
    const wide = width - count;
    const next = new Uint8Array((height - count) * wide);
    for (let y = 0; y < height - count; y++) {
      next.set(values.subarray(y * width, y * width + wide), y * wide);
    }
    return {height: height - count, width: wide, values: next};
  }

  /** Adds the sub-pixels of a rotation, turned back. */
  function add(total, sums, turn, tall, wide, scale) {
    const [rows, columns] = [tall * scale, wide * scale];
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const pixel = Math.floor(y / scale) * wide + Math.floor(x / scale);
        const value = sums[pixel * scale ** 2 + y % scale * scale + x % scale];
        let at = y * columns + x;
        if (turn === 1) at = x * rows + rows - 1 - y;
        else if (turn === 2) at = (rows - 1 - y) * columns + columns - 1 - x;
        else if (turn === 3) at = (columns - 1 - x) * rows + y;
        total[at] += value;
      }
    }
  }

  /**
   * Makes tables ready to be summed: two entries of a row in one integer of 32 bits,
   * 128 added to each, so that one sum is two.
   * @param {Structure} structure
   * @param {Object} held From `tinylut`.
   * @return {Object} By branch `{spatial, layers}`, with packed rows.
   */
  function prepare(structure, held) {
    const {channels, kernel, chained, branches, fused} = structure;
    const prepared = {};
    for (const branch of branches) {
      const layers = held[branch].layers.map(layer => {
        const depthwise = layer.kind === 'depthwise';
        const terms = depthwise ? kernel ** 2 : channels;
        const rows = depthwise ? layer.rows : packed(layer.rows, layer.outputs);
        return {...layer, rows, mean: means(terms, terms)};
      });
      prepared[branch] = {spatial: packed(held[branch].spatial, channels), layers};
    }
    const terms = kernel ** 2 * (fused ? branches.length : 1);
    for (const branch of chained) prepared[branch].mean = means(terms, kernel ** 2);
    return prepared;
  }

  /** Packs rows of `count` int8 in pairs. @return {Int32Array} */
  function packed(rows, count) {
    const half = halves(count);
    const pairs = new Int32Array(rows.length / count * half);
    for (let at = 0; at < rows.length; at++) {
      const column = at % count;
      const to = Math.floor(at / count) * half + (column >> 1);
      pairs[to] += rows[at] + 128 << 16 * (column & 1);
    }
    return pairs;
  }

  /** Returns the rounded mean, halves to even, of every sum of terms with 128 added. */
  function means(terms, count) {
    return Int16Array.from({length: 255 * terms + 1}, (_, sum) =>
      lutjax.piecewise.rint((sum - 128 * terms) / count));
  }

  /**
   * Returns what one rotation adds, `[N, outputs]`.
   * @param {{height: number, width: number, values: Uint8Array}} plane
   */
  function quarter(structure, prepared, plane) {
    const {branches, chained, fused, msbBits} = structure;
    const step = 2 ** (8 - msbBits);
    const planes = {};
    const sums = {};
    for (const branch of branches) {
      const levels = new Int16Array(plane.values.length);
      for (let i = 0; i < levels.length; i++) {
        const high = Math.floor((plane.values[i] - OFFSET) / step);
        levels[i] = branch === 'high' ? high : plane.values[i] - OFFSET - step * high;
      }
      planes[branch] = levels;
      const table = prepared[branch].spatial;
      sums[branch] = spatial(structure, branch, table, levels, plane);
    }
    if (fused && sums.low) {
      for (let i = 0; i < sums.high.length; i++) sums.high[i] += sums.low[i];
    }
    let total = null;
    for (const branch of chained) {
      const {mean, layers} = prepared[branch];
      let state = entered(structure, branch, sums[branch], mean, planes[branch], plane);
      for (const layer of layers) state = layered(structure, branch, layer, state);
      if (!total) total = state.values;
      else for (let i = 0; i < total.length; i++) total[i] += state.values[i];
    }
    return total.map(value => Math.min(Math.max(value, -128), 127));
  }

  /** Returns packed sums of a spatial layer, `[height - reach, width - reach, C]`. */
  function spatial(structure, branch, table, levels, {height, width}) {
    const {kernel, channels} = structure;
    const [low, high] = lutjax.tinylut.levelRange(structure, branch);
    const reach = kernel - 1;
    const half = halves(channels);
    const wide = width - reach;
    const sums = new Int32Array((height - reach) * wide * half);
    for (let k = 0; k < kernel ** 2; k++) {
      const first = k * (high - low + 1) - low;
      for (let y = 0; y < height - reach; y++) {
        const from = (y + Math.floor(k / kernel)) * width + k % kernel;
        for (let x = 0; x < wide; x++) {
          const row = (first + levels[from + x]) * half;
          const to = (y * wide + x) * half;
          for (let h = 0; h < half; h++) sums[to + h] += table[row + h];
        }
      }
    }
    return sums;
  }

  /** Returns the levels behind the spatial layer: its mean, and the pixel itself. */
  function entered(structure, branch, sums, mean, levels, {height, width}) {
    const {kernel, channels} = structure;
    const [low, high] = lutjax.tinylut.levelRange(structure, branch);
    const reach = kernel - 1;
    const half = halves(channels);
    const wide = width - reach;
    const values = new Int16Array((height - reach) * wide * channels);
    for (let y = 0; y < height - reach; y++) {
      for (let x = 0; x < wide; x++) {
        const from = (y * wide + x) * half;
        const to = (y * wide + x) * channels;
        const own = levels[(y + reach) * width + x + reach];
        for (let c = 0; c < channels; c++) {
          const value = mean[sums[from + (c >> 1)] >>> 16 * (c & 1) & 0xffff] + own;
          values[to + c] = value < low ? low : value > high ? high : value;
        }
      }
    }
    return {height: height - reach, width: wide, values};
  }

  /** Applies a layer and the skip around it to levels `[height, width, C]`. */
  function layered(structure, branch, layer, state) {
    const {channels, kernel, radius, headroom} = structure;
    const [low, high] = lutjax.tinylut.levelRange(structure, branch);
    const first = low - headroom;
    const {height, width} = state;
    const seen = scaled(layer.levels, channels, low, high, state.values);
    const depthwise = layer.kind === 'depthwise';
    const reach = depthwise ? kernel - 1 : 2 * radius;
    // Where the pixel itself is in what is seen.
    const centre = (depthwise ? reach : radius) * (width + 1);
    const places = depthwise ?
      Int32Array.from(
        {length: kernel ** 2}, (_, k) => Math.floor(k / kernel) * width + k % kernel) :
      Int32Array.from(
        {length: channels},
        (_, c) => layer.shift[2 * c] * width + layer.shift[2 * c + 1] + centre);
    const [least, most] = layer.last ? [-128, 127] : [low, high];
    const wide = width - reach;
    const {mean, outputs} = layer;
    const values = new Int16Array((height - reach) * wide * outputs);
    const sums = new Int32Array(2 * halves(outputs));
    for (let y = 0; y < height - reach; y++) {
      for (let x = 0; x < wide; x++) {
        const from = y * width + x;
        if (depthwise) byChannel(layer, channels, first, seen, from, places, sums);
        else byRow(layer, channels, first, seen, from, places, sums);
        const own = (from + centre) * channels;
        const to = (y * wide + x) * outputs;
        for (let o = 0; o < outputs; o++) {
          const value = mean[sums[o]] + seen[own + o];
          values[to + o] = value < least ? least : value > most ? most : value;
        }
      }
    }
    return {height: height - reach, width: wide, values};
  }

  /** Returns what the scales of channels make of levels. */
  function scaled(levels, channels, low, high, values) {
    const count = high - low + 1;
    const result = new Int16Array(values.length);
    for (let start = 0; start < values.length; start += channels) {
      for (let c = 0; c < channels; c++) {
        result[start + c] = levels[c * count + values[start + c] - low];
      }
    }
    return result;
  }

  /** Sums a row of each channel's table, 128 added to every entry. */
  function byRow({rows, all, outputs}, channels, first, seen, from, places, sums) {
    const half = halves(outputs);
    const starts = STARTS;
    for (let c = 0; c < channels; c++) {
      const level = seen[(from + places[c]) * channels + c];
      starts[c] = (c * all + level - first) * half;
    }
    for (let h = 0; h < half; h += 4) {
      let pair0 = 0, pair1 = 0, pair2 = 0, pair3 = 0;
      for (let c = 0; c < channels; c++) {
        const at = starts[c] + h;
        pair0 += rows[at];
        pair1 += rows[at + 1];
        pair2 += rows[at + 2];
        pair3 += rows[at + 3];
      }
      const to = 2 * h;
      sums[to] = pair0 & 0xffff;
      sums[to + 1] = pair0 >>> 16;
      sums[to + 2] = pair1 & 0xffff;
      sums[to + 3] = pair1 >>> 16;
      sums[to + 4] = pair2 & 0xffff;
      sums[to + 5] = pair2 >>> 16;
      sums[to + 6] = pair3 & 0xffff;
      sums[to + 7] = pair3 >>> 16;
    }
  }

  /** Sums an entry of each position's table for each channel, likewise. */
  function byChannel({rows, all}, channels, first, seen, from, places, sums) {
    const count = places.length;
    for (let c = 0; c < channels; c++) {
      let sum = 128 * count;
      for (let k = 0; k < count; k++) {
        const level = seen[(from + places[k]) * channels + c];
        sum += rows[(c * all + level - first) * count + k];
      }
      sums[c] = sum;
    }
  }

  /** Enlarges the alpha of a picture by the cubic kernel of `data.resize`. */
  function alpha(pixels, width, height, scale, data) {
    const before = Uint8Array.from(
      {length: width * height}, (_, at) => pixels[at * 4 + 3]);
    const tall = enlarged(before, height, width, width, 1, scale);
    // Of `[scale height, width]` the other axis.
    const whole = enlarged(tall, width, height * scale, 1, width, scale);
    whole.forEach((value, at) => {
      data[at * 4 + 3] = value;
    });
  }

  /**
   * Enlarges one axis of `[count, others]` or `[others, count]`, in integers.
   * @param {Uint8Array} values
   * @param {number} count Along the axis.
   * @param {number} others Lines of it.
   * @param {number} stride From one to the next along the axis.
   * @param {number} apart From one line to the next.
   * @param {number} scale
   * @return {Uint8Array} In the order of `values`.
   */
  function enlarged(values, count, others, stride, apart, scale) {
    if (scale === 1) return values;
    const size = count * scale;
    const result = new Uint8Array(others * size);
    const n = 2 * scale;
    const whole = 2 * n ** 3;
    // Along rows, a line is longer now.
    const lineTo = apart === 1 ? 1 : size;
    for (let i = 0; i < size; i++) {
      const phase = i % scale;
      const first = Math.floor((2 * phase + 1 - 5 * scale) / n) + 1;
      const taps = [0, 1, 2, 3].map(tap => {
        const place = first + tap + Math.floor(i / scale);
        const turn = ((place % (2 * count)) + 2 * count) % (2 * count);
        const m = Math.abs(n * (first + tap) - (2 * phase + 1) + scale);
        return [Math.min(turn, 2 * count - 1 - turn) * stride, weight(m, n)];
      });
      for (let line = 0; line < others; line++) {
        let sum = whole / 2;
        for (const [place, share] of taps) sum += share * values[line * apart + place];
        const value = Math.floor(sum / whole);
        result[i * stride + line * lineTo] = Math.min(Math.max(value, 0), 255);
      }
    }
    return result;
  }

  /** Returns the cubic kernel at m / n, times `2 n^3`. */
  function weight(m, n) {
    if (m <= n) return 3 * m ** 3 - 5 * m ** 2 * n + 2 * n ** 3;
    return m < 2 * n ? -(m ** 3) + 5 * m ** 2 * n - 8 * m * n ** 2 + 4 * n ** 3 : 0;
  }

  lutjax.restoration = {prepare, upscale};
})();
