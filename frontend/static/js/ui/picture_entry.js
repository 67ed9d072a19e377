import {loadModule} from '../load.js';
import {element} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Picture} from './picture.js' */

const MODULE = new URL('./picture.js', import.meta.url);

/** Whether this browser can show the call in a window on top of all others. */
const possible =
  ('documentPictureInPicture' in window && window.top === window) ||
  document.pictureInPictureEnabled === true;

/** The entry for the picture in picture. What it does is loaded when it is chosen for the first time. */
export class PictureEntry {
  /** @type {Picture|null} */ #picture = null;

  /**
   * Opens the window, or closes it.
   * @param {Model} model @param {(action: string) => void} act carries out an action of the page
   * @param {boolean} [open] @returns {Promise<boolean>} whether that worked
   */
  async toggle(model, act, open = !this.#picture?.isOpen) {
    try {
      if (!this.#picture) {
        const {Picture: Loaded} = await loadModule(MODULE, () => import('./picture.js'));
        this.#picture ??= new Loaded(act);
      }
      if (!open) this.#picture.close();
      else if (!this.#picture.isOpen) await this.#picture.open(model);
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
