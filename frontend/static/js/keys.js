/** @import {Key} from './i18n.js' */

/**
 * What keys do in a call. Browsers and systems have uses of their own for most combinations, so there are only the two
 * that people know from other calls. Single letters do something only for those who want them: with speech input or
 * unsteady hands they are pressed by mistake (WCAG 2.2, success criterion 2.1.4).
 * @typedef {'mute'|'camera'|'screen'|'chat'|'picture'|'full-screen'|'keys'} KeyAction
 * @typedef {object} Shortcut
 * @property {KeyAction} action
 * @property {Key} name
 * @property {string} [key] with Ctrl or Cmd
 * @property {string} [letter] alone
 * @property {string} [symbol] alone, always
 */

/** @type {readonly Shortcut[]} */
export const SHORTCUTS = Object.freeze([
  {action: 'mute', name: 'microphone', key: 'd', letter: 'm'},
  {action: 'camera', name: 'camera', key: 'e', letter: 'v'},
  {action: 'screen', name: 'share', letter: 's'},
  {action: 'chat', name: 'chat', letter: 'c'},
  {action: 'picture', name: 'picture', letter: 'p'},
  {action: 'full-screen', name: 'fullScreen', letter: 'f'},
  {action: 'keys', name: 'keys', symbol: '?'},
]);

/** @typedef {Pick<KeyboardEvent, 'key'|'code'|'ctrlKey'|'metaKey'|'altKey'|'shiftKey'|'isComposing'>} Press */

/**
 * Finds what a key does.
 * @param {Press} press @param {boolean} letters whether single letters are switched on @returns {KeyAction|null}
 */
export function actionOf(press, letters) {
  if (press.isComposing || press.altKey) return null;
  const withControl = press.ctrlKey || press.metaKey;
  if (!withControl && press.key === '?') return 'keys';
  if (press.shiftKey) return null;
  const pressed = letterOf(press);
  const found = SHORTCUTS.find(({key, letter}) =>
    withControl ? key === pressed : letters && letter === pressed,
  );
  return found?.action ?? null;
}

/** Returns the letter on the key, also on a keyboard for another script. @param {Press} press */
const letterOf = ({key, code}) =>
  /^[a-z]$/i.test(key) ? key.toLowerCase() : code.replace(/^Key/, '').toLowerCase();
