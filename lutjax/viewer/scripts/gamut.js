// Wide-gamut colours from sRGB files that carry a payload (Python:
// `gamut_mlp.decoding`, `gamut_mlp.recovery`).
(() => {
  'use strict';

  // Linear sRGB to linear ProPhoto, and back.
  const TO_PROPHOTO = [
    0.5287130094721658, 0.33398352462059616, 0.13730346590723808,
    0.09759058568883121, 0.8789938624935265, 0.023415551817642027,
    0.016383720436966672, 0.10657858876885198, 0.8770376907941814,
  ];
  const TO_SRGB = inverse(TO_PROPHOTO);
  const DECODED = Float32Array.from({length: 256}, (_, code) => {
    const x = code / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  });
  // How far a clipped channel may stay inside its bound.
  const INSIDE_LOW = 0.25 / 255 / 12.92;
  const INSIDE_HIGH = 1 - ((254.75 / 255 + 0.055) / 1.055) ** 2.4;
  const LOW_KNEE = 0.05;
  const HIGH_KNEE = 0.9;

  /**
   * @typedef {Object} Recoverable
   * @property {string} codec Its name.
   * @property {string} mode
   * @property {number} bytes Of the payload.
   * @property {number} width Of the picture that it was made for.
   * @property {number} height
   * @property {function(Uint8ClampedArray, number, number): ?string} problem Why the
   *     payload does not fit RGBA pixels of a width and height, in one line; null where
   *     it does.
   * @property {function(Uint8ClampedArray): Float32Array} recover Of RGBA pixels, that
   *     fit: linear ProPhoto in [0, 1], `[H, W, 3]`.
   */

  /**
   * Reads the payload of an image file.
   * @param {Uint8Array} file A PNG, JPEG or WebP file.
   * @return {Promise<?Recoverable>} Null where it carries none; rejects with an `Error`
   *     of one clear line where that is damaged.
   */
  async function read(file) {
    const payload = await lutjax.payload.find(file);
    if (!payload) return null;
    const codec = lutjax.gamutCodecs.unpack(payload);
    const {width, height, bytes} = payload;
    const residual = codec.picture && await pictureOf(codec.picture, width, height);
    return {
      codec: codec.name,
      mode: codec.mode,
      bytes,
      width,
      height,
      problem: (pixels, wide, high) => problemOf(payload, pixels, wide, high),
      recover: pixels => recover(codec, residual, pixels, width, height),
    };
  }

  function problemOf({width, height, pixelCheck}, pixels, wide, high) {
    if (wide !== width || high !== height) {
      return `found ${wide} x ${high} pixels, expected ${width} x ${height}: the ` +
        'file was resized or cropped after it got its payload';
    }
    const rgb = new Uint8Array(wide * high * 3);
    for (let i = 0; i < rgb.length; i++) rgb[i] = pixels[Math.floor(i / 3) * 4 + i % 3];
    if (lutjax.bytes.crc32(rgb) === pixelCheck) return null;
    return 'found other pixels than those the payload was made for: the file was ' +
      'edited or encoded again';
  }

  function inverse([a, b, c, d, e, f, g, h, i]) {
    const minors = [
      e * i - f * h, c * h - b * i, b * f - c * e,
      f * g - d * i, a * i - c * g, c * d - a * f,
      d * h - e * g, b * g - a * h, a * e - b * d,
    ];
    const determinant = a * minors[0] + b * minors[3] + c * minors[6];
    return minors.map(minor => minor / determinant);
  }

  const times = (matrix, [r, g, b]) => [0, 3, 6].map(
    row => matrix[row] * r + matrix[row + 1] * g + matrix[row + 2] * b);

  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

  const isClipped = code => code === 0 || code === 255;

  /** Recovers a whole picture. @return {Float32Array} `[H, W, 3]`. */
  function recover(codec, residual, pixels, width, height) {
    const result = new Float32Array(width * height * 3);
    const picked = [];
    const every = codec.mode === 'plain' && codec.network;
    for (let at = 0; at < width * height; at++) {
      const codes = pixels.subarray(at * 4, at * 4 + 3);
      const decoded = Array.from(codes, code => DECODED[code]);
      const linear = codec.bounds ? soft(decoded, codec.bounds) : decoded;
      const found = times(TO_PROPHOTO, linear);
      const unbounded = codec.bounds && codec.mode === 'plain';
      result.set(
        codec.bounds && !unbounded ? found.map(x => clamp(x, 0, 1)) : found, at * 3);
      if (every || codes.some(isClipped)) picked.push(at);
    }
    if (codec.name === 'clip' || codec.bounds) return result;
    const predict = predictor(codec, pixels, width, height);
    const {CHUNK} = lutjax.dense;
    for (let start = 0; start < picked.length; start += CHUNK) {
      const some = picked.slice(start, start + CHUNK);
      const {colours, excess} = predict(some, result);
      some.forEach((at, m) => {
        const codes = pixels.subarray(at * 4, at * 4 + 3);
        let recovered = colours && colours[m].map(x => clamp(x || 0, 0, 1));
        if (!recovered) {
          const own = residual ? residual(at, codes, excess[m]) : excess[m];
          recovered = within(codes, own, codec.threshold);
        }
        result.set(recovered, at * 3);
      });
    }
    return result;
  }

  /** Inverts the soft clip of a linear colour. */
  function soft(linear, [low, high]) {
    const dark = linear.every(x => x <= LOW_KNEE);
    const bright = linear.every(x => x >= HIGH_KNEE);
    return linear.map(x => {
      if (x <= LOW_KNEE && !dark) return low + x * (LOW_KNEE - low) / LOW_KNEE;
      if (x < HIGH_KNEE || bright) return x;
      return high - (1 - x) * (high - HIGH_KNEE) / (1 - HIGH_KNEE);
    });
  }

  /**
   * Returns what predicts chunks of pixels.
   * @return {function(number[], Float32Array): {colours: ?number[][], excess:
   *     number[][]}} Of flat pixel numbers, and colours as clipped: linear ProPhoto,
   *     which stands as it is; or the excess in linear sRGB.
   */
  function predictor(codec, pixels, width, height) {
    const {CHUNK} = lutjax.dense;
    const {waves, network, mode} = codec;
    const inputs = new Float64Array(8 * CHUNK);
    const runWaves = waves && wavesRun(waves);
    const runNetwork = network && networkRun(network);
    const alone = network && (mode === 'gate' || mode === 'plain');
    return (some, clip) => {
      enter(some, clip, pixels, width, height, inputs);
      const excess = some.map(() => [0, 0, 0]);
      if (waves && !alone) {
        const found = runWaves(inputs);
        excess.forEach((sum, m) => sum.forEach((_, c) => {
          sum[c] += found[c * CHUNK + m];
        }));
      }
      if (!network) return {colours: null, excess};
      const found = runNetwork(inputs);
      const rows = some.map((at, m) => [0, 1, 2].map(c => {
        const value = found[c * CHUNK + m];
        if (network.solved) return value;
        return network.residual ? clip[at * 3 + c] + 0.5 * value : 0.5 * (value + 1);
      }));
      if (alone) return {colours: rows, excess};
      rows.forEach((row, m) => {
        const codes = pixels.subarray(some[m] * 4, some[m] * 4 + 3);
        const linear = network.solved ? row :
          times(TO_SRGB, row).map((x, c) => x - DECODED[codes[c]]);
        linear.forEach((x, c) => {
          if (network.solved || isClipped(codes[c])) excess[m][c] += x;
        });
      });
      return {colours: null, excess};
    };
  }

  /** Sets place, clip-expanded colour and surroundings of pixels, in [-1, 1]. */
  function enter(some, clip, pixels, width, height, inputs) {
    const {CHUNK} = lutjax.dense;
    some.forEach((at, m) => {
      const [y, x] = [Math.floor(at / width), at % width];
      inputs[m] = Math.fround(y * (2 / Math.max(height - 1, 1)) - 1);
      inputs[CHUNK + m] = Math.fround(x * (2 / Math.max(width - 1, 1)) - 1);
      for (let c = 0; c < 3; c++) {
        inputs[(2 + c) * CHUNK + m] = Math.fround(2 * clip[at * 3 + c] - 1);
        let around = 0;
        for (let down = -1; down <= 1; down++) {
          for (let right = -1; right <= 1; right++) {
            const row = clamp(y + down, 0, height - 1);
            const code = pixels[(row * width + clamp(x + right, 0, width - 1)) * 4 + c];
            around += code === 255 ? 1 : code === 0 ? -1 : 0;
          }
        }
        inputs[(5 + c) * CHUNK + m] = Math.fround(around / 9);
      }
    });
  }

  /** Returns what evaluates seeded waves, `[8, CHUNK]` to `[3, CHUNK]`. */
  function wavesRun({drawn, layer}) {
    const {CHUNK, apply} = lutjax.dense;
    const count = drawn.phase.length;
    const seen = new Float64Array(layer.inputs * CHUNK).fill(1);
    const result = new Float64Array(3 * CHUNK);
    return inputs => {
      lutjax.waves.seeded(drawn, inputs, seen);
      seen.set(inputs, count * CHUNK);
      apply(layer, seen, result);
      return result;
    };
  }

  /** Returns what runs a network, `[8, CHUNK]` to `[3, CHUNK]`, as it comes out. */
  function networkRun({columns, octaves, sine, solved, layers, entering}) {
    const {CHUNK, activate, apply} = lutjax.dense;
    const encoded = new Float64Array(entering * CHUNK);
    const hidden = layers.slice(0, -1);
    const values = hidden.map(layer => new Float64Array(layer.outputs * CHUNK));
    const last = layers[layers.length - 1];
    const seen = solved && new Float64Array(last.inputs * CHUNK);
    const result = new Float64Array(3 * CHUNK);

    function encode(inputs) {
      let at = 0;
      for (const [first, end] of [[columns[0], Math.min(columns[1], 2)],
        [Math.max(columns[0], 2), columns[1]]]) {
        if (first >= end) continue;
        const part = inputs.subarray(first * CHUNK, end * CHUNK);
        const count = octaves[first];
        if (count) {
          lutjax.waves.frequency(count, part, end - first, encoded.subarray(at));
          at += 2 * count * part.length;
        }
        if (!count || solved) {
          encoded.set(part, at);
          at += part.length;
        }
      }
      if (solved) encoded.set(inputs.subarray(5 * CHUNK), at);
    }

    return inputs => {
      encode(inputs);
      let entered = encoded;
      hidden.forEach((layer, i) => {
        apply(layer, entered, values[i]);
        if (sine) for (let n = 0; n < values[i].length; n++) values[i][n] *= 30;
        activate(sine ? 'sine' : 'relu', values[i], values[i].length);
        entered = values[i];
      });
      if (solved) {
        seen.set(entered);
        seen.set(encoded, entered.length);
        entered = seen;
      }
      apply(last, entered, result);
      return result;
    };
  }

  /** Combines codes and an excess to a colour that agrees with both bounds. */
  function within(codes, excess, threshold) {
    const size = excess.reduce(
      (most, x, c) => (isClipped(codes[c]) ? Math.max(most, Math.abs(x)) : most), 0);
    const outwards = excess.map((x, c) => {
      const kept = Number.isNaN(x) || size < threshold ? 0 : x;
      if (codes[c] === 0) return clamp(kept, -4, INSIDE_LOW);
      return codes[c] === 255 ? clamp(kept, -INSIDE_HIGH, 4) : 0;
    });
    const clip = times(TO_PROPHOTO, Array.from(codes, code => DECODED[code]));
    const move = times(TO_PROPHOTO, outwards);
    const share = move.reduce((least, step, c) => {
      const room = step > 0 ? 1 - clip[c] : clip[c];
      return Math.abs(step) > room ? Math.min(least, room / Math.abs(step)) : least;
    }, 1);
    return clip.map((x, c) => clamp(x + Math.max(share, 0) * move[c], 0, 1));
  }

  /**
   * Decodes a residual picture.
   * @return {Promise<function(number, Uint8ClampedArray, number[]): number[]>} Adds it
   *     to the excess of a pixel.
   */
  async function pictureOf(picture, width, height) {
    const {kind, scale, planes, low, high, coded} = picture;
    const bitmap = await createImageBitmap(
      new Blob([coded], {type: kind}), {colorSpaceConversion: 'none'}).catch(() => {
      throw new Error('payload: found a residual picture that does not decode');
    });
    const wide = Math.ceil(width / scale);
    const tall = Math.ceil(height / scale);
    if (bitmap.width !== wide || bitmap.height !== tall) {
      throw new Error(
        `payload: found a residual picture of ${bitmap.width} x ${bitmap.height} ` +
        `pixels, expected ${wide} x ${tall}`);
    }
    const context = new OffscreenCanvas(wide, tall).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const {data} = context.getImageData(0, 0, wide, tall);
    const step = (high - low) / 255;
    const plane = (at, c) => {
      const [r, g, b] = data.subarray(at * 4, at * 4 + 3);
      const grey = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
      return low + step * (planes === 1 ? grey : data[at * 4 + c]);
    };
    const columns = Array.from({length: width}, (_, x) => taps(x, scale, wide));
    const rows = Array.from({length: height}, (_, y) => taps(y, scale, tall));
    const enlarged = (at, c) => {
      let sum = 0;
      for (const [row, down] of rows[Math.floor(at / width)]) {
        for (const [column, right] of columns[at % width]) {
          sum += down * right * plane(row * wide + column, c);
        }
      }
      return sum;
    };
    return (at, codes, excess) => {
      if (planes === 3) return excess.map((x, c) => x + enlarged(at, c));
      // The clipped channel that is predicted to move most.
      const sizes = excess.map((x, c) => (isClipped(codes[c]) ? Math.abs(x) : -1));
      const strongest = sizes.indexOf(Math.max(...sizes));
      return excess.map((x, c) => (c === strongest ? x + enlarged(at, 0) : x));
    };
  }

  /** Returns places and shares of cubic convolution, those at the edge scaled up. */
  function taps(at, scale, size) {
    const centre = (at + 0.5) / scale;
    const first = Math.max(Math.trunc(centre - 1.5), 0);
    const end = Math.min(Math.trunc(centre + 2.5), size);
    const found = [];
    let total = 0;
    for (let i = first; i < end; i++) {
      const far = Math.abs(i - centre + 0.5);
      const share = far < 1 ? (1.5 * far - 2.5) * far * far + 1 :
        far < 2 ? ((-0.5 * far + 2.5) * far - 4) * far + 2 : 0;
      found.push([i, share]);
      total += share;
    }
    return found.map(([i, share]) => [i, share / total]);
  }

  lutjax.gamut = {read};
})();
