// Wide-gamut colours of a photo that carries a payload, as the page shows them.
(() => {
  'use strict';

  /** Linear ProPhoto to linear Display P3 and to linear sRGB, white to white. */
  const TO_P3 = [
    1.6351004887965077, -0.3895190702254089, -0.2455814185710999,
    -0.1507476622082213, 1.1580661404079031, -0.0073184781996808,
    0.0087885188064889, -0.0468397012475523, 1.0380511824410632,
  ];
  const TO_SRGB = [
    2.0368094866938242, -0.7376331603144537, -0.2991763263793716,
    -0.2258549970134076, 1.2231528615208913, 0.0027021354925171,
    -0.0106029768878579, -0.134859347080909, 1.1454623239687665,
  ];
  /** How far a channel may pass an end by rounding, and the colour of what is past. */
  const SLACK = 0.001, OUTSIDE = [255, 64, 255];

  /** How a picture may be stored: by columns, right to left, bottom to top. */
  const WAYS = [0, 1, 2, 3, 4, 5, 6, 7].map((way) => [way & 4, way & 2, way & 1]);

  const times = (matrix, r, g, b, row) =>
    matrix[row] * r + matrix[row + 1] * g + matrix[row + 2] * b;

  function encode(linear) {
    const value = Math.min(Math.max(linear, 0), 1);
    return value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
  }

  /**
   * A photo's wide colours: `layers` are canvases of its size, by ways of viewing.
   * @typedef {{bytes: number, share: number, layers: Object<string, HTMLCanvasElement>,
   *     at: function(number, number): number[]}} Wide
   */

  /**
   * Recovers the wide colours of a file.
   * @param {Blob} blob
   * @param {string} name
   * @return {Promise<?Wide>} null where it has no payload
   */
  async function find(blob, name) {
    const found = await lutjax.gamut.read(new Uint8Array(await blob.arrayBuffer()));
    if (!found) return null;
    // The values as they are stored, whatever profile is beside them.
    const bitmap = await createImageBitmap(
        blob, {colorSpaceConversion: 'none', imageOrientation: 'from-image'});
    const {width, height} = bitmap;
    const context = contextOf(width, height, 'srgb');
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const pixels = context.getImageData(0, 0, width, height);
    const colours = recovered(found, pixels);
    if (colours.problem) throw new Error(`${name}: ${colours.problem}`);
    return {
      bytes: found.bytes, ...layersOf(colours, width, height),
      at: (x, y) => [...colours.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)],
    };
  }

  /**
   * Returns the colours of a picture, or why there are none. Browsers turn a picture
   * upright, some of them always; the check of its pixels says how it is stored.
   */
  function recovered(found, {data, width, height}) {
    let problem = null;
    for (const [swapped, acrossFlipped, downFlipped] of WAYS) {
      const wide = swapped ? height : width, high = swapped ? width : height;
      const places = new Uint32Array(width * height);
      const stored = new Uint8ClampedArray(data.length);
      for (let at = 0; at < places.length; at++) {
        const x = at % width, y = (at - x) / width;
        const across = swapped ? y : x, down = swapped ? x : y;
        const column = acrossFlipped ? wide - 1 - across : across;
        const row = downFlipped ? high - 1 - down : down;
        places[at] = row * wide + column;
        for (let c = 0; c < 4; c++) stored[4 * places[at] + c] = data[4 * at + c];
      }
      const other = found.problem(stored, wide, high);
      problem ??= other;
      if (other) continue;
      const colours = found.recover(stored);
      const upright = new Float32Array(colours.length);
      for (let at = 0; at < places.length; at++) {
        for (let c = 0; c < 3; c++) upright[3 * at + c] = colours[3 * places[at] + c];
      }
      return upright;
    }
    return {problem};
  }

  function contextOf(width, height, colorSpace) {
    const canvas = document.createElement('canvas');
    canvas.width = width, canvas.height = height;
    return canvas.getContext('2d', {colorSpace, willReadFrequently: true});
  }

  /** Returns the pictures of linear ProPhoto colours, and how many are beyond sRGB. */
  function layersOf(colours, width, height) {
    const wide = contextOf(width, height, 'display-p3');
    const outside = contextOf(width, height, 'srgb');
    const inP3 = wide.createImageData(width, height);
    const marked = outside.createImageData(width, height);
    let beyond = 0;
    for (let at = 0; at < width * height; at++) {
      const [r, g, b] = colours.subarray(3 * at, 3 * at + 3);
      let past = false, light = 0;
      for (let c = 0; c < 3; c++) {
        inP3.data[4 * at + c] = 255 * encode(times(TO_P3, r, g, b, 3 * c));
        const srgb = times(TO_SRGB, r, g, b, 3 * c);
        past ||= srgb < -SLACK || srgb > 1 + SLACK;
        light += srgb / 3;
      }
      beyond += past;
      const grey = 127 * encode(light);
      for (let c = 0; c < 3; c++) marked.data[4 * at + c] = past ? OUTSIDE[c] : grey;
      inP3.data[4 * at + 3] = marked.data[4 * at + 3] = 255;
    }
    wide.putImageData(inP3, 0, 0);
    outside.putImageData(marked, 0, 0);
    return {
      share: beyond / (width * height),
      layers: {wide: wide.canvas, outside: outside.canvas},
    };
  }

  lutjax.wide = {find, OUTSIDE};
})();
