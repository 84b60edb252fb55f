// Colours and their differences, as `lutjax/color` has them.
//
// Lab and XYZ are those of sRGB under D65; all numbers are plain floats.
(() => {
  'use strict';

  const TO_XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
  ];
  const WHITE = [0.95047, 1.0, 1.08883];
  /** Where the cube root of Lab meets its tangent. */
  const BEND = 6 / 29;
  const RADIANS = Math.PI / 180;

  /**
   * Decodes one channel of sRGB; the curve is odd, so that negatives pass.
   * @param {number} value
   * @return {number}
   */
  function decode(value) {
    const size = Math.abs(value);
    const linear =
        size <= 0.04045 ? size / 12.92 : Math.pow((size + 0.055) / 1.055, 2.4);
    return Math.sign(value) * linear;
  }

  /**
   * Returns the XYZ of an sRGB colour.
   * @param {ArrayLike<number>} rgb of shape [3]
   * @return {number[]} of shape [3]
   */
  function toXyz(rgb) {
    const linear = [decode(rgb[0]), decode(rgb[1]), decode(rgb[2])];
    return TO_XYZ.map(
        (row) => row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]);
  }

  /**
   * Returns the Lab of an sRGB colour.
   * @param {ArrayLike<number>} rgb of shape [3]
   * @return {number[]} L, a, b
   */
  function toLab(rgb) {
    const [x, y, z] = toXyz(rgb).map((value, i) => {
      const share = value / WHITE[i];
      return share > BEND ** 3 ? Math.cbrt(share) : share / (3 * BEND * BEND) + 4 / 29;
    });
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  }

  /**
   * Returns the chromaticity of an sRGB colour, or null of black.
   * @param {ArrayLike<number>} rgb of shape [3]
   * @return {?number[]} x, y
   */
  function toXy(rgb) {
    const xyz = toXyz(rgb);
    const total = xyz[0] + xyz[1] + xyz[2];
    return total > 1e-3 ? [xyz[0] / total, xyz[1] / total] : null;
  }

  /**
   * Returns the CIEDE2000 of two Lab colours (ISO/CIE 11664-6), with unit weights.
   * @param {number[]} lab1
   * @param {number[]} lab2
   * @return {number}
   */
  function difference(lab1, lab2) {
    const [l1, a1, b1] = lab1;
    const [l2, a2, b2] = lab2;
    const share = (chroma) => {
      const seventh = Math.pow(chroma / 25, 7);
      return Math.sqrt(seventh / (seventh + 1));
    };
    const stretch = 1.5 - 0.5 * share((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2);
    const x1 = stretch * a1, x2 = stretch * a2;
    const c1 = Math.hypot(x1, b1), c2 = Math.hypot(x2, b2);
    const chroma = (c1 + c2) / 2;
    const angle = (x, y, c) => c === 0 ? 0 : (Math.atan2(y, x) / RADIANS + 360) % 360;
    const h1 = angle(x1, b1, c1), h2 = angle(x2, b2, c2);
    let turn = 0, hue = h1 + h2;
    if (c1 * c2 !== 0) {
      turn = h2 - h1;
      if (turn > 180) turn -= 360;
      if (turn < -180) turn += 360;
      const sum = h1 + h2;
      const far = Math.abs(h1 - h2) > 180;
      hue = (far ? (sum < 360 ? sum + 360 : sum - 360) : sum) / 2;
    }
    const cosine = (times, shift) => Math.cos((times * hue + shift) * RADIANS);
    const weight = 1 - 0.17 * cosine(1, -30) + 0.24 * cosine(2, 0) +
        0.32 * cosine(3, 6) - 0.20 * cosine(4, -63);
    const above = ((l1 + l2) / 2 - 50) ** 2;
    const dl = (l2 - l1) / (1 + 0.015 * above / Math.sqrt(20 + above));
    const dc = (c2 - c1) / (1 + 0.045 * chroma);
    const dh = 2 * Math.sqrt(c1 * c2) * Math.sin(turn / 2 * RADIANS) /
        (1 + 0.015 * chroma * weight);
    const bump = Math.exp(-(((hue - 275) / 25) ** 2));
    const rotation = -2 * share(chroma) * Math.sin(60 * RADIANS * bump);
    return Math.sqrt(Math.max(dl * dl + dc * dc + dh * dh + rotation * dc * dh, 0));
  }

  /** The largest CIEDE2000 of the scale of differences. */
  const LIMIT = 40;

  /**
   * The colours of the scale at even steps of the square root of a difference, in the
   * order of the error maps of the reports (inferno); looks differ more than errors.
   */
  const SCALE = [
    [0, 0, 3], [10, 7, 35], [32, 12, 74], [60, 9, 101],
    [87, 15, 109], [112, 25, 110], [137, 34, 105], [163, 43, 97],
    [187, 55, 84], [209, 70, 67], [228, 90, 49], [241, 114, 29],
    [249, 142, 8], [251, 172, 16], [248, 203, 52], [241, 233, 104],
    [252, 254, 164],
  ];

  /**
   * Returns the colour that stands for a difference.
   * @param {number} value CIEDE2000
   * @return {number[]} of shape [3], 0 to 1
   */
  function scaleColour(value) {
    const at = Math.sqrt(Math.min(Math.max(value / LIMIT, 0), 1)) * (SCALE.length - 1);
    const low = Math.min(Math.floor(at), SCALE.length - 2);
    const [from, to] = [SCALE[low], SCALE[low + 1]];
    return from.map((value, i) => (value + (at - low) * (to[i] - value)) / 255);
  }

  lutjax.colour = {toXyz, toLab, toXy, difference, scaleColour, LIMIT, SCALE};
})();
