// What decoders of all systems have in common: a model of looks from its parts.
(() => {
  'use strict';

  const MAX_SIZE = 129;

  /**
   * @typedef {Object} Decoder
   * @property {Label[]} labels
   * @property {function(Float32Array, Float32Array[]): Float64Array} evaluate Maps the
   *     product of three axes in the unit cube, under weights `[L]` of sum 1, to
   *     `[R, G, B, 3]` in [0, 1].
   * @property {?number[]} lookBytes Of each look, where they can be told apart.
   * @property {?number[]} sizes Nodes per axis of each look, where it is a lattice.
   */

  /**
   * @typedef {Object} Model
   * @property {string} system
   * @property {string[]} names
   * @property {Label[]} labels
   * @property {number} bytes Of the whole artefact, as it was before it was repacked.
   * @property {?number[]} lookBytes
   * @property {?number[]} sizes
   * @property {function(number, number=): Float32Array} lattice Of a look, by its index
   *     and the nodes per axis: `[size, size, size, 3]` over [0, 1]. A domain, range or
   *     curve of the look is in it.
   * @property {?function(number[], number=): Float32Array} blend Of a mix, by weights
   *     `[L]`, as those of `--blend`; null where there is one look.
   */

  /**
   * Makes the model of an artefact.
   * @param {string} system
   * @param {number} bytes
   * @param {Decoder} decoder
   * @return {Model}
   */
  function model(system, bytes, decoder) {
    const {labels, lookBytes = null, sizes = null} = decoder;
    const names = labels.map(label => label.name);

    function lattice(index, size = 33) {
      if (!(index in labels)) {
        throw new Error(`look ${index}: no such look among ${labels.length}`);
      }
      const weights = new Float32Array(labels.length);
      weights[index] = 1;
      return evaluate(labels[index], weights, size);
    }

    function blend(given, size = 33) {
      const sum = given.reduce((total, weight) => total + weight, 0);
      const fits = given.length === labels.length && given.every(weight => weight >= 0);
      if (!fits || !(sum > 0 && sum < Infinity)) {
        throw new Error(
          `blend: found ${given.length} weights of sum ${sum}, expected ` +
          `${labels.length}, not negative, of a sum above 0`);
      }
      const used = labels.filter((_, i) => given[i] > 0);
      const other = used.find(label => !lutjax.labels.mixes(used[0], label));
      if (other) {
        throw new Error(
          `blend: ${used[0].name} and ${other.name} have different domains, curves ` +
          'or ranges');
      }
      return evaluate(used[0], Float32Array.from(given, weight => weight / sum), size);
    }

    function evaluate(label, weights, size) {
      if (!Number.isInteger(size) || size < 2 || size > MAX_SIZE) {
        throw new Error(`lattice: found ${size} nodes, expected 2 to ${MAX_SIZE}`);
      }
      const [low, high] = label.range;
      const axes = lutjax.labels.axesOf(label, size);
      return Float32Array.from(
        decoder.evaluate(weights, axes), value => low + (high - low) * value);
    }

    const several = labels.length > 1;
    return {
      system, names, labels, bytes, lookBytes, sizes, lattice,
      blend: several ? blend : null,
    };
  }

  /**
   * Returns the lattice of what a model makes.
   * @param {{model: Model, given: (number|number[])}} part the index of a look, or the
   *     weights of all of the model
   * @param {number} size
   * @return {Float32Array}
   */
  function made({model: {lattice, blend}, given}, size) {
    return Array.isArray(given) ? blend(given, size) : lattice(given, size);
  }

  /**
   * Returns the sum of maps, each by its weight.
   * @param {Float32Array} weights `[L]`; what has none is not asked for.
   * @param {function(number): Float64Array} one By index.
   * @return {Float64Array}
   */
  function mix(weights, one) {
    let total = null;
    weights.forEach((weight, index) => {
      if (!weight) return;
      const values = one(index);
      total ??= new Float64Array(values.length);
      for (let i = 0; i < values.length; i++) total[i] += weight * values[i];
    });
    return total;
  }

  /** Clamps to [0, 1] in place. @param {Float64Array} values */
  function clamp(values) {
    for (let i = 0; i < values.length; i++) {
      values[i] = Math.min(Math.max(values[i], 0), 1);
    }
    return values;
  }

  /**
   * Returns the one value that a header must have.
   * @param {boolean} fits
   * @param {string} system
   * @param {string} what Is wrong otherwise.
   */
  function check(fits, system, what) {
    if (!fits) {
      throw new Error(`artefact: found a ${system} header that does not fit: ${what}`);
    }
  }

  /** Refuses numbers that are not finite. @param {ArrayLike<number>} values */
  function checkFinite(values) {
    if (!Array.prototype.every.call(values, Number.isFinite)) {
      throw new Error(
        'artefact: found NaN or infinity among its numbers, expected finite ones');
    }
  }

  lutjax.looks = {check, checkFinite, clamp, made, mix, model};
})();
