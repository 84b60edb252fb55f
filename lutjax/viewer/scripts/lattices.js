// Lattices as they are, for looks that no network holds (Python: `viewer.lattices`).
//
// A value has 16 bits. What is coded are its differences along all three axes, a
// channel of a plane of red at a time, under contexts of what is known around it.
(() => {
  'use strict';

  const MAX_SIZE = 129;
  const CAP = 255;
  const LEVELS = 12;
  const COUNT = 3 * LEVELS;

  /**
   * Makes the decoder of an artefact.
   * @param {Artefact} artefact
   * @return {Decoder}
   */
  function decoder({header, tensors}) {
    const check = (fits, what) => lutjax.looks.check(fits, 'lattices', what);
    const labels = lutjax.labels.fromHeader(header.looks);
    const count = labels.length;
    check(tensors.length === 4, `${tensors.length} tensors`);
    const [sizes, ranges, lengths, joined] = tensors;
    const is = (tensor, dtype, shape) =>
      tensor.dtype === dtype && String(tensor.shape) === String(shape);
    check(
      is(sizes, 'uint8', [count]) && sizes.data.every(n => n >= 2 && n <= MAX_SIZE),
      'other sizes');
    check(is(ranges, 'float32', [count, 2]), 'other ranges');
    lutjax.looks.checkFinite(ranges.data);
    check(
      is(lengths, 'int32', [count]) && lengths.data.every(n => n >= 0), 'no lengths');
    check(joined.dtype === 'uint8', 'no codes');
    const reader = new lutjax.bytes.Reader(joined.data);
    const codes = Array.from(lengths.data, length => reader.take(length));
    check(!reader.left, `${reader.left} bytes behind the codes`);

    function one(index, axes) {
      const size = sizes.data[index];
      const [low, high] = ranges.data.subarray(2 * index, 2 * index + 2);
      const table = unpack(codes[index], size);
      for (let i = 0; i < table.length; i++) {
        table[i] = low + (high - low) * (table[i] / 65535);
      }
      return lutjax.interpolate.onAxes(table, size, axes, 'trilinear');
    }

    return {
      labels,
      lookBytes: [...lengths.data],
      sizes: [...sizes.data],
      evaluate: (weights, axes) => lutjax.looks.mix(weights, index => one(index, axes)),
    };
  }

  /**
   * Reads a lattice.
   * @param {Uint8Array} code
   * @param {number} size N.
   * @return {Float64Array} `[N, N, N, 3]`, whole numbers below 65536.
   */
  function unpack(code, size) {
    const plane = size * size;
    const values = lutjax.entropy.decode(
      code, 3 * size, plane, contextsOf(size), COUNT);
    // Of differences along red, the differences along green and blue are undone.
    const row = new Int32Array(plane);
    const table = new Float64Array(size * plane * 3);
    for (let step = 0; step < 3 * size; step++) {
      const start = (step - step % 3) * plane + step % 3;
      for (let at = 0; at < plane; at++) {
        const left = at % size ? row[at - 1] : 0;
        const above = at >= size ? row[at - size] : 0;
        const corner = at % size && at >= size ? row[at - size - 1] : 0;
        row[at] = values[step * plane + at] + left + above - corner;
        const to = start + 3 * at;
        table[to] = (row[at] + (step < 3 ? 0 : table[to - 3 * plane])) & 0xffff;
      }
    }
    return table;
  }

  /** Returns contexts made of the plane before, and of the channel before. */
  function contextsOf(size) {
    return (step, values, found) => {
      const plane = found.length;
      const channel = step % 3;
      const before = (step - 3) * plane;
      const beside = (step - 1) * plane;
      const known = (start, at) => Math.min(Math.abs(values[start + at]), CAP);
      for (let at = 0; at < plane; at++) {
        let sum = channel ? 2 * known(beside, at) : 0;
        if (step >= 3) {
          sum += 2 * known(before, at);
          if (at % size) sum += known(before, at - 1);
          if (at % size < size - 1) sum += known(before, at + 1);
          if (at >= size) sum += known(before, at - size);
          if (at + size < plane) sum += known(before, at + size);
        }
        // The length of the sum in bits.
        found[at] = channel * LEVELS + 32 - Math.clz32(sum);
      }
    };
  }

  lutjax.lattices = {decoder};
})();
