import {SHORTCUTS, actionOf} from '../keys.js';
import {cloneTemplate, element, elements, find, findAll, setText} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Screen} from '../screens.js' */
/** @import {KeyAction, Shortcut} from '../keys.js' */

const ALL = SHORTCUTS.map(({action}) => action);
/** What keys do on each screen: before a call only what concerns the devices. @type {Partial<Record<Screen, KeyAction[]>>} */
const ACTIONS = {
  prejoin: ['mute', 'camera', 'keys'],
  waiting: ALL,
  connecting: ALL,
  call: ALL,
};
/** Where keys are for something else. */
const FIELDS = 'input, textarea, select, [contenteditable], dialog, [role="menu"]';

/** Whether keys with Ctrl are pressed with Cmd here. */
const APPLE = /Mac|iP(hone|ad|od)/.test(navigator.platform);

/** @param {KeyAction} action @returns {HTMLElement|undefined} the button that does the same, if it may be used now */
const buttonOf = (action) =>
  elements(`button[data-action="${action}"]`).find(
    (button) => !button.hidden && !button.hasAttribute('disabled'),
  );

/**
 * Listens to the keyboard.
 * @param {Document} page @param {() => Model|null} model
 * @param {(action: KeyAction, button: HTMLElement) => void} act
 */
export function listenToKeys(page, model, act) {
  page.addEventListener('keydown', (event) => {
    const {screen = 'home', settings} = model() ?? {};
    const action = actionOf(event, settings?.letters ?? false);
    if (!action || !ACTIONS[screen]?.includes(action)) return;
    if (/** @type {Element} */ (event.target).closest?.(FIELDS)) return;
    event.preventDefault(); // Or the browser adds a bookmark.
    const button = buttonOf(action);
    if (button && !event.repeat) act(action, button);
  });
}

/** Opens the list of the keys. @param {Model|null} model */
export function openKeys(model) {
  const list = element('[data-keys]');
  if (list.children.length === 0) list.append(...SHORTCUTS.map(() => cloneTemplate('key')));
  if (model) renderKeys(model);
  /** @type {HTMLDialogElement} */ (element('[data-dialog="keys"]')).showModal();
}

/** @param {Model} model */
export function renderKeys(model) {
  findAll('[data-key]', element('[data-keys]')).forEach((row, i) => {
    const shortcut = SHORTCUTS[i];
    if (shortcut) renderKey(row, shortcut, model);
  });
}

/** @param {HTMLElement} row @param {Shortcut} shortcut @param {Model} model */
function renderKey(row, {action, name, key, letter, symbol}, {settings, t}) {
  row.dataset.key = action;
  setText(find('dt', row), t(name));
  const texts = [
    key ? `${APPLE ? '⌘' : 'Ctrl+'}${key.toUpperCase()}` : '',
    symbol ?? (settings.letters && letter ? letter.toUpperCase() : ''),
  ];
  findAll('kbd', row).forEach((kbd, n) => {
    setText(kbd, texts[n] ?? '');
    kbd.hidden = !texts[n];
  });
  const possible = elements(`button[data-action="${action}"]`).some(({hidden}) => !hidden);
  row.hidden = !possible || texts.every((text) => text === '');
}
