// Headers of artefacts: the part of MessagePack that holds plain values.
(() => {
  'use strict';

  const MAX_DEPTH = 10;

  /**
   * Reads one value, which must be all there is.
   *
   * Maps become objects without a prototype, binary strings `Uint8Array`.
   * @param {Uint8Array} content
   * @return {*}
   */
  function read(content) {
    const reader = new lutjax.bytes.Reader(content);
    const value = next(reader, 0);
    if (reader.left) refuse(`${reader.left} bytes behind it`);
    return value;
  }

  function refuse(reason) {
    throw new Error(`artefact: found a header that cannot be read: ${reason}`);
  }

  function next(reader, depth) {
    if (depth > MAX_DEPTH) refuse('too many levels');
    const type = reader.byte();
    if (type < 0x80) return type;
    if (type < 0x90) return map(reader, type & 15, depth);
    if (type < 0xa0) return array(reader, type & 15, depth);
    if (type < 0xc0) return text(reader, type & 31);
    if (type >= 0xe0) return type - 256;
    switch (type) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return reader.take(reader.view(1).getUint8(0)).slice();
      case 0xc5: return reader.take(reader.view(2).getUint16(0)).slice();
      case 0xc6: return reader.take(reader.view(4).getUint32(0)).slice();
      case 0xca: return reader.view(4).getFloat32(0);
      case 0xcb: return reader.view(8).getFloat64(0);
      case 0xcc: return reader.view(1).getUint8(0);
      case 0xcd: return reader.view(2).getUint16(0);
      case 0xce: return reader.view(4).getUint32(0);
      case 0xcf: return safe(reader.view(8).getBigUint64(0));
      case 0xd0: return reader.view(1).getInt8(0);
      case 0xd1: return reader.view(2).getInt16(0);
      case 0xd2: return reader.view(4).getInt32(0);
      case 0xd3: return safe(reader.view(8).getBigInt64(0));
      case 0xd9: return text(reader, reader.view(1).getUint8(0));
      case 0xda: return text(reader, reader.view(2).getUint16(0));
      case 0xdb: return text(reader, reader.view(4).getUint32(0));
      case 0xdc: return array(reader, reader.view(2).getUint16(0), depth);
      case 0xdd: return array(reader, reader.view(4).getUint32(0), depth);
      case 0xde: return map(reader, reader.view(2).getUint16(0), depth);
      case 0xdf: return map(reader, reader.view(4).getUint32(0), depth);
      default: return refuse(`a value of type ${type}`);
    }
  }

  function safe(value) {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) refuse(`the number ${value}`);
    return number;
  }

  function text(reader, size) {
    try {
      return new TextDecoder('utf-8', {fatal: true}).decode(reader.take(size));
    } catch (error) {
      return refuse('a text that is no UTF-8, or cut short');
    }
  }

  function array(reader, count, depth) {
    if (count > reader.left) refuse(`a list of ${count} in ${reader.left} bytes`);
    const items = [];
    for (let i = 0; i < count; i++) items.push(next(reader, depth + 1));
    return items;
  }

  function map(reader, count, depth) {
    if (count > reader.left) refuse(`a map of ${count} in ${reader.left} bytes`);
    const items = Object.create(null);
    for (let i = 0; i < count; i++) {
      const name = next(reader, depth + 1);
      if (typeof name !== 'string' || name in items) refuse('a name comes twice');
      items[name] = next(reader, depth + 1);
    }
    return items;
  }

  lutjax.messagepack = {read};
})();
