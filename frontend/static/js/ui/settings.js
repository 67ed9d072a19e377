import {element, elements, find, setText} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Settings, Switch} from '../settings.js' */

/** Which switches say nothing while music is sent. @type {readonly (string|undefined)[]} */
const FOR_VOICES = ['echo', 'noise', 'gain'];

/**
 * Connects the page's switches with the settings.
 * @param {Settings['set']} set @param {(on: boolean) => void} setNotify which may need the browser's permission first
 */
export function bindSettings(set, setNotify) {
  for (const input of /** @type {HTMLInputElement[]} */ (elements('[data-setting]'))) {
    const name = /** @type {Switch} */ (input.dataset.setting);
    input.addEventListener('change', () =>
      name === 'notify' ? setNotify(input.checked) : set(name, input.checked),
    );
  }
}

/** @param {Model} model */
export function renderSettings({settings, notifications, t}) {
  for (const input of /** @type {HTMLInputElement[]} */ (elements('[data-setting]'))) {
    const name = /** @type {Switch} */ (input.dataset.setting);
    const forVoices = FOR_VOICES.includes(name);
    input.checked =
      name === 'notify'
        ? settings.notify && notifications === 'granted'
        : settings[name] && !(forVoices && settings.music);
    input.disabled =
      (forVoices && settings.music) || (name === 'notify' && notifications === 'denied');
  }
  const row = element('[data-notify]');
  row.hidden = notifications === '';
  setText(find('small', row), notifications === 'denied' ? t('settingNotifyDenied') : '');
}

export const openSettings = () =>
  /** @type {HTMLDialogElement} */ (element('[data-dialog="settings"]')).showModal();
