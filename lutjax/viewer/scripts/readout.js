// Words and figures about what is seen: under the cursor, of the look, of a scale.
(() => {
  'use strict';

  const TICKS = [0, 1, 2, 5, 10, 20, 40];
  const KINDS = {
    nilut: 'a NILUT', lutflow: 'of a LutFlow', dct: 'of cosines', grid: 'a coarse grid',
    lattices: 'a lattice', file: 'a file of yours',
  };
  const MARKED = {
    above: 'above 1', white: 'at 1', black: 'at 0', below: 'below 0',
  };

  /** Returns a colour of 0 to 255 as styles have it. */
  function css(rgb) {
    return `rgb(${rgb.map((value) => Math.round(value)).join(', ')})`;
  }

  /** Returns an element with text. */
  function element(tag, text, className = '') {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  /**
   * Shows the colour of a pixel before and after.
   * @param {HTMLElement} place
   * @param {?number[]} pixel x and y, or null
   * @param {Object} photo
   * @param {Float32Array} table
   * @param {number} strength
   */
  function colour(place, pixel, photo, table, strength) {
    if (!pixel) {
      const {name, width, height} = photo;
      place.textContent = `${name} · ${width} × ${height}`;
      return;
    }
    const stored = [...lutjax.photo.pixel(photo, ...pixel).slice(0, 3)];
    const before = stored.map((value) => value / 255);
    const after = lutjax.scopes.reader(table, strength)(before);
    const shown = after.map((value) => Math.min(Math.max(value, 0), 1));
    const {toLab, difference} = lutjax.colour;
    const swatch = (rgb) => {
      const made = element('i', '');
      made.style.background = css(rgb);
      return made;
    };
    const figures = (values) => values.map((value) => Math.round(value)).join('  ');
    const scaled = after.map((value) => 255 * value);
    place.replaceChildren(
        element('span', `x ${pixel[0]}  y ${pixel[1]}`), swatch(stored), 'before ',
        element('b', figures(stored)), swatch(shown.map((value) => 255 * value)),
        'after ', element('b', figures(scaled)),
        element('span', `ΔE00 ${difference(toLab(before), toLab(shown)).toFixed(2)}`));
    if (!photo.wide) return;
    const linear = photo.wide.at(...pixel).map((value) => value.toFixed(4));
    place.append('linear ProPhoto ', element('b', linear.join('  ')));
  }

  /**
   * Shows what the colours of a view mean.
   * @param {HTMLElement} place
   * @param {string} mode
   * @param {?Object} wide of the photo, see `lutjax.wide`
   */
  function legend(place, mode, wide) {
    place.replaceChildren();
    place.hidden = ['before', 'after'].includes(mode);
    if (mode === 'wide') {
      const shown = matchMedia('(color-gamut: p3)').matches;
      place.append(
          `Recovered from a payload of ${lutjax.gallery.bytesText(wide.bytes)}, ` +
          (shown ? 'shown as Display P3' : 'cut to this display, which is like sRGB'));
    }
    if (mode === 'outside') {
      const mark = element('span', '', 'mark');
      mark.style.background = css(lutjax.wide.OUTSIDE);
      place.append(mark, `${(100 * wide.share).toFixed(1)} % of the pixels`);
    }
    if (mode === 'clipping') {
      for (const [key, text] of Object.entries(MARKED)) {
        const mark = element('span', '', 'mark');
        mark.style.background = css(lutjax.shading.MARKS[key]);
        place.append(mark, text);
      }
    }
    if (mode !== 'difference') return;
    const {LIMIT, scaleColour} = lutjax.colour;
    const bar = document.createElement('canvas');
    bar.width = 240, bar.height = 1;
    const context = bar.getContext('2d');
    for (let x = 0; x < 240; x++) {
      const rgb = scaleColour(LIMIT * ((x + 0.5) / 240) ** 2);
      context.fillStyle = css(rgb.map((value) => 255 * value));
      context.fillRect(x, 0, 1, 1);
    }
    const ticks = element('div', '', 'ticks');
    for (const tick of TICKS) {
      const mark = element('span', tick === LIMIT ? `≥ ${tick}` : tick);
      mark.style.left = `${100 * Math.sqrt(tick / LIMIT)}%`;
      ticks.append(mark);
    }
    place.append(element('div', 'CIEDE2000 between original and look'), bar, ticks);
  }

  /**
   * Shows the figures of a look, or of a mix.
   * @param {HTMLElement} place a `dl`
   * @param {HTMLElement} kind where the kinds of models go
   * @param {Object[]} looks
   */
  function facts(place, kind, looks) {
    const [look] = looks;
    const rows = looks.length > 1 ?
      [['Looks mixed', looks.length], ['Bytes', lutjax.gallery.bytesText(
          looks.reduce((sum, {bytes}) => sum + bytes, 0))]] :
      [['Bytes', lutjax.gallery.bytesText(look.bytes)]];
    if (looks.length === 1 && look.errors) {
      rows.push(['Mean CIE76', look.errors.cie76.toFixed(2)]);
      rows.push(['Mean CIEDE2000', look.errors.ciede2000.toFixed(2)]);
    }
    const kinds = new Set(looks.map(({model}) => KINDS[model.system]));
    kind.textContent = [...kinds].join(', ');
    place.replaceChildren(...rows.map(([term, value]) => {
      const row = document.createElement('div');
      row.append(element('dt', term), element('dd', value));
      return row;
    }));
  }

  lutjax.readout = {colour, legend, facts, element};
})();
