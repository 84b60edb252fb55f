// Lists of looks with thumbnails, which are drawn when they come into view.
(() => {
  'use strict';

  /** Pixels across of a thumbnail, at most, and milliseconds of drawing at a time. */
  const MOST_WIDTH = 480, SLICE = 16;

  /**
   * Returns a number of bytes in words.
   * @param {number} bytes
   * @return {string}
   */
  function bytesText(bytes) {
    if (bytes < 10000) return `${Math.round(bytes)} bytes`;
    if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
    return `${(bytes / 1e6).toFixed(2)} MB`;
  }

  class Gallery {
    /**
     * @param {HTMLElement} list
     * @param {Object} library see `lutjax.library`
     * @param {{opened: function(number), failed: function(string)}} told which look is
     *     chosen, and what went wrong
     * @param {boolean} follows whether arrow keys open the look that they go to
     */
    constructor(list, library, {opened, failed}, follows = false) {
      this.list = list;
      this.library = library;
      this.opened = opened;
      this.failed = failed;
      this.follows = follows;
      this.items = new Map();
      this.queue = new Set();
      this.seen = new Set();
      this.marked = [];
      this.photo = null;
      this.waiting = false;
      this.observer = new IntersectionObserver((changes) => {
        for (const {target, isIntersecting} of changes) {
          const number = Number(target.dataset.look);
          if (isIntersecting) this.enter(number);
          else this.leave(number);
        }
      }, {root: null, rootMargin: '150px'});
      list.addEventListener('keydown', (event) => this.onKey(event));
    }

    /**
     * Shows looks.
     * @param {number[]} order their numbers
     */
    show(order) {
      this.order = order;
      this.list.replaceChildren(...order.map((number) => this.item(number)));
    }

    /** Returns the entry of a look, made once. */
    item(number) {
      if (this.items.has(number)) return this.items.get(number);
      const look = this.library.looks[number];
      const item = document.createElement('li');
      const button = document.createElement('button');
      const frame = document.createElement('span');
      const name = document.createElement('span');
      const note = document.createElement('span');
      button.type = 'button';
      frame.className = 'frame', name.className = 'name', note.className = 'note';
      frame.append(document.createElement('canvas'));
      name.textContent = button.title = look.name;
      const parts = [bytesText(look.bytes)];
      if (look.errors) parts.unshift(`ΔE00 ${look.errors.ciede2000.toFixed(2)}`);
      note.textContent = parts.join(' · ');
      button.append(frame, name, note);
      button.addEventListener('click', () => this.opened(number));
      item.dataset.look = number;
      item.append(button);
      this.items.set(number, item);
      if (this.photo) this.shape(item);
      this.observer.observe(item);
      return item;
    }

    /**
     * Takes a photo for all thumbnails.
     * @param {Object} photo
     */
    setPhoto(photo) {
      this.photo = photo;
      for (const item of this.items.values()) this.shape(item);
      for (const number of this.seen) this.enter(number);
    }

    /** Gives an entry the shape of the photo. */
    shape(item) {
      const aspect = this.photo.width / this.photo.height;
      item.querySelector('.frame').style.aspectRatio =
          Math.min(Math.max(aspect, 0.8), 2);
      item.querySelector('canvas').style.objectFit = 'cover';
    }

    /**
     * Marks looks as those that are open.
     * @param {Iterable<number>} numbers
     */
    mark(numbers) {
      for (const number of this.marked) {
        this.items.get(number)?.firstChild.removeAttribute('aria-current');
      }
      this.marked = [...numbers];
      for (const number of this.marked) {
        this.items.get(number)?.firstChild.setAttribute('aria-current', 'true');
      }
    }

    /** Scrolls to a look, unless it is in view. */
    reveal(number) {
      const item = this.items.get(number);
      if (!item || !item.isConnected) return;
      const {list} = this;
      const box = item.getBoundingClientRect(), room = list.getBoundingClientRect();
      if (box.left < room.left || box.right > room.right) {
        list.scrollLeft += (box.left + box.right - room.left - room.right) / 2;
      }
      if (box.top < room.top || box.bottom > room.bottom) {
        list.scrollTop += (box.top + box.bottom - room.top - room.bottom) / 2;
      }
    }

    enter(number) {
      this.seen.add(number);
      this.queue.add(number);
      this.later();
    }

    /** Lets go of the pixels of a thumbnail that is out of view. */
    leave(number) {
      this.seen.delete(number);
      this.queue.delete(number);
      const canvas = this.items.get(number).querySelector('canvas');
      canvas.width = canvas.height = 0;
    }

    later() {
      if (this.waiting || !this.photo) return;
      this.waiting = true;
      setTimeout(() => {
        this.waiting = false;
        const began = performance.now();
        for (const number of this.queue) {
          this.queue.delete(number);
          try {
            this.draw(number);
          } catch (error) {
            this.failed(`${this.library.looks[number].name}: ${error.message}`);
          }
          if (performance.now() - began > SLICE) break;
        }
        if (this.queue.size) this.later();
      });
    }

    /** Draws a thumbnail. */
    draw(number) {
      const canvas = this.items.get(number).querySelector('canvas');
      const across = canvas.clientWidth * (window.devicePixelRatio || 1);
      if (!across) return;
      const width = Math.min(Math.ceil(across / 40) * 40, MOST_WIDTH);
      const small = lutjax.photo.shrunk(this.photo, width);
      const {PROBE} = lutjax.library;
      const pixels = new ImageData(
          new Uint8ClampedArray(small.data), small.width, small.height);
      lutjax.shading.grade(
          pixels.data, this.library.table(number, PROBE), PROBE, 1);
      canvas.width = small.width, canvas.height = small.height;
      // Pixels that are only put need no graphics card: it has room for few canvases.
      canvas.getContext('2d', {willReadFrequently: true}).putImageData(pixels, 0, 0);
    }

    /** Moves between looks by the arrow keys. */
    onKey(event) {
      const item = event.target.closest('li');
      const columns = getComputedStyle(this.list).gridTemplateColumns.split(' ').length;
      const step = {
        ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
      }[event.key];
      if (!step || !item) return;
      event.preventDefault();
      event.stopPropagation();
      const at = this.order.indexOf(Number(item.dataset.look)) + step;
      const next = this.items.get(this.order[at]);
      if (!next) return;
      next.firstChild.focus();
      if (this.follows) this.opened(this.order[at]);
    }
  }

  lutjax.gallery = {Gallery, bytesText};
})();
