/** What the page remembers, on this device only. Works, forgetting all, where storage is forbidden. */
const PREFIX = 'callbox.';

/** @param {string} key @returns {string} the remembered value, or '' */
export function recall(key) {
  try {
    return localStorage.getItem(PREFIX + key) ?? '';
  } catch {
    return '';
  }
}

/** @param {string} key @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Private mode, or full. Nothing depends on it.
  }
}
