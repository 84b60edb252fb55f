// Artefacts in the page: from bytes to a model of looks.
(() => {
  'use strict';

  const DECODERS = {
    nilut: artefact => lutjax.nilut.decoder(artefact),
    lutflow: artefact => lutjax.lutflow.decoder(artefact),
    dct: artefact => lutjax.baselines.dct(artefact),
    grid: artefact => lutjax.baselines.grid(artefact),
    lattices: artefact => lutjax.lattices.decoder(artefact),
  };

  /**
   * Reads an artefact; its looks are decoded when they are asked for.
   * @param {Uint8Array} content The whole file.
   * @return {Promise<Model>} Rejects with an `Error` of one clear line.
   */
  async function read(content) {
    const artefact = await lutjax.container.unpack(content);
    const {system, header} = artefact;
    if (!Object.hasOwn(DECODERS, system)) {
      throw new Error(
        `artefact: found system ${JSON.stringify(system.slice(0, 40))}, expected one ` +
        'of ' + Object.keys(DECODERS).join(', '));
    }
    const bytes = header.for_page ?? content.length;
    lutjax.looks.check(Number.isInteger(bytes), system, 'no size');
    return lutjax.looks.model(system, bytes, DECODERS[system](artefact));
  }

  lutjax.artefact = {read};
})();
