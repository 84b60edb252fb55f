// The `.cube` text format, read strictly and written as `lutjax/lut/cube.py` does.
(() => {
  'use strict';

  const MAX_SIZE = 256, MAX_CURVE = 65536;
  /** Nodes per axis of a file that is more than one lattice over the unit cube. */
  const BAKED_SIZE = 65;
  const DOMAINS = [
    'DOMAIN_MIN', 'DOMAIN_MAX', 'LUT_1D_INPUT_RANGE', 'LUT_3D_INPUT_RANGE',
  ];
  const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

  /**
   * Reads a `.cube` file.
   * @param {string} text
   * @param {string} source named in errors
   * @return {{title: string, table: Float32Array, baked: boolean}} `baked` says that
   *     curves or a domain of the file went into the lattice
   * @throws {Error} with one line: where, what was found, what was expected
   */
  function parse(text, source) {
    const header = {source, title: '', sizes: {}, domains: {}};
    const rows = [];
    // Old systems end a file by Ctrl-Z.
    const lines = text.replace(/^\ufeff/, '').split('\x1a')[0].split(/\r\n|\r|\n/);
    const refuse = (at, message) => {
      throw new Error(`${source}, line ${at + 1}: ${message}`);
    };
    if (text.includes('\0')) refuse(0, 'found binary data, expected a text LUT');
    lines.forEach((line, at) => {
      const words = line.trim().split(/\s+/);
      if (words[0] === '' || words[0].startsWith('#')) return;
      if (/^[+\-.\d]/.test(words[0])) {
        if (words.length !== 3 || !words.every((word) => NUMBER.test(word))) {
          refuse(at, `found '${line.trim().slice(0, 40)}', expected three numbers`);
        }
        rows.push(...words.map(Number));
        if (!rows.slice(-3).every((value) => Number.isFinite(Math.fround(value)))) {
          refuse(at, `found '${line.trim().slice(0, 40)}', expected finite numbers`);
        }
        return;
      }
      if (rows.length) refuse(at, `found ${words[0].slice(0, 40)} after the rows`);
      readKeyword(header, words, line, (message) => refuse(at, message));
    });
    const {LUT_1D_SIZE: curve = 0, LUT_3D_SIZE: size = 0} = header.sizes;
    if (!curve && !size) {
      throw new Error(`${source}: found no LUT_3D_SIZE or LUT_1D_SIZE, expected one`);
    }
    const count = curve + size ** 3;
    if (rows.length !== 3 * count) {
      throw new Error(`${source}: found ${rows.length / 3} rows, expected ${count}`);
    }
    return {title: header.title, ...latticeOf(header, rows, curve, size)};
  }

  /** Reads a line of the header. */
  function readKeyword(header, words, line, refuse) {
    const [key, ...rest] = words;
    if (key === 'TITLE') {
      header.title = line.trim().slice(5).trim().replace(/^"(.*)"$/, '$1');
    } else if (key === 'LUT_1D_SIZE' || key === 'LUT_3D_SIZE') {
      const most = key === 'LUT_3D_SIZE' ? MAX_SIZE : MAX_CURVE;
      const size = /^\d+$/.test(rest[0] || '') ? Number(rest[0]) : NaN;
      if (rest.length !== 1 || !(size >= 2 && size <= most)) {
        refuse(`found '${line.trim().slice(0, 40)}', expected 2 to ${most}`);
      }
      if (key in header.sizes) refuse(`found ${key} again, expected it once`);
      header.sizes[key] = size;
    } else if (DOMAINS.includes(key)) {
      const wanted = key.startsWith('DOMAIN') ? 3 : 2;
      if (rest.length !== wanted || !rest.every((word) => NUMBER.test(word))) {
        refuse(`found '${line.trim().slice(0, 40)}', expected ${wanted} numbers`);
      }
      header.domains[key] = rest.map(Number);
    } else {
      refuse(`found ${key.slice(0, 40)}, expected a keyword of .cube files`);
    }
  }

  /** Returns the limits of a table's inputs, low and high per channel. */
  function domainOf(header, kind) {
    const own = header.domains[`LUT_${kind}_INPUT_RANGE`];
    const low = own ? own.slice(0, 1) : header.domains.DOMAIN_MIN || [0, 0, 0];
    const high = own ? own.slice(1) : header.domains.DOMAIN_MAX || [1, 1, 1];
    const all = [0, 1, 2].map((i) => [low[own ? 0 : i], high[own ? 0 : i]]);
    if (all.some(([from, to]) => !(from < to))) {
      throw new Error(
          `${header.source}: found a domain from ${low} to ${high}, expected one ` +
          'that rises');
    }
    return all;
  }

  /** Returns the lattice over the unit cube of the rows of a file. */
  function latticeOf(header, rows, curve, size) {
    const table = new Float32Array(3 * size ** 3);
    for (let at = 0; at < size ** 3; at++) {
      const r = at % size, g = Math.floor(at / size) % size;
      const b = Math.floor(at / size ** 2);
      const to = 3 * ((r * size + g) * size + b), from = 3 * (curve + at);
      for (let i = 0; i < 3; i++) table[to + i] = rows[from + i];
    }
    const limits = size ? domainOf(header, '3D') : null;
    const unit = limits && limits.every(([low, high]) => low === 0 && high === 1);
    if (unit && !curve) return {table, baked: false};
    const before = curve ? domainOf(header, '1D') : null;
    const seen = [0, 0, 0];
    const baked = lutjax.lattice.tabulate(BAKED_SIZE, (rgb, out) => {
      for (let i = 0; i < 3; i++) {
        seen[i] = rgb[i];
        if (curve) seen[i] = onCurve(rows, curve, i, share(rgb[i], before[i]));
        if (size) seen[i] = share(seen[i], limits[i]);
      }
      if (size) lutjax.lattice.tetrahedral(table, size, seen, out);
      else out[0] = seen[0], out[1] = seen[1], out[2] = seen[2];
    });
    return {table: baked, baked: true};
  }

  function share(value, [low, high]) {
    return Math.min(Math.max((value - low) / (high - low), 0), 1);
  }

  function onCurve(rows, count, channel, at) {
    const place = at * (count - 1), low = Math.min(Math.floor(place), count - 2);
    const start = rows[3 * low + channel], end = rows[3 * low + 3 + channel];
    return start + (place - low) * (end - start);
  }

  /**
   * Writes a lattice over the unit cube: 6 to 9 decimals if that is exact in float32,
   * else 9 significant digits.
   * @param {Float32Array} table
   * @param {string} title
   * @param {string[]} comments lines in front, each behind '#'
   * @return {string}
   */
  function render(table, title, comments = []) {
    return [...pieces(table, title, comments)].join('');
  }

  /** Yields what `render` returns, in pieces that take a moment each. */
  function* pieces(table, title, comments) {
    const size = lutjax.lattice.sizeOf(table);
    const text = formatOf(table);
    const name = safe(title);
    const lines = comments.map((comment) => `# ${safe(comment)}`);
    if (name) lines.push(`TITLE "${name}"`);
    yield [...lines, `LUT_3D_SIZE ${size}`, '', ''].join('\n');
    for (let b = 0; b < size; b++) {
      let rows = '';
      for (let g = 0; g < size; g++) {
        for (let r = 0; r < size; r++) {
          const at = 3 * ((r * size + g) * size + b);
          const [red, green, blue] = table.subarray(at, at + 3);
          rows += `${text(red)} ${text(green)} ${text(blue)}\n`;
        }
      }
      yield rows;
    }
  }

  /** Returns the shortest format that keeps every value of a lattice. */
  function formatOf(table) {
    for (let decimals = 6; decimals <= 9; decimals++) {
      const scale = 10 ** decimals;
      const exact = (value) =>
        Math.abs(value) < 1e6 &&
        Math.fround(Math.round(value * scale) / scale) === value;
      // Adding zero turns -0 into 0.
      if (table.every(exact)) return (value) => (value + 0).toFixed(decimals);
    }
    return significant;
  }

  /** Writes a number as C's `%.9g` does, which rounds ties to even. */
  function significant(value) {
    if (value === 0) return '0';
    const sign = value < 0 ? '-' : '';
    const parts = (digits) => {
      const [mantissa, power] = Math.abs(value).toExponential(digits - 1).split('e');
      return [mantissa.replace('.', ''), Number(power)];
    };
    let [digits, power] = parts(9);
    const [exact, exactPower] = parts(40);
    if (/^50*$/.test(exact.slice(9)) && exact[8] % 2 === 0) {
      digits = exact.slice(0, 9), power = exactPower;
    }
    digits = digits.replace(/0+$/, '');
    const point = (at) => digits.length <= at ? digits.padEnd(at, '0') :
      `${digits.slice(0, at)}.${digits.slice(at)}`;
    if (power < -4 || power >= 9) {
      const size = String(Math.abs(power)).padStart(2, '0');
      return `${sign}${point(1)}e${power < 0 ? '-' : '+'}${size}`;
    }
    if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${digits}`;
    return sign + point(power + 1);
  }

  /** Returns a title that fits between double quotes on one short line. */
  function safe(title) {
    const plain = title.replace(/"/g, '\'').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ');
    const bytes = new TextEncoder().encode(plain).slice(0, 200);
    return new TextDecoder().decode(bytes).replace(/\ufffd+$/, '').trim();
  }

  lutjax.cube = {parse, pieces, render, MAX_SIZE};
})();
