// The range decoder of the `constriction` library: 64 bits of state, words of 32.
(() => {
  'use strict';

  const WORD = 2 ** 32;
  /** Probabilities are multiples of 1 over this. */
  const ONE = 2 ** 24;
  const HALF = 2 ** 20;

  /**
   * Decodes symbols, bit for bit as the library does.
   *
   * The state is how far the code lies above the lower end of the interval, and how
   * wide that is: 64 bits each, as two halves, since numbers hold 53 exactly.
   */
  class RangeDecoder {
    /** @param {Uint8Array} content Little-endian words. */
    constructor(content) {
      this.view = new DataView(content.buffer, content.byteOffset, content.length);
      this.at = 0;
      this.aboveHigh = this.word();
      this.aboveLow = this.word();
      this.rangeHigh = WORD - 1;
      this.rangeLow = WORD - 1;
    }

    /** Returns the next word; zeros follow the last. @return {number} */
    word() {
      if (this.at + 4 > this.view.byteLength) return 0;
      this.at += 4;
      return this.view.getUint32(this.at - 4, true);
    }

    /**
     * Decodes a symbol.
     * @param {Uint32Array} ends What lies below each symbol, of `ONE`.
     * @param {number} start Of the first symbol's among `ends`.
     * @param {number} count Of symbols; `ends` has one more for them.
     * @return {number}
     */
    decode(ends, start, count) {
      const scale = this.scale();
      const quantile = this.quantile(scale);
      let low = 0;
      let high = count;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (ends[start + middle] <= quantile) low = middle;
        else high = middle;
      }
      const below = ends[start + low];
      this.narrow(scale, below, ends[start + low + 1] - below);
      return low;
    }

    /**
     * Decodes an integer below `2^bits`, all equally likely.
     * @param {number} bits 1 to 15.
     * @return {number}
     */
    uniform(bits) {
      const each = ONE / 2 ** bits;
      const scale = this.scale();
      const symbol = Math.floor(this.quantile(scale) / each);
      this.narrow(scale, symbol * each, each);
      return symbol;
    }

    /** Returns the range over `ONE`, rounded down: up to 40 bits. */
    scale() {
      return this.rangeHigh * 256 + (this.rangeLow >>> 24);
    }

    /** Returns which multiple of `scale` the code lies in. */
    quantile(scale) {
      let guess = Math.floor((this.aboveHigh * WORD + this.aboveLow) / scale);
      // What the quotient lost when it was rounded is at most one.
      if (guess <= ONE) {
        if (this.isBelow(scale, guess)) guess--;
        else if (!this.isBelow(scale, guess + 1)) guess++;
      }
      if (guess >= ONE) {
        throw new Error('entropy code: found bytes that its model cannot have written');
      }
      return guess;
    }

    /** Returns whether the code lies below a multiple of `scale`. */
    isBelow(scale, multiple) {
      const [high, low] = product(scale, multiple);
      return this.aboveHigh < high || (this.aboveHigh === high && this.aboveLow < low);
    }

    /** Takes a part of the range, and the next word once it is short. */
    narrow(scale, below, width) {
      const [high, low] = product(scale, below);
      this.aboveLow -= low;
      this.aboveHigh -= high;
      if (this.aboveLow < 0) {
        this.aboveLow += WORD;
        this.aboveHigh--;
      }
      [this.rangeHigh, this.rangeLow] = product(scale, width);
      if (this.rangeHigh === 0) {
        this.rangeHigh = this.rangeLow;
        this.rangeLow = 0;
        this.aboveHigh = this.aboveLow;
        this.aboveLow = this.word();
      }
    }
  }

  /**
   * Multiplies exactly.
   * @param {number} scale Up to 40 bits.
   * @param {number} factor Up to 25 bits.
   * @return {number[]} The upper 32 bits, and the lower.
   */
  function product(scale, factor) {
    const upper = Math.floor(scale / HALF);
    const top = upper * factor;
    // The upper part counts HALF, of which the word holds 2^12.
    const carried = Math.floor(top / 4096);
    const low = (top - carried * 4096) * HALF + (scale - upper * HALF) * factor;
    const overflow = Math.floor(low / WORD);
    return [carried + overflow, low - overflow * WORD];
  }

  lutjax.rangeDecoder = {ONE, RangeDecoder};
})();
