// Dense layers on many colours at once (Python: `nn.mlp`).
//
// Values are `[units, M]`, all colours of a unit side by side, in float64: what float32
// would round is below what a display shows.
(() => {
  'use strict';

  // Colours that go through a network together: their values stay in a core's cache.
  const CHUNK = 128;

  const ACTIVATIONS = {
    relu: x => (x > 0 ? x : 0),
    tanh: Math.tanh,
    silu: x => x / (1 + Math.exp(-x)),
    gelu: x => 0.5 * x *
      (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
    sine: Math.sin,
    lipswish: x => x / (1 + Math.exp(-x)) / 1.1,
    rational: x => x * (1 + x / Math.sqrt(1 + x * x)) * (0.5 / 1.05),
  };

  /**
   * @typedef {Object} Layer
   * @property {number} inputs
   * @property {number} outputs
   * @property {Float64Array} weight `[outputs, inputs]`.
   * @property {Float64Array} bias `[outputs]`.
   */

  /**
   * Makes a layer.
   * @param {number} inputs
   * @param {number} outputs
   * @param {ArrayLike<number>} weight `[inputs, outputs]`, as Python has it.
   * @param {?ArrayLike<number>} bias `[outputs]`; zero without one.
   * @return {Layer}
   */
  function layerOf(inputs, outputs, weight, bias = null) {
    const turned = new Float64Array(inputs * outputs);
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        turned[o * inputs + i] = weight[i * outputs + o];
      }
    }
    const added = bias ? Float64Array.from(bias) : new Float64Array(outputs);
    return {inputs, outputs, weight: turned, bias: added};
  }

  /**
   * Returns a layer of some of the outputs of another.
   * @param {Layer} layer
   * @param {number} start The first of them.
   * @param {number} count
   * @return {Layer}
   */
  function part(layer, start, count) {
    const {inputs, weight} = layer;
    return {
      inputs,
      outputs: count,
      weight: weight.subarray(start * inputs, (start + count) * inputs),
      bias: layer.bias.subarray(start, start + count),
    };
  }

  /**
   * Multiplies and adds the bias, four outputs and two colours at a time.
   * @param {Layer} layer
   * @param {Float64Array} values `[inputs, CHUNK]`.
   * @param {Float64Array} result `[outputs, CHUNK]`, set.
   */
  function apply(layer, values, result) {
    const {inputs, outputs, weight, bias} = layer;
    const whole = outputs - outputs % 4;
    for (let o = 0; o < whole; o += 4) {
      const w0 = o * inputs;
      const w1 = w0 + inputs;
      const w2 = w1 + inputs;
      const w3 = w2 + inputs;
      for (let m = 0; m < CHUNK; m += 2) {
        let a0 = bias[o], a1 = bias[o + 1], a2 = bias[o + 2], a3 = bias[o + 3];
        let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
        for (let i = 0, at = m; i < inputs; i++, at += CHUNK) {
          const a = values[at];
          const b = values[at + 1];
          const v0 = weight[w0 + i];
          const v1 = weight[w1 + i];
          const v2 = weight[w2 + i];
          const v3 = weight[w3 + i];
          a0 += v0 * a;
          b0 += v0 * b;
          a1 += v1 * a;
          b1 += v1 * b;
          a2 += v2 * a;
          b2 += v2 * b;
          a3 += v3 * a;
          b3 += v3 * b;
        }
        const to = o * CHUNK + m;
        result[to] = a0;
        result[to + 1] = b0;
        result[to + CHUNK] = a1;
        result[to + CHUNK + 1] = b1;
        result[to + 2 * CHUNK] = a2;
        result[to + 2 * CHUNK + 1] = b2;
        result[to + 3 * CHUNK] = a3;
        result[to + 3 * CHUNK + 1] = b3;
      }
    }
    for (let o = whole; o < outputs; o++) {
      for (let m = 0; m < CHUNK; m++) {
        let sum = bias[o];
        for (let i = 0; i < inputs; i++) {
          sum += weight[o * inputs + i] * values[i * CHUNK + m];
        }
        result[o * CHUNK + m] = sum;
      }
    }
  }

  /**
   * Applies an activation in place.
   * @param {string} name Of `ACTIVATIONS`.
   * @param {Float64Array} values
   * @param {number} count How many of them.
   */
  function activate(name, values, count) {
    // The two of the defaults without a call for each value.
    if (name === 'relu') {
      for (let i = 0; i < count; i++) values[i] = values[i] > 0 ? values[i] : 0;
    } else if (name === 'rational') {
      for (let i = 0; i < count; i++) {
        const x = values[i];
        values[i] = x * (1 + x / Math.sqrt(1 + x * x)) * (0.5 / 1.05);
      }
    } else {
      const one = ACTIVATIONS[name];
      for (let i = 0; i < count; i++) values[i] = one(values[i]);
    }
  }

  /**
   * Maps the colours of a product of three axes, a chunk at a time.
   * @param {Float32Array[]} axes Places of red, green and blue.
   * @param {function(Float64Array): Float64Array} map From colours `[3, CHUNK]` to
   *     colours `[3, CHUNK]`.
   * @return {Float64Array} `[R, G, B, 3]`.
   */
  function overAxes(axes, map) {
    const [reds, greens, blues] = axes;
    const count = reds.length * greens.length * blues.length;
    const result = new Float64Array(count * 3);
    const rgb = new Float64Array(3 * CHUNK);
    for (let start = 0; start < count; start += CHUNK) {
      const some = Math.min(CHUNK, count - start);
      for (let m = 0; m < some; m++) {
        const row = Math.floor((start + m) / blues.length);
        rgb[m] = reds[Math.floor(row / greens.length)];
        rgb[CHUNK + m] = greens[row % greens.length];
        rgb[2 * CHUNK + m] = blues[(start + m) % blues.length];
      }
      const mapped = map(rgb);
      for (let m = 0; m < some; m++) {
        for (let c = 0; c < 3; c++) result[(start + m) * 3 + c] = mapped[c * CHUNK + m];
      }
    }
    return result;
  }

  lutjax.dense = {ACTIVATIONS, CHUNK, activate, apply, layerOf, overAxes, part};
})();
