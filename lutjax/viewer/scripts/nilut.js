// NILUT: looks as a small network (Python: `systems.nilut`).
(() => {
  'use strict';

  const CODES = {r: 'relu', t: 'tanh', s: 'silu', g: 'gelu', w: 'sine'};
  const STYLES = ['one', 'heads', 'inputs'];
  const SEED = 2306;
  const MAX_FEATURES = 4096;

  /**
   * Makes the decoder of an artefact.
   * @param {Artefact} artefact
   * @return {Decoder}
   */
  function decoder({header, tensors}) {
    const check = (fits, what) => lutjax.looks.check(fits, 'nilut', what);
    const labels = lutjax.labels.fromHeader(header.looks);
    const {activations, styles, precision} = header;
    check(typeof activations === 'string', 'no activations');
    const names = [...activations].map(code => CODES[code]);
    check(names.length && names.every(Boolean), `activations ${activations}`);
    check(STYLES.includes(styles), 'no styles');
    check(styles !== 'one' || labels.length === 1, 'several looks of one style');
    const encoding = encodingFrom(header.encoding, check);
    const layers = layersFrom(tensors, precision, check);
    check(layers.length === names.length + 1, `${layers.length} layers`);
    const entering = 3 + encoding.count + (styles === 'inputs' ? labels.length : 0);
    const leaving = 3 * (styles === 'heads' ? labels.length : 1);
    const widths = [entering, ...layers.map(layer => layer.outputs)];
    check(
      layers.every((layer, i) => layer.inputs === widths[i]) &&
      widths[layers.length] === leaving, `layers of ${widths}`);

    function evaluate(weights, axes) {
      if (styles !== 'heads') {
        const first = styles === 'inputs' ? styled(layers[0], weights) : layers[0];
        return run([first, ...layers.slice(1)], names, encoding, axes, null);
      }
      return run(layers, names, encoding, axes, weights);
    }

    return {labels, evaluate};
  }

  /** Reads the layers of a network. @return {Layer[]} */
  function layersFrom(tensors, precision, check) {
    const bits = /^int[2-8]$/.test(precision);
    const float = {fp32: 'float32', bf16: 'bfloat16'}[precision];
    check(bits || float, `precision ${precision}`);
    const {FLOATS} = lutjax.tensors;
    const layers = [];
    for (let at = 0; at < tensors.length; at += bits ? 3 : 2) {
      const [weight, ...rest] = tensors.slice(at, at + (bits ? 3 : 2));
      const [inputs, outputs] = weight.shape;
      check(weight.dtype === (bits ? 'int8' : float), `a weight of ${weight.dtype}`);
      check(
        weight.shape.length === 2 && inputs > 0 && outputs > 0 &&
        rest.length === (bits ? 2 : 1) &&
        rest.every(t => t.shape.length === 1 && t.shape[0] === outputs) &&
        (!bits || FLOATS.includes(rest[0].dtype)), 'a layer of other shapes');
      const values = bits ?
        Float32Array.from(weight.data, (code, i) => code * rest[0].data[i % outputs]) :
        weight.data;
      const bias = rest[rest.length - 1].data;
      lutjax.looks.checkFinite(values);
      lutjax.looks.checkFinite(bias);
      layers.push(lutjax.dense.layerOf(inputs, outputs, values, bias));
    }
    return layers;
  }

  /**
   * Reads the encoding of colours.
   * @return {{centred: boolean, count: number, waves: function(Float64Array)}}
   *     Whether colours enter in [-1, 1]; how many waves there are beside them; what
   *     fills these in behind colours `[3, CHUNK]`.
   */
  function encodingFrom(value, check) {
    const none = {count: 0, waves: () => {}};
    if (value === 'unit') return {centred: false, ...none};
    if (value === 'centred') return {centred: true, ...none};
    const [features, spread] = Array.isArray(value) ? value : [value, 1];
    const fits = Number.isInteger(features) && features > 0 &&
      features <= MAX_FEATURES && Number.isFinite(spread) && spread > 0 &&
      (!Array.isArray(value) || value.length === 2);
    check(fits, 'an unknown encoding');
    const {draw, frequency, seeded} = lutjax.waves;
    const behind = seen => seen.subarray(3 * lutjax.dense.CHUNK);
    if (Array.isArray(value)) {
      const drawn = draw(SEED, features, [spread, spread, spread]);
      return {
        centred: true,
        count: features,
        waves: seen => seeded(drawn, seen, behind(seen)),
      };
    }
    return {
      centred: true,
      count: 6 * features,
      waves: seen => frequency(features, seen, 3, behind(seen)),
    };
  }

  /** Returns the first layer with the style weights that enter it in its bias. */
  function styled(layer, weights) {
    const colours = layer.inputs - weights.length;
    const weight = new Float64Array(layer.outputs * colours);
    const bias = Float64Array.from(layer.bias, (start, o) => {
      const row = layer.weight.subarray(o * layer.inputs, (o + 1) * layer.inputs);
      weight.set(row.subarray(0, colours), o * colours);
      return weights.reduce((sum, w, s) => sum + w * row[colours + s], start);
    });
    return {inputs: colours, outputs: layer.outputs, weight, bias};
  }

  /**
   * Runs a network on the product of three axes.
   * @param {?Float32Array} heads Weights of last layers whose outputs, clamped, are
   *     mixed; null where there is one.
   * @return {Float64Array} `[R, G, B, 3]`, clamped to [0, 1].
   */
  function run(layers, activations, encoding, axes, heads) {
    const {CHUNK, activate, apply, part} = lutjax.dense;
    const hidden = layers.slice(0, -1);
    const last = layers[layers.length - 1];
    const seen = new Float64Array((3 + encoding.count) * CHUNK);
    const values = hidden.map(layer => new Float64Array(layer.outputs * CHUNK));
    const [weights, ends] = heads ?
      [heads, Array.from(heads, (_, s) => part(last, 3 * s, 3))] : [[1], [last]];
    const delta = new Float64Array(3 * CHUNK);
    const result = new Float64Array(3 * CHUNK);
    return lutjax.dense.overAxes(axes, rgb => {
      for (let i = 0; i < 3 * CHUNK; i++) {
        // In float32, as Python has it: octaves show its last bit.
        seen[i] = encoding.centred ? Math.fround(2 * rgb[i] - 1) : rgb[i];
      }
      encoding.waves(seen);
      let entering = seen;
      hidden.forEach((layer, i) => {
        apply(layer, entering, values[i]);
        activate(activations[i], values[i], values[i].length);
        entering = values[i];
      });
      result.fill(0);
      ends.forEach((end, s) => {
        if (!weights[s]) return;
        apply(end, entering, delta);
        for (let i = 0; i < 3 * CHUNK; i++) {
          result[i] += weights[s] * Math.min(Math.max(rgb[i] + delta[i], 0), 1);
        }
      });
      return result;
    });
  }

  lutjax.nilut = {decoder};
})();
