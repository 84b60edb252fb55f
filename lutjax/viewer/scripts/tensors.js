// Tensors of artefacts (Python: `codec.tensors`, `codec.bits`).
(() => {
  'use strict';

  const MAX_AXES = 8;
  const INT8_KIND = 16;
  const FLOATS = ['float32', 'float16', 'bfloat16'];
  const DTYPES = [...FLOATS, 'uint8', 'uint16', 'int16', 'int32'];
  const BYTES = [4, 2, 2, 1, 2, 2, 4];

  /**
   * @typedef {Object} Spec How a tensor is stored.
   * @property {number} kind 0 to 6 for a dtype, 16 - k for int8 in k bits.
   * @property {number[]} shape
   * @property {number} count Of its values.
   * @property {number} bytes As stored, before compression.
   */

  /**
   * @typedef {Object} Tensor
   * @property {string} dtype
   * @property {number[]} shape
   * @property {Float32Array|Uint8Array|Uint16Array|Int8Array|Int16Array|Int32Array}
   *     data In C order; all floats as float32.
   */

  /**
   * Reads the description of a tensor.
   * @param {lutjax.bytes.Reader} reader
   * @param {number} maxBytes Bound on the number of values.
   * @return {Spec}
   */
  function readSpec(reader, maxBytes) {
    const first = reader.byte();
    const kind = first >> 4;
    const axes = first & 15;
    const int8 = INT8_KIND - kind >= 2 && INT8_KIND - kind <= 8;
    if (axes > MAX_AXES || !(int8 || kind < DTYPES.length)) {
      throw new Error(
        `artefact: found a tensor of kind ${kind} with ${axes} axes, expected a ` +
        `known kind and at most ${MAX_AXES}`);
    }
    const shape = Array.from({length: axes}, () => reader.varint());
    // Also of empty tensors, whose other axes may be anything.
    if (shape.reduce((product, size) => product * Math.max(1, size), 1) > maxBytes) {
      throw new Error(
        `artefact: found a tensor of shape ${shape}, expected at most ${maxBytes} ` +
        'bytes');
    }
    const count = shape.reduce((product, size) => product * size, 1);
    const bits = kind < DTYPES.length ? 8 * BYTES[kind] : INT8_KIND - kind;
    return {kind, shape, count, bytes: Math.ceil(count * bits / 8)};
  }

  /**
   * Returns the tensor that bytes stand for.
   * @param {Uint8Array} content `spec.bytes` bytes.
   * @param {Spec} spec
   * @return {Tensor}
   */
  function fromBytes(content, spec) {
    const {kind, shape, count} = spec;
    if (kind >= DTYPES.length) {
      return {dtype: 'int8', shape, data: signed(content, INT8_KIND - kind, count)};
    }
    const width = BYTES[kind];
    // Stored byte plane by byte plane.
    const bytes = new Uint8Array(count * width);
    for (let plane = 0; plane < width; plane++) {
      const start = plane * count;
      for (let i = 0; i < count; i++) bytes[i * width + plane] = content[start + i];
    }
    return {dtype: DTYPES[kind], shape, data: typed(bytes, kind, count)};
  }

  /** Returns values of little-endian bytes. */
  function typed(bytes, kind, count) {
    const view = new DataView(bytes.buffer);
    const read = {
      float32: [Float32Array, i => view.getFloat32(4 * i, true)],
      float16: [Float32Array, i => half(view.getUint16(2 * i, true))],
      bfloat16: [Float32Array, i => brain(view.getUint16(2 * i, true))],
      uint8: [Uint8Array, i => bytes[i]],
      uint16: [Uint16Array, i => view.getUint16(2 * i, true)],
      int16: [Int16Array, i => view.getInt16(2 * i, true)],
      int32: [Int32Array, i => view.getInt32(4 * i, true)],
    };
    const [type, value] = read[DTYPES[kind]];
    const data = new type(count);
    for (let i = 0; i < count; i++) data[i] = value(i);
    return data;
  }

  /** Returns the number that 16 bits are as a float16. */
  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }

  /** Returns the number that 16 bits are as a bfloat16: the upper half of a float32. */
  function brain(bits) {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint16(0, bits);
    return view.getFloat32(0);
  }

  /** Returns integers of two's complement, highest bit first. */
  function signed(content, bits, count) {
    const values = new Int8Array(count);
    for (let i = 0; i < count; i++) {
      const at = i * bits;
      const pair = content[at >> 3] << 8 | (content[(at >> 3) + 1] ?? 0);
      const code = pair >> (16 - bits - (at & 7)) & ((1 << bits) - 1);
      values[i] = code << (32 - bits) >> (32 - bits);
    }
    return values;
  }

  lutjax.tensors = {FLOATS, brain, fromBytes, half, readSpec};
})();
