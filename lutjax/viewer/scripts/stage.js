// The large picture: panning, zooming, the split, and holding to compare.
(() => {
  'use strict';

  const MOST_ZOOM = 32;
  const SURROUNDS = {dark: [24, 24, 24], grey: [119, 119, 119], black: [0, 0, 0]};

  /**
   * What is drawn: `x` and `y` are the pixel of the picture at the upper left corner,
   * `zoom` is pixels of the canvas per pixel of the picture, and left of `split`, a
   * share of the width, the picture is as it was.
   * @typedef {{x: number, y: number, zoom: number, mode: string, split: ?number,
   *     trilinear: boolean, strength: number, surround: number[]}} View
   */

  class Stage {
    /**
     * @param {HTMLElement} root holds a canvas and the handle of the split
     * @param {{pointed: function(?number[]), said: function(string),
     *     viewed: function()}} told of the pixel under the cursor, of what cannot be
     *     shown, and of changes of the view
     */
    constructor(root, {pointed, said, viewed}) {
      this.root = root;
      this.pointed = pointed;
      this.said = said;
      this.viewed = viewed;
      this.handle = root.querySelector('[role=slider]');
      this.overlay = document.getElementById('wide');
      /** @type {View} */
      this.view = {
        x: 0, y: 0, zoom: 1, mode: 'after', split: null, trilinear: false, strength: 1,
        surround: SURROUNDS.dark,
      };
      this.held = false;
      this.fitted = true;
      this.photo = null;
      this.table = null;
      this.waiting = 0;
      /** Pixels of the canvas per pixel of the page, once it is shown. */
      this.ratio = 0;
      this.start();
      new ResizeObserver(() => this.resize()).observe(root);
      this.listen();
    }

    /** Makes the renderer. */
    start() {
      this.canvas = this.root.querySelector('canvas');
      this.renderer = lutjax.gpu.make(this.canvas, () => this.redraw());
      if (!this.renderer) {
        this.renderer = lutjax.plain.make(this.canvas);
        this.said('This browser has no WebGL2: the picture is drawn without a ' +
            'graphics card, the same but slower.');
      }
    }

    /** Draws by the plain canvas from now on. */
    usePlain() {
      this.renderer.close();
      const fresh = this.canvas.cloneNode();
      fresh.width = fresh.height = 0;
      this.canvas.replaceWith(fresh);
      this.canvas = fresh;
      this.renderer = lutjax.plain.make(fresh);
      if (this.photo) this.renderer.setPhoto(this.photo);
      if (this.table) this.renderer.setTable(this.table);
      this.resize();
    }

    /**
     * Shows a photo.
     * @param {Object} photo
     */
    setPhoto(photo) {
      const same = this.photo && this.photo.width === photo.width &&
          this.photo.height === photo.height;
      this.photo = photo;
      this.renderer.setPhoto(photo);
      if (this.renderer.note) this.said(this.renderer.note);
      if (this.fitted || !same) this.fit();
      this.redraw();
    }

    /**
     * Shows a look.
     * @param {Float32Array} table
     * @param {number} strength
     */
    setLook(table, strength) {
      if (table !== this.table) this.renderer.setTable(table);
      this.table = table;
      this.view.strength = strength;
      this.redraw();
    }

    /**
     * Changes how the picture is seen.
     * @param {Object} changes of the view
     */
    set(changes) {
      Object.assign(this.view, changes);
      this.handle.hidden = this.view.split === null;
      this.place();
      this.redraw();
    }

    /** Fits the canvas to the room that it has. */
    resize() {
      const {width, height} = this.root.getBoundingClientRect();
      if (!width || !height) return;
      this.ratio = window.devicePixelRatio || 1;
      const across = Math.round(width * this.ratio);
      const down = Math.round(height * this.ratio);
      if (this.canvas.width === across && this.canvas.height === down) return;
      this.canvas.width = across, this.canvas.height = down;
      if (this.fitted) this.fit();
      this.place();
      this.drawNow();
    }

    /** Shows the whole picture. */
    fit() {
      if (!this.photo || !this.ratio) return;
      const margin = 16 * this.ratio;
      const zoom = Math.min(
          (this.canvas.width - 2 * margin) / this.photo.width,
          (this.canvas.height - 2 * margin) / this.photo.height);
      this.view.zoom = Math.max(zoom, 1e-3);
      this.centre(this.photo.width / 2, this.photo.height / 2);
      this.fitted = true;
      this.redraw();
    }

    /**
     * Zooms.
     * @param {number} zoom pixels of the canvas per pixel of the picture
     * @param {number} x of the canvas, which stays where it is
     * @param {number} y
     */
    zoomTo(zoom, x = this.canvas.width / 2, y = this.canvas.height / 2) {
      const {view} = this;
      zoom = Math.min(Math.max(zoom, 0.01), MOST_ZOOM);
      view.x += x / view.zoom - x / zoom;
      view.y += y / view.zoom - y / zoom;
      view.zoom = zoom;
      this.moved();
    }

    /** Puts a pixel of the picture into the middle. */
    centre(x, y) {
      this.view.x = x - this.canvas.width / 2 / this.view.zoom;
      this.view.y = y - this.canvas.height / 2 / this.view.zoom;
    }

    /** Pans, by pixels of the canvas. */
    pan(across, down) {
      this.view.x -= across / this.view.zoom;
      this.view.y -= down / this.view.zoom;
      this.moved();
    }

    /** Keeps the middle of the canvas within the picture. */
    moved() {
      const {view, photo, canvas} = this;
      const within = (value, most) => Math.min(Math.max(value, 0), most);
      const x = view.x + canvas.width / 2 / view.zoom;
      const y = view.y + canvas.height / 2 / view.zoom;
      this.centre(within(x, photo.width), within(y, photo.height));
      // At 1:1 pixels of the picture are pixels of the screen.
      if (view.zoom >= 1) {
        view.x = Math.round(view.x * view.zoom) / view.zoom;
        view.y = Math.round(view.y * view.zoom) / view.zoom;
      }
      this.fitted = false;
      this.redraw();
    }

    /**
     * Shows the picture as it was while something is held.
     * @param {boolean} held
     */
    hold(held) {
      if (this.held === held) return;
      this.held = held;
      this.redraw();
    }

    /** Draws before the next frame, once however often it is asked for. */
    redraw() {
      this.waiting ||= requestAnimationFrame(() => this.drawNow());
    }

    /** Draws. */
    drawNow() {
      if (this.waiting) cancelAnimationFrame(this.waiting);
      this.waiting = 0;
      if (!this.photo || !this.table || !this.ratio) return;
      // Recovered colours have a canvas of their own, which may be wider than sRGB.
      const layer = !this.held && this.photo.wide?.layers[this.view.mode];
      const mode = this.held || layer ? 'before' : this.view.mode;
      this.renderer.draw({...this.view, mode});
      this.overlay.hidden = !layer;
      if (layer) this.drawLayer(layer);
      this.viewed();
    }

    /** Draws a canvas of the photo's size over the picture, right of the split. */
    drawLayer(layer) {
      const {overlay, canvas, view, photo} = this;
      overlay.width = canvas.width, overlay.height = canvas.height;
      const context = overlay.getContext('2d', {colorSpace: 'display-p3'});
      const left = (view.split || 0) * canvas.width;
      context.beginPath();
      context.rect(left, 0, canvas.width - left, canvas.height);
      context.clip();
      context.imageSmoothingEnabled = view.zoom < 1;
      context.drawImage(
          layer, -view.x * view.zoom, -view.y * view.zoom, photo.width * view.zoom,
          photo.height * view.zoom);
    }

    /** Puts the handle of the split where the split is. */
    place() {
      const {split} = this.view;
      if (split === null) return;
      this.handle.style.left = `${100 * split}%`;
      this.handle.setAttribute('aria-valuenow', Math.round(100 * split));
    }

    /** Hears pointers and keys. */
    listen() {
      const pointers = new Map();
      let dragged = null;
      const spot = (event) => {
        const box = this.root.getBoundingClientRect();
        const across = event.clientX - box.left, down = event.clientY - box.top;
        return [across * this.ratio, down * this.ratio];
      };
      this.root.addEventListener('pointerdown', (event) => {
        if (event.button !== 0 || !this.photo) return;
        dragged = event.target.closest('[role=slider]') ? 'split' : 'picture';
        pointers.set(event.pointerId, spot(event));
        this.root.setPointerCapture(event.pointerId);
        this.root.classList.toggle('panning', dragged === 'picture');
      });
      this.root.addEventListener('pointermove', (event) => {
        if (!this.photo) return;
        const [x, y] = spot(event), last = pointers.get(event.pointerId);
        this.point(x, y);
        if (!last) return;
        if (dragged === 'split') {
          this.set({split: Math.min(Math.max(x / this.canvas.width, 0), 1)});
        } else if (pointers.size === 2) {
          const [other] = [...pointers].filter(([id]) => id !== event.pointerId);
          const [ox, oy] = other[1];
          const grown = Math.hypot(x - ox, y - oy) /
              Math.max(Math.hypot(last[0] - ox, last[1] - oy), 1);
          this.zoomTo(this.view.zoom * grown, ox, oy);
        } else {
          this.pan(x - last[0], y - last[1]);
        }
        pointers.set(event.pointerId, [x, y]);
      });
      for (const kind of ['pointerup', 'pointercancel']) {
        this.root.addEventListener(kind, (event) => {
          pointers.delete(event.pointerId);
          this.root.classList.remove('panning');
        });
      }
      this.root.addEventListener('pointerleave', () => this.pointed(null));
      this.root.addEventListener('wheel', (event) => {
        event.preventDefault();
        this.zoomTo(this.view.zoom * Math.exp(-event.deltaY / 400), ...spot(event));
      }, {passive: false});
      this.root.addEventListener('dblclick', (event) => {
        if (this.fitted) this.zoomTo(1, ...spot(event));
        else this.fit();
      });
      this.handle.addEventListener('keydown', (event) => {
        const step = {ArrowLeft: -0.02, ArrowRight: 0.02}[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        this.set({split: Math.min(Math.max(this.view.split + step, 0), 1)});
      });
    }

    /** Tells of the pixel at a place of the canvas. */
    point(x, y) {
      const column = Math.floor(this.view.x + x / this.view.zoom);
      const row = Math.floor(this.view.y + y / this.view.zoom);
      const inside = column >= 0 && row >= 0 && column < this.photo.width &&
          row < this.photo.height;
      this.pointed(inside ? [column, row] : null);
    }
  }

  lutjax.stage = {Stage, SURROUNDS};
})();
