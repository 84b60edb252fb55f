// Files that the page makes: looks as `.cube`, photos at their full size.
(() => {
  'use strict';

  /** Pixels that are graded at a time. */
  const BAND = 1 << 20;

  /**
   * Hands a file to the user.
   * @param {Blob} blob
   * @param {string} stem any text
   * @param {string} end of the name, such as `.cube`
   */
  function save(blob, stem, end) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    // A long name loses its tail, not what says the kind of file.
    link.download = stem.replace(/[\\/:*?"<>|\p{C}]/gu, '_').slice(0, 170) + end;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  /**
   * Returns a look as a `.cube` file.
   * @param {Float32Array} table
   * @param {string} title
   * @param {number} strength
   * @return {Promise<Blob>}
   */
  async function cube(table, title, strength) {
    const shown = lutjax.lattice.weaken(table, strength);
    const notes = strength === 1 ? [] : [`strength ${strength}`];
    const pieces = [];
    for (const piece of lutjax.cube.pieces(shown, title, notes)) {
      pieces.push(piece);
      await new Promise((resolve) => setTimeout(resolve));
    }
    return new Blob(pieces, {type: 'text/plain'});
  }

  /**
   * Returns a photo through a look.
   * @param {Object} photo
   * @param {Float32Array} table
   * @param {number} strength
   * @param {string} type `image/jpeg` or `image/png`
   * @param {boolean} trilinear between the nodes, in place of tetrahedral
   * @return {Promise<Blob>}
   */
  async function picture(photo, table, strength, type, trilinear) {
    const {width, height} = photo;
    const canvas = document.createElement('canvas');
    canvas.width = width, canvas.height = height;
    const context = canvas.getContext('2d', {willReadFrequently: true});
    const source = photo.canvas.getContext('2d');
    const rows = Math.max(1, Math.floor(BAND / width));
    for (let top = 0; top < height; top += rows) {
      const pixels = source.getImageData(0, top, width, Math.min(rows, height - top));
      lutjax.shading.shade(pixels.data, table, strength, {mode: 'after', trilinear});
      context.putImageData(pixels, 0, top);
      await new Promise((resolve) => setTimeout(resolve));
    }
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, 0.95));
    if (!blob) throw new Error(`${photo.name}: this browser could not store it`);
    return blob;
  }

  lutjax.saving = {save, cube, picture};
})();
