// The looks of a mix: a slider for each, and a pad that moves between them.
(() => {
  'use strict';

  const MOST = 8;

  /**
   * Returns the corners of the pad.
   * @param {number} count of looks, at least 2
   * @return {number[][]} x and y of each, within 1 of the middle
   */
  function corners(count) {
    if (count === 2) return [[-1, 0], [1, 0]];
    const start = count === 4 ? -0.75 * Math.PI : -0.5 * Math.PI;
    return Array.from({length: count}, (_, i) => {
      const angle = start + 2 * Math.PI * i / count;
      return [Math.cos(angle), Math.sin(angle)];
    });
  }

  const area = ([ax, ay], [bx, by], [cx, cy]) =>
    (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);

  /**
   * Returns the weights of the corners at a place (Wachspress): each is 1 at its
   * corner, and the corners weighted so have their mean at the place.
   * @param {number[]} place
   * @param {number[][]} at the corners
   * @return {number[]} sum 1
   */
  function weightsAt(place, at) {
    const count = at.length;
    if (count === 2) {
      const share = Math.min(Math.max((place[0] + 1) / 2, 0), 1);
      return [1 - share, share];
    }
    const sides = at.map((corner, i) =>
      Math.max(area(place, corner, at[(i + 1) % count]), 0));
    const raw = at.map((corner, i) => {
      const before = (i + count - 1) % count;
      let product = area(at[before], corner, at[(i + 1) % count]);
      sides.forEach((side, j) => {
        if (j !== i && j !== before) product *= side;
      });
      return product;
    });
    const sum = raw.reduce((total, value) => total + value, 0);
    return raw.map((value) => value / sum);
  }

  /** Moves a place towards the middle until it is on the pad. */
  function within(place, at) {
    if (at.length === 2) return [Math.min(Math.max(place[0], -1), 1), 0];
    const inside = ([x, y]) => at.every((corner, i) =>
      area([x, y], corner, at[(i + 1) % at.length]) > 1e-9);
    if (inside(place)) return place;
    let low = 0, high = 1;
    for (let step = 0; step < 30; step++) {
      const middle = (low + high) / 2;
      if (inside([place[0] * middle, place[1] * middle])) low = middle;
      else high = middle;
    }
    return [place[0] * low, place[1] * low];
  }

  /**
   * Returns weights in whole thousandths; those that lose most are rounded up.
   * @param {number[]} values not negative; all alike where all are 0
   * @return {number[]} sum 1
   */
  function inThousandths(values) {
    const sum = values.reduce((total, value) => total + value, 0);
    const exact = values.map((value) =>
      1000 * (sum > 0 ? value / sum : 1 / values.length));
    // What is a whole number but for rounding stays it.
    const whole = exact.map((value) => Math.floor(value + 1e-9));
    const left = 1000 - whole.reduce((total, value) => total + value, 0);
    const order = exact.map((value, i) => [value - whole[i], i])
        .sort(([one], [other]) => other - one);
    for (const [, i] of order.slice(0, left)) whole[i]++;
    return whole.map((value) => value / 1000);
  }

  /** Returns an item as a list of `--blend` has it, quoted where it holds a comma. */
  function listed(item) {
    return /[",]/.test(item) ? `"${item.replace(/"/g, '""')}"` : item;
  }

  class Blend {
    /**
     * @param {Object} library see `lutjax.library`
     * @param {function()} changed told when the weights are others
     */
    constructor(library, changed) {
      this.library = library;
      this.changed = changed;
      /** @type {Map<number, number>} what the sliders say, 0 to 100 */
      this.raw = new Map();
      this.taken = [];
      this.rows = document.getElementById('weights');
      this.other = document.getElementById('other');
      this.pad = document.getElementById('pad');
      this.command = document.getElementById('command');
      document.getElementById('add').addEventListener('click', () => {
        if (this.other.value !== '') this.add(Number(this.other.value));
      });
      this.listen();
    }

    /**
     * Takes one look, or a mix.
     * @param {Map<number, number>} weights by the numbers of looks
     */
    set(weights) {
      this.raw =
          new Map([...weights].map(([number, weight]) => [number, 100 * weight]));
      this.build();
    }

    /**
     * Adds a look to the mix, as much as the most of the others.
     * @param {number} number
     */
    add(number) {
      if (this.raw.has(number) || this.raw.size >= MOST) return;
      this.raw.set(number, Math.max(...this.raw.values(), 1));
      this.build();
      this.changed();
    }

    /**
     * Returns the weights, in whole thousandths: what is shown is what is used.
     * @return {Map<number, number>} sum 1
     */
    weights() {
      const weights = inThousandths([...this.raw.values()]);
      return new Map([...this.raw.keys()].map((number, i) => [number, weights[i]]));
    }

    /**
     * Returns the name of the mix, as `--blend` names it.
     * @param {string} between
     * @return {string}
     */
    name(between = '+') {
      return [...this.raw.keys()].map((n) => this.library.looks[n].name).join(between);
    }

    /** Makes a row for each look. */
    build() {
      this.rows.replaceChildren();
      const several = this.raw.size > 1;
      this.outputs = new Map();
      for (const [number, value] of several ? this.raw : []) {
        const {name} = this.library.looks[number];
        const row = document.createElement('div');
        const label = document.createElement('label');
        const input = document.createElement('input');
        const output = document.createElement('output');
        const remove = document.createElement('button');
        row.className = 'weight';
        input.type = 'range', input.min = 0, input.max = 100, input.step = 0.1;
        input.value = value;
        input.id = label.htmlFor = `weight-${number}`;
        input.setAttribute('aria-label', `Weight of ${name}`);
        label.textContent = label.title = name;
        remove.type = 'button', remove.textContent = '×';
        remove.setAttribute('aria-label', `Remove ${name}`);
        remove.addEventListener('click', () => {
          this.raw.delete(number);
          this.build();
          this.changed();
          this.other.focus();
        });
        input.addEventListener('input', () => {
          this.raw.set(number, Number(input.value));
          this.tell();
          this.changed();
        });
        row.append(label, output, remove, input);
        this.rows.append(row);
        this.outputs.set(number, {input, output});
      }
      this.offer();
      document.getElementById('blend').hidden = this.library.looks.length < 2;
      this.pad.hidden = this.command.hidden = !several;
      this.tell();
    }

    /** Offers the looks that are not in the mix. */
    offer() {
      const {looks} = this.library;
      for (let number = this.other.length; number < looks.length; number++) {
        const option = document.createElement('option');
        option.value = number, option.textContent = looks[number].name;
        this.other.append(option);
      }
      for (const number of this.taken) this.other.options[number].hidden = false;
      this.taken = [...this.raw.keys()];
      for (const number of this.taken) this.other.options[number].hidden = true;
      const full = this.raw.size >= Math.min(MOST, looks.length);
      if (this.raw.has(Number(this.other.value)) && !full) {
        this.other.value = looks.findIndex((_, number) => !this.raw.has(number));
      }
      document.getElementById('add').disabled = full;
    }

    /** Shows the weights. */
    tell() {
      const weights = this.weights();
      for (const [number, {output}] of this.outputs) {
        output.textContent = `${(100 * weights.get(number)).toFixed(1)} %`;
      }
      if (this.raw.size < 2) return;
      const items = [...weights].map(([number, weight]) =>
        listed(`${this.library.looks[number].name}:${weight.toFixed(3)}`));
      this.command.hidden = !this.library.blends(weights.keys());
      this.command.textContent =
          `--blend='${items.join(',').replace(/'/g, `'\\''`)}'`;
      this.draw();
    }

    /** Draws the pad. */
    draw() {
      this.pad.style.height = this.raw.size === 2 ? '96px' : '200px';
      const {context, width, height} = lutjax.scopes.surface(this.pad);
      const at = corners(this.raw.size);
      // The corners fill the pad, but for their names above and below.
      const rows = at.map(([, y]) => y), across = Math.max(...at.map(([x]) => x));
      const top = Math.min(...rows), high = Math.max(...rows) - top || 1;
      const down = (height - 76) / high;
      const wide = Math.min((width - 60) / 2 / across, 130);
      const middle = rows.every((y) => y === 0) ? height / 2 : 38 - top * down;
      const onto = ([x, y]) => [width / 2 + x * wide, middle + y * down];
      this.from = (x, y) => [(x - width / 2) / wide, (y - middle) / down];
      const weights = [...this.weights().values()];
      const place = [0, 1].map((axis) =>
        weights.reduce((sum, weight, i) => sum + weight * at[i][axis], 0));
      this.place = place;
      context.fillStyle = '#181818';
      context.fillRect(0, 0, width, height);
      context.beginPath();
      for (const corner of at) context.lineTo(...onto(corner));
      context.closePath();
      context.fillStyle = '#262626';
      context.fill();
      context.strokeStyle = '#4a4a4a';
      context.stroke();
      const names = [...this.raw.keys()].map((n) => this.library.looks[n].name);
      at.forEach((corner, i) => {
        context.beginPath();
        context.moveTo(...onto(corner));
        context.lineTo(...onto(place));
        context.strokeStyle = `rgba(255, 255, 255, ${0.08 + 0.6 * weights[i]})`;
        context.stroke();
        const [x, y] = onto(corner);
        context.beginPath();
        context.arc(x, y, 2.5 + 4 * weights[i], 0, 7);
        context.fillStyle = '#bdbdbd';
        context.fill();
        context.fillStyle = '#a3a3a3';
        const aside = x - width / 2;
        context.textAlign = aside < -9 ? 'left' : aside > 9 ? 'right' : 'center';
        const edge = context.textAlign === 'left' ? Math.max(x - 40, 8) :
          context.textAlign === 'right' ? Math.min(x + 40, width - 8) : x;
        const short = names[i].length > 22 ? `${names[i].slice(0, 21)}…` : names[i];
        context.fillText(short, edge, corner[1] < -0.01 ? y - 12 : y + 20);
      });
      context.beginPath();
      context.arc(...onto(place), 7, 0, 7);
      context.fillStyle = '#fff';
      context.fill();
    }

    /** Moves to a place of the pad. */
    move(place) {
      const at = corners(this.raw.size);
      const weights = weightsAt(within(place, at), at);
      [...this.raw.keys()].forEach((number, i) => {
        this.raw.set(number, 100 * weights[i]);
        this.outputs.get(number).input.value = 100 * weights[i];
      });
      this.tell();
      this.changed();
    }

    listen() {
      const drag = (event) => {
        if (event.type === 'pointermove' && !event.buttons) return;
        const box = this.pad.getBoundingClientRect();
        this.move(this.from(event.clientX - box.left, event.clientY - box.top));
      };
      this.pad.addEventListener('pointerdown', (event) => {
        this.pad.setPointerCapture(event.pointerId);
        drag(event);
      });
      this.pad.addEventListener('pointermove', drag);
      this.pad.addEventListener('keydown', (event) => {
        const step = {
          ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, -0.05],
          ArrowDown: [0, 0.05],
        }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        this.move([this.place[0] + step[0], this.place[1] + step[1]]);
      });
    }
  }

  lutjax.blend = {Blend, corners, inThousandths, listed, weightsAt};
})();
