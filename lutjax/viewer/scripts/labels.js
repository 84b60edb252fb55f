// Labels of looks: names, domains, ranges and curves (Python: `codec.labels`,
// `codec.curves`, `looks.unit_cube`).
(() => {
  'use strict';

  const MAX_SAMPLES = 1 << 20;
  // Of the values of a curve, in unit cubes.
  const REACH = 1 << 15;

  /**
   * @typedef {Object} Label
   * @property {string} name
   * @property {number[][]} domain `[minimum, maximum]` of three channels each.
   * @property {number[]} range Outputs that 0 and 1 stand for.
   * @property {?Curve} curve From the domain to what the network sees.
   */

  /**
   * @typedef {Object} Curve
   * @property {number} samples Knots lie at whole numbers below it.
   * @property {number} bits Values are multiples of `2^-bits`.
   * @property {number[][][]} channels Of one or three, `[position, value]` of knots.
   */

  /**
   * Reads the labels of a header.
   * @param {*} header Untrusted content.
   * @return {Label[]} One or more, of different names.
   */
  function fromHeader(header) {
    if (!Array.isArray(header) || !header.length) {
      throw new Error('artefact: found no looks, expected a list of names');
    }
    const looks = header.map(one);
    if (new Set(looks.map(look => look.name)).size < looks.length) {
      throw new Error('artefact: found two looks of one name');
    }
    return looks;
  }

  function one(item) {
    if (typeof item === 'string') return plain(item);
    const [name, ...rest] = Array.isArray(item) ? item : [];
    const numbers = rest.slice(0, 8);
    const fits = typeof name === 'string' && (rest.length === 8 || rest.length === 9) &&
      numbers.every(Number.isFinite) &&
      [[0, 3], [1, 4], [2, 5], [6, 7]].every(([low, high]) => rest[low] < rest[high]);
    if (!fits) {
      throw new Error(
        'artefact: found something else in the list of looks, expected names');
    }
    return {
      name,
      domain: [numbers.slice(0, 3), numbers.slice(3, 6)],
      range: numbers.slice(6),
      curve: rest.length === 9 ? curveFrom(rest[8]) : null,
    };
  }

  /** Returns the label of colours in [0, 1]. @return {Label} */
  function plain(name) {
    return {name, domain: [[0, 0, 0], [1, 1, 1]], range: [0, 1], curve: null};
  }

  function curveFrom(header) {
    const [samples, bits, ...channels] = Array.isArray(header) ? header : [];
    const fits = Number.isInteger(samples) && samples >= 2 && samples <= MAX_SAMPLES &&
      (bits === 24 || bits === 16) && (channels.length === 1 || channels.length === 3);
    if (!fits) throw new Error('artefact: found no curve, expected one');
    return {samples, bits, channels: channels.map(c => knotsFrom(c, samples, bits))};
  }

  /** Reads the knots of a channel: gaps, and what values add to a straight line. */
  function knotsFrom(numbers, samples, bits) {
    const [gaps, added] = Array.isArray(numbers) && numbers.length === 2 ? numbers : [];
    const fits = Array.isArray(gaps) && Array.isArray(added) &&
      [...gaps, ...added].every(Number.isSafeInteger) &&
      added.length === gaps.length + 1 && gaps.every(gap => gap > 0) &&
      gaps.reduce((sum, gap) => sum + gap, 0) === samples - 1;
    if (!fits) throw new Error('artefact: found knots that make no curve');
    const knots = [];
    let at = 0;
    added.forEach((number, i) => {
      if (i) at += gaps[i - 1];
      const value = number + expected(knots, gaps, i);
      if (!(Math.abs(value) <= REACH * 2 ** bits)) {
        throw new Error('artefact: found a value of a curve that is out of bounds');
      }
      knots.push([at, value]);
    });
    return knots;
  }

  /**
   * Continues the line through the last two knots to knot i, rounded down.
   *
   * In integers of any size, as in Python: products may be beyond 53 bits.
   */
  function expected(knots, gaps, i) {
    if (i < 2) return i ? knots[0][1] : 0;
    const [before, last] = [knots[i - 2][1], knots[i - 1][1]];
    const rise = BigInt(last - before) * BigInt(gaps[i - 1]);
    const gap = BigInt(gaps[i - 2]);
    const down = rise < 0n && rise % gap ? 1n : 0n;
    return last + Number(rise / gap - down);
  }

  /**
   * Returns what looks have in common of which a mix of network outputs is a mix.
   * @param {Label} label
   * @return {string}
   */
  function kindOf({domain, range, curve}) {
    return JSON.stringify([domain, range, curve]);
  }

  /**
   * Returns whether a mix of network outputs is a mix of two looks.
   * @param {Label} label
   * @param {Label} other
   * @return {boolean}
   */
  function mixes(label, other) {
    return kindOf(label) === kindOf(other);
  }

  /**
   * Returns where a lattice over [0, 1] has its nodes in the unit cube of a network.
   * @param {Label} label
   * @param {number} size Nodes per axis.
   * @return {Float32Array[]} Of red, green and blue.
   */
  function axesOf(label, size) {
    const {domain: [low, high], curve} = label;
    return [0, 1, 2].map(c => Float32Array.from({length: size}, (_, i) => {
      const value = Math.fround(i / (size - 1));
      const inside = Math.min(Math.max(value, low[c]), high[c]);
      const at = (inside - low[c]) / (high[c] - low[c]);
      if (!curve) return at;
      const seen = curved(curve, curve.channels[c % curve.channels.length], at);
      return Math.min(Math.max(seen, 0), 1);
    }));
  }

  /** Returns a channel of a curve at a place from 0 to 1. */
  function curved(curve, knots, at) {
    const place = at * (curve.samples - 1);
    let low = 0;
    let high = knots.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (knots[middle][0] <= place) low = middle;
      else high = middle;
    }
    const [[before, from], [after, to]] = [knots[low], knots[high]];
    const share = (place - before) / (after - before);
    return (from + share * (to - from)) / 2 ** curve.bits;
  }

  lutjax.labels = {axesOf, fromHeader, kindOf, mixes, plain};
})();
