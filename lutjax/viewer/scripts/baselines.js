// The baselines: a look as its cosine spectrum, or as a small grid (Python:
// `baselines`).
(() => {
  'use strict';

  const MAX_SIZE = 129;
  const STEPS_PER_OCTAVE = 16;
  const FINEST = 12 * STEPS_PER_OCTAVE;

  const isSize = size => Number.isInteger(size) && size >= 2 && size <= MAX_SIZE;

  /** Returns the decoder of one lattice `[N, N, N, 3]`. @return {Decoder} */
  function ofTable(labels, table, size, method) {
    const evaluate = (_, axes) =>
      lutjax.looks.clamp(lutjax.interpolate.onAxes(table, size, axes, method));
    return {labels, evaluate};
  }

  /**
   * Makes the decoder of a `dct` artefact.
   * @param {Artefact} artefact
   * @return {Decoder}
   */
  function dct({header, tensors}) {
    const check = (fits, what) => lutjax.looks.check(fits, 'dct', what);
    const labels = lutjax.labels.fromHeader(header.looks);
    const {size, interpolation} = header;
    const [step, slope] = Array.isArray(header.step) ? header.step : [];
    check(labels.length === 1, 'several looks');
    check(isSize(size), `${size} nodes`);
    check(Number.isInteger(step) && step >= 0 && step <= FINEST, `step ${step}`);
    check(Number.isInteger(slope) && slope >= 0 && slope <= 1000, `slope ${slope}`);
    check(['trilinear', 'tetrahedral'].includes(interpolation), 'no interpolation');
    check(tensors.length === 1 && tensors[0].dtype === 'uint8', 'no code');
    const spectrum = lutjax.cosines.unpack(tensors[0].data, size);
    let table = null;
    return {
      labels,
      evaluate(weights, axes) {
        table ??= tableOf(spectrum, size, 2 ** (-step / STEPS_PER_OCTAVE), slope / 100);
        return ofTable(labels, table, size, interpolation).evaluate(weights, axes);
      },
    };
  }

  /** Returns the lattice `[N, N, N, 3]` whose difference from the identity is coded. */
  function tableOf({order, values}, size, step, slope) {
    const coefficients = Float64Array.from(values, (value, at) => {
      const [i, j, k] = lutjax.spectrum.split(at, order);
      return value * Math.fround(step) * (1 + Math.fround(slope) * (i + j + k));
    });
    const axis = Float32Array.from({length: size}, (_, i) => i / (size - 1));
    const table = order ?
      lutjax.spectrum.synthesise(coefficients, order, size, [axis, axis, axis]) :
      new Float64Array(size ** 3 * 3);
    for (let at = 0; at < table.length; at += 3) {
      const [r, g, b] = lutjax.spectrum.split(at, size);
      table[at] += axis[r];
      table[at + 1] += axis[g];
      table[at + 2] += axis[b];
    }
    return lutjax.looks.clamp(table);
  }

  /**
   * Makes the decoder of a `grid` artefact.
   * @param {Artefact} artefact
   * @return {Decoder}
   */
  function grid({header, tensors}) {
    const check = (fits, what) => lutjax.looks.check(fits, 'grid', what);
    const labels = lutjax.labels.fromHeader(header.looks);
    const {bits, delta} = header;
    check(labels.length === 1, 'several looks');
    check(Number.isInteger(bits) && bits >= 1 && bits <= 8, `${bits} bits`);
    check(typeof delta === 'boolean', 'no delta');
    check(tensors.length === 1 && tensors[0].dtype === 'uint8', 'no codes');
    const [{shape, data}] = tensors;
    const size = shape[0];
    const cube = String(shape) === String([size, size, size, 3]);
    check(isSize(size) && cube, `codes ${shape}`);
    const codes = data.slice();
    if (delta) {
      for (let i = 3; i < codes.length; i++) {
        if (i % (size * 3) >= 3) codes[i] += codes[i - 3];
      }
    }
    const table = Float64Array.from(codes, code => code / (2 ** bits - 1));
    return ofTable(labels, table, size, 'trilinear');
  }

  lutjax.baselines = {dct, grid};
})();
