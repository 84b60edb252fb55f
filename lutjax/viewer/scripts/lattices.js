// Lattices as they are, for looks that no network holds (Python: `viewer.artefact`).
(() => {
  'use strict';

  const MAX_SIZE = 129;
  const TOP = 65535;

  /**
   * Makes the decoder of an artefact.
   * @param {Artefact} artefact
   * @return {Decoder}
   */
  function decoder({header, tensors}) {
    const check = (fits, what) => lutjax.looks.check(fits, 'lattices', what);
    const labels = lutjax.labels.fromHeader(header.looks);
    const {ranges, bytes} = header;
    const count = labels.length;
    const fit = (values, one) =>
      Array.isArray(values) && values.length === count && values.every(one);
    check(
      fit(ranges, range => Array.isArray(range) && range.length === 2 &&
        range.every(Number.isFinite)), 'other ranges');
    check(fit(bytes, Number.isInteger), 'no sizes');
    check(
      fit(tensors, ({dtype, shape: [size, ...rest]}) => dtype === 'uint16' &&
        size >= 2 && size <= MAX_SIZE && String(rest) === String([size, size, 3])),
      'other lattices');

    function one(index, axes) {
      const {shape: [size], data} = tensors[index];
      const table = summed(data, size);
      const [low, high] = ranges[index];
      for (let i = 0; i < table.length; i++) {
        table[i] = low + (high - low) * (table[i] / TOP);
      }
      return lutjax.interpolate.onAxes(table, size, axes, 'tetrahedral');
    }

    return {
      labels,
      lookBytes: bytes,
      sizes: tensors.map(({shape: [size]}) => size),
      evaluate: (weights, axes) => lutjax.looks.mix(weights, index => one(index, axes)),
    };
  }

  /**
   * Undoes differences along all three axes, modulo 2^16.
   * @param {Uint16Array} codes `[N, N, N, 3]`, signs in the last bit.
   * @param {number} size N.
   * @return {Float64Array} `[N, N, N, 3]`, whole numbers.
   */
  function summed(codes, size) {
    const table = Float64Array.from(
      codes, code => (code & 1 ? -(code + 1) / 2 : code / 2));
    for (const stride of [3, 3 * size, 3 * size * size]) {
      for (let i = stride; i < table.length; i++) {
        if (Math.floor(i / stride) % size) {
          table[i] = table[i] + table[i - stride] & TOP;
        }
      }
    }
    return table.map(value => value & TOP);
  }

  lutjax.lattices = {decoder};
})();
