// Pixels through a look without a graphics card: for the plain canvas, for
// thumbnails, and for pictures that are stored.
(() => {
  'use strict';

  /** What the overlay paints over colours at or past the ends of the range. */
  const MARKS = {
    above: [255, 69, 58], below: [64, 116, 255], white: [255, 190, 183],
    black: [172, 198, 255],
  };
  /** How far a value may pass an end by rounding. */
  const SLACK = 0.0005;

  /**
   * Puts pixels through a look, tetrahedrally. Alpha stays.
   * @param {Uint8ClampedArray} pixels RGBA, replaced
   * @param {Float32Array} table a lattice
   * @param {number} size its nodes per axis
   * @param {number} strength 0 keeps the pixels, 1 gives the look
   */
  function grade(pixels, table, size, strength) {
    const scale = (size - 1) / 255, most = size - 2, s = 255 * strength;
    const keep = 1 - strength;
    const red = 3 * size * size, green = 3 * size, blue = 3;
    for (let i = 0; i < pixels.length; i += 4) {
      const r = pixels[i] * scale, g = pixels[i + 1] * scale, b = pixels[i + 2] * scale;
      const lowR = Math.min(r | 0, most), lowG = Math.min(g | 0, most);
      const lowB = Math.min(b | 0, most);
      const fr = r - lowR, fg = g - lowG, fb = b - lowB;
      const base = lowR * red + lowG * green + lowB * blue;
      const end = base + red + green + blue;
      let near, far, high, middle, low;
      if (fr >= fg) {
        if (fg >= fb) {
          near = base + red, far = end - blue, high = fr, middle = fg, low = fb;
        } else if (fr >= fb) {
          near = base + red, far = end - green, high = fr, middle = fb, low = fg;
        } else {
          near = base + blue, far = end - green, high = fb, middle = fr, low = fg;
        }
      } else if (fr >= fb) {
        near = base + green, far = end - blue, high = fg, middle = fr, low = fb;
      } else if (fg >= fb) {
        near = base + green, far = end - red, high = fg, middle = fb, low = fr;
      } else {
        near = base + blue, far = end - red, high = fb, middle = fg, low = fr;
      }
      const w0 = 1 - high, w1 = high - middle, w2 = middle - low;
      for (let c = 0; c < 3; c++) {
        const value = w0 * table[base + c] + w1 * table[near + c] +
            w2 * table[far + c] + low * table[end + c];
        pixels[i + c] = keep * pixels[i + c] + s * value;
      }
    }
  }

  /**
   * Says where a graded colour is at or past the ends of the range.
   * @param {number[]} before of shape [3], 0 to 1
   * @param {number[]} after of shape [3]
   * @return {?string} a key of `MARKS`
   */
  function markOf(before, after) {
    const high = Math.max(...after), low = Math.min(...after);
    if (high > 1 + SLACK) return 'above';
    if (low < -SLACK) return 'below';
    if (high >= 1 - SLACK && Math.max(...before) < 1) return 'white';
    if (low <= SLACK && Math.min(...before) > 0) return 'black';
    return null;
  }

  /**
   * Paints pixels as a way of viewing shows them, but for `before` and `after`.
   * @param {Uint8ClampedArray} pixels RGBA, replaced
   * @param {Float32Array} table a lattice
   * @param {number} strength
   * @param {{mode: string, trilinear: boolean}} view
   */
  function analyse(pixels, table, strength, view) {
    const size = lutjax.lattice.sizeOf(table);
    const read = view.trilinear ? lutjax.lattice.trilinear : lutjax.lattice.tetrahedral;
    const {toLab, difference, scaleColour} = lutjax.colour;
    const before = [0, 0, 0], after = [0, 0, 0];
    for (let i = 0; i < pixels.length; i += 4) {
      for (let c = 0; c < 3; c++) before[c] = pixels[i + c] / 255;
      read(table, size, before, after);
      for (let c = 0; c < 3; c++) {
        after[c] = before[c] + strength * (after[c] - before[c]);
      }
      let shown = after;
      if (view.mode === 'difference') {
        const seen = after.map((value) => Math.min(Math.max(value, 0), 1));
        shown = scaleColour(difference(toLab(before), toLab(seen)));
      } else if (view.mode === 'clipping') {
        const mark = markOf(before, after);
        const grey = 0.5 * (0.2126 * after[0] + 0.7152 * after[1] + 0.0722 * after[2]);
        shown = mark ? MARKS[mark].map((value) => value / 255) : [grey, grey, grey];
      }
      for (let c = 0; c < 3; c++) pixels[i + c] = 255 * shown[c];
    }
  }

  /**
   * Puts pixels through a look as a way of viewing shows them.
   * @param {Uint8ClampedArray} pixels RGBA, replaced
   * @param {Float32Array} table a lattice
   * @param {number} strength
   * @param {{mode: string, trilinear: boolean}} view
   */
  function shade(pixels, table, strength, view) {
    if (view.mode === 'before') return;
    if (view.mode === 'after' && !view.trilinear) {
      grade(pixels, table, lutjax.lattice.sizeOf(table), strength);
    } else {
      analyse(pixels, table, strength, view);
    }
  }

  lutjax.shading = {grade, shade, markOf, MARKS, SLACK};
})();
