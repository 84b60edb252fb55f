// Drawing on a plain canvas, pixel by pixel, where there is no WebGL2.
(() => {
  'use strict';

  /**
   * Returns a renderer.
   * @param {HTMLCanvasElement} canvas
   */
  function make(canvas) {
    return new Renderer(canvas);
  }

  class Renderer {
    constructor(canvas) {
      this.kind = 'canvas';
      this.note = '';
      this.canvas = canvas;
      this.context = canvas.getContext('2d', {willReadFrequently: true});
      this.photo = null;
      this.table = null;
    }

    /**
     * Takes a photo.
     * @param {Object} photo
     */
    setPhoto(photo) {
      this.photo = photo;
    }

    /**
     * Takes a lattice.
     * @param {Float32Array} table
     */
    setTable(table) {
      this.table = table;
    }

    /**
     * Draws.
     * @param {Object} view see `lutjax.stage`
     */
    draw(view) {
      const {canvas, context, photo} = this;
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.imageSmoothingEnabled = view.zoom < 1;
      context.imageSmoothingQuality = 'medium';
      const left = -view.x * view.zoom, top = -view.y * view.zoom;
      const width = photo.width * view.zoom, height = photo.height * view.zoom;
      context.drawImage(photo.canvas, left, top, width, height);
      const split = view.split === null ? 0 : Math.round(view.split * canvas.width);
      const start = Math.max(split, Math.floor(left), 0);
      const end = Math.min(Math.ceil(left + width), canvas.width);
      const first = Math.max(Math.floor(top), 0);
      const last = Math.min(Math.ceil(top + height), canvas.height);
      if (start >= end || first >= last) return;
      const pixels = context.getImageData(start, first, end - start, last - first);
      lutjax.shading.shade(pixels.data, this.table, view.strength, view);
      context.putImageData(pixels, start, first);
    }

    /** Nothing is held. */
    close() {}
  }

  lutjax.plain = {make};
})();
