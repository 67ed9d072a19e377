import {SAVE_TIMEOUT} from '../timeouts.js';

/** Has the browser save a file. It is never opened. @param {string} name @param {Blob} blob */
export function download(name, blob) {
  const href = URL.createObjectURL(blob);
  Object.assign(document.createElement('a'), {href, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(href), SAVE_TIMEOUT);
}
