// Files that are opened or dropped: photos, and `.cube` files.
(() => {
  'use strict';

  /**
   * Hears the button, and files that are dropped anywhere on the page.
   * @param {function(File[])} opened
   */
  function listen(opened) {
    const input = document.getElementById('files');
    const veil = document.getElementById('drop');
    document.getElementById('open').addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      opened([...input.files]);
      input.value = '';
    });
    let depth = 0;
    const show = (change) => {
      depth = Math.max(0, depth + change);
      veil.hidden = depth === 0;
    };
    addEventListener('dragenter', (event) => {
      event.preventDefault();
      show(1);
    });
    addEventListener('dragleave', () => show(-1));
    addEventListener('dragover', (event) => event.preventDefault());
    addEventListener('drop', (event) => {
      event.preventDefault();
      show(-depth);
      opened([...event.dataTransfer.files]);
    });
  }

  lutjax.files = {listen};
})();
