// The page: reads its data, and keeps all parts of it in step.
(() => {
  'use strict';

  const {element} = lutjax.readout;
  const at = (id) => document.getElementById(id);
  const NEAREST = 5;
  /** Milliseconds after which a mix is shown by all of its nodes. */
  const REST = 150;

  class App {
    constructor() {
      this.library = new lutjax.library.Library();
      this.photo = null;
      this.shelf = new lutjax.shelf.Shelf({
        said: (text) => this.say(text),
        failed: (text) => this.complain(text),
        used: (photo) => this.usePhoto(photo),
      });
      this.strength = 1;
      this.open = false;
      this.sized = false;
      this.pixel = null;
      this.nearestTo = new Map();
      this.stage = new lutjax.stage.Stage(at('stage'), {
        pointed: (pixel) => {
          this.pixel = pixel;
          this.later('readout', () => this.readout());
        },
        said: (text) => this.say(text),
        viewed: () => {
          at('zoom').textContent = `${(100 * this.stage.view.zoom).toFixed(0)} %`;
        },
      });
      const told = {
        opened: (number) => this.openLook(number),
        failed: (text) => this.complain(text),
      };
      this.cards = new lutjax.gallery.Gallery(at('cards'), this.library, told);
      this.strip = new lutjax.gallery.Gallery(at('strip'), this.library, told, true);
      this.blend = new lutjax.blend.Blend(this.library, () => this.update());
      this.cube = new lutjax.scopes.Cube(at('cube'));
      this.order = [];
      this.pending = new Map();
      this.refining = 0;
      this.listen();
    }

    /** Reads what the page carries. */
    async start() {
      const data = JSON.parse(at('data').textContent);
      let bytes = 0;
      for (const [i, {artefact, errors}] of data.models.entries()) {
        try {
          const content = lutjax.photo.bytesOf(artefact);
          const model = await lutjax.artefact.read(content);
          this.library.add({...model, content}, errors);
          bytes += model.bytes;
        } catch (error) {
          this.complain(`model ${i + 1}: ${error.message}`);
        }
      }
      const count = this.library.looks.length;
      at('summary').textContent = `${count} look${count === 1 ? '' : 's'} in ` +
          `${lutjax.gallery.bytesText(bytes)} · lutjax ${data.version}`;
      this.sort();
      for (const {name, type, base64} of data.photos) {
        const blob = new Blob([lutjax.photo.bytesOf(base64)], {type});
        await this.shelf.addPhoto(blob, name);
      }
      if (this.shelf.photos.length) this.usePhoto(this.shelf.photos[0]);
      for (const text of data.restorers) await this.shelf.addRestorer(text);
      this.restore();
    }

    /** Says something in passing. */
    say(text) {
      at('status').textContent = text;
    }

    /** Says what went wrong, once; the page goes on. */
    complain(text) {
      if (at('problems').lastChild?.textContent === text) return;
      at('problems').append(element('p', text));
    }

    /** Does something once before the next frame. */
    later(key, work) {
      if (!this.pending.size) {
        requestAnimationFrame(() => {
          const all = [...this.pending.values()];
          this.pending.clear();
          for (const one of all) one();
        });
      }
      this.pending.set(key, work);
    }

    /** Shows another photo everywhere. */
    usePhoto(photo) {
      this.photo = photo;
      this.shelf.mark(photo);
      this.pixel = null;
      for (const button of at('modes').children) {
        const {mode} = button.dataset, wide = mode === 'wide' || mode === 'outside';
        button.hidden = wide && !photo.wide;
        if (button.hidden && this.stage.view.mode === mode) this.setMode('after');
      }
      this.cards.setPhoto(photo);
      this.strip.setPhoto(photo);
      this.stage.setPhoto(photo);
      this.update();
    }

    /** Takes files that were opened or dropped. */
    async openFiles(list) {
      at('problems').replaceChildren();
      for (const file of list) {
        if (/\.cube$/i.test(file.name)) await this.addCube(file);
        else {
          const photo = await this.shelf.addPhoto(file, file.name);
          if (!photo) continue;
          await this.shelf.addWide(photo, file);
          this.usePhoto(photo);
        }
      }
    }

    /** Lists a `.cube` file beside the looks, opens it, and finds the nearest looks. */
    async addCube(file) {
      let read;
      try {
        read = lutjax.cube.parse(await file.text(), file.name);
      } catch (error) {
        this.complain(error.message);
        return;
      }
      const name = this.library.free(file.name.replace(/\.cube$/i, ''));
      const number = this.library.addTable(name, read.table, file.size);
      if (read.baked) {
        this.say(`${file.name}: its curves and domain are part of 65³ nodes`);
      }
      this.sort();
      this.openLook(number);
      try {
        const found = await this.library.nearest(read.table, number, NEAREST);
        this.nearestTo.set(number, found);
        this.showNearest();
      } catch (error) {
        this.complain(error.message);
      }
    }

    /** Sorts and filters the looks. */
    sort() {
      const {looks} = this.library;
      const wanted = at('search').value.trim().toLowerCase();
      const order = looks.map((_, number) => number)
          .filter((number) => looks[number].name.toLowerCase().includes(wanted));
      const error = (look) => look.errors ? look.errors.ciede2000 : -1;
      const by = {
        order: (a, b) => a - b,
        name: (a, b) =>
          looks[a].name.localeCompare(looks[b].name, undefined, {numeric: true}),
        error: (a, b) => error(looks[b]) - error(looks[a]),
        bytes: (a, b) => looks[b].bytes - looks[a].bytes,
      };
      this.order = order.sort(by[at('sort').value]);
      at('count').textContent = wanted || order.length !== looks.length ?
        `${order.length} of ${looks.length} looks` :
        `${looks.length} look${looks.length === 1 ? '' : 's'}`;
      this.cards.show(this.order);
      this.strip.show(this.order);
    }

    /** Opens a look. */
    openLook(number) {
      this.openMix(new Map([[number, 1]]));
    }

    /** Opens a mix, from weights by the numbers of looks. */
    openMix(weights) {
      const arrived = !this.open;
      this.blend.set(weights);
      // As `launch.export` has it, its own where it is a lattice; or as one chose.
      if (!this.sized) {
        const own = this.library.sizeOf(weights.keys());
        at('size').value = Math.min(own, at('size').max);
      }
      this.switchTo(true);
      this.stage.resize();
      this.blend.tell();
      this.update();
      const [first] = weights.keys();
      this.cards.mark(weights.keys());
      this.strip.mark(weights.keys());
      this.strip.reveal(first);
      // What had the focus is gone; keys go on from here.
      if (arrived) at('name').focus({preventScroll: true});
    }

    /** Shows one look, or all. */
    switchTo(open) {
      this.open = open;
      at('gallery').hidden = open;
      at('look').hidden = !open;
      if (open) return;
      clearTimeout(this.refining);
      this.refining = 0;
      this.pending.delete('look');
      lutjax.address.write({mix: [], strength: 1, mode: 'after'});
    }

    /** Goes back to all looks. */
    close() {
      const [number] = this.blend.raw.keys();
      this.switchTo(false);
      this.cards.reveal(number);
      const item = this.cards.items.get(number);
      if (item && item.isConnected) item.firstChild.focus({preventScroll: true});
    }

    /** Opens the look beside the one that is open. */
    beside(step) {
      if (!this.order.length) return;
      const [number] = this.blend.raw.keys();
      const count = this.order.length;
      const place = this.order.indexOf(number);
      // From a look that the search leaves out, to the first or the last.
      const from = place < 0 && step < 0 ? 0 : place;
      this.openLook(this.order[(from + step + count) % count]);
    }

    /** Shows the mix that is chosen now, by few nodes until it rests. */
    update() {
      if (!this.open || !this.photo || !this.blend.raw.size) return;
      clearTimeout(this.refining);
      this.refining = 0;
      this.later('look', () => {
        const weights = this.blend.weights();
        const size = this.library.sizeOf(weights.keys());
        const quick =
            size === lutjax.library.SIZE && !this.library.holds(weights, size);
        this.show(weights, quick ? lutjax.library.SMALL : size);
        if (quick) this.refining = setTimeout(() => this.refine(weights, size), REST);
      });
    }

    refine(weights, size) {
      this.refining = 0;
      this.show(weights, size);
    }

    /** Shows a mix by a lattice of some size. */
    show(weights, size) {
      const numbers = [...weights.keys()];
      try {
        this.table = this.library.mix(weights, size);
      } catch (error) {
        this.complain(error.message);
        return;
      }
      this.stage.setLook(this.table, this.strength);
      at('name').textContent = this.blend.name(' + ');
      lutjax.readout.facts(
          at('facts'), at('kind'), numbers.map((number) => this.library.looks[number]));
      this.cards.mark(numbers);
      this.strip.mark(numbers);
      this.showNearest();
      this.drawScopes();
      this.readout();
      lutjax.address.write({
        mix: numbers.map((number) => (
          {name: this.library.looks[number].name, weight: weights.get(number)})),
        strength: this.strength, mode: this.stage.view.mode,
      });
    }

    drawScopes() {
      lutjax.scopes.curves(at('curves'), this.table, this.strength, at('curve').value);
      this.cube.set(this.table, this.strength);
      lutjax.scopes.chromaticity(at('xy'), this.photo, this.table, this.strength);
    }

    readout() {
      if (!this.table || !this.photo) return;
      lutjax.readout.colour(
          at('readout'), this.pixel, this.photo, this.table, this.strength);
    }

    /** Lists the looks that are nearest to a file that was dropped. */
    showNearest() {
      const [number] = this.blend.raw.keys();
      const found = this.blend.raw.size === 1 && this.nearestTo.get(number) || [];
      at('nearest').hidden = !found.length;
      at('nearest-list').replaceChildren(...found.map(({number: other, error}) => {
        const item = document.createElement('li'), button = element('button', '');
        button.type = 'button';
        button.append(element('span', this.library.looks[other].name),
            element('span', error.toFixed(2)));
        button.addEventListener('click', () => this.openLook(other));
        item.append(button);
        return item;
      }));
    }

    /** Shows the look as one of the modes of the stage. */
    setMode(mode) {
      this.stage.set({mode});
      for (const button of at('modes').children) {
        button.setAttribute('aria-pressed', button.dataset.mode === mode);
      }
      lutjax.readout.legend(at('legend'), mode, this.photo?.wide);
      this.update();
    }

    toggleMode(mode) {
      this.setMode(this.stage.view.mode === mode ? 'after' : mode);
    }

    setSplit(on) {
      this.stage.set({split: on ? 0.5 : null});
      at('split').setAttribute('aria-pressed', on);
    }

    setStrength(strength) {
      this.strength = strength;
      at('strength').value = 100 * strength;
      at('strength-value').textContent = `${Math.round(100 * strength)} %`;
      this.update();
    }

    /** Shows what the address asks for. */
    restore() {
      const {mix, strength, mode} = lutjax.address.read();
      const weights = new Map();
      for (const {name, weight} of mix) {
        const number = this.library.find(name);
        if (number >= 0) weights.set(number, weight);
        else this.say(`The address asks for a look named ${name}, which is not here`);
      }
      const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
      if (!(sum > 0) || !this.photo) return;
      for (const [number, weight] of weights) weights.set(number, weight / sum);
      this.setStrength(strength);
      this.setMode(mode);
      this.openMix(weights);
    }

    async saveCube() {
      const size = Number(at('size').value);
      if (!at('size').checkValidity()) {
        this.say(`Nodes per axis: found ${size}, expected 2 to ${at('size').max}`);
        return;
      }
      const name = this.blend.name(), {strength} = this;
      const button = at('save-cube');
      button.disabled = true;
      this.say(`${name}.cube: decoding ${size}³ nodes`);
      try {
        const table = await this.library.mixAside(this.blend.weights(), size);
        const blob = await lutjax.saving.cube(table, name, strength);
        lutjax.saving.save(blob, name, '.cube');
        this.say('');
      } catch (error) {
        this.say('');
        this.complain(error.message);
      } finally {
        button.disabled = false;
      }
    }

    async savePhoto() {
      const type = at('format').value;
      const button = at('save-photo');
      button.disabled = true;
      try {
        // As it is seen, by all of its nodes.
        const weights = this.blend.weights();
        const table = this.library.mix(weights, this.library.sizeOf(weights.keys()));
        const {photo, strength} = this;
        const name = `${photo.name.replace(/\.\w+$/, '')} ${this.blend.name()}`;
        const {trilinear} = this.stage.view;
        const blob =
            await lutjax.saving.picture(photo, table, strength, type, trilinear);
        lutjax.saving.save(blob, name, type === 'image/png' ? '.png' : '.jpg');
      } catch (error) {
        this.complain(error.message);
      } finally {
        button.disabled = false;
      }
    }

    /** Hears the controls. */
    listen() {
      lutjax.files.listen((list) => this.openFiles(list));
      const on = (id, kind, work) => at(id).addEventListener(kind, work);
      on('search', 'input', () => this.sort());
      on('sort', 'change', () => this.sort());
      on('back', 'click', () => this.close());
      on('previous', 'click', () => this.beside(-1));
      on('next', 'click', () => this.beside(1));
      on('modes', 'click', ({target: {dataset}}) => {
        if (dataset.mode) this.setMode(dataset.mode);
      });
      on('split', 'click', () => this.setSplit(this.stage.view.split === null));
      on('fit', 'click', () => this.stage.fit());
      on('actual', 'click', () => this.stage.zoomTo(1));
      on('strength', 'input', () => this.setStrength(at('strength').value / 100));
      on('curve', 'change', () => this.drawScopes());
      on('interpolation', 'change', ({target}) =>
        this.stage.set({trilinear: target.value === 'trilinear'}));
      on('surround', 'change', ({target}) => {
        const surround = lutjax.stage.SURROUNDS[target.value];
        at('stage').style.setProperty('--surround', `rgb(${surround.join(',')})`);
        this.stage.set({surround});
      });
      on('size', 'input', () => {
        this.sized = true;
      });
      on('save-cube', 'click', () => this.saveCube());
      on('save-photo', 'click', () => this.savePhoto());
      on('hold', 'pointerdown', () => this.stage.hold(true));
      on('hold', 'keydown', ({key}) => {
        if (key === ' ' || key === 'Enter') this.stage.hold(true);
      });
      for (const kind of ['pointerup', 'pointercancel', 'keyup', 'blur']) {
        addEventListener(kind, () => this.stage.hold(false));
      }
      addEventListener('hashchange', () => this.restore());
      addEventListener('resize', () => this.update());
      addEventListener('keydown', (event) => this.onKey(event));
    }

    /** Keys that work anywhere on the page, but where one writes or slides. */
    onKey(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const inside =
          event.target.closest('input, select, [role=slider], [role=application]');
      if (!this.open) {
        if (event.key === '/' && !inside) {
          event.preventDefault();
          at('search').focus();
        }
        return;
      }
      if (event.key === 'Escape') this.close();
      if (inside) return;
      const work = {
        ArrowLeft: () => this.beside(-1),
        ArrowRight: () => this.beside(1),
        o: () => this.stage.hold(true),
        s: () => this.setSplit(this.stage.view.split === null),
        d: () => this.toggleMode('difference'),
        c: () => this.toggleMode('clipping'),
        f: () => this.stage.fit(),
        1: () => this.stage.zoomTo(1),
        '+': () => this.stage.zoomTo(this.stage.view.zoom * 1.25),
        '-': () => this.stage.zoomTo(this.stage.view.zoom / 1.25),
      }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!work) return;
      event.preventDefault();
      work();
    }
  }

  lutjax.app = new App();
  /** Settles once the page is ready. */
  lutjax.app.ready = lutjax.app.start();
})();
