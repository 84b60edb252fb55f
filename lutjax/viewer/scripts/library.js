// The looks of all models of the page, their lattices, and mixes of them.
(() => {
  'use strict';

  /**
   * Nodes per axis of the lattices that are looked at, of those while a slider moves,
   * and of thumbnails and comparisons: of a network in a seventh of the time.
   */
  const SIZE = 33, SMALL = 17, PROBE = 9;
  /** Bytes of lattices that are kept. */
  const KEPT_BYTES = 24e6;

  /**
   * A look. `errors` is null where the page knows none, and `bytes` is its share of
   * the artefact.
   * @typedef {{name: string, model: Object, index: number, bytes: number,
   *     errors: ?{cie76: number, ciede2000: number}}} Look
   */

  class Library {
    constructor() {
      /** @type {Look[]} */
      this.looks = [];
      this.kept = new Map();
      this.keptBytes = 0;
    }

    /**
     * Takes the looks of a model.
     * @param {Object} model from `lutjax.artefact.read`
     * @param {Object<string, Object>} errors by the names of looks
     */
    add(model, errors = {}) {
      const share = model.bytes / model.names.length;
      model.names.forEach((name, index) => this.looks.push({
        name, model, index,
        bytes: model.lookBytes ? model.lookBytes[index] : share,
        errors: Object.hasOwn(errors, name) ? errors[name] : null,
      }));
    }

    /**
     * Takes a lattice that is no part of a model, such as that of a dropped file.
     * @param {string} name
     * @param {Float32Array} table
     * @param {number} bytes of the file
     * @return {number} the number of the look
     */
    addTable(name, table, bytes) {
      this.add({
        system: 'file', names: [name], labels: [lutjax.labels.plain(name)], bytes,
        lookBytes: null, blend: null,
        sizes: [lutjax.lattice.sizeOf(table)],
        lattice: (index, size) => lutjax.lattice.resample(table, size),
      });
      return this.looks.length - 1;
    }

    /**
     * Returns the number of the look of a name, or -1.
     * @param {string} name
     * @return {number}
     */
    find(name) {
      return this.looks.findIndex((look) => look.name === name);
    }

    /**
     * Returns a name that no look has: this one, or with a number behind it.
     * @param {string} name
     * @return {string}
     */
    free(name) {
      let free = name;
      for (let i = 2; this.find(free) >= 0; i++) free = `${name} (${i})`;
      return free;
    }

    /**
     * Returns the nodes per axis that show a mix best: those of the one size of
     * lattices that it is made of, or a usual number.
     * @param {Iterable<number>} numbers of looks
     * @return {number}
     */
    sizeOf(numbers) {
      const sizes = new Set([...numbers].map((number) => {
        const {model, index} = this.looks[number];
        return model.sizes ? model.sizes[index] : SIZE;
      }));
      return sizes.size === 1 ? [...sizes][0] : SIZE;
    }

    /**
     * Returns the lattice of a look.
     * @param {number} number of the look
     * @param {number} size nodes per axis
     * @return {Float32Array} not to be written to
     */
    table(number, size = SIZE) {
      const {model, index} = this.looks[number];
      return this.keep(`${number} ${size}`, () => model.lattice(index, size));
    }

    /** Returns the lattice of a key, made if it is not at hand. */
    keep(key, make) {
      let table = this.kept.get(key);
      if (table) {
        this.kept.delete(key);
      } else {
        table = make();
        this.keptBytes += table.byteLength;
      }
      this.kept.set(key, table);
      for (const [oldest, old] of this.kept) {
        if (this.keptBytes <= KEPT_BYTES || oldest === key) break;
        this.kept.delete(oldest);
        this.keptBytes -= old.byteLength;
      }
      return table;
    }

    /**
     * Returns whether the lattice of a mix is at hand.
     * @param {Map<number, number>} weights of looks by their numbers
     * @param {number} size nodes per axis
     * @return {boolean}
     */
    holds(weights, size) {
      return this.parts(weights).every(({key}) => this.kept.has(`${key} ${size}`));
    }

    /**
     * Returns what a mix is the sum of: mixes that a model makes, and lattices. A model
     * mixes looks of one domain, range and curve; others are mixed as lattices.
     * @param {Map<number, number>} weights of looks by their numbers, sum 1
     * @return {Array<{key: string, weight: number, model: Object,
     *     given: (number|number[])}>} `given` is the index of a look, or shares of all
     */
    parts(weights) {
      const groups = new Map(), own = new Map();
      for (const [number, weight] of weights) {
        if (!(weight > 0)) continue;
        const {model, index} = this.looks[number];
        if (!own.has(model)) own.set(model, own.size);
        const kind = model.blend ? lutjax.labels.kindOf(model.labels[index]) : number;
        const group = `${own.get(model)} ${kind}`;
        if (!groups.has(group)) groups.set(group, []);
        groups.get(group).push([number, weight]);
      }
      return [...groups.values()].map((members) => {
        const [[number]] = members, {model, index} = this.looks[number];
        const total = groups.size === 1 ? 1 :
          members.reduce((sum, [, weight]) => sum + weight, 0);
        if (members.length === 1) {
          return {key: `${number}`, weight: total, model, given: index};
        }
        const shares = model.names.map(() => 0);
        for (const [one, weight] of members) {
          shares[this.looks[one].index] = weight / total;
        }
        return {key: members.join(' '), weight: total, model, given: shares};
      });
    }

    /**
     * Returns whether `--blend` makes this mix: of models, over one domain.
     * @param {Iterable<number>} numbers of looks
     * @return {boolean}
     */
    blends(numbers) {
      const kinds = new Set([...numbers].map((number) => {
        const {model: {system, labels}, index} = this.looks[number];
        const made = system !== 'file' && system !== 'lattices';
        return made ? lutjax.labels.kindOf(labels[index]) : null;
      }));
      return kinds.size === 1 && !kinds.has(null);
    }

    /**
     * Returns the lattice of a mix: looks of one model are mixed by that model, and
     * those of several models as lattices.
     * @param {Map<number, number>} weights of looks by their numbers, sum 1
     * @param {number} size nodes per axis
     * @return {Float32Array} not to be written to
     */
    mix(weights, size = SIZE) {
      return lutjax.lattice.combine(this.parts(weights).map((part) => ({
        weight: part.weight,
        table: this.keep(`${part.key} ${size}`, () => lutjax.looks.made(part, size)),
      })));
    }

    /**
     * Returns what `mix` does, decoded beside the page, which stays alive meanwhile.
     * @param {Map<number, number>} weights
     * @param {number} size
     * @return {Promise<Float32Array>}
     */
    async mixAside(weights, size) {
      const made = [];
      for (const {key, weight, model, given} of this.parts(weights)) {
        const table = this.kept.get(`${key} ${size}`) || (model.content ?
          await lutjax.background.decode(model.content, given, size) :
          lutjax.looks.made({model, given}, size));
        made.push({weight, table});
      }
      return lutjax.lattice.combine(made);
    }

    /**
     * Returns the looks nearest to a lattice, over the colours of even nodes.
     * @param {Float32Array} table
     * @param {number} except number of a look to leave out
     * @param {number} count
     * @return {Promise<Array<{number: number, error: number}>>} the nearest first,
     *     with the mean CIEDE2000
     */
    async nearest(table, except, count) {
      const {toLab, difference} = lutjax.colour;
      const labs = (of) => {
        const seen = [];
        for (let i = 0; i < of.length; i += 3) seen.push(toLab(of.subarray(i, i + 3)));
        return seen;
      };
      const want = labs(lutjax.lattice.resample(table, PROBE));
      const found = [];
      let began = performance.now();
      for (let number = 0; number < this.looks.length; number++) {
        if (number === except) continue;
        const {model, index} = this.looks[number];
        const have = labs(model.lattice(index, PROBE));
        const sum = want.reduce((total, lab, i) => total + difference(lab, have[i]), 0);
        found.push({number, error: sum / want.length});
        if (performance.now() - began > 30) {
          await new Promise((resolve) => setTimeout(resolve));
          began = performance.now();
        }
      }
      return found.sort((a, b) => a.error - b.error).slice(0, count);
    }
  }

  lutjax.library = {Library, PROBE, SIZE, SMALL};
})();
