import {loadModule} from '../load.js';
import {COPIED_DURATION} from '../timeouts.js';
import {element, find, setText} from './dom.js';
/** @import {Translate} from './dom.js' */

/** The link to the room, which whoever waits passes on. It is a secret: no request carries it. */

const QR = new URL('../qr.js', import.meta.url);

/**
 * Copies the link, and says so on the button.
 * @param {HTMLElement} button @param {string} url @param {Translate} t @returns {Promise<boolean>} whether it was copied
 */
export async function copyLink(button, url, t) {
  const input = /** @type {HTMLInputElement} */ (element('[data-link]'));
  input.select();
  try {
    await navigator.clipboard.writeText(url);
  } catch {
    // A page that is not secure has no clipboard. If this fails, too, the link stays selected for copying.
    if (!document.execCommand('copy')) return false;
  }
  const label = find('span', button);
  label.textContent = t('copied');
  setTimeout(() => setText(label, t('copyLink')), COPIED_DURATION);
  return true;
}

/** Opens the device's share sheet. @param {string} url */
export function shareLink(url) {
  // It rejects if the user cancels.
  void navigator.share({url}).catch(() => {});
}

/**
 * Shows the link as a QR code, which the page draws itself.
 * @param {string} url @returns {Promise<boolean>} whether it could
 */
export async function showCode(url) {
  const dialog = /** @type {HTMLDialogElement} */ (element('[data-dialog="code"]'));
  try {
    // It is large, and seldom needed.
    const {qrCode} = await loadModule(QR, () => import('../qr.js'));
    const {size, path} = qrCode(url);
    const drawing = find('[data-code]', dialog);
    drawing.setAttribute('viewBox', `0 0 ${size} ${size}`);
    find('path', drawing).setAttribute('d', path);
  } catch {
    return false; // The server is away.
  }
  setText(find('[data-code-link]', dialog), url);
  if (!dialog.open) dialog.showModal();
  return true;
}
