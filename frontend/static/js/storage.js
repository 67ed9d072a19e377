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

/** @returns {Storage|undefined} what lasts as long as the tab */
export function ofTab() {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}

/**
 * The token that lets this tab in, also after a reload, when the address no longer has it.
 * @param {string} token '' = the one from before @returns {string}
 */
export function keepToken(token) {
  try {
    if (token) ofTab()?.setItem(`${PREFIX}token`, token);
    return token || (ofTab()?.getItem(`${PREFIX}token`) ?? '');
  } catch {
    return token;
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
