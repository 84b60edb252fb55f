// The quantised cosine spectrum of a single lattice (Python: `codec.cosines`).
(() => {
  'use strict';

  const NEAR = [1, 2, 3, 4, 6, 9, 13, 20, 32, 60, 120];
  const BANDS = [3, 8];
  const LEVELS = NEAR.length + 1;
  const COUNT = LEVELS * (BANDS.length + 1) * 2;
  const CAP = 60;

  // Per context, of 64 values: zeros, ones, larger ones, and their sum beyond 2.
  const SEEN = `
    0,0,64,9999 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0
    0,0,64,8956 0,0,63,3551 1,1,61,9999 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0
    0,0,0,0 64,0,0,0 0,0,64,64 2,0,62,556 14,5,45,1490 9,5,50,2574 5,1,58,9999
    64,0,0,0 60,4,0,0 59,5,0,1 55,8,2,0 55,6,4,1 49,10,5,12 40,17,7,14
    33,19,12,20 23,21,20,37 14,17,32,91 8,11,45,327 3,4,57,1354 64,0,0,0
    62,2,0,0 62,2,0,0 61,3,0,0 58,6,0,0 55,7,2,0 47,13,4,2 38,18,8,7 31,20,13,14
    21,17,25,46 15,12,37,186 6,5,53,1291 64,0,0,0 62,2,0,0 60,4,0,0 56,7,1,0
    52,11,1,0 44,18,2,1 36,23,5,2 27,25,12,7 19,23,22,20 12,17,35,58 6,10,47,164
    3,5,56,473 64,0,0,0 62,2,0,0 62,2,0,0 58,6,0,0 55,8,1,0 48,15,1,0 40,21,3,1
    30,25,9,4 22,23,18,13 14,18,33,45 8,10,46,138 4,5,56,470
  `;

  /**
   * @typedef {Object} Spectrum
   * @property {number} order K, how many frequencies it has along each axis.
   * @property {Int32Array} values `[K, K, K, 3]`, opponent axes last.
   */

  /**
   * Reads what `codec.cosines.pack` wrote.
   * @param {Uint8Array} content
   * @param {number} size N, nodes per axis of the lattice.
   * @return {Spectrum}
   */
  function unpack(content, size) {
    if (content.length < 4) {
      throw new Error(`spectrum: found ${content.length} bytes of no code`);
    }
    const ends = [...content.subarray(0, 3)];
    const last = content[3];
    const order = Math.max(...ends);
    const values = new Int32Array(order ** 3 * 3);
    if (!order) return {order, values};
    const most = ends[0] + ends[1] + ends[2] - 3;
    if (Math.min(...ends) < 1 || order > size || last > most) {
      throw new Error(
        `spectrum: found extents ${ends} and ${last}, expected at most ${size} each`);
    }
    const scan = scanOf(ends, last, order);
    const grid = lutjax.entropy.decode(
      content.subarray(4), scan.rows.length, scan.lanes, contextsOf(scan, order), COUNT,
      prior());
    scan.rows.forEach((row, step) => {
      row.forEach((place, lane) => {
        values[place] = grid[step * scan.lanes + lane];
      });
    });
    return {order, values};
  }

  /**
   * Returns the order in which coefficients are coded: shells of one frequency, the
   * opponent axes of each one after another.
   * @return {{rows: number[][], lanes: number, cells: Int32Array}} The places of each
   *     step in the flat spectrum, the largest number of them, and the cell
   *     `step * lanes + lane` of each place.
   */
  function scanOf(ends, last, order) {
    const shells = Array.from({length: last + 1}, () => []);
    for (let i = 0; i < ends[0]; i++) {
      for (let j = 0; j < ends[1]; j++) {
        for (let k = 0; k < ends[2] && i + j + k <= last; k++) {
          shells[i + j + k].push(((i * order + j) * order + k) * 3);
        }
      }
    }
    const lanes = Math.max(...shells.map(shell => shell.length));
    const rows = shells.flatMap(
      shell => [0, 1, 2].map(axis => shell.map(place => place + axis)));
    const cells = new Int32Array(order ** 3 * 3).fill(-1);
    rows.forEach((row, step) => {
      row.forEach((place, lane) => {
        cells[place] = step * lanes + lane;
      });
    });
    return {rows, lanes, cells};
  }

  /** Returns contexts made of lower frequencies, other axes, and frequency. */
  function contextsOf(scan, order) {
    const {levelOf, levelsOf, neighbours, split} = lutjax.spectrum;
    const near = levelsOf(NEAR, CAP, true);
    return (step, values, found) => {
      found.fill(-1);
      scan.rows[step].forEach((place, lane) => {
        const [i, j, k, axis] = split(place, order);
        let sum = 0;
        for (const [other, weight] of neighbours(order, i, j, k, axis)) {
          sum += weight * Math.min(Math.abs(values[scan.cells[other]]), CAP);
        }
        const band = levelOf(BANDS, i + j + k, true);
        found[lane] = (band * 2 + (axis > 0 ? 1 : 0)) * LEVELS + near[sum];
      });
    };
  }

  /** Returns what contexts have seen before: `[COUNT][5]`. */
  function prior() {
    return SEEN.trim().split(/\s+/).map(row => {
      const [zeros, ones, large, more] = row.split(',').map(Number);
      return [zeros + ones + large, zeros, ones, large, more];
    });
  }

  lutjax.cosines = {unpack};
})();
