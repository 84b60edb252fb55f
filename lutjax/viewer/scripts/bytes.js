// Reading fields one after another from untrusted bytes (Python: `codec.stream`).
(() => {
  'use strict';

  const MAX_VARINT_BYTES = 5;

  // CRC-32 of every byte, reflected polynomial 0xEDB88320.
  const TABLE = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) {
      value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    }
    TABLE[byte] = value >>> 0;
  }

  /** Reads fields one after another, and refuses to read past the end. */
  class Reader {
    /**
     * @param {Uint8Array} content The bytes.
     * @param {number} offset Of the next field.
     */
    constructor(content, offset = 0) {
      this.content = content;
      this.offset = offset;
    }

    /** Bytes that are left. @return {number} */
    get left() {
      return this.content.length - this.offset;
    }

    /**
     * Returns the next bytes, not copied.
     * @param {number} count How many.
     * @return {Uint8Array}
     */
    take(count) {
      if (count > this.left) {
        throw new Error(
          `artefact: found ${this.left} bytes at byte ${this.offset}, expected ` +
          `${count}: it is cut short`);
      }
      this.offset += count;
      return this.content.subarray(this.offset - count, this.offset);
    }

    /** Returns the next byte. @return {number} */
    byte() {
      return this.take(1)[0];
    }

    /**
     * Returns the next bytes as a view with typed accessors.
     * @param {number} count How many.
     * @return {DataView}
     */
    view(count) {
      const bytes = this.take(count);
      return new DataView(bytes.buffer, bytes.byteOffset, count);
    }

    /** Returns a whole number in 7 bits per byte, lowest first. @return {number} */
    varint() {
      let value = 0;
      for (let place = 0; place < MAX_VARINT_BYTES; place++) {
        const digit = this.byte();
        // A product: shifts keep 32 bits only.
        value += (digit & 127) * 2 ** (7 * place);
        if (digit < 128) return value;
      }
      throw new Error(
        `artefact: found a number of over ${MAX_VARINT_BYTES} bytes at byte ` +
        `${this.offset}`);
    }
  }

  /**
   * Returns the CRC-32 of bytes.
   * @param {Uint8Array} content
   * @param {number} before The CRC-32 of what comes before them.
   * @return {number}
   */
  function crc32(content, before = 0) {
    let value = ~before;
    for (const byte of content) {
      value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
    }
    return ~value >>> 0;
  }

  /**
   * Unpacks raw deflate.
   * @param {Uint8Array} data The packed bytes, nothing behind them.
   * @param {number} size Of the content.
   * @return {Promise<Uint8Array>} `size` bytes.
   */
  async function inflate(data, size) {
    const content = await unpacked(data, 'deflate-raw', size);
    if (content.length !== size) {
      const found = content.length > size ? `over ${size}` : content.length;
      throw new Error(
        `artefact: found ${found} bytes of unpacked content, expected ${size}`);
    }
    return content;
  }

  /**
   * Unpacks what a browser can.
   * @param {Uint8Array} data The packed bytes, nothing behind them.
   * @param {string} format Of `DecompressionStream`.
   * @param {number} most Bytes of content; hardly more is unpacked.
   * @return {Promise<Uint8Array>}
   */
  async function unpacked(data, format, most) {
    const stream = new DecompressionStream(format);
    const writer = stream.writable.getWriter();
    // What fails here fails in the reader too, which tells.
    writer.write(data).catch(() => {});
    writer.close().catch(() => {});
    const reader = stream.readable.getReader();
    const parts = [];
    let found = 0;
    try {
      while (found <= most) {
        const {done, value} = await reader.read();
        if (done) break;
        parts.push(value);
        found += value.length;
      }
    } catch (error) {
      throw new Error('artefact: found deflate content that does not unpack');
    } finally {
      reader.cancel().catch(() => {});
    }
    const content = new Uint8Array(found);
    let at = 0;
    for (const part of parts) {
      content.set(part, at);
      at += part.length;
    }
    return content;
  }

  lutjax.bytes = {Reader, crc32, inflate, unpacked};
})();
