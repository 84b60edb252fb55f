// Work that takes long, beside the page: a worker that holds the decoders.
(() => {
  'use strict';

  /** What the worker does; it answers once, and ends. */
  const ANSWER = `
    const work = {
      restore: async ({artefact, pixels, width, height}) => {
        const restorer = await lutjax.tinylut.read(artefact);
        return restorer.upscale(pixels, width, height);
      },
      decode: async ({artefact, given, size}) => {
        const model = await lutjax.artefact.read(artefact);
        return lutjax.looks.made({model, given}, size);
      },
    };
    onmessage = async ({data: {kind, ...rest}}) => {
      try {
        postMessage({result: await work[kind](rest)});
      } catch (error) {
        postMessage({error: error.message});
      }
    };
  `;

  /** Returns what a worker answers. */
  function ask(message) {
    const scripts = [...document.querySelectorAll('script[data-decoder]')];
    const texts = scripts.map((script) => script.textContent);
    const blob = new Blob([...texts, ANSWER], {type: 'text/javascript'});
    const address = URL.createObjectURL(blob);
    const worker = new Worker(address);
    return new Promise((resolve, reject) => {
      worker.onmessage = ({data: {result, error}}) => {
        if (error) reject(new Error(error));
        else resolve(result);
      };
      worker.onerror = () => reject(new Error('this browser runs no workers'));
      worker.postMessage(message);
    }).finally(() => {
      worker.terminate();
      URL.revokeObjectURL(address);
    });
  }

  /**
   * Restores a picture.
   * @param {Uint8Array} artefact of the model
   * @param {ImageData} picture
   * @return {Promise<{data: Uint8ClampedArray, width: number, height: number}>}
   */
  function restore(artefact, {data, width, height}) {
    return ask({kind: 'restore', artefact, pixels: data, width, height});
  }

  /**
   * Decodes a look, or a mix of looks of one model.
   * @param {Uint8Array} artefact of the model
   * @param {number|number[]} given the index of a look, or the weights of all
   * @param {number} size nodes per axis
   * @return {Promise<Float32Array>}
   */
  function decode(artefact, given, size) {
    return ask({kind: 'decode', artefact, given, size});
  }

  lutjax.background = {restore, decode};
})();
