// Work that takes long, beside the page: a worker that holds the decoders.
(() => {
  'use strict';

  /** What the worker does; it answers once, and ends. */
  const ANSWER = `
    onmessage = async ({data: {artefact, pixels, width, height}}) => {
      try {
        const restorer = await lutjax.tinylut.read(artefact);
        postMessage({restored: restorer.upscale(pixels, width, height)});
      } catch (error) {
        postMessage({error: error.message});
      }
    };
  `;

  /**
   * Restores a picture.
   * @param {Uint8Array} artefact of the model
   * @param {ImageData} picture
   * @return {Promise<{data: Uint8ClampedArray, width: number, height: number}>}
   */
  function restore(artefact, {data, width, height}) {
    const scripts = [...document.querySelectorAll('script[data-decoder]')];
    const texts = scripts.map((script) => script.textContent);
    const blob = new Blob([...texts, ANSWER], {type: 'text/javascript'});
    const address = URL.createObjectURL(blob);
    const worker = new Worker(address);
    return new Promise((resolve, reject) => {
      worker.onmessage = ({data: {restored, error}}) => {
        if (error) reject(new Error(error));
        else resolve(restored);
      };
      worker.onerror = () => reject(new Error('this browser runs no workers'));
      worker.postMessage({artefact, pixels: data, width, height});
    }).finally(() => {
      worker.terminate();
      URL.revokeObjectURL(address);
    });
  }

  lutjax.background = {restore};
})();
