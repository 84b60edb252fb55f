// The codecs of a GamutMLP payload (Python: `gamut_mlp.codecs`, `seeded`, `network`,
// `residual_picture`).
(() => {
  'use strict';

  const NAMES = ['clip', 'mlp', 'seeded', 'picture', 'mixed', 'soft', 'sampled'];
  const MODES = ['project', 'gate', 'plain'];
  const SEEDED = 1;
  const NETWORK = 2;
  const PICTURE = 4;
  const FURTHEST = 16;
  const PRECISIONS = ['fp32', 'bf16', 'int8', 'int6', 'int5', 'int4'];
  const COLUMNS = [[0, 2], [2, 5], [0, 5]];
  const KINDS = ['image/avif', 'image/webp'];
  // The inputs of seeded waves, and a constant.
  const LINEAR = 9;

  /**
   * @typedef {Object} Codec
   * @property {string} name
   * @property {string} mode `project`, `gate` or `plain`.
   * @property {number} threshold Smaller predictions count as none.
   * @property {?{drawn: Waves, layer: Layer}} waves
   * @property {?Object} network `{columns, octaves, sine, residual, solved, layers}`.
   * @property {?Object} picture `{kind, scale, planes, low, high, coded}`.
   * @property {?number[]} bounds Of a soft clip.
   */

  function refuse(what) {
    throw new Error(`payload: found ${what}, expected what this version writes`);
  }

  /**
   * Reads the body of a payload.
   * @param {Payload} payload
   * @return {Codec}
   */
  function unpack({codec, seed, body}) {
    const name = NAMES[codec] ?? refuse(`codec ${codec}`);
    const model = {
      name, mode: 'project', threshold: 0, waves: null, network: null, picture: null,
      bounds: null,
    };
    const reader = new lutjax.bytes.Reader(body);
    if (name === 'clip') return model;
    if (name === 'sampled') {
      throw new Error('payload: found sampled colours, which a page does not recover');
    }
    if (name === 'soft') return softFrom(model, reader);
    const mask = reader.byte();
    const mode = MODES[reader.byte()];
    const threshold = half(reader);
    const blind = mode === 'plain' && !(mask & NETWORK);
    if (mask >= 8 || !mode || !(threshold >= 0) || blind) refuse(`parts ${mask}`);
    Object.assign(model, {mode, threshold});
    if (mask & SEEDED) model.waves = wavesFrom(reader, seed);
    if (mask & NETWORK) model.network = networkFrom(reader);
    if (model.network?.solved && mode !== 'project') refuse('a solved network');
    if (mask & PICTURE) model.picture = pictureFrom(reader);
    if (reader.left) refuse(`${reader.left} bytes too many`);
    return model;
  }

  function half(reader) {
    return lutjax.tensors.half(reader.view(2).getUint16(0, true));
  }

  function softFrom(model, reader) {
    if (reader.left !== 9) refuse(`a soft clip of ${reader.left} bytes`);
    const [low, high] = [0, 1].map(() => reader.view(4).getFloat32(0, true));
    const mode = MODES[reader.byte()];
    const fits = low >= -FURTHEST && low <= 0 && high >= 1 && high <= FURTHEST;
    if (!fits || !mode) refuse(`a soft clip from ${low} to ${high}`);
    return {...model, mode, bounds: [low, high]};
  }

  function wavesFrom(reader, seed) {
    const count = reader.view(2).getUint16(0, true);
    const spreads = [0, 1, 2].map(() => reader.byte() / 8);
    const channels = reader.byte();
    if (count < 1 || count > 4096 || spreads.some(spread => !(spread > 0))) {
      refuse(`${count} waves`);
    }
    const used = [0, 1, 2].filter(c => channels >> c & 1);
    const scales = used.map(() => half(reader));
    lutjax.looks.checkFinite(scales);
    const coded = reader.take(reader.view(2).getUint16(0, true));
    const rows = count + LINEAR;
    const units = lutjax.entropy.decode(
      coded, rows, used.length, lutjax.entropy.byLane, Math.max(used.length, 1));
    const weight = new Float32Array(rows * 3);
    units.forEach((unit, i) => {
      const c = i % used.length;
      weight[Math.floor(i / used.length) * 3 + used[c]] = unit * scales[c];
    });
    const [space, colour, around] = spreads;
    const spread = [space, space, colour, colour, colour, around, around, around];
    return {
      drawn: lutjax.waves.draw(seed, count, spread),
      layer: lutjax.dense.layerOf(rows, 3, weight),
    };
  }

  function networkFrom(reader) {
    const width = reader.view(2).getUint16(0, true);
    const [depth, inputs, octaves] = [0, 1, 2].map(() => reader.byte());
    const colour = reader.view(1).getInt8(0);
    const [activation, kind, flags] = [0, 1, 2].map(() => reader.byte());
    const columns = COLUMNS[inputs];
    const precision = PRECISIONS[kind];
    const fits = width >= 1 && width <= 512 && depth >= 1 && depth <= 8 && columns &&
      octaves <= 24 && colour >= -1 && colour <= 24 && activation <= 1 && precision &&
      flags < 8 && !(flags & 4 && activation);
    if (!fits) refuse(`a network of ${depth} layers of ${width}`);
    const [biased, residual, solved] = [1, 2, 4].map(flag => Boolean(flags & flag));
    const each = [octaves, octaves, ...Array(3).fill(colour < 0 ? octaves : colour)];
    const entering = each.slice(...columns).reduce(
      (sum, k) => sum + (solved ? 1 + 2 * k : Math.max(1, 2 * k)), solved ? 3 : 0);
    const sizes = [entering, ...Array(depth).fill(width), 3];
    const layers = sizes.slice(1).map((outputs, i) => {
      const wide = solved && i === depth ? entering : 0;
      return layerFrom(
        reader, sizes[i] + wide, outputs, precision, biased || solved || i === 0);
    });
    return {
      columns, entering, layers, residual, solved,
      octaves: each,
      sine: activation === 1,
    };
  }

  function layerFrom(reader, inputs, outputs, precision, hasBias) {
    const count = inputs * outputs;
    const float = () => reader.view(4).getFloat32(0, true);
    let weight;
    if (precision === 'fp32') {
      weight = Float32Array.from({length: count}, float);
    } else if (precision === 'bf16') {
      weight = Float32Array.from(
        {length: count}, () => lutjax.tensors.brain(reader.view(2).getUint16(0, true)));
    } else {
      const scales = Array.from({length: outputs}, () => half(reader));
      const coded = reader.take(reader.view(4).getUint32(0, true));
      const units = lutjax.entropy.decode(
        coded, inputs, outputs, lutjax.entropy.byLane, outputs);
      weight = Float32Array.from(units, (unit, i) => unit * scales[i % outputs]);
    }
    const bias = hasBias ? Float32Array.from(
      {length: outputs}, () => (precision === 'fp32' ? float() : half(reader))) : null;
    lutjax.looks.checkFinite(weight);
    if (bias) lutjax.looks.checkFinite(bias);
    return lutjax.dense.layerOf(inputs, outputs, weight, bias);
  }

  function pictureFrom(reader) {
    const [kind, scale, planes, spare] = [0, 1, 2, 3].map(() => reader.byte());
    const [low, high] = [0, 1].map(() => reader.view(4).getFloat32(0, true));
    const fits = kind < KINDS.length && scale && (planes === 1 || planes === 3) &&
      !spare && Number.isFinite(low) && Number.isFinite(high);
    if (!fits) refuse('a residual picture of another kind');
    const coded = reader.take(reader.left);
    return {kind: KINDS[kind], scale, planes, low, high, coded};
  }

  lutjax.gamutCodecs = {unpack};
})();
