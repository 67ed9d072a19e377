import {cloneTemplate, element, elements, find, findAll, play, setIcon, translate} from './dom.js';
import {showAvatar, showsRemote} from './remote.js';
import {loadStyle} from './style.js';
/** @import {Model} from './dom.js' */

const STYLE = new URL('../../css/picture.css', import.meta.url);

/** Not in TypeScript's library yet. @typedef {{requestWindow(size: {width: number, height: number}): Promise<Window>}} WindowMaker */

/**
 * The call in a small window that stays on top of all others: with the controls that one needs there where the browser
 * has windows for documents, else the plain video of the other side.
 */
export class Picture {
  /** @type {Window|null} */ #window = null;
  /** @type {(action: string) => void} */ #act;

  /** @param {(action: string) => void} act carries out an action of the page */
  constructor(act) {
    this.#act = act;
  }

  get isOpen() {
    return this.#window !== null || Boolean(document.pictureInPictureElement);
  }

  /** @param {Model} model */
  async open(model) {
    const {documentPictureInPicture: windows} =
      /** @type {{documentPictureInPicture?: WindowMaker}} */ (/** @type {unknown} */ (window));
    /** @type {HTMLVideoElement} */ const video = element('[data-video="remote"]');
    // A frame gets no window for a document.
    if (windows && window.top === window) await this.#openWindow(windows, model);
    else await video.requestPictureInPicture();
  }

  close() {
    this.#window?.close();
    if (document.pictureInPictureElement) void document.exitPictureInPicture().catch(() => {});
  }

  /** @param {WindowMaker} windows @param {Model} model */
  async #openWindow(windows, model) {
    const opened = await windows.requestWindow({width: 400, height: 300});
    const {document: page} = opened;
    for (const link of elements('link[rel="stylesheet"]')) page.head.append(copy(page, link));
    void loadStyle(STYLE, page).catch(() => {}); // The server is away: without it, the window is plain.
    page.documentElement.lang = model.t('htmlLang');
    page.title = document.title;
    page.body.dataset.screen = 'picture';
    page.body.append(copy(page, element('.icons')), page.adoptNode(cloneTemplate('picture')));
    page.addEventListener('click', ({target}) => {
      const button = /** @type {Element} */ (target).closest('[data-action]');
      if (button) this.#act(button.getAttribute('data-action') ?? '');
    });
    opened.addEventListener('pagehide', () => {
      if (this.#window === opened) this.#window = null; // A second one closes the first.
    });
    this.#window = opened;
    this.render(model);
  }

  /** @param {Model} model */
  render(model) {
    if (model.screen !== 'call') this.close();
    if (!this.#window) return;
    const {media, link, call} = model;
    const {body} = this.#window.document;
    translate(body, model.t);
    void play(find('video', body), link?.main ?? null); // Its sound comes from the page.
    find('.cover', body).hidden = showsRemote(model);
    showAvatar(find('.avatar', body), call.peerName);
    for (const button of findAll('[aria-pressed]', body)) {
      const isMute = button.dataset.action === 'mute';
      const on = isMute ? media.audio : media.video;
      button.setAttribute('aria-pressed', String(on));
      setIcon(button, (isMute ? '#i-mic' : '#i-camera') + (on ? '' : '-off'));
    }
  }
}

/** @template {Element} T @param {Document} page @param {T} node @returns {T} */
function copy(page, node) {
  const copied = page.importNode(node, true);
  // A relative address means something else there.
  if (node instanceof HTMLLinkElement) copied.setAttribute('href', node.href);
  return copied;
}
