import {element, setText} from './dom.js';

/** Files that are dropped on the page or pasted into it. */

/**
 * @typedef {object} Options
 * @property {() => boolean} accepts whether files can be sent now
 * @property {() => string} text that says so while they are above the page
 * @property {(files: File[], folders: boolean) => void} onfiles
 */

/** @param {DataTransfer|null} transfer */
const hasFiles = (transfer) => transfer?.types.includes('Files') ?? false;

export class FileDrop {
  /** @type {Options} */ #options;
  #sign = element('[data-drop]');
  /** Elements that the pointer is above: each is entered before the one around it is left. */
  #depth = 0;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    addEventListener('dragenter', (event) => this.#enter(event, 1));
    addEventListener('dragleave', (event) => this.#enter(event, -1));
    addEventListener('dragover', (event) => {
      if (!hasFiles(event.dataTransfer)) return;
      // A browser opens a file that a page does not take, and the call would end.
      event.preventDefault();
      if (event.dataTransfer)
        event.dataTransfer.dropEffect = this.#options.accepts() ? 'copy' : 'none';
    });
    addEventListener('drop', (event) => this.#drop(event));
    document.addEventListener('paste', (event) => this.#paste(event));
  }

  /** @param {DragEvent} event @param {1|-1} step */
  #enter({dataTransfer}, step) {
    if (!hasFiles(dataTransfer)) return;
    this.#depth = Math.max(0, this.#depth + step);
    this.#show();
  }

  #show() {
    const shown = this.#depth > 0 && this.#options.accepts();
    this.#sign.hidden = !shown;
    if (shown) setText(element('[data-drop-text]'), this.#options.text());
  }

  /** @param {DragEvent} event */
  #drop(event) {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    this.#depth = 0;
    this.#show();
    const items = [...(event.dataTransfer?.items ?? [])].filter(({kind}) => kind === 'file');
    const entries = items.map((item) => item.webkitGetAsEntry?.());
    const files = items.map((item) => item.getAsFile());
    const wanted = files.filter((file, i) => file && !entries[i]?.isDirectory);
    const folders = entries.some((entry) => entry?.isDirectory);
    if (this.#options.accepts()) this.#options.onfiles(/** @type {File[]} */ (wanted), folders);
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || !this.#options.accepts()) return;
    // What is copied from a document is text and a picture of it: into a field goes the text.
    const intoField = /** @type {Element} */ (event.target).matches('input, textarea');
    if (intoField && event.clipboardData?.getData('text/plain')) return;
    event.preventDefault();
    this.#options.onfiles(files, false);
  }
}
