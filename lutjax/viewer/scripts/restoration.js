// Pictures through the tables of a TinyLUT, in integers (Python: `tinylut.forward`,
// `tinylut.processing`, `data.resize`).
(() => {
  'use strict';

  const TURNS = 4;
  const OFFSET = 128;
  // Pixels to a side of a tile without its margin: its levels stay in memory of a core.
  const TILE = 96;

  /** Rounds a quotient, halves to even. */
  const divided = (total, count) => lutjax.piecewise.rint(total / count);

  /**
   * Restores a picture.
   * @param {Structure} structure
   * @param {Object} held Tables, from `tinylut`.
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
   * Returns what one rotation adds, `[N, outputs]`.
   * @param {{height: number, width: number, values: Uint8Array}} plane
   */
  function quarter(structure, held, plane) {
    const {branches, chained, fused, msbBits} = structure;
    const step = 2 ** (8 - msbBits);
    const planes = {};
    for (const branch of branches) {
      planes[branch] = Int16Array.from(plane.values, pixel => {
        const high = Math.floor((pixel - OFFSET) / step);
        return branch === 'high' ? high : pixel - OFFSET - step * high;
      });
    }
    const sums = {};
    for (const branch of branches) {
      sums[branch] = spatial(structure, branch, held[branch].spatial, planes[branch], plane);
    }
    if (fused && sums.low) {
      for (let i = 0; i < sums.high.length; i++) sums.high[i] += sums.low[i];
    }
    let total = null;
    for (const branch of chained) {
      let state = entered(structure, branch, sums[branch], planes[branch], plane);
      for (const layer of held[branch].layers) {
        state = layered(structure, branch, layer, state);
      }
      if (!total) total = state.values;
      else for (let i = 0; i < total.length; i++) total[i] += state.values[i];
    }
    return total.map(value => Math.min(Math.max(value, -128), 127));
  }

  /** Returns the sums of a spatial layer, `[height - reach, width - reach, C]`. */
  function spatial(structure, branch, table, levels, {height, width}) {
    const {kernel, channels} = structure;
    const [low, high] = lutjax.tinylut.levelRange(structure, branch);
    const reach = kernel - 1;
    const count = high - low + 1;
    const wide = width - reach;
    const sums = new Int16Array((height - reach) * wide * channels);
    for (let y = 0; y < height - reach; y++) {
      for (let x = 0; x < wide; x++) {
        const to = (y * wide + x) * channels;
        for (let k = 0; k < kernel ** 2; k++) {
          const at = (y + Math.floor(k / kernel)) * width + x + k % kernel;
          const row = (k * count + levels[at] - low) * channels;
          for (let c = 0; c < channels; c++) sums[to + c] += table[row + c];
        }
      }
    }
    return sums;
  }

  /** Returns the levels behind the spatial layer: its mean, and the pixel itself. */
  function entered(structure, branch, sums, levels, {height, width}) {
    const {kernel, channels} = structure;
    const [low, high] = lutjax.tinylut.levelRange(structure, branch);
    const reach = kernel - 1;
    const wide = width - reach;
    const values = new Int16Array(sums.length);
    for (let i = 0; i < sums.length; i++) {
      const pixel = Math.floor(i / channels);
      const at = (Math.floor(pixel / wide) + reach) * width + pixel % wide + reach;
      const value = divided(sums[i], kernel ** 2) + levels[at];
      values[i] = Math.min(Math.max(value, low), high);
    }
    return {height: height - reach, width: wide, values};
  }

  /** Applies a layer and the skip around it. */
  function layered(structure, branch, layer, state) {
    const {channels, kernel, radius, headroom} = structure;
    const [low, high] = lutjax.tinylut.levelRange(structure, branch);
    const count = high - low + 1;
    const first = low - headroom;
    const {height, width, values} = state;
    const scaled = new Int16Array(values.length);
    for (let i = 0; i < values.length; i++) {
      scaled[i] = layer.levels[i % channels * count + values[i] - low];
    }
    const depthwise = layer.kind === 'depthwise';
    const reach = depthwise ? kernel - 1 : 2 * radius;
    // Where the pixel itself is in what is seen.
    const centre = depthwise ? reach : radius;
    const places = depthwise ?
      Array.from({length: kernel ** 2}, (_, k) => Math.floor(k / kernel) * width + k % kernel) :
      Array.from({length: channels}, (_, c) =>
        (radius + layer.shift[2 * c]) * width + radius + layer.shift[2 * c + 1]);
    const {rows, all, outputs, last} = layer;
    const [least, most] = last ? [-128, 127] : [low, high];
    const wide = width - reach;
    const result = new Int16Array((height - reach) * wide * outputs);
    const sums = new Int32Array(outputs);
    for (let y = 0; y < height - reach; y++) {
      for (let x = 0; x < wide; x++) {
        const from = y * width + x;
        sums.fill(0);
        if (depthwise) {
          for (let k = 0; k < places.length; k++) {
            const at = (from + places[k]) * channels;
            for (let c = 0; c < channels; c++) {
              const row = c * all + scaled[at + c] - first;
              sums[c] += rows[row * places.length + k];
            }
          }
        } else {
          for (let c = 0; c < channels; c++) {
            const level = scaled[(from + places[c]) * channels + c];
            const row = (c * all + level - first) * outputs;
            for (let o = 0; o < outputs; o++) sums[o] += rows[row + o];
          }
        }
        const own = (from + centre * (width + 1)) * channels;
        const to = (y * wide + x) * outputs;
        for (let o = 0; o < outputs; o++) {
          const value = divided(sums[o], places.length) + scaled[own + o];
          result[to + o] = Math.min(Math.max(value, least), most);
        }
      }
    }
    return {height: height - reach, width: wide, values: result};
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

  lutjax.restoration = {upscale};
})();
