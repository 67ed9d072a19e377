import {EARLY_LIFE} from './timeouts.js';
/** @import {Callbacks, Transport} from './transport.js' */

/** @typedef {{transport: Transport, open: boolean, callbacks: Callbacks|null}} Early */

/**
 * A connection to the server that is opened at the first sign that the user is about to join, so that the click need not
 * wait for it. Nothing is sent on it before it is taken. If that does not happen soon it is closed, before the server
 * does it, which waits only so long for a `join`; the next sign opens another one.
 */
export class EarlyTransport {
  /** @type {(callbacks: Callbacks) => Transport} */ #dial;
  /** @type {Early|null} */ #early = null;
  /** When the last one was opened (ms). */
  #at = -Infinity;
  /** Whether it was closed by the server, or could not be opened: it may be away, and is left alone for a while. */
  #failed = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {(callbacks: Callbacks) => Transport} dial */
  constructor(dial) {
    this.#dial = dial;
  }

  prepare() {
    if ((this.#early || this.#failed) && this.#isFresh) return;
    this.drop();
    this.#at = Date.now();
    this.#failed = false;
    const fail = () => {
      this.#failed = true;
      this.drop();
    };
    /** @type {Early} */
    const early = {
      open: false,
      callbacks: null,
      transport: this.#dial({
        onopen: () => {
          early.open = true;
          early.callbacks?.onopen();
        },
        ontext: (text) => (early.callbacks ? early.callbacks.ontext(text) : fail()),
        onclose: (...how) => (early.callbacks ? early.callbacks.onclose(...how) : fail()),
      }),
    };
    this.#early = early;
    this.#timer = setTimeout(() => this.drop(), EARLY_LIFE);
  }

  /** Hands the connection over, open or about to be; null = there is none. @param {Callbacks} callbacks */
  take(callbacks) {
    // The timer of a page that was hidden or asleep is late.
    const early = this.#isFresh ? this.#early : null;
    if (early) {
      early.callbacks = callbacks;
      this.#early = null;
    }
    this.drop();
    return early;
  }

  /** Closes it. */
  drop() {
    clearTimeout(this.#timer);
    this.#early?.transport.close();
    this.#early = null;
  }

  get #isFresh() {
    const age = Date.now() - this.#at;
    return age >= 0 && age < EARLY_LIFE;
  }
}
