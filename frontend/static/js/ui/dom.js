/** @import {Conversation} from '../conversation.js' */
/** @import {History} from '../history.js' */
/** @import {Key} from '../i18n.js' */
/** @import {State} from '../machine.js' */
/** @import {Link} from '../link.js' */
/** @import {MediaState} from '../media_state.js' */
/** @import {Session} from '../record/session.js' */
/** @import {Screen, TalkState} from '../screens.js' */
/** @import {Values} from '../settings.js' */

/** @typedef {(key: Key, parameters?: Record<string, string|number>) => string} Translate */

/**
 * Everything that the page shows at one moment.
 * @typedef {object} Model
 * @property {State} call
 * @property {Screen} screen
 * @property {MediaState} media
 * @property {MediaStream|null} self the local camera
 * @property {MediaStreamTrack|null} microphone
 * @property {Link|null} link whose picture is shown
 * @property {History} history the figures of the last minute
 * @property {Conversation|null} conversation chat and files, null = not loaded yet
 * @property {Session|null} recording null = not loaded yet
 * @property {TalkState} talk whether they can be used
 * @property {boolean} canShareScreen
 * @property {Readonly<Values>} settings
 * @property {NotificationPermission|''} notifications '' = the browser has none
 * @property {boolean} supported whether this browser can make calls
 * @property {string} homeError shown on the home page, '' = none
 * @property {string} language its BCP 47 tag
 * @property {Translate} t
 * @property {string} url of the room
 * @property {number} now ms
 */

/** @type {Map<string, Element[]>} */
const cache = new Map();

/**
 * Returns the elements of the page's own markup that match. That markup is never replaced, so the document is searched
 * only once for each selector.
 * @template {Element} [T=HTMLElement]
 * @param {string} selector @returns {T[]}
 */
export function elements(selector) {
  const found = cache.get(selector) ?? [...document.querySelectorAll(selector)];
  cache.set(selector, found);
  return /** @type {T[]} */ (/** @type {unknown} */ (found));
}

/**
 * Returns the first of these elements.
 * @template {Element} [T=HTMLElement]
 * @param {string} selector @returns {T}
 */
export function element(selector) {
  const [first] = elements(selector);
  if (!first) throw new Error(`nothing matches ${selector}`);
  return /** @type {T} */ (/** @type {unknown} */ (first));
}

/**
 * @template {Element} [T=HTMLElement]
 * @param {string} selector @param {ParentNode} root @returns {T}
 */
export function find(selector, root) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`nothing matches ${selector}`);
  return /** @type {T} */ (/** @type {unknown} */ (found));
}

/**
 * @template {Element} [T=HTMLElement]
 * @param {string} selector @param {ParentNode} root @returns {T[]}
 */
export const findAll = (selector, root) =>
  /** @type {T[]} */ (/** @type {unknown} */ ([...root.querySelectorAll(selector)]));

/** Sets a text only if it changes, so that a live region is not announced again. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} name @returns {DocumentFragment} */
export const cloneTemplate = (name) =>
  /** @type {DocumentFragment} */ (
    /** @type {HTMLTemplateElement} */ (element(`[data-template="${name}"]`)).content.cloneNode(
      true,
    )
  );

/** @type {[string, (element: Element, text: string) => void][]} */
const TARGETS = [
  ['data-t', setText],
  ['data-t-label', (target, text) => target.setAttribute('aria-label', text)],
  ['data-t-placeholder', (target, text) => target.setAttribute('placeholder', text)],
];

/** Fills in the texts that the page's attributes name. @param {ParentNode} root @param {Translate} t */
export function translate(root, t) {
  for (const [attribute, set] of TARGETS) {
    for (const target of findAll(`[${attribute}]`, root)) {
      set(target, t(/** @type {Key} */ (target.getAttribute(attribute))));
    }
  }
}

/** @param {Element} button @param {string} icon */
export function setIcon(button, icon) {
  const use = find('use', button);
  if (use.getAttribute('href') !== icon) use.setAttribute('href', icon);
}

/** Shows a stream. Resolves to false if the browser needs a click first. @param {HTMLVideoElement} video @param {MediaStream|null} stream @returns {Promise<boolean>} */
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

/** @param {Model} model */
export const peerName = ({call, t}) => call.peerName || t('someone');
