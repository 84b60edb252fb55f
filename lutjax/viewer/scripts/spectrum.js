// Cosine spectra of lattices (Python: `codec.spectrum`).
(() => {
  'use strict';

  const OPPONENT = Float32Array.of(
    3 ** -0.5, 3 ** -0.5, 3 ** -0.5,
    2 ** -0.5, 0, -(2 ** -0.5),
    -(6 ** -0.5), 2 * 6 ** -0.5, -(6 ** -0.5));

  // Offsets of coefficients that are known, and what they weigh.
  const OFFSETS = [
    [1, 0, 0, 2], [0, 1, 0, 2], [0, 0, 1, 2],
    [1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 1],
    [2, 0, 0, 1], [0, 2, 0, 1], [0, 0, 2, 1],
  ];
  const ACROSS = 2;
  const CAP = 30;
  const NEAR = [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 33, 50, 80];
  const FAR = [1, 2, 3, 4, 6, 9, 13, 20];
  const COUNT = (NEAR.length + 1) * (FAR.length + 1) * 2;
  const NOWHERE = -1;

  /**
   * @typedef {Object} Spectra Of many looks, coded together.
   * @property {number} looks L.
   * @property {Int32Array} places `[M]`, of the coefficients that any look has, in the
   *     flat spectrum `[K, K, K, 3]`.
   * @property {Int32Array} values `[M, L]`.
   */

  /**
   * Reads what `codec.spectrum.pack` wrote, its mask unpacked.
   * @param {Uint8Array} content
   * @param {number} looks L.
   * @param {number} order K.
   * @return {Spectra}
   */
  function unpack(content, looks, order) {
    const reader = new lutjax.bytes.Reader(content);
    const mask = reader.take(reader.view(4).getUint32(0, true));
    const count = order ** 3 * 3;
    if (mask.length !== Math.ceil(count / 8)) {
      throw new Error(
        `spectra: found ${mask.length * 8} places, expected ${count}`);
    }
    const places = lowFirst(order).filter(at => mask[at >> 3] >> (7 - (at & 7)) & 1);
    const values = lutjax.entropy.decode(
      reader.take(reader.left), places.length, looks, contextsOf(order, places), COUNT);
    return {looks, places, values};
  }

  /** Returns the places of all coefficients, those of low frequencies first. */
  function lowFirst(order) {
    const total = at => {
      const flat = Math.floor(at / 3);
      return Math.floor(flat / (order * order)) + Math.floor(flat / order) % order +
        flat % order;
    };
    return Int32Array.from({length: order ** 3 * 3}, (_, at) => at)
      .sort((one, other) => total(one) - total(other) || one - other);
  }

  /** Returns contexts made of lower frequencies, other axes, and frequency. */
  function contextsOf(order, places) {
    const where = new Int32Array(order ** 3 * 3).fill(NOWHERE);
    places.forEach((at, step) => {
      where[at] = step;
    });
    const near = levelsOf(NEAR, CAP, false);
    const sums = [];
    return (step, values, found) => {
      const lanes = found.length;
      if (!lanes) return;
      const at = places[step];
      const [i, j, k, axis] = split(at, order);
      sums.length = 0;
      for (const [row, weight] of neighbours(order, i, j, k, axis)) {
        const known = where[row];
        if (known !== NOWHERE && known < step) sums.push([known * lanes, weight]);
      }
      const band = levelOf(FAR, i + j + k, true);
      for (let lane = 0; lane < lanes; lane++) {
        let sum = 0;
        for (let n = 0; n < sums.length; n++) {
          sum += sums[n][1] * Math.min(Math.abs(values[sums[n][0] + lane]), CAP);
        }
        found[lane] = (near[sum] * (FAR.length + 1) + band) * 2 + (axis > 0 ? 1 : 0);
      }
    };
  }

  /** Returns i, j, k and axis of a place in a flat spectrum. */
  function split(at, order) {
    const flat = Math.floor(at / 3);
    return [
      Math.floor(flat / (order * order)), Math.floor(flat / order) % order,
      flat % order, at % 3,
    ];
  }

  /**
   * Returns the places that a coefficient's context is made of, and their weights.
   * @return {number[][]}
   */
  function neighbours(order, i, j, k, axis) {
    const found = [];
    const place = (di, dj, dk, back) =>
      (((i - di) * order + j - dj) * order + k - dk) * 3 + axis - back;
    for (const [di, dj, dk, weight] of OFFSETS) {
      if (i >= di && j >= dj && k >= dk) found.push([place(di, dj, dk, 0), weight]);
    }
    for (const back of [1, 2]) {
      if (axis >= back) found.push([place(0, 0, 0, back), ACROSS]);
    }
    return found;
  }

  /**
   * Returns how many limits lie below a number.
   * @param {number[]} limits Rising.
   * @param {number} value
   * @param {boolean} equal Whether a limit that it equals counts.
   * @return {number}
   */
  function levelOf(limits, value, equal) {
    return limits.filter(limit => (equal ? limit <= value : limit < value)).length;
  }

  /** Returns the levels of all sums that a context can be made of. */
  function levelsOf(limits, cap, equal) {
    const weight = OFFSETS.reduce((sum, offset) => sum + offset[3], 2 * ACROSS);
    return Uint8Array.from(
      {length: weight * cap + 1}, (_, sum) => levelOf(limits, sum, equal));
  }

  /**
   * Returns the cosines `[order, nodes]` at places along an axis.
   * @param {number} size Nodes per axis that the spectrum is orthonormal on.
   * @param {number} order Frequencies.
   * @param {Float32Array} axis Places, from 0 to 1.
   * @return {Float64Array}
   */
  function basis(size, order, axis) {
    const waves = new Float64Array(order * axis.length);
    for (let i = 0; i < order; i++) {
      const scale = Math.sqrt((i ? 2 : 1) / size);
      for (let n = 0; n < axis.length; n++) {
        const at = axis[n] * (size - 1) + 0.5;
        waves[i * axis.length + n] = scale * Math.cos(Math.PI / size * i * at);
      }
    }
    return waves;
  }

  /**
   * Returns the lattice of a spectrum, on the product of three axes.
   * @param {Float64Array} coefficients `[K, K, K, 3]`, opponent axes last.
   * @param {number} order K.
   * @param {number} size Nodes per axis that the spectrum is orthonormal on.
   * @param {Float32Array[]} axes Places along each, R, G and B of them.
   * @return {Float64Array} `[R, G, B, 3]`.
   */
  function synthesise(coefficients, order, size, axes) {
    let values = coefficients;
    // Blue is the last axis before the channels: what is left of it stays inside.
    let inner = 3;
    for (const axis of [2, 1, 0]) {
      const outer = order ** axis;
      values = along(
        values, outer, order, inner, basis(size, order, axes[axis]), axes[axis].length);
      inner *= axes[axis].length;
    }
    for (let at = 0; at < values.length; at += 3) {
      const grey = values[at];
      const second = values[at + 1];
      const third = values[at + 2];
      for (let c = 0; c < 3; c++) {
        values[at + c] =
          grey * OPPONENT[c] + second * OPPONENT[3 + c] + third * OPPONENT[6 + c];
      }
    }
    return values;
  }

  /** Contracts `[outer, order, inner]` with waves `[order, nodes]`. */
  function along(values, outer, order, inner, waves, nodes) {
    const result = new Float64Array(outer * nodes * inner);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < order; i++) {
        const from = (o * order + i) * inner;
        if (isZero(values, from, inner)) continue;
        for (let n = 0; n < nodes; n++) {
          const wave = waves[i * nodes + n];
          const to = (o * nodes + n) * inner;
          for (let m = 0; m < inner; m++) result[to + m] += wave * values[from + m];
        }
      }
    }
    return result;
  }

  function isZero(values, from, count) {
    for (let i = from; i < from + count; i++) {
      if (values[i]) return false;
    }
    return true;
  }

  lutjax.spectrum = {levelOf, levelsOf, neighbours, split, synthesise, unpack};
})();
