// Sampling a lattice between its nodes (Python: `lut.interpolate`).
(() => {
  'use strict';

  /**
   * Samples a lattice on the product of three axes.
   * @param {ArrayLike<number>} table `[N, N, N, 3]`.
   * @param {number} size N.
   * @param {Float32Array[]} axes Places of red, green and blue, from 0 to 1.
   * @param {string} method `trilinear` or `tetrahedral`.
   * @return {Float64Array} `[R, G, B, 3]`.
   */
  function onAxes(table, size, axes, method) {
    const weigh = method === 'tetrahedral' ? tetrahedral : trilinear;
    const [reds, greens, blues] = axes.map(
      axis => Array.from(axis, x => place(x, size)));
    const result = new Float64Array(reds.length * greens.length * blues.length * 3);
    const shares = new Float64Array(8);
    let to = 0;
    for (const red of reds) {
      for (const green of greens) {
        for (const blue of blues) {
          weigh(red.rest, green.rest, blue.rest, shares);
          for (let corner = 0; corner < 8; corner++) {
            if (!shares[corner]) continue;
            const at = ((red.node + (corner >> 2)) * size + green.node +
              (corner >> 1 & 1)) * size + blue.node + (corner & 1);
            for (let c = 0; c < 3; c++) {
              result[to + c] += shares[corner] * table[at * 3 + c];
            }
          }
          to += 3;
        }
      }
    }
    return result;
  }

  /** Returns the node below a place, and the way to the next one. */
  function place(x, size) {
    const at = x * (size - 1);
    const node = Math.min(Math.floor(at), size - 2);
    return {node, rest: at - node};
  }

  /** Sets the shares of the corners; corner 4 r + 2 g + b. */
  function trilinear(r, g, b, shares) {
    for (let corner = 0; corner < 8; corner++) {
      shares[corner] = (corner & 4 ? r : 1 - r) * (corner & 2 ? g : 1 - g) *
        (corner & 1 ? b : 1 - b);
    }
  }

  /** As `trilinear`: the path from the first corner steps along larger rests first. */
  function tetrahedral(r, g, b, shares) {
    shares.fill(0);
    const steps = [[r, 4], [g, 2], [b, 1]].sort((one, other) => other[0] - one[0]);
    let corner = 0;
    let before = 1;
    for (const [rest, bit] of steps) {
      shares[corner] = before - rest;
      before = rest;
      corner |= bit;
    }
    shares[7] = before;
  }

  lutjax.interpolate = {onAxes};
})();
