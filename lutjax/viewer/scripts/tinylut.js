// TinyLUT: restoration by tables of integers (Python: `systems.tinylut`).
(() => {
  'use strict';

  const MAX_ENTRIES = 1 << 21;
  const MAX_SCALE = 65536;
  const MAX_LINE_BITS = 13;
  const SCALE_UNITS = 2048;
  const STRENGTHS = {bicubic: 4, noise: 100, jpeg: 100};

  /**
   * @typedef {Object} Restorer
   * @property {string} name
   * @property {{kind: string, strength: number}} restores What it undoes.
   * @property {number} bytes Of the whole artefact.
   * @property {number} scale How many times larger pictures become.
   * @property {function(Uint8ClampedArray, number, number): {data: Uint8ClampedArray,
   *     width: number, height: number}} upscale Of RGBA pixels, their width and their
   *     height; equal to Python's in every pixel.
   */

  /**
   * @typedef {Object} Structure See `structure.Config`.
   * @property {number} scale
   * @property {number} channels
   * @property {number} kernel
   * @property {number} pointwise
   * @property {number} pairs
   * @property {number} msbBits
   * @property {boolean} fused
   * @property {number} radius
   * @property {number} headroom
   * @property {string[]} branches `high`, and `low` where there is one.
   * @property {string[]} chained Those that have layers of their own.
   * @property {{kind: string, outputs: number, last: boolean}[]} layers
   */

  /**
   * Reads an artefact.
   * @param {Uint8Array} content The whole file.
   * @return {Promise<Restorer>} Rejects with an `Error` of one clear line.
   */
  async function read(content) {
    const {system, header, tensors} = await lutjax.container.unpack(content);
    const found = `system ${system.slice(0, 40)}`;
    lutjax.looks.check(system === 'tinylut', 'tinylut', found);
    const structure = structureFrom(header);
    const entries = entriesFrom(structure, header.lines, tensors);
    const held = lutjax.restoration.prepare(structure, entries);
    const bytes = header.for_page ?? content.length;
    const [kind, strength] = header.restores;
    return {
      name: header.name,
      restores: {kind, strength},
      bytes,
      scale: structure.scale,
      upscale: (pixels, width, height) =>
        lutjax.restoration.upscale(structure, held, pixels, width, height),
    };
  }

  /** Reads and checks the structure. @return {Structure} */
  function structureFrom(header) {
    const check = (fits, what) => lutjax.looks.check(fits, 'tinylut', what);
    const [kind, strength] = Array.isArray(header.restores) ? header.restores : [];
    check(
      Object.hasOwn(STRENGTHS, kind) && Number.isInteger(strength) && strength >= 1 &&
      strength <= STRENGTHS[kind], 'what it restores');
    check(typeof header.name === 'string', 'no name');
    const form = Array.isArray(header.form) && header.form.length === 10 ?
      header.form : [];
    const [
      channels, kernel, pointwise, pairs, msbBits, low, , , radius, headroom,
    ] = form;
    const scale = kind === 'bicubic' ? strength : 1;
    const outputs = scale ** 2;
    for (const [value, least, most] of [
      [channels, outputs, 64], [kernel, 1, 3], [pointwise, 0, 16], [pairs, 0, 16],
      [msbBits, 1, 8], [radius, 0, 8], [headroom, 0, 128],
    ]) {
      check(Number.isInteger(value) && value >= least && value <= most, 'its form');
    }
    check(low === 'chain' || low === 'fused', 'its low branch');
    const branches = msbBits === 8 ? ['high'] : ['high', 'low'];
    check(
      Array.isArray(header.lines) && header.lines.length === branches.length &&
      header.lines.every(bits => bits === null ||
        (Number.isInteger(bits) && bits >= 0 && bits <= MAX_LINE_BITS)), 'its lines');
    const fused = low === 'fused';
    const wide = kind => ({kind, outputs: channels, last: false});
    const pair = [wide('depthwise'), wide('pointwise')];
    const layers = [
      ...Array.from({length: pointwise}, () => wide('pointwise')),
      ...Array.from({length: pairs}, () => pair).flat(),
      {kind: 'pointwise', outputs, last: true},
    ];
    const chained = fused ? ['high'] : branches;
    return {
      scale, channels, kernel, pointwise, pairs, msbBits, fused, radius, headroom,
      branches, chained, layers,
    };
  }

  /** Returns the lowest and the highest level of a branch. @return {number[]} */
  function levelRange({msbBits}, branch) {
    const half = 2 ** (msbBits - 1);
    return branch === 'high' ? [-half, half - 1] : [0, 2 ** (8 - msbBits) - 1];
  }

  /**
   * Reads the tables.
   * @return {Object} By branch `{spatial, layers}`: `spatial` `[K, L, C]` int8; layers
   *     `{rows, levels, shift}`, rows `[C, M, O]`, or `[C, M, K]` where depthwise, and
   *     `levels` `[C, L]`, what a channel's scale makes of each level.
   */
  function entriesFrom(structure, lines, tensors) {
    const {branches, chained, layers, channels, kernel, headroom} = structure;
    const source = new Source(tensors);
    const places = chained.flatMap(branch => layers.map(layer => ({branch, layer})));
    const scales = scalesFrom(source.next(), places.length, channels);
    const shifts = shiftsFrom(source.next(), places.length, structure);
    const held = {};
    branches.forEach((branch, b) => {
      held[branch] = {layers: []};
      if (lines[b] === null) return;
      const size = [kernel ** 2, channels];
      const [high, low] = [source.take('int8', size), source.take('int8', size)];
      held[branch].spatial = straight(structure, branch, lines[b], high, low);
    });
    const masks = places.map(({branch}, i) =>
      reachedBy(structure, branch, scales.subarray(i * channels, (i + 1) * channels)));
    const sizes = masks.flatMap(({rows}, i) => rows.map(
      used => [used.length, places[i].layer.kind === 'depthwise' ?
        kernel ** 2 : places[i].layer.outputs]));
    branches.forEach((branch, b) => {
      const [low, high] = levelRange(structure, branch);
      if (lines[b] === null) {
        const size = [high - low + 1, channels];
        sizes.push(...Array.from({length: kernel ** 2}, () => size));
      }
    });
    const count = sizes.reduce((sum, [rows, columns]) => sum + rows * columns, 0);
    if (count > MAX_ENTRIES) {
      throw new Error(
        `tinylut tensors: found tables of ${count} bytes, expected at most ` +
        `${MAX_ENTRIES}`);
    }
    const blocks = lutjax.piecewise.decode(source.code(), sizes);
    let at = 0;
    places.forEach(({branch, layer}, i) => {
      const [low, high] = levelRange(structure, branch);
      const all = high - low + 1 + 2 * headroom;
      const columns = sizes[at][1];
      const rows = new Int8Array(channels * all * columns);
      masks[i].rows.forEach((used, c) => {
        used.forEach((row, n) => {
          const values = blocks[at + c].subarray(n * columns, (n + 1) * columns);
          rows.set(values, (c * all + row) * columns);
        });
      });
      at += channels;
      const shift = shifts.subarray(i * channels * 2, (i + 1) * channels * 2);
      held[branch].layers.push({...layer, rows, all, levels: masks[i].levels, shift});
    });
    branches.forEach((branch, b) => {
      if (lines[b] !== null) return;
      const size = blocks[at].length;
      const spatial = new Int8Array(kernel ** 2 * size);
      for (let k = 0; k < kernel ** 2; k++) spatial.set(blocks[at++], k * size);
      held[branch].spatial = spatial;
    });
    return held;
  }

  /** Tensors one after another; errors name what was expected. */
  class Source {
    constructor(tensors) {
      this.tensors = tensors;
      this.at = 0;
    }

    /** Returns the next tensor. @return {Tensor} */
    next() {
      const tensor = this.tensors[this.at++];
      if (!tensor) throw new Error('tinylut tensors: found nothing, expected one more');
      return tensor;
    }

    /** Returns the values of the next tensor, of a shape. */
    take(dtype, shape) {
      const tensor = this.next();
      if (tensor.dtype !== dtype || String(tensor.shape) !== String(shape)) {
        throw new Error(
          `tinylut tensors: found ${tensor.dtype} ${tensor.shape}, expected ${dtype} ` +
          shape);
      }
      return tensor.data;
    }

    /** Returns the code of tables, which comes last. @return {Uint8Array} */
    code() {
      const {dtype, shape, data} = this.next();
      if (dtype !== 'uint8' || shape.length !== 1 || this.at < this.tensors.length) {
        throw new Error('tinylut tensors: found no code of tables at the end');
      }
      return data;
    }
  }

  /** Returns the scales `[layers, C]`: all 1 where none are stored. */
  function scalesFrom({dtype, shape, data}, count, channels) {
    const size = String([count, channels]);
    if (dtype === 'uint16' && String(shape) === String([0, channels])) {
      return new Float32Array(count * channels).fill(1);
    }
    if (dtype === 'uint16' && String(shape) === size) {
      return Float32Array.from(data, unit => unit / SCALE_UNITS);
    }
    const fits = dtype === 'float32' && String(shape) === size;
    if (!fits || !data.every(scale => Math.abs(scale) <= MAX_SCALE)) {
      throw new Error('tinylut tensors: found no scales that are in range');
    }
    return data;
  }

  /** Returns the shifts `[layers, C, 2]`: all 0 where none are stored. */
  function shiftsFrom({dtype, shape, data}, count, {channels, radius}) {
    const none = String(shape) === String([0, channels, 2]);
    const whole = String(shape) === String([count, channels, 2]);
    const fits = dtype === 'int8' && (none || whole);
    if (!fits || !data.every(shift => Math.abs(shift) <= radius)) {
      throw new Error('tinylut tensors: found no shifts within the radius');
    }
    return none ? new Int8Array(count * channels * 2) : data;
  }

  /** Returns the spatial table `[K, L, C]` of straight lines. */
  function straight(structure, branch, bits, high, low) {
    const [first, last] = levelRange(structure, branch);
    const {channels} = structure;
    const count = last - first + 1;
    return Int8Array.from({length: high.length * count}, (_, at) => {
      const column = Math.floor(at / (count * channels)) * channels + at % channels;
      const level = first + Math.floor(at / channels) % count;
      const weight = 256 * high[column] + low[column];
      const value = lutjax.piecewise.rint(weight * level / 2 ** bits);
      return Math.min(Math.max(value, -128), 127);
    });
  }

  /**
   * Returns what scales make of levels, and the rows that are stored.
   * @return {{levels: Int16Array, rows: number[][]}} `[C, L]`, and by channel the
   *     numbers of rows, rising.
   */
  function reachedBy(structure, branch, scales) {
    const [low, high] = levelRange(structure, branch);
    const count = high - low + 1;
    const first = low - structure.headroom;
    const levels = new Int16Array(scales.length * count);
    const rows = Array.from(scales, (scale, c) => {
      for (let i = 0; i < count; i++) {
        const level = lutjax.piecewise.rint(Math.fround(scale * (low + i)));
        levels[c * count + i] = Math.min(Math.max(level, low), high);
      }
      if (!structure.headroom) {
        const own = levels.subarray(c * count, (c + 1) * count);
        return [...new Set(own)].map(level => level - first).sort((a, b) => a - b);
      }
      const ends = [low, high].map(
        level => lutjax.piecewise.rint(Math.fround(scale * level)));
      const all = Array.from({length: count + 2 * structure.headroom}, (_, row) => row);
      return all.filter(row =>
        row + first >= Math.min(...ends) && row + first <= Math.max(...ends));
    });
    return {levels, rows};
  }

  lutjax.tinylut = {levelRange, read};
})();
