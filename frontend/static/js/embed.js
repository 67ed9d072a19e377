import {screenOf} from './screens.js';
/** @import {State} from './machine.js' */
/** @import {Quality} from './stats.js' */

/**
 * What the web site that shows this page in a frame may do and learn: docs/embed.md. It may switch off and hang up,
 * never switch on: only the person at the page does that. It learns that a call goes on and how well, and nothing about
 * who takes part.
 */

/** @typedef {'mute'|'hide-camera'|'hang-up'} Command */
/** @typedef {{event: 'joined'} | {event: 'connected'} | {event: 'quality', quality: Quality} | {event: 'left', reason: string}} News */
/** @typedef {{inside: boolean, joined: boolean, connected: boolean, quality: Quality|null, reason: string}} Facts */

/** @type {readonly unknown[]} */
const COMMANDS = ['mute', 'hide-camera', 'hang-up'];

/**
 * Returns the command in a message to this window.
 * @param {Pick<MessageEvent, 'source'|'origin'|'data'>} message
 * @param {unknown} parent the window that shows the frame; any other is ignored, also one above the parent
 * @param {readonly string[]} origins that may show the page
 * @returns {Command|null} null = none, or from somebody who may not give any
 */
export function commandOf({source, origin, data}, parent, origins) {
  if (source !== parent || !origins.includes(origin)) return null;
  if (typeof data !== 'object' || data === null || data.target !== 'callbox') return null;
  return COMMANDS.includes(data.command) ? data.command : null;
}

/**
 * Returns the origins to send events to. The browser delivers each only to a window of that very origin, so a wrong
 * guess tells nobody anything.
 * @param {readonly string[]} origins that may show the page
 * @param {readonly (string|undefined)[]} guesses of the parent's origin: not every browser says it
 */
export function targetsOf(origins, guesses) {
  const parent = guesses.find((guess) => guess !== undefined && origins.includes(guess));
  return parent === undefined ? origins : [parent];
}

/** @param {State} state @param {Quality|null} quality of the connection, null = not known yet @returns {Facts} */
export function factsOf(state, quality) {
  const inside = state.phase === 'in';
  const connected = screenOf(state) === 'call';
  const isUp = state.link?.connection === 'connected';
  return {
    inside,
    joined: inside && state.self !== '',
    connected,
    quality: connected ? (isUp ? quality : 'lost') : null,
    reason: state.phase === 'full' ? 'full' : state.reason || 'left',
  };
}

/** @param {Facts} before @param {Facts} now @returns {News[]} */
export function newsBetween(before, now) {
  /** @type {News[]} */ const news = [];
  if (now.joined && !before.joined) news.push({event: 'joined'});
  if (now.connected && !before.connected) news.push({event: 'connected'});
  if (now.quality && now.quality !== before.quality)
    news.push({event: 'quality', quality: now.quality});
  if (before.inside && !now.inside) news.push({event: 'left', reason: now.reason});
  return news;
}

/** @type {Facts} */
const NOTHING = {inside: false, joined: false, connected: false, quality: null, reason: ''};

/** Talks to the site around the frame. */
export class Embedding {
  #facts = NOTHING;
  /** @type {Pick<Window, 'postMessage'>} */ #parent;
  /** @type {readonly string[]} */ #targets;

  /**
   * @param {Pick<Window, 'postMessage'>} parent @param {readonly string[]} origins
   * @param {readonly (string|undefined)[]} guesses see targetsOf
   * @param {Record<Command, () => void>} actions
   * @param {EventTarget} [page] that gets the messages
   */
  constructor(parent, origins, guesses, actions, page = globalThis) {
    this.#parent = parent;
    this.#targets = targetsOf(origins, guesses);
    page.addEventListener('message', (event) => {
      const command = commandOf(/** @type {MessageEvent} */ (event), parent, origins);
      if (command) actions[command]();
    });
  }

  /** Tells the site what has changed. @param {State} state @param {Quality|null} quality */
  update(state, quality) {
    const before = this.#facts;
    this.#facts = factsOf(state, quality);
    for (const news of newsBetween(before, this.#facts)) {
      for (const target of this.#targets)
        this.#parent.postMessage({source: 'callbox', ...news}, target);
    }
  }
}
