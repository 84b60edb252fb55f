// The artefact format (Python: `codec.container`).
(() => {
  'use strict';

  const VERSION = 1;
  const MAX_BYTES = 1 << 28;
  const MAX_HEADER_BYTES = 1 << 20;
  const RAW = 0;
  const DEFLATE = 1;
  const LZMA = 2;

  /**
   * @typedef {Object} Artefact
   * @property {string} system The name of the system that wrote it.
   * @property {Object} header Plain values by name.
   * @property {Tensor[]} tensors In their order.
   */

  /**
   * Unpacks an artefact, checking all of it.
   * @param {Uint8Array} content The whole file.
   * @return {Promise<Artefact>}
   */
  async function unpack(content) {
    const reader = new lutjax.bytes.Reader(content, checkEnvelope(content));
    const packed = reader.byte();
    const methods = [packed & 3, packed >> 2];
    if (Math.max(...methods) > LZMA) {
      throw new Error(`artefact: found unknown packing ${packed}`);
    }
    const stored = reader.varint();
    const headerSize = methods[0] === RAW ? stored : reader.varint();
    if (headerSize > MAX_HEADER_BYTES) {
      throw new Error(
        `artefact: found a header of ${headerSize} bytes, expected at most ` +
        `${MAX_HEADER_BYTES}`);
    }
    const count = reader.varint();
    if (count > content.length) {
      throw new Error(
        `artefact: found ${count} tensors in ${content.length} bytes`);
    }
    const specs = [];
    let size = 0;
    for (let i = 0; i < count; i++) {
      specs.push(lutjax.tensors.readSpec(reader, MAX_BYTES));
      size += specs[i].bytes;
      if (size > MAX_BYTES) {
        throw new Error(
          `artefact: found tensors of ${size} bytes, expected at most ${MAX_BYTES}`);
      }
    }
    const head = await unpacked(reader.take(stored), methods[0], headerSize);
    const {system, header} = fromHead(lutjax.messagepack.read(head));
    const payload = await unpacked(reader.take(reader.left), methods[1], size);
    let at = 0;
    const tensors = specs.map(spec => {
      at += spec.bytes;
      return lutjax.tensors.fromBytes(payload.subarray(at - spec.bytes, at), spec);
    });
    return {system, header, tensors};
  }

  /** Returns where the body starts, once length and checksum are right. */
  function checkEnvelope(content) {
    const reader = new lutjax.bytes.Reader(content);
    if (String.fromCharCode(...content.subarray(0, 3)) !== 'LJX') {
      throw new Error('artefact: found other content, expected a lutjax artefact');
    }
    reader.take(3);
    const version = reader.byte();
    if (version !== VERSION) {
      throw new Error(`artefact: found format ${version}, expected ${VERSION}`);
    }
    const checksum = reader.view(4).getUint32(0, true);
    const start = reader.offset;
    const want = reader.varint();
    if (reader.left !== want) {
      const state = reader.left < want ? 'cut short' : 'followed by something else';
      throw new Error(
        `artefact: found ${reader.left} bytes of content, expected ${want}: it is ` +
        state);
    }
    const {crc32} = lutjax.bytes;
    const before = crc32(content.subarray(0, start - 4));
    const computed = crc32(content.subarray(start), before);
    if (computed !== checksum) {
      throw new Error(
        'artefact: found content with another checksum than expected: it is damaged');
    }
    return reader.offset;
  }

  function fromHead(head) {
    const [system, header] = Array.isArray(head) && head.length === 2 ? head : [];
    if (typeof system !== 'string' || !header || Object.getPrototypeOf(header)) {
      throw new Error(
        'artefact: found a header that cannot be read: not a pair of a name and a map');
    }
    return {system, header};
  }

  async function unpacked(data, method, size) {
    if (method === LZMA) {
      throw new Error(
        'artefact: found LZMA, which browsers cannot unpack, expected an artefact ' +
        'exported for the page');
    }
    if (method === DEFLATE) return lutjax.bytes.inflate(data, size);
    if (data.length !== size) {
      throw new Error(
        `artefact: found ${data.length} bytes of unpacked content, expected ${size}`);
    }
    return data;
  }

  lutjax.container = {unpack};
})();
