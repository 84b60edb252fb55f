// What the fragment of the address keeps: the look or the mix, and its strength.
(() => {
  'use strict';

  const DELAY = 250;
  let timer = 0;

  /**
   * Reads the fragment.
   * @return {{mix: Array<{name: string, weight: number}>, strength: number,
   *     mode: string}} no look where there is none
   */
  function read() {
    const state = {mix: [], strength: 1, mode: 'after'};
    for (const part of location.hash.slice(1).split('&')) {
      const [key, value = ''] = part.split('=');
      try {
        if (key === 'look') state.mix = [{name: decodeURIComponent(value), weight: 1}];
        if (key === 'mix') {
          state.mix = value.split(',').map((item) => {
            const [name, weight] = item.split(':');
            return {name: decodeURIComponent(name), weight: Number(weight)};
          }).filter(({weight}) => weight >= 0 && weight < Infinity);
        }
      } catch {
        state.mix = [];  // A link that was cut within a letter.
      }
      if (key === 'strength' && Number(value) >= 0 && Number(value) <= 1) {
        state.strength = Number(value);
      }
      if (key === 'view' && ['difference', 'clipping'].includes(value)) {
        state.mode = value;
      }
    }
    return state;
  }

  /**
   * Writes the fragment, soon: browsers slow down pages that do so all the time.
   * @param {{mix: Array<{name: string, weight: number}>, strength: number,
   *     mode: string}} state
   */
  function write({mix, strength, mode}) {
    const parts = [];
    if (mix.length === 1) parts.push(`look=${encodeURIComponent(mix[0].name)}`);
    if (mix.length > 1) {
      const items = mix.map(({name, weight}) =>
        `${encodeURIComponent(name)}:${Number(weight.toFixed(4))}`);
      parts.push(`mix=${items.join(',')}`);
    }
    if (mix.length && strength !== 1) parts.push(`strength=${strength}`);
    if (mix.length && mode !== 'after') parts.push(`view=${mode}`);
    clearTimeout(timer);
    const fragment = `#${parts.join('&')}`;
    timer = setTimeout(() => {
      if (fragment !== (location.hash || '#')) history.replaceState(null, '', fragment);
    }, DELAY);
  }

  lutjax.address = {read, write};
})();
