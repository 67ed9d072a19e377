import {element} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Picture} from './picture.js' */

/** Whether this browser can show the call in a window on top of all others. */
const possible =
  ('documentPictureInPicture' in window && window.top === window) ||
  document.pictureInPictureEnabled === true;

/** The entry for the picture in picture. What it does is loaded when it is chosen for the first time. */
export class PictureEntry {
  /** @type {Picture|null} */ #picture = null;

  /** @param {Model} model @param {(action: string) => void} act @returns {Promise<boolean>} whether it is there */
  async toggle(model, act) {
    try {
      const {Picture} = await import('./picture.js');
      this.#picture ??= new Picture(act);
      await this.#picture.toggle(model);
      return true;
    } catch (error) {
      console.warn('picture in picture:', error);
      return false;
    }
  }

  /** @param {Model} model */
  render(model) {
    const item = element('[data-action="picture"]');
    item.hidden = !possible;
    item.toggleAttribute('disabled', model.screen !== 'call');
    this.#picture?.render(model);
  }
}
