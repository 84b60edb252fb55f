// Range coding of tables of int8 whose columns are smooth by pieces (Python:
// `codec.piecewise`).
//
// A value is coded by a mixture of distributions around straight lines through the last
// values of its column. Sums are of whole numbers, all else products, quotients and
// roots of float64 in the order of Python: the same to the last bit.
(() => {
  'use strict';

  const VALUES_PER_BYTE = 160;
  const POINTS = [2, 3, 5, 9];
  const LONGEST = 9;
  const SCALES = [0.2, 0.6, 2, 8, 60];
  const COMPONENTS = POINTS.length * SCALES.length;
  const FINE = 8;
  const SHARE = 2 ** 16;
  const ONE = 2 ** 24;
  const EVEN = 2 ** 20;
  const FLOOR = 0.01;
  const PACE = 0.03;
  const BASE = 16;
  // Of one distribution.
  const WIDTH = 512 * FINE;

  /** Rounds halves to even. @param {number} x @return {number} */
  function rint(x) {
    const down = Math.floor(x);
    const rest = x - down;
    if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
    return down % 2 ? down + 1 : down;
  }

  /**
   * Reads what `codec.piecewise.encode` wrote.
   * @param {Uint8Array} content The code.
   * @param {number[][]} sizes Rows and columns of each table.
   * @return {Int8Array[]} `[rows, columns]` each.
   */
  function decode(content, sizes) {
    const count = sizes.reduce((sum, [rows, columns]) => sum + rows * columns, 0);
    if (content.length % 4 || count > VALUES_PER_BYTE * content.length) {
      throw new Error(
        `code of tables: found ${content.length} bytes for ${count} values`);
    }
    const decoder = new lutjax.rangeDecoder.RangeDecoder(content);
    const found = sizes.map(([rows, columns]) => new Int8Array(rows * columns));
    // The tables of most rows come first, so that those that go on are the first ones.
    const order = [...sizes.keys()].filter(i => sizes[i][0] && sizes[i][1])
      .sort((one, other) => sizes[other][0] - sizes[one][0] || one - other);
    const mixture = new Mixture(order.map(i => sizes[i][0]));
    const widest = order.reduce((most, i) => Math.max(most, sizes[i][1]), 0);
    for (let column = 0; column < widest; column++) {
      const lanes = [...order.keys()].filter(lane => sizes[order[lane]][1] > column);
      mixture.start(lanes);
      for (let row = 0; row < sizes[order[lanes[0]]][0]; row++) {
        const going = lanes.filter(lane => sizes[order[lane]][0] > row);
        mixture.look(row, going.length);
        const codes = mixture.decode(decoder);
        mixture.learn(codes);
        going.forEach((lane, n) => {
          const table = order[lane];
          found[table][row * sizes[table][1] + column] = codes[n] - 128;
        });
      }
    }
    return found;
  }

  /** What the components say of the next row, and how far each is believed. */
  class Mixture {
    /** @param {number[]} heights Rows of the tables, falling. */
    constructor(heights) {
      this.lanes = heights.length;
      this.distribution = distributions();
      [this.lines, this.unit] = linesOf();
      this.common = new Float64Array(COMPONENTS).fill(1);
      this.across = Array.from({length: heights[0] ?? 0}, () =>
        new Float64Array(COMPONENTS * this.lanes).fill(1));
      this.along = new Float64Array(COMPONENTS * this.lanes);
      this.shares = new Float64Array(COMPONENTS * this.lanes);
      this.begin = new Int32Array(COMPONENTS * this.lanes);
      this.total = new Float64Array(this.lanes);
      this.ends = new Float64Array(BASE + 1);
      this.quantized = new Uint32Array(BASE + 1);
    }

    /** Starts a column in some of the tables. @param {number[]} lanes */
    start(lanes) {
      this.columns = lanes;
      this.along.fill(1);
      this.past = lanes.map(() => []);
    }

    /**
     * Weighs the components before a row is decoded.
     * @param {number} row
     * @param {number} count How many of the columns go on.
     */
    look(row, count) {
      this.row = row;
      this.count = count;
      const near = Math.min(row, LONGEST);
      for (let n = 0; n < count; n++) {
        const at = n * COMPONENTS;
        POINTS.forEach((_, p) => {
          let guess = 0;
          for (let back = 1; back <= near; back++) {
            guess += this.lines[near][p][LONGEST - back] * this.past[n][row - back];
          }
          guess = rint(guess * FINE / this.unit);
          guess = Math.min(Math.max(guess, -128 * FINE), 127 * FINE);
          // From a guess to the lower end of code 0.
          const begin = -(guess + 128 * FINE + FINE / 2) + 256 * FINE;
          for (let s = 0; s < SCALES.length; s++) {
            this.begin[at + s * POINTS.length + p] = begin;
          }
        });
        this.weigh(at, this.across[row], this.columns[n] * COMPONENTS);
        let sum = 0;
        for (let k = 0; k < COMPONENTS; k++) sum += this.shares[at + k];
        this.total[n] = sum * ONE + 256 * EVEN;
      }
    }

    /** Sets the shares of a column's components. */
    weigh(at, across, from) {
      let most = 0;
      for (let k = 0; k < COMPONENTS; k++) {
        const share = this.along[at + k] * across[from + k] * this.common[k];
        this.shares[at + k] = share;
        most = Math.max(most, share);
      }
      const unit = SHARE / most;
      for (let k = 0; k < COMPONENTS; k++) {
        this.shares[at + k] = rint(this.shares[at + k] * unit);
      }
    }

    /** Returns what lies below a code of 1 to 255 in column n, of `total`. */
    below(n, code) {
      const at = n * COMPONENTS;
      let sum = 0;
      for (let k = 0; k < COMPONENTS; k++) {
        const place = Math.floor(k / POINTS.length) * WIDTH + this.begin[at + k] +
          FINE * code;
        sum += this.shares[at + k] * this.distribution[place];
      }
      return sum + code * EVEN;
    }

    /** Decodes a row digit by digit. @return {Int32Array} Codes from 0 to 255. */
    decode(decoder) {
      const low = new Int32Array(this.count);
      const below = new Float64Array(this.count);
      const above = this.total.slice(0, this.count);
      const {ends, quantized} = this;
      for (let width = 256 / BASE; width >= 1; width /= BASE) {
        for (let n = 0; n < this.count; n++) {
          ends[0] = below[n];
          ends[BASE] = above[n];
          for (let d = 1; d < BASE; d++) ends[d] = this.below(n, low[n] + width * d);
          const whole = above[n] - below[n];
          const shares = Float64Array.from(
            {length: BASE}, (_, d) => (ends[d + 1] - ends[d]) / whole);
          lutjax.entropy.quantize(shares, quantized, 0);
          const digit = decoder.decode(quantized, 0, BASE);
          low[n] += width * digit;
          below[n] = ends[digit];
          above[n] = ends[digit + 1];
        }
      }
      return low;
    }

    /** Counts what the components have said of a row. @param {Int32Array} codes */
    learn(codes) {
      const claims = new Float64Array(COMPONENTS);
      const likelihood = new Float64Array(COMPONENTS);
      for (let n = 0; n < this.count; n++) {
        this.past[n].push(codes[n] - 128);
        this.likelihoods(n, codes[n], likelihood);
        const at = n * COMPONENTS;
        const across = this.across[this.row];
        const from = this.columns[n] * COMPONENTS;
        let mostAlong = 0;
        let mostAcross = 0;
        let claimed = 0;
        const own = new Float64Array(COMPONENTS);
        for (let k = 0; k < COMPONENTS; k++) {
          this.along[at + k] = Math.sqrt(this.along[at + k]) * likelihood[k];
          across[from + k] *= likelihood[k];
          own[k] = rint(this.shares[at + k] * likelihood[k]);
          mostAlong = Math.max(mostAlong, this.along[at + k]);
          mostAcross = Math.max(mostAcross, across[from + k]);
          claimed += own[k];
        }
        const unit = SHARE / claimed;
        for (let k = 0; k < COMPONENTS; k++) {
          this.along[at + k] /= mostAlong;
          across[from + k] = Math.max(across[from + k] / mostAcross, 1e-100);
          claims[k] += rint(own[k] * unit);
        }
      }
      for (let k = 0; k < COMPONENTS; k++) {
        const mean = claims[k] / (SHARE * this.count);
        const common = this.common[k] + PACE * (mean - this.common[k]);
        this.common[k] = Math.max(common, 1e-6);
      }
    }

    /** Sets how likely each component held a code. */
    likelihoods(n, code, likelihood) {
      let most = 0;
      for (let k = 0; k < COMPONENTS; k++) {
        const place = Math.floor(k / POINTS.length) * WIDTH +
          this.begin[n * COMPONENTS + k] + FINE * code;
        const low = code === 0 ? 0 : this.distribution[place];
        const high = code === 255 ? ONE : this.distribution[place + FINE];
        likelihood[k] = high - low;
        most = Math.max(most, likelihood[k]);
      }
      for (let k = 0; k < COMPONENTS; k++) likelihood[k] = likelihood[k] / most + FLOOR;
    }
  }

  /** Returns the distribution of each scale, `[SCALES, WIDTH]`, in whole numbers. */
  function distributions() {
    const all = new Float64Array(SCALES.length * WIDTH);
    SCALES.forEach((scale, s) => {
      for (let i = 0; i < WIDTH; i++) {
        const far = (i - 256 * FINE) / FINE / scale;
        all[s * WIDTH + i] = rint(ONE * (0.5 + 0.5 * far / Math.sqrt(1 + far * far)));
      }
    });
    return all;
  }

  /**
   * Returns what the last values count for in the next one of a straight line through
   * them by least squares.
   * @return {[number[][][], number]} `[known][points][last]`, and what they are
   *     multiples of 1 by.
   */
  function linesOf() {
    const pairs = n => Math.max(n * (n - 1), 2);
    let unit = 1;
    for (let n = 1; n <= LONGEST; n++) unit = unit / divisor(unit, pairs(n)) * pairs(n);
    const lines = [];
    for (let known = 0; known <= LONGEST; known++) {
      lines.push(POINTS.map(points => {
        const n = Math.min(points, known);
        const weights = new Array(LONGEST).fill(0);
        for (let back = 1; back <= n; back++) {
          weights[LONGEST - back] =
            n === 1 ? unit : (4 * n + 2 - 6 * back) * unit / pairs(n);
        }
        return weights;
      }));
    }
    return [lines, unit];
  }

  function divisor(a, b) {
    return b ? divisor(b, a % b) : a;
  }

  lutjax.piecewise = {decode, rint};
})();
