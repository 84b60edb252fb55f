// LutFlow: hundreds of looks in one residual flow (Python: `systems.lutflow`,
// `nn.residual_flow`).
(() => {
  'use strict';

  const REACH = 0.83;
  const TURN = 0.3;
  const OCTAVE = 16;
  const PRECISIONS = ['fp32', 'bf16', 'int8', 'int6', 'int5', 'int4', 'learned'];
  const ACTIVATIONS = ['lipswish', 'rational', 'tanh'];
  // Of the residual correction.
  const SIZE = 33;
  const ORDER = 17;
  const COARSEST = 0.32;
  const LEVELS = 12;
  const SLOPE = 0.2;
  // Of all matrices: no artefact has so many, though a forged one may say so.
  const MAX_NUMBERS = 1 << 22;

  /**
   * Makes the decoder of an artefact.
   * @param {Artefact} artefact Exported for the page: names and masks are not packed.
   * @return {Decoder}
   */
  function decoder({header, tensors}) {
    const check = (fits, what) => lutjax.looks.check(fits, 'lutflow', what);
    const shape = shapeFrom(header.flow, check);
    check(PRECISIONS.includes(header.precision), `precision ${header.precision}`);
    check(tensors.length > 0 && tensors[0].dtype === 'uint8', 'no names');
    check('for_page' in header, 'not exported for the page');
    const labels = lutjax.labels.fromHeader(namesFrom(tensors[0].data, check));
    check(header.looks === labels.length, `${labels.length} names`);
    const held = read(
      new Source(tensors.slice(1)), shape, header.precision, labels.length,
      Boolean(header.mended));

    function evaluate(weights, axes) {
      return lutjax.looks.mix(weights, index => {
        const table = flow(shape, held, index, axes);
        if (held.correction) correct(held.correction, index, axes, table);
        return lutjax.looks.clamp(table);
      });
    }

    return {labels, evaluate};
  }

  function namesFrom(content, check) {
    try {
      return JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(content));
    } catch (error) {
      return check(false, 'names that are no JSON');
    }
  }

  /**
   * Reads and checks the form of a flow; see `residual_flow.Shape`.
   * @return {Object} With `fans`, `steered` and `codeSize` beside what is stored.
   */
  function shapeFrom(flow, check) {
    check(flow && typeof flow === 'object', 'no flow');
    const {blocks, widths, conditioned, gains, stretch} = flow;
    const whole = (value, most) =>
      Number.isInteger(value) && value > 0 && value <= most;
    check(whole(blocks, 64), `${blocks} blocks`);
    check(
      Array.isArray(widths) && widths.length <= 64 && widths.every(w => whole(w, 4096)),
      'widths out of bounds');
    for (const layers of [conditioned, gains]) {
      check(
        Array.isArray(layers) && layers.every(layer => whole(layer, widths.length)) &&
        new Set(layers).size === layers.length, 'conditioned layers it has not');
    }
    check(ACTIVATIONS.includes(flow.activation), 'an unknown activation');
    check(stretch >= 0.01 && stretch <= 100, `a stretch of ${stretch}`);
    for (const name of ['ends', 'rescaled', 'residual', 'gated', 'small', 'turned']) {
      check(typeof flow[name] === 'boolean', `no ${name}`);
    }
    const ends = [3, ...widths, 3];
    const fans = ends.slice(1).map((outputs, i) => [ends[i], outputs]);
    const steered = layer => conditioned.includes(layer) + gains.includes(layer);
    const blockSize = widths.reduce((sum, w, i) => sum + w * steered(i + 1), 0) +
      (flow.gated ? 3 : 0);
    return {...flow, fans, codeSize: blocks * blockSize + (flow.turned ? 18 : 0)};
  }

  /** Tensors one after another, each of the shape that is asked for. */
  class Source {
    constructor(tensors) {
      this.tensors = tensors;
      this.at = 0;
    }

    /**
     * Returns the values of the next tensor.
     * @param {string} dtype
     * @param {number[]} shape
     */
    take(dtype, shape) {
      const tensor = this.tensors[this.at++];
      if (!tensor || tensor.dtype !== dtype || String(tensor.shape) !== String(shape)) {
        const found = tensor ? `${tensor.dtype} ${tensor.shape}` : 'nothing';
        throw new Error(
          `lutflow tensors: found ${found}, expected ${dtype} ${shape}`);
      }
      if (lutjax.tensors.FLOATS.includes(dtype)) lutjax.looks.checkFinite(tensor.data);
      return tensor.data;
    }

    /** Returns the codes in the last tensor. @return {Uint8Array[]} */
    blobs(count) {
      const lengths = this.take('int32', [count]);
      const reader = new lutjax.bytes.Reader(
        this.take('uint8', [lengths.reduce((sum, length) => sum + length, 0)]));
      return Array.from(lengths, length => {
        if (length < 0) throw new Error('lutflow tensors: found a code of no length');
        return reader.take(length);
      });
    }
  }

  /**
   * Reads the tensors of a model.
   * @return {{layers: Layer[][], scales: Float32Array, codes: Float32Array,
   *     correction: ?Object}} Codes `[L, T]` with the shared bias in them.
   */
  function read(source, shape, precision, looks, corrected) {
    const {blocks, fans, codeSize, small} = shape;
    const sizes = Array.from({length: blocks}, () => fans).flat();
    if (!small) sizes.push([1, codeSize]);
    sizes.push([looks, codeSize]);
    const numbers = sizes.reduce((sum, [rows, columns]) => sum + rows * columns, 0);
    if (numbers > MAX_NUMBERS) {
      throw new Error(
        `lutflow tensors: found ${numbers} numbers, expected at most ${MAX_NUMBERS}`);
    }
    const scales = source.take('float32', [blocks, 3]);
    const float = {fp32: 'float32', bf16: 'bfloat16'}[precision];
    let matrices;
    let levels = null;
    let spectra = null;
    if (float) {
      matrices = sizes.map(size => source.take(float, size));
      if (corrected) levels = levelsFrom(source, looks);
      if (corrected) [spectra] = source.blobs(1);
    } else {
      const steps = stepsFrom(source, sizes, precision, small);
      if (corrected) levels = levelsFrom(source, looks);
      const blobs = source.blobs(sizes.length + (corrected ? 1 : 0));
      if (corrected) spectra = blobs[sizes.length];
      matrices = sizes.map((size, i) => integers(blobs[i], size, steps[i]));
    }
    const layers = Array.from({length: blocks}, (_, block) => fans.map(
      ([inputs, outputs], i) =>
        lutjax.dense.layerOf(inputs, outputs, matrices[block * fans.length + i])));
    const codes = matrices[matrices.length - 1];
    if (!small) {
      const bias = matrices[matrices.length - 2];
      for (let i = 0; i < codes.length; i++) codes[i] += bias[i % codeSize];
    }
    const correction = corrected ? correctionFrom(levels, spectra) : null;
    return {layers, scales, codes, correction};
  }

  /** Returns the steps of the columns of each matrix; the bias has the codes'. */
  function stepsFrom(source, sizes, precision, small) {
    const bias = small ? -1 : sizes.length - 2;
    const owners = sizes.filter((_, i) => i !== bias);
    const learned = precision === 'learned';
    const kept = source.take(
      learned ? 'int8' : 'float16', [owners.reduce((sum, size) => sum + size[1], 0)]);
    const values = learned ? Float32Array.from(kept, stepOf) : kept;
    let at = 0;
    const steps = owners.map(size => {
      at += size[1];
      return values.subarray(at - size[1], at);
    });
    if (!small) steps.splice(bias, 0, steps[steps.length - 1]);
    return steps;
  }

  /** Returns `2^(index / 16)` by products alone, equal on all machines. */
  function stepOf(index) {
    const root = Math.sqrt(Math.sqrt(Math.sqrt(Math.sqrt(2))));
    const whole = Math.floor(index / OCTAVE);
    let within = 1;
    for (let i = whole * OCTAVE; i < index; i++) within *= root;
    return within * 2 ** whole;
  }

  function integers(blob, [rows, columns], steps) {
    const units = lutjax.entropy.decode(
      blob, rows, columns, lutjax.entropy.byLane, columns);
    return Float32Array.from(units, (unit, i) => unit * steps[i % columns]);
  }

  function levelsFrom(source, looks) {
    const levels = source.take('uint8', [looks]);
    const most = levels.reduce((one, other) => Math.max(one, other), 0);
    if (most > LEVELS) {
      throw new Error(
        `lutflow tensors: found level ${most}, expected at most ${LEVELS}`);
    }
    return levels;
  }

  /** Reads the spectra of the looks that are corrected. */
  function correctionFrom(levels, code) {
    const rows = new Int32Array(levels.length).fill(-1);
    let used = 0;
    levels.forEach((level, look) => {
      if (level) rows[look] = used++;
    });
    return {levels, rows, spectra: lutjax.spectrum.unpack(code, used, ORDER)};
  }

  /** Adds the correction of a look to its lattice. */
  function correct({levels, rows, spectra}, index, axes, table) {
    if (!levels[index]) return;
    const coarse = COARSEST * 2 ** (-0.5 * (levels[index] - 1));
    const coefficients = new Float64Array(ORDER ** 3 * 3);
    spectra.places.forEach((place, row) => {
      const [i, j, k] = lutjax.spectrum.split(place, ORDER);
      coefficients[place] = spectra.values[row * spectra.looks + rows[index]] *
        coarse * (1 + SLOPE * (i + j + k));
    });
    const added = lutjax.spectrum.synthesise(coefficients, ORDER, SIZE, axes);
    for (let i = 0; i < table.length; i++) table[i] += added[i];
  }

  /**
   * Evaluates the flow on the product of three axes.
   * @return {Float64Array} `[R, G, B, 3]`, not clamped.
   */
  function flow(shape, held, index, axes) {
    const {CHUNK} = lutjax.dense;
    const {codeSize} = shape;
    const code = held.codes.subarray(index * codeSize, (index + 1) * codeSize);
    const blocks = steered(shape, held, code);
    const turns = shape.turned ? [code.subarray(-18, -9), code.subarray(-9)] : [];
    const state = new Float64Array(3 * CHUNK);
    return lutjax.dense.overAxes(axes, rgb => {
      for (let i = 0; i < state.length; i++) {
        const centred = 2 * rgb[i] - 1;
        state[i] = shape.stretch * (shape.ends ? Math.atanh(REACH * centred) : centred);
      }
      if (shape.turned) turn(state, turns[0]);
      for (const block of blocks) {
        const moved = move(shape, block, state);
        for (let i = 0; i < state.length; i++) {
          const delta = block.scales[Math.floor(i / CHUNK)] * moved[i];
          state[i] = shape.residual ? state[i] + delta : delta;
        }
      }
      if (shape.turned) turn(state, turns[1]);
      for (let i = 0; i < state.length; i++) {
        const ended = state[i] / shape.stretch;
        const scale = shape.rescaled ? REACH : 1;
        state[i] = 0.5 * ((shape.ends ? Math.tanh(ended) / scale : ended) + 1);
      }
      return state;
    });
  }

  /**
   * Returns the blocks as a look steers them.
   * @return {{layers: Layer[], gains: Array<?Float32Array>, scales: number[],
   *     values: Float64Array[]}[]}
   */
  function steered(shape, held, code) {
    let at = 0;
    const next = count => {
      at += count;
      return code.subarray(at - count, at);
    };
    return held.layers.map((layers, b) => {
      const gains = [];
      const own = layers.map((layer, i) => {
        const hidden = i < shape.widths.length;
        const bias = hidden && shape.conditioned.includes(i + 1) ?
          next(layer.outputs) : new Float64Array(layer.outputs);
        gains.push(hidden && shape.gains.includes(i + 1) ? next(layer.outputs) : null);
        return {...layer, bias};
      });
      const gates = shape.gated ? next(3) : null;
      const scales = [0, 1, 2].map(c => held.scales[b * 3 + c] *
        (gates ? Math.tanh(1 + gates[c]) : 1));
      const values = layers.map(
        layer => new Float64Array(layer.outputs * lutjax.dense.CHUNK));
      return {layers: own, gains, scales, values};
    });
  }

  /** Returns the perceptron of a block at states `[3, CHUNK]`. */
  function move(shape, {layers, gains, values}, state) {
    const {CHUNK, activate, apply} = lutjax.dense;
    let entering = state;
    layers.forEach((layer, i) => {
      apply(layer, entering, values[i]);
      if (i < layers.length - 1) {
        activate(shape.activation, values[i], values[i].length);
      }
      if (gains[i]) {
        for (let at = 0; at < values[i].length; at++) {
          values[i][at] *= 1 + gains[i][Math.floor(at / CHUNK)];
        }
      }
      entering = values[i];
    });
    return entering;
  }

  /** Adds the product of states with a matrix `[3, 3]` of a code. */
  function turn(state, matrix) {
    const {CHUNK} = lutjax.dense;
    for (let m = 0; m < CHUNK; m++) {
      const [r, g, b] = [state[m], state[CHUNK + m], state[2 * CHUNK + m]];
      for (let c = 0; c < 3; c++) {
        state[c * CHUNK + m] +=
          TURN * (r * matrix[c] + g * matrix[3 + c] + b * matrix[6 + c]);
      }
    }
  }

  lutjax.lutflow = {decoder};
})();
