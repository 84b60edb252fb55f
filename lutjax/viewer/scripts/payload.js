// The payload of a GamutMLP in an image file (Python: `codec.carriers`,
// `codec.fields`, `codec.payload`).
(() => {
  'use strict';

  const MAGIC = 'LJXG';
  const VERSION = 1;
  const HEADER_BYTES = 36;
  const MAX_BYTES = 1 << 26;
  const MAX_SIDE = 1 << 20;
  const KEYWORD = 'lutjax payload\0';
  const EXIF_POINTER = 0x8769;
  const PRIVATE = 65301;
  // Where earlier versions put it.
  const FORMER = [0x927c, 65100];

  /**
   * @typedef {Object} Payload
   * @property {number} codec Its number.
   * @property {number} seed Of the codec's random numbers.
   * @property {number} width Of the picture.
   * @property {number} height
   * @property {number} pixelCheck CRC-32 of the RGB pixels.
   * @property {Uint8Array} body What the codec wrote.
   * @property {number} bytes Of the whole payload.
   */

  const latin = bytes => Array.from(bytes, byte => String.fromCharCode(byte)).join('');

  /**
   * Finds the payload of a PNG, JPEG or WebP file.
   * @param {Uint8Array} file
   * @return {Promise<?Payload>} Null where there is none; rejects where none is whole.
   */
  async function find(file) {
    let problem = null;
    for (const blob of await candidates(file)) {
      if (latin(blob.subarray(0, 4)) !== MAGIC) continue;
      try {
        return parse(blob);
      } catch (error) {
        problem ??= error;
      }
    }
    if (problem) throw problem;
    return null;
  }

  /** Returns what may be a payload, all places of the format. */
  async function candidates(file) {
    const start = latin(file.subarray(0, 12));
    if (start.startsWith('\x89PNG\r\n\x1a\n')) return inPng(file);
    if (start.startsWith('\xff\xd8')) return inJpeg(file);
    if (start.startsWith('RIFF') && start.endsWith('WEBP')) return inWebp(file);
    return [];  // Such as AVIF, which has no place for one.
  }

  async function inPng(file) {
    const reader = new lutjax.bytes.Reader(file, 8);
    const found = [];
    const exif = [];
    while (reader.left >= 12) {
      const size = reader.view(4).getUint32(0);
      const kind = latin(reader.take(4));
      const data = reader.take(size);
      reader.take(4);
      const text = kind === 'tEXt' || kind === 'zTXt';
      if (text && latin(data.subarray(0, KEYWORD.length)) === KEYWORD) {
        found.push(await fromText(data.subarray(KEYWORD.length), kind === 'zTXt'));
      } else if (kind === 'gmLp') {
        found.push(data);
      } else if (kind === 'eXIf') {
        exif.push(...inExif(data));
      }
    }
    return [...found, ...exif];
  }

  /** Returns what a PNG text holds in base64; nothing where it is damaged. */
  async function fromText(text, packed) {
    try {
      const plain = packed ?
        await lutjax.bytes.unpacked(text.subarray(1), 'deflate', MAX_BYTES) : text;
      return Uint8Array.from(atob(latin(plain)), letter => letter.charCodeAt(0));
    } catch (error) {
      return new Uint8Array();
    }
  }

  function inJpeg(file) {
    const reader = new lutjax.bytes.Reader(file, 2);
    const found = [];
    const exif = [];
    while (reader.left >= 4) {
      const marker = reader.view(2).getUint16(0);
      // Pixels start here.
      if (marker === 0xffda || marker < 0xff00) break;
      const data = reader.take(Math.max(reader.view(2).getUint16(0) - 2, 0));
      if (marker === 0xfffe) found.push(data);
      if (marker === 0xffe1 && latin(data.subarray(0, 6)) === 'Exif\0\0') {
        exif.push(...inExif(data.subarray(6)));
      }
    }
    return [...found, ...exif];
  }

  function inWebp(file) {
    const reader = new lutjax.bytes.Reader(file, 12);
    const found = [];
    while (reader.left >= 8) {
      const kind = latin(reader.take(4));
      const size = reader.view(4).getUint32(0, true);
      const data = reader.take(size);
      if (size % 2 && reader.left) reader.take(1);
      const skip = latin(data.subarray(0, 6)) === 'Exif\0\0' ? 6 : 0;
      if (kind === 'EXIF') found.push(...inExif(data.subarray(skip)));
    }
    return found;
  }

  /** Returns the values of our fields in an EXIF stream, unchecked. */
  function inExif(stream) {
    const order = latin(stream.subarray(0, 4));
    if (order !== 'II*\0' && order !== 'MM\0*') return [];
    const little = order === 'II*\0';
    const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
    if (stream.length < 8) return [];
    const main = directory(view, view.getUint32(4, little), little);
    const pointer = main.get(EXIF_POINTER);
    const below = pointer === undefined ? new Map() :
      directory(view, view.getUint32(pointer + 8, little), little);
    const value = entry => {
      if (entry === undefined) return [];
      const kind = view.getUint16(entry + 2, little);
      const count = view.getUint32(entry + 4, little);
      if (kind !== 1 && kind !== 7) return [];
      const at = count <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
      return [stream.subarray(at, at + count)];
    };
    return [
      ...[PRIVATE, ...FORMER].flatMap(tag => value(below.get(tag))),
      ...FORMER.flatMap(tag => value(main.get(tag))),
    ];
  }

  /** Returns where the entries of a directory are, by their tags. */
  function directory(view, offset, little) {
    const entries = new Map();
    if (!offset || offset + 2 > view.byteLength) return entries;
    const count = view.getUint16(offset, little);
    for (let i = 0; i < count; i++) {
      const at = offset + 2 + 12 * i;
      if (at + 12 > view.byteLength) break;
      entries.set(view.getUint16(at, little), at);
    }
    return entries;
  }

  /** Reads and checks a payload. @return {Payload} */
  function parse(blob) {
    if (blob.length > 4 && blob[4] > VERSION) {
      throw new Error(
        `payload: found version ${blob[4]}, expected ${VERSION} or earlier`);
    }
    if (blob.length < HEADER_BYTES) {
      throw new Error(`payload: found ${blob.length} bytes: it is cut short`);
    }
    const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
    const [seed, width, height, length, pixelCheck, check] =
      [12, 16, 20, 24, 28, 32].map(at => view.getUint32(at, true));
    const size = view.getUint16(6, true);
    if (length > MAX_BYTES || size + length !== blob.length) {
      throw new Error(
        `payload: found ${blob.length} bytes, expected ${size + length}: it is cut ` +
        'short or damaged');
    }
    const body = blob.slice(size);
    const {crc32} = lutjax.bytes;
    const found = crc32(body, crc32(blob.subarray(0, 32)));
    if (found !== check || size !== HEADER_BYTES || blob[4] !== VERSION) {
      throw new Error('payload: found another checksum than expected: it is damaged');
    }
    const fits = width > 0 && width <= MAX_SIDE && height > 0 && height <= MAX_SIDE;
    if (!fits || blob[8] || blob[9]) {
      throw new Error(
        `payload: found one for ${width} x ${height} pixels, expected another size ` +
        'or space');
    }
    return {
      codec: blob[10], seed, width, height, pixelCheck, body, bytes: blob.length,
    };
  }

  lutjax.payload = {find};
})();
