// Photos: of the page, and those that are dropped; none leaves the machine.
(() => {
  'use strict';

  /** Pixels beyond which browsers give no canvas. */
  const MAX_PIXELS = 120e6;

  /**
   * A photo: a canvas of its pixels in sRGB, upright.
   * @typedef {{name: string, width: number, height: number,
   *     canvas: HTMLCanvasElement, small: Map<number, ImageData>, wide: ?Object}} Photo
   */

  /**
   * Decodes a picture; the browser honours its orientation and its profile.
   * @param {Blob} blob
   * @param {string} name
   * @return {Promise<Photo>}
   */
  async function open(blob, name) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(blob, {imageOrientation: 'from-image'});
    } catch {
      throw new Error(
          `${name}: found no picture that this browser reads, expected JPEG, PNG, ` +
          'WebP, AVIF or a .cube file');
    }
    const {width, height} = bitmap;
    if (width * height > MAX_PIXELS) {
      bitmap.close();
      throw new Error(
          `${name}: found ${width} × ${height} pixels, expected fewer than ` +
          `${MAX_PIXELS / 1e6} million`);
    }
    const canvas = document.createElement('canvas');
    canvas.width = width, canvas.height = height;
    // Pixels are read back for every thumbnail, and for the values under the cursor.
    const context = canvas.getContext('2d', {willReadFrequently: true});
    // A canvas beyond what a browser can hold stays empty, without a word.
    context.fillRect(width - 1, height - 1, 1, 1);
    const [, , , painted] = context.getImageData(width - 1, height - 1, 1, 1).data;
    if (!painted) {
      bitmap.close();
      throw new Error(
          `${name}: found ${width} × ${height} pixels, more than this browser holds`);
    }
    context.clearRect(width - 1, height - 1, 1, 1);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return ofCanvas(canvas, name);
  }

  /**
   * Returns the photo that a canvas holds.
   * @param {HTMLCanvasElement} canvas
   * @param {string} name
   * @return {Photo}
   */
  function ofCanvas(canvas, name) {
    const {width, height} = canvas;
    return {name, width, height, canvas, small: new Map(), wide: null};
  }

  /**
   * Returns a photo that a model restored.
   * @param {Photo} photo
   * @param {Uint8Array} artefact of the model
   * @param {string} name
   * @return {Promise<Photo>}
   */
  async function restored(photo, artefact, name) {
    const {width, height} = photo;
    const before = photo.canvas.getContext('2d').getImageData(0, 0, width, height);
    const after = await lutjax.background.restore(artefact, before);
    const canvas = document.createElement('canvas');
    canvas.width = after.width, canvas.height = after.height;
    const pixels = new ImageData(after.data, after.width, after.height);
    canvas.getContext('2d', {willReadFrequently: true}).putImageData(pixels, 0, 0);
    return ofCanvas(canvas, name);
  }

  /**
   * Returns a photo's pixels at a smaller size.
   * @param {Photo} photo
   * @param {number} width of the result, at most that of the photo
   * @return {ImageData} not to be written to
   */
  function shrunk(photo, width) {
    width = Math.min(width, photo.width);
    let pixels = photo.small.get(width);
    if (pixels) return pixels;
    const height = Math.max(1, Math.round(photo.height * width / photo.width));
    const canvas = document.createElement('canvas');
    canvas.width = width, canvas.height = height;
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.imageSmoothingQuality = 'high';
    context.drawImage(photo.canvas, 0, 0, width, height);
    pixels = context.getImageData(0, 0, width, height);
    photo.small.set(width, pixels);
    return pixels;
  }

  /**
   * Returns a pixel.
   * @param {Photo} photo
   * @param {number} x
   * @param {number} y
   * @return {Uint8ClampedArray} RGBA
   */
  function pixel(photo, x, y) {
    return photo.canvas.getContext('2d').getImageData(x, y, 1, 1).data;
  }

  /**
   * Decodes base64, as the page carries files.
   * @param {string} text
   * @return {Uint8Array}
   */
  function bytesOf(text) {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  lutjax.photo = {open, restored, shrunk, pixel, bytesOf};
})();
