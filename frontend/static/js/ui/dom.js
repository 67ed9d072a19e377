/** @import {Key, Language} from '../i18n.js' */
/** @import {State} from '../machine.js' */
/** @import {Link} from '../link.js' */
/** @import {MediaState} from '../media.js' */
/** @import {Screen} from '../screens.js' */

/** @typedef {(key: Key, parameters?: Record<string, string|number>) => string} Translate */

/**
 * All that is to be seen, at one moment.
 * @typedef {object} Model
 * @property {State} call
 * @property {Screen} screen
 * @property {MediaState} media
 * @property {MediaStream|null} self camera of this side
 * @property {MediaStreamTrack|null} microphone
 * @property {Link|null} link whose picture to show
 * @property {boolean} canShareScreen
 * @property {boolean} supported this browser can make calls
 * @property {string} homeError what is told on the home page, '' = nothing
 * @property {Language} language
 * @property {Translate} t
 * @property {string} url of the room
 * @property {number} now ms
 */

/**
 * @template {Element} [T=HTMLElement]
 * @param {string} selector @param {ParentNode} [root] @returns {T}
 */
export function find(selector, root = document) {
  const element = root.querySelector(selector);
  if (!element) throw new Error(`nothing matches ${selector}`);
  return /** @type {T} */ (/** @type {unknown} */ (element));
}

/**
 * @template {Element} [T=HTMLElement]
 * @param {string} selector @param {ParentNode} [root] @returns {T[]}
 */
export const findAll = (selector, root = document) =>
  /** @type {T[]} */ (/** @type {unknown} */ ([...root.querySelectorAll(selector)]));

/** Sets a text only when it changes, so that a live region is not read again. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} name @returns {DocumentFragment} */
export const stamp = (name) =>
  /** @type {DocumentFragment} */ (
    /** @type {HTMLTemplateElement} */ (find(`[data-template="${name}"]`)).content.cloneNode(true)
  );

/** @type {[string, (element: Element, text: string) => void][]} */
const PLACES = [
  ['data-t', setText],
  ['data-t-label', (element, text) => element.setAttribute('aria-label', text)],
  ['data-t-placeholder', (element, text) => element.setAttribute('placeholder', text)],
];

/** Puts the texts where the page names them. @param {ParentNode} root @param {Translate} t */
export function translate(root, t) {
  for (const [attribute, put] of PLACES) {
    for (const element of findAll(`[${attribute}]`, root)) {
      put(element, t(/** @type {Key} */ (element.getAttribute(attribute))));
    }
  }
}

/** @param {Element} button @param {string} icon */
export function setIcon(button, icon) {
  const use = find('use', button);
  if (use.getAttribute('href') !== icon) use.setAttribute('href', icon);
}

/** Shows a stream, and says whether the browser plays it. @param {HTMLVideoElement} video @param {MediaStream|null} stream @returns {Promise<boolean>} */
export async function play(video, stream) {
  if (video.srcObject === stream) return true;
  video.srcObject = stream;
  if (!stream) return true;
  try {
    await video.play();
  } catch (error) {
    return /** @type {Error} */ (error).name !== 'NotAllowedError';
  }
  return true;
}

/** @param {number} ms @returns {string} m:ss or h:mm:ss */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((n) =>
    String(n).padStart(2, '0'),
  );
  const hours = Math.floor(seconds / 3600);
  return (hours > 0 ? [hours, ...parts] : parts).join(':');
}

/** @param {Model} model */
export const otherName = ({call, t}) => call.other || t('someone');
