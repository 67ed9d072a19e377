import {CHIME_DELAY} from './timeouts.js';

/**
 * @typedef {object} Environment
 * @property {() => boolean} isHidden whether the page is hidden
 * @property {() => Promise<boolean>} chime
 * @property {typeof Notification|undefined} Notification undefined where there is none
 * @property {() => void} focus brings the page to the front
 */

/** Tells somebody who is looking elsewhere that the other person has come. */
export class Arrival {
  /** @type {Environment} */ #env;
  /** @type {Notification|null} */ #shown = null;

  /** @param {Environment} env */
  constructor(env) {
    this.#env = env;
  }

  /** Whether the page may show notifications; '' = it cannot. @returns {NotificationPermission|''} */
  get permission() {
    return this.#env.Notification?.permission ?? '';
  }

  /** Asks for that permission. To be called only when the person wants it. */
  async askPermission() {
    if (this.permission === 'default') await this.#env.Notification?.requestPermission();
  }

  /**
   * @param {{chime: boolean, notify: boolean}} settings
   * @param {string} title of the notification @param {string} body
   */
  announce({chime, notify}, title, body) {
    if (chime) setTimeout(() => void this.#env.chime(), CHIME_DELAY);
    const {Notification, isHidden} = this.#env;
    if (!notify || Notification?.permission !== 'granted' || !isHidden()) return;
    this.dismiss();
    try {
      // The chime is its sound, for those who want one.
      this.#shown = new Notification(title, {body, tag: 'callbox', silent: true});
      this.#shown.onclick = () => {
        this.#env.focus();
        this.dismiss();
      };
    } catch {
      // Android has notifications of service workers only.
    }
  }

  /** Takes the notification away, because the person is here. */
  dismiss() {
    this.#shown?.close();
    this.#shown = null;
  }
}
