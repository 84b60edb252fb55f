// The photos that looks are seen on, and what makes more of them.
(() => {
  'use strict';

  class Shelf {
    /**
     * @param {{said: function(string), failed: function(string),
     *     used: function(Object)}} told of what goes on, of what went wrong, and of
     *     the photo that is chosen
     */
    constructor(told) {
      this.told = told;
      this.photos = [];
      this.current = null;
    }

    /** Decodes a photo, and offers it. */
    async addPhoto(blob, name) {
      try {
        const photo = await lutjax.photo.open(blob, name);
        this.offer(photo);
        return photo;
      } catch (error) {
        this.told.failed(error.message);
        return null;
      }
    }

    /** Recovers the wide colours of a photo, where its file holds any. */
    async addWide(photo, blob) {
      try {
        photo.wide = await lutjax.wide.find(blob, photo.name);
      } catch (error) {
        this.told.failed(error.message);
      }
      if (!photo.wide) return;
      const {bytes, share} = photo.wide;
      const size = lutjax.gallery.bytesText(bytes);
      this.told.said(`${photo.name}: wide colours from ${size}, ` +
          `${(100 * share).toFixed(1)} % of its pixels are outside sRGB`);
    }

    /** Offers a model that restores photos. */
    async addRestorer(text) {
      const artefact = lutjax.photo.bytesOf(text);
      let restorer;
      try {
        restorer = await lutjax.tinylut.read(artefact);
      } catch (error) {
        this.told.failed(error.message);
        return;
      }
      const {scale, restores} = restorer;
      const label = scale > 1 ? `Upscale ${scale}×` : `Restore (${restores.kind})`;
      const button = lutjax.readout.element('button', label);
      button.type = 'button';
      button.addEventListener('click', async () => {
        button.disabled = true;
        const before = this.current, name = `${before.name} ${label}`;
        this.told.said(`${before.name}: ${label}, which may take a minute …`);
        try {
          const photo = await lutjax.photo.restored(before, artefact, name);
          this.offer(photo);
          this.told.used(photo);
          this.told.said('');
        } catch (error) {
          this.told.failed(error.message);
        }
        button.disabled = false;
      });
      document.getElementById('restorers').append(button);
    }

    /** Lists a photo among those that looks are seen on. */
    offer(photo) {
      this.photos.push(photo);
      const button = document.createElement('button');
      const canvas = document.createElement('canvas');
      const small = lutjax.photo.shrunk(photo, 120);
      canvas.width = small.width, canvas.height = small.height;
      canvas.getContext('2d').putImageData(small, 0, 0);
      button.type = 'button';
      button.title = photo.name;
      button.setAttribute('aria-label', photo.name);
      button.append(canvas);
      button.addEventListener('click', () => this.told.used(photo));
      photo.button = button;
      document.getElementById('photos').append(button);
    }

    /** Marks the photo that is shown. */
    mark(photo) {
      this.current = photo;
      for (const one of this.photos) {
        one.button.setAttribute('aria-pressed', one === photo);
      }
    }
  }

  lutjax.shelf = {Shelf};
})();
