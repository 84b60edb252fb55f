// Drawing by WebGL2: the photo and the lattice are textures, the rest is a shader.
(() => {
  'use strict';

  const MODES = ['before', 'after', 'difference', 'clipping'];

  /**
   * Returns a renderer, or null where there is no WebGL2.
   * @param {HTMLCanvasElement} canvas
   * @param {function()} changed called when the context is back after it was lost
   */
  function make(canvas, changed) {
    const gl = canvas.getContext('webgl2', {alpha: false, antialias: false});
    return gl && new Renderer(gl, canvas, changed);
  }

  class Renderer {
    constructor(gl, canvas, changed) {
      this.kind = 'webgl2';
      this.gl = gl;
      this.canvas = canvas;
      this.photo = null;
      this.table = null;
      /** What is said of the photo, where it is shown smaller than it is. */
      this.note = '';
      canvas.addEventListener('webglcontextlost', (event) => event.preventDefault());
      canvas.addEventListener('webglcontextrestored', () => {
        this.start();
        if (this.photo) this.setPhoto(this.photo);
        if (this.table) this.setTable(this.table);
        changed();
      });
      this.start();
    }

    /** Makes what a context holds. */
    start() {
      const {gl} = this;
      const program = gl.createProgram();
      for (const [type, id] of [
        [gl.VERTEX_SHADER, 'shader-picture.vert'],
        [gl.FRAGMENT_SHADER, 'shader-picture.frag'],
      ]) {
        const shader = gl.createShader(type);
        gl.shaderSource(shader, document.getElementById(id).textContent.trim());
        gl.compileShader(shader);
        gl.attachShader(program, shader);
        gl.deleteShader(shader);
      }
      gl.linkProgram(program);
      if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
        throw new Error(`shader: ${gl.getProgramInfoLog(program)}`);
      }
      gl.useProgram(program);
      this.at = (name) => gl.getUniformLocation(program, name);
      this.pixels = gl.createTexture();
      this.lattice = gl.createTexture();
      this.latticeSize = 0;
      gl.uniform1i(this.at('photo'), 0);
      gl.uniform1i(this.at('lattice'), 1);
      const {SCALE, LIMIT} = lutjax.colour;
      gl.uniform3fv(this.at('scale'), SCALE.flat().map((value) => value / 255));
      gl.uniform1f(this.at('limit'), LIMIT);
      const {MARKS, SLACK} = lutjax.shading;
      for (const [name, colour] of Object.entries(MARKS)) {
        gl.uniform3fv(this.at(name), colour.map((value) => value / 255));
      }
      gl.uniform1f(this.at('slack'), SLACK);
    }

    /**
     * Takes a photo; one beyond the largest texture is shown smaller.
     * @param {Object} photo
     */
    setPhoto(photo) {
      const {gl} = this;
      const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
      const scale = Math.min(1, most / Math.max(photo.width, photo.height));
      let source = photo.canvas;
      this.note = '';
      if (scale < 1) {
        const width = Math.floor(photo.width * scale);
        source = lutjax.photo.shrunk(photo, width);
        photo.small.delete(width);
        this.note = `This graphics card shows ${most} pixels at most: the photo is ` +
            `seen at ${source.width} × ${source.height}, and stored whole.`;
      }
      this.photo = photo;
      this.held = [source.width, source.height];
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, this.pixels);
      gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
      gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
      gl.texImage2D(
          gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, source);
      gl.generateMipmap(gl.TEXTURE_2D);
      const linear = gl.LINEAR_MIPMAP_LINEAR;
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, linear);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    }

    /**
     * Takes a lattice.
     * @param {Float32Array} table
     */
    setTable(table) {
      const {gl} = this;
      const size = lutjax.lattice.sizeOf(table);
      const nodes = new Float32Array(table.length / 3 * 4);
      for (let i = 0, j = 0; i < table.length; i += 3, j += 4) {
        nodes[j] = table[i], nodes[j + 1] = table[i + 1], nodes[j + 2] = table[i + 2];
      }
      gl.activeTexture(gl.TEXTURE1);
      gl.bindTexture(gl.TEXTURE_3D, this.lattice);
      const data = [gl.RGBA, gl.FLOAT, nodes];
      if (size === this.latticeSize) {
        gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, 0, size, size, size, ...data);
      } else {
        gl.texImage3D(gl.TEXTURE_3D, 0, gl.RGBA32F, size, size, size, 0, ...data);
        for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
          gl.texParameteri(gl.TEXTURE_3D, filter, gl.NEAREST);
        }
      }
      this.latticeSize = size;
      this.table = table;
    }

    /**
     * Draws.
     * @param {Object} view see `lutjax.stage`
     */
    draw(view) {
      const {gl, canvas} = this;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.uniform2f(this.at('origin'), view.x, view.y);
      gl.uniform1f(this.at('zoom'), view.zoom);
      gl.uniform2f(this.at('picture'), this.photo.width, this.photo.height);
      gl.uniform2f(this.at('held'), ...this.held);
      gl.uniform1f(this.at('height'), canvas.height);
      gl.uniform1f(this.at('split'), (view.split || 0) * canvas.width);
      gl.uniform1i(this.at('mode'), MODES.indexOf(view.mode));
      gl.uniform1i(this.at('trilinear'), view.trilinear ? 1 : 0);
      gl.uniform1i(this.at('size'), this.latticeSize);
      gl.uniform1f(this.at('strength'), view.strength);
      gl.uniform3fv(this.at('surround'), view.surround.map((value) => value / 255));
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }

    /** Gives back what the graphics card holds. */
    close() {
      this.gl.deleteTexture(this.pixels);
      this.gl.deleteTexture(this.lattice);
    }
  }

  lutjax.gpu = {make};
})();
