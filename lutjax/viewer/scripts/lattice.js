// Lattices: `Float32Array` of shape [N, N, N, 3], indexed [red][green][blue], over
// the unit cube, as `lutjax/lut` has them.
(() => {
  'use strict';

  /**
   * Returns the nodes per axis of a lattice.
   * @param {Float32Array} table
   * @return {number}
   */
  function sizeOf(table) {
    return Math.round(Math.cbrt(table.length / 3));
  }

  /**
   * Returns the lattice that changes nothing.
   * @param {number} size nodes per axis
   * @return {Float32Array}
   */
  function identity(size) {
    return tabulate(size, (rgb, out) => {
      out[0] = rgb[0], out[1] = rgb[1], out[2] = rgb[2];
    });
  }

  /**
   * Returns the lattice of a function.
   * @param {number} size nodes per axis
   * @param {function(number[], number[])} map takes a colour, and fills a second
   * @return {Float32Array}
   */
  function tabulate(size, map) {
    const table = new Float32Array(3 * size ** 3);
    const last = size - 1, rgb = [0, 0, 0], out = [0, 0, 0];
    let at = 0;
    for (let r = 0; r < size; r++) {
      for (let g = 0; g < size; g++) {
        for (let b = 0; b < size; b++) {
          rgb[0] = r / last, rgb[1] = g / last, rgb[2] = b / last;
          map(rgb, out);
          table[at++] = out[0], table[at++] = out[1], table[at++] = out[2];
        }
      }
    }
    return table;
  }

  /**
   * Interpolates in the tetrahedron that holds a colour.
   * @param {Float32Array} table
   * @param {number} size nodes per axis
   * @param {ArrayLike<number>} rgb of shape [3]; clamped to the unit cube
   * @param {number[]} out filled with the result
   */
  function tetrahedral(table, size, rgb, out) {
    const last = size - 1;
    const place = [0, 0, 0], step = [3 * size * size, 3 * size, 3];
    let base = 0;
    for (let i = 0; i < 3; i++) {
      const at = Math.min(Math.max(rgb[i], 0), 1) * last;
      const low = Math.min(Math.floor(at), size - 2);
      place[i] = at - low;
      base += low * step[i];
    }
    const order = [0, 1, 2].sort((i, j) => place[j] - place[i]);
    const [first, second, third] = order;
    const near = base + step[first], far = near + step[second];
    const end = far + step[third];
    const w0 = 1 - place[first], w1 = place[first] - place[second];
    const w2 = place[second] - place[third], w3 = place[third];
    for (let i = 0; i < 3; i++) {
      out[i] = w0 * table[base + i] + w1 * table[near + i] + w2 * table[far + i] +
          w3 * table[end + i];
    }
  }

  /**
   * Interpolates between the eight nodes around a colour.
   * @param {Float32Array} table
   * @param {number} size nodes per axis
   * @param {ArrayLike<number>} rgb of shape [3]; clamped to the unit cube
   * @param {number[]} out filled with the result
   */
  function trilinear(table, size, rgb, out) {
    const last = size - 1, step = [3 * size * size, 3 * size, 3];
    const place = [0, 0, 0];
    let base = 0;
    for (let i = 0; i < 3; i++) {
      const at = Math.min(Math.max(rgb[i], 0), 1) * last;
      const low = Math.min(Math.floor(at), size - 2);
      place[i] = at - low;
      base += low * step[i];
    }
    out[0] = out[1] = out[2] = 0;
    for (let corner = 0; corner < 8; corner++) {
      let weight = 1, at = base;
      for (let i = 0; i < 3; i++) {
        const up = corner >> i & 1;
        weight *= up ? place[i] : 1 - place[i];
        at += up * step[i];
      }
      for (let i = 0; i < 3; i++) out[i] += weight * table[at + i];
    }
  }

  /**
   * Returns a lattice at other nodes, interpolated tetrahedrally.
   * @param {Float32Array} table
   * @param {number} size nodes per axis of the result
   * @return {Float32Array} the same where it has that size
   */
  function resample(table, size) {
    const had = sizeOf(table);
    if (had === size) return table;
    return tabulate(size, (rgb, out) => tetrahedral(table, had, rgb, out));
  }

  /**
   * Returns a look in part: 0 is the identity, 1 the look.
   * @param {Float32Array} table
   * @param {number} strength
   * @return {Float32Array} the same where the strength is 1
   */
  function weaken(table, strength) {
    if (strength === 1) return table;
    const before = identity(sizeOf(table));
    return before.map((value, i) => value + strength * (table[i] - value));
  }

  /**
   * Returns the weighted sum of lattices of one size.
   * @param {Array<{weight: number, table: Float32Array}>} parts
   * @return {Float32Array}
   */
  function combine(parts) {
    if (parts.length === 1 && parts[0].weight === 1) return parts[0].table;
    const total = new Float64Array(parts[0].table.length);
    for (const {weight, table} of parts) {
      for (let i = 0; i < total.length; i++) total[i] += weight * table[i];
    }
    return Float32Array.from(total);
  }

  lutjax.lattice = {
    sizeOf, identity, tabulate, tetrahedral, trilinear, resample, weaken, combine,
  };
})();
