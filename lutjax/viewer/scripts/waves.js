// Encodings of coordinates as waves, fixed or seeded (Python: `nn.encodings`).
//
// Values are `[units, CHUNK]`, as in `dense`.
(() => {
  'use strict';

  // cos(2 pi r) for |r| <= 1/2 as a polynomial in r^2, the one that networks saw.
  const COSINE = [0.999959, -19.73094, 64.67144, -82.39081, 45.62105];

  /**
   * @typedef {Object} Waves
   * @property {Float32Array} frequency `[F, D]`, turns per unit of input.
   * @property {Float32Array} phase `[F]`, turns.
   */

  /**
   * Draws seeded waves.
   * @param {number} seed
   * @param {number} count F.
   * @param {number[]} spread Of the frequencies of each input, `[D]`.
   * @return {Waves}
   */
  function draw(seed, count, spread) {
    const units = spread.map(
      one => Math.fround(one / (2 * Math.PI * Math.sqrt((256 ** 2 - 1) / 3))));
    const size = spread.length;
    const frequency = new Float32Array(count * size);
    const phase = new Float32Array(count);
    const mixed = mixBits(seed);
    for (let f = 0; f < count; f++) {
      for (let d = 0; d <= size; d++) {
        const hash = mixBits((f * (size + 1) + d + mixed) >>> 0);
        if (d === size) {
          phase[f] = (hash >>> 8) * 2 ** -24;
        } else {
          const bytes = [0, 8, 16, 24].map(shift => hash >>> shift & 255);
          const total = bytes.reduce((sum, byte) => sum + byte);
          frequency[f * size + d] = (total - 510) * units[d];
        }
      }
    }
    return {frequency, phase};
  }

  /** Spreads 32 bits evenly. */
  function mixBits(value) {
    value ^= value >>> 16;
    value = Math.imul(value, 0x7feb352d);
    value ^= value >>> 15;
    value = Math.imul(value, 0x846ca68b);
    return (value ^ value >>> 16) >>> 0;
  }

  /**
   * Evaluates seeded waves.
   * @param {Waves} drawn
   * @param {Float64Array} inputs `[D, CHUNK]`.
   * @param {Float64Array} result `[F, CHUNK]`, set.
   */
  function seeded({frequency, phase}, inputs, result) {
    const {CHUNK} = lutjax.dense;
    const size = frequency.length / phase.length;
    phase.forEach((start, f) => {
      for (let m = 0; m < CHUNK; m++) {
        let turns = start;
        for (let d = 0; d < size; d++) {
          turns += frequency[f * size + d] * inputs[d * CHUNK + m];
        }
        const square = (turns - Math.round(turns)) ** 2;
        let value = 0;
        for (let i = COSINE.length - 1; i >= 0; i--) value = value * square + COSINE[i];
        result[f * CHUNK + m] = value;
      }
    });
  }

  /**
   * Evaluates the sines and cosines of octaves.
   * @param {number} octaves K.
   * @param {Float64Array} inputs `[D, CHUNK]`, float32 numbers.
   * @param {number} size D.
   * @param {Float64Array} result `[2 D K, CHUNK]`, set.
   */
  function frequency(octaves, inputs, size, result) {
    const {CHUNK} = lutjax.dense;
    for (let d = 0; d < size; d++) {
      for (let k = 0; k < octaves; k++) {
        const to = 2 * (d * octaves + k) * CHUNK;
        for (let m = 0; m < CHUNK; m++) {
          // In half turns; whole turns are taken off exactly.
          const turns = inputs[d * CHUNK + m] * 2 ** k;
          const rest = turns - 2 * Math.round(turns / 2);
          result[to + m] = Math.sin(Math.PI * rest);
          result[to + CHUNK + m] = Math.cos(Math.PI * rest);
        }
      }
    }
  }

  lutjax.waves = {draw, frequency, seeded};
})();
