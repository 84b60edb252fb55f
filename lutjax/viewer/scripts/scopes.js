// Drawings of a look: its curves, its cube, and the chromaticities of a photo.
(() => {
  'use strict';

  const GROUND = '#181818', GRID = '#333333', AXIS = '#8a8a8a';
  const CHANNELS = ['#ff6b61', '#5ecb7c', '#6d9dff'];
  const FONT = '11px system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
  /** Nodes per axis of the cube, at most, and pixels of a photo in the diagram. */
  const NODES = 11, PIXELS = 72;
  const SRGB = [[0.64, 0.33], [0.30, 0.60], [0.15, 0.06]];
  const P3 = [[0.68, 0.32], [0.265, 0.69], [0.15, 0.06]];

  /**
   * Fits a canvas to its place, clears it, and measures it in CSS pixels.
   * @param {HTMLCanvasElement} canvas
   * @return {{context: CanvasRenderingContext2D, width: number, height: number}}
   */
  function surface(canvas) {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    // Drawings this small are quicker without a graphics card.
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.scale(ratio, ratio);
    context.font = FONT;
    context.fillStyle = GROUND;
    context.fillRect(0, 0, width, height);
    return {context, width, height};
  }

  /** Returns a function that puts one colour through a look. */
  function reader(table, strength) {
    const size = lutjax.lattice.sizeOf(table), out = [0, 0, 0];
    return (rgb) => {
      lutjax.lattice.tetrahedral(table, size, rgb, out);
      return rgb.map((value, i) => value + strength * (out[i] - value));
    };
  }

  /**
   * Draws curves: of greys, or of each channel while the others are 0.
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} table
   * @param {number} strength
   * @param {string} kind `grey` or `alone`
   */
  function curves(canvas, table, strength, kind) {
    const {context, width, height} = surface(canvas);
    const read = reader(table, strength);
    const at = Array.from({length: 129}, (_, i) => i / 128);
    const lines = kind === 'grey' ?
      [0, 1, 2].map((channel) => at.map((x) => read([x, x, x])[channel])) :
      [0, 1, 2].map((channel) => at.map((x) => {
        const rgb = [0, 0, 0];
        rgb[channel] = x;
        return read(rgb)[channel];
      }));
    const all = lines.flat();
    const low = Math.min(0, ...all), high = Math.max(1, ...all);
    const left = 28, right = width - 10, top = 10;
    const ramp = kind === 'grey' ? 10 : 0, bottom = height - 22 - ramp;
    const x = (value) => left + value * (right - left);
    const y = (value) => bottom - (value - low) / (high - low) * (bottom - top);
    context.textBaseline = 'middle';
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      context.strokeStyle = GRID;
      context.beginPath();
      context.moveTo(x(value), top), context.lineTo(x(value), bottom);
      context.moveTo(left, y(value)), context.lineTo(right, y(value));
      context.stroke();
      if (value % 0.5) continue;
      context.fillStyle = AXIS;
      context.textAlign = 'right';
      context.fillText(value, left - 6, y(value));
      context.textAlign = value === 0 ? 'left' : value === 1 ? 'right' : 'center';
      context.fillText(value, x(value), height - 9);
    }
    context.strokeStyle = AXIS;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x(0), y(0)), context.lineTo(x(1), y(1));
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1.75;
    context.lineJoin = 'round';
    // Where lines meet, their light adds up.
    context.globalCompositeOperation = 'lighter';
    lines.forEach((line, channel) => {
      context.strokeStyle = CHANNELS[channel];
      context.beginPath();
      line.forEach((value, i) => context.lineTo(x(at[i]), y(value)));
      context.stroke();
    });
    context.globalCompositeOperation = 'source-over';
    if (!ramp) return;
    const gradient = context.createLinearGradient(left, 0, right, 0);
    for (let i = 0; i <= 128; i += 4) {
      gradient.addColorStop(at[i], css(lines.map((line) => line[i])));
    }
    context.fillStyle = gradient;
    context.fillRect(left, bottom + 5, right - left, 8);
  }

  function css(rgb) {
    const [r, g, b] =
        rgb.map((value) => Math.round(255 * Math.min(Math.max(value, 0), 1)));
    return `rgb(${r}, ${g}, ${b})`;
  }

  /** The cube of a look, which pointers and keys turn. */
  class Cube {
    /** @param {HTMLCanvasElement} canvas */
    constructor(canvas) {
      this.canvas = canvas;
      this.turn = 0.32, this.tilt = 0.5;
      this.table = null;
      canvas.addEventListener('pointerdown', (event) => {
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener('pointermove', (event) => {
        if (!event.buttons) return;
        this.rotate(event.movementX / 120, event.movementY / 120);
      });
      canvas.addEventListener('keydown', (event) => {
        const step = {
          ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.12],
          ArrowDown: [0, 0.12],
        }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        this.rotate(...step);
      });
    }

    /** Turns the cube about its greys, and tilts it, by radians. */
    rotate(turn, tilt) {
      this.turn += turn;
      this.tilt = Math.min(Math.max(this.tilt + tilt, -1.5), 1.5);
      requestAnimationFrame(() => this.draw());
    }

    /**
     * Takes a look.
     * @param {Float32Array} table
     * @param {number} strength
     */
    set(table, strength) {
      this.table = table, this.strength = strength;
      this.draw();
    }

    /** Returns the place on the canvas of a colour, and how far behind it is. */
    projected([r, g, b]) {
      const up = (r + g + b - 1.5) / Math.sqrt(3);
      const first = (2 * r - g - b) / Math.sqrt(6), second = (g - b) / Math.sqrt(2);
      const across = Math.cos(this.turn) * first + Math.sin(this.turn) * second;
      const behind = Math.cos(this.turn) * second - Math.sin(this.turn) * first;
      const height = Math.cos(this.tilt) * up + Math.sin(this.tilt) * behind;
      return [across, -height, Math.cos(this.tilt) * behind - Math.sin(this.tilt) * up];
    }

    /** Draws the nodes where their colours lie, and the edges of both cubes. */
    draw() {
      if (!this.table) return;
      const {context, width, height} = surface(this.canvas);
      const read = reader(this.table, this.strength);
      const scale = 0.52 * Math.min(width, height);
      const onto = (rgb) => {
        const [x, y, depth] = this.projected(rgb);
        return [width / 2 + scale * x, height / 2 + scale * y, depth];
      };
      const steps = Array.from({length: NODES}, (_, i) => i / (NODES - 1));
      const edges = [];
      for (let axis = 0; axis < 3; axis++) {
        for (const [u, v] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
          edges.push(steps.map((t) => {
            const rgb = [u, v];
            rgb.splice(axis, 0, t);
            return rgb;
          }));
        }
      }
      const line = (places) => {
        context.beginPath();
        for (const [x, y] of places) context.lineTo(x, y);
        context.stroke();
      };
      context.strokeStyle = '#4c4c4c';
      for (const edge of edges) line([onto(edge[0]), onto(edge[NODES - 1])]);
      context.lineWidth = 1.5;
      for (const edge of edges) {
        const shown = edge.map(read), places = shown.map(onto);
        for (let i = 1; i < NODES; i++) {
          context.strokeStyle = css(shown[i].map((value) => 0.15 + 0.85 * value));
          line(places.slice(i - 1, i + 1));
        }
      }
      const nodes = [];
      for (const r of steps) {
        for (const g of steps) {
          for (const b of steps) {
            const shown = read([r, g, b]);
            nodes.push([...onto(shown), css(shown)]);
          }
        }
      }
      nodes.sort((a, b) => b[2] - a[2]);
      for (const [x, y, depth, colour] of nodes) {
        context.fillStyle = colour;
        context.beginPath();
        context.arc(x, y, 2.6 - depth, 0, 7);
        context.fill();
      }
    }
  }

  /** Returns colours of a photo and their chromaticities, computed once. */
  function coloursOf(photo) {
    if (photo.colours) return photo.colours;
    const {data} = lutjax.photo.shrunk(photo, PIXELS);
    photo.colours = [];
    for (let i = 0; i < data.length; i += 4) {
      const rgb = [data[i] / 255, data[i + 1] / 255, data[i + 2] / 255];
      photo.colours.push({rgb, xy: lutjax.colour.toXy(rgb)});
    }
    return photo.colours;
  }

  /**
   * Draws the chromaticities of a photo, before and after.
   * @param {HTMLCanvasElement} canvas
   * @param {Object} photo
   * @param {Float32Array} table
   * @param {number} strength
   */
  function chromaticity(canvas, photo, table, strength) {
    const {context, width, height} = surface(canvas);
    const side = Math.min((width - 40) / 0.72, (height - 34) / 0.72);
    const x = (value) => 30 + value * side;
    const y = (value) => height - 24 - value * side;
    context.strokeStyle = GRID;
    context.textBaseline = 'middle';
    context.fillStyle = AXIS;
    for (const value of [0, 0.2, 0.4, 0.6]) {
      context.beginPath();
      context.moveTo(x(value), y(0)), context.lineTo(x(value), y(0.72));
      context.moveTo(x(0), y(value)), context.lineTo(x(0.72), y(value));
      context.stroke();
      context.textAlign = 'right';
      context.fillText(value, x(0) - 6, y(value));
      context.textAlign = 'center';
      context.fillText(value, x(value), height - 10);
    }
    const read = reader(table, strength);
    const colours = coloursOf(photo);
    // Thousands of dots are quicker as pixels than as shapes.
    const ratio = canvas.width / width, dotSize = Math.max(1, Math.round(1.5 * ratio));
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    const dot = (xy, rgb, share) => {
      if (!xy) return;
      const left = Math.round(x(xy[0]) * ratio), top = Math.round(y(xy[1]) * ratio);
      for (let row = top; row < top + dotSize; row++) {
        for (let column = left; column < left + dotSize; column++) {
          const to = 4 * (row * canvas.width + column);
          for (let c = 0; c < 3; c++) {
            pixels.data[to + c] += share * (255 * rgb[c] - pixels.data[to + c]);
          }
        }
      }
    };
    const grey = [0.48, 0.48, 0.48];
    for (const {xy} of colours) dot(xy, grey, 0.5);
    for (const {rgb} of colours) {
      const shown = read(rgb).map((value) => Math.min(Math.max(value, 0), 1));
      dot(lutjax.colour.toXy(shown), shown, 1);
    }
    context.putImageData(pixels, 0, 0);
    for (const [corners, name, dash] of [[P3, 'P3', [3, 3]], [SRGB, 'sRGB', []]]) {
      context.strokeStyle = context.fillStyle = '#c8c8c8';
      context.setLineDash(dash);
      context.beginPath();
      for (const [a, b] of corners) context.lineTo(x(a), y(b));
      context.closePath();
      context.stroke();
      context.textAlign = 'left';
      context.fillText(name, x(corners[1][0]) + 8, y(corners[1][1]) - 2);
    }
    context.setLineDash([]);
  }

  lutjax.scopes = {surface, curves, Cube, chromaticity, reader};
})();
