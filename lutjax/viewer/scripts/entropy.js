// Range coding of small integers with adaptive models (Python: `codec.entropy`).
//
// Counts are integers and probabilities use only sums, products and quotients of
// float64, in the order of Python: the same to the last bit.
(() => {
  'use strict';

  const WIDEST = 255;
  const BELIEF = 4;
  // No artefact has so many values; a forged one may say so.
  const MAX_VALUES = 1 << 24;

  /**
   * @callback Contexts
   * @param {number} step
   * @param {Int32Array} values `[steps, lanes]`, rows before the step are known.
   * @param {Int32Array} found `[lanes]`, filled with the context of each lane; below
   *     zero where the lane is absent.
   */

  /**
   * Reads what `codec.entropy.encode` wrote.
   * @param {Uint8Array} content The code.
   * @param {number} steps
   * @param {number} lanes
   * @param {Contexts} contexts
   * @param {number} count How many contexts there are.
   * @param {?number[][]} prior `[count][5]`, what each context has seen before.
   * @return {Int32Array} `[steps, lanes]`.
   */
  function decode(content, steps, lanes, contexts, count, prior = null) {
    const reach = content.length < 2 ? WIDEST + 1 : content[0] + 256 * content[1];
    if (content.length % 4 !== 2 || reach > WIDEST) {
      throw new Error(`entropy code: found ${content.length} bytes of no code`);
    }
    if (steps * lanes > MAX_VALUES) {
      throw new Error(
        `entropy code: found ${steps * lanes} values, expected at most ${MAX_VALUES}`);
    }
    const values = new Int32Array(steps * lanes);
    if (!reach) return values;
    const decoder = new lutjax.rangeDecoder.RangeDecoder(content.subarray(2));
    const model = new Model(count, reach, prior);
    const found = new Int32Array(lanes);
    for (let step = 0; step < steps; step++) {
      contexts(step, values, found);
      const row = step * lanes;
      for (let lane = 0; lane < lanes; lane++) {
        if (found[lane] < 0) continue;
        const start = model.ends(found[lane], step);
        const symbol = decoder.decode(model.table, start, 2 * reach + 1);
        values[row + lane] = symbol - reach;
      }
      model.learn(found, values, row);
      for (let lane = 0; lane < lanes; lane++) {
        const near = values[row + lane];
        if (found[lane] >= 0 && Math.abs(near) === reach) {
          values[row + lane] += Math.sign(near) * beyond(decoder);
        }
      }
    }
    return values;
  }

  /** Returns how far a value lies beyond the reach of the models. */
  function beyond(decoder) {
    const bits = decoder.decode(LENGTHS, 0, 16);
    return 2 ** bits - 1 + (bits ? decoder.uniform(bits) : 0);
  }

  /** Counts per context, and the distributions that they stand for. */
  class Model {
    constructor(count, reach, prior) {
      this.reach = reach;
      // Values, zeros, ones, larger ones, and the sum of these beyond 2.
      this.counts = new Float64Array(count * 5);
      if (prior) this.counts.set(prior.flat());
      this.every = [4, 2, 1, 1, 1];
      this.width = 2 * reach + 2;
      this.table = new Uint32Array(count * this.width);
      // The step for which a context's part of the table was made.
      this.made = new Int32Array(count).fill(-1);
      this.half = new Float64Array(reach + 1);
      this.both = new Float64Array(2 * reach + 1);
    }

    /**
     * Returns where the table holds what lies below the symbols of a context.
     * @param {number} context
     * @param {number} step
     * @return {number}
     */
    ends(context, step) {
      const start = context * this.width;
      if (this.made[context] !== step) {
        this.made[context] = step;
        this.predict(context);
        const {both} = this;
        const total = sum(both);
        for (let i = 0; i < both.length; i++) both[i] /= total;
        quantize(both, this.table, start);
      }
      return start;
    }

    /** Sets `both` to the shares of values from -reach to reach. */
    predict(context) {
      const {counts, reach, half, both} = this;
      const at = context * 5;
      const [every, no, one, large, more] = this.every;
      const zero = (counts[at + 1] + BELIEF * (no / every)) / (counts[at] + BELIEF);
      const share = one / (one + large);
      const first =
        (counts[at + 2] + BELIEF * share) / (counts[at + 2] + counts[at + 3] + BELIEF);
      const mean =
        (counts[at + 4] + BELIEF * (more / large)) / (counts[at + 3] + BELIEF);
      half[0] = zero;
      half[1] = (1 - zero) * first * 0.5;
      if (reach > 1) {
        const ratio = mean / (mean + 1);
        half[2] = (1 - zero) * (1 - first) * 0.5 * (1 - ratio);
        for (let i = 3; i <= reach; i++) half[i] = half[i - 1] * ratio;
      }
      for (let i = 0; i <= reach; i++) {
        both[reach + i] = both[reach - i] = half[i] + 1e-7;
      }
    }

    /** Counts a step, whose values are within the reach. */
    learn(found, values, row) {
      for (let lane = 0; lane < found.length; lane++) {
        if (found[lane] < 0) continue;
        const size = Math.abs(values[row + lane]);
        const kind = Math.min(size, 2);
        const at = found[lane] * 5;
        this.counts[at] += 1;
        this.counts[at + 1 + kind] += 1;
        this.every[0] += 1;
        this.every[1 + kind] += 1;
        if (size > 2) {
          this.counts[at + 4] += size - 2;
          this.every[4] += size - 2;
        }
      }
    }
  }

  /** Returns the sum, from the first to the last. An iterator takes twice the time. */
  function sum(values) {
    let total = 0;
    for (let i = 0; i < values.length; i++) total += values[i];
    return total;
  }

  /**
   * Rounds a distribution to multiples of 1 over `ONE`, as `constriction` does where
   * it need not be perfect: every symbol has one of them at least.
   * @param {Float64Array} shares
   * @param {Uint32Array} ends Set from `start` to what lies below each symbol.
   * @param {number} start
   */
  function quantize(shares, ends, start) {
    const {ONE} = lutjax.rangeDecoder;
    const scale = (ONE - shares.length) / sum(shares);
    let below = 0;
    for (let i = 0; i < shares.length; i++) {
      ends[start + i] = Math.floor(below * scale) + i;
      below += shares[i];
    }
    ends[start + shares.length] = ONE;
  }

  /** One context per lane. @type {Contexts} */
  function byLane(step, values, found) {
    if (step) return;
    for (let lane = 0; lane < found.length; lane++) found[lane] = lane;
  }

  // Of 1 + what a value exceeds the reach by: its length in bits, less one.
  const LENGTHS = new Uint32Array(17);
  quantize(
    Float64Array.from({length: 16}, (_, i) => 0.5 ** Math.min(i + 1, 15)), LENGTHS, 0);

  lutjax.entropy = {byLane, decode, quantize};
})();
