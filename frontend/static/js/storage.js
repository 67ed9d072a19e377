/** Remembers settings on this device, or nothing where storage is forbidden. */
const PREFIX = 'callbox.';

/** @param {string} key @returns {string} the remembered value, or '' */
export function recall(key) {
  try {
    return localStorage.getItem(PREFIX + key) ?? '';
  } catch {
    return '';
  }
}

/** @returns {Storage|undefined} which lasts as long as the tab */
export function tabStorage() {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}

/**
 * Keeps the tab's token for a reload, when the address no longer has it.
 * @param {string} token '' = none in the address @returns {string} the token, or the one kept before
 */
export function keepToken(token) {
  try {
    if (token) tabStorage()?.setItem(`${PREFIX}token`, token);
    return token || (tabStorage()?.getItem(`${PREFIX}token`) ?? '');
  } catch {
    return token;
  }
}

/** @param {string} key @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Private mode, or the storage is full. Nothing depends on it.
  }
}
