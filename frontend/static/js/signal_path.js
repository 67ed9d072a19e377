import {SIGNAL_CONFIRM_TIMEOUT} from './timeouts.js';
/** @import {CallData, Frame} from './messages.js' */
/** @import {Outgoing} from './negotiation.js' */

/**
 * The way of descriptions and candidates to the other end. All of them go by signaling, which delivers each once and in
 * order as soon as it can; while either end's signaling is away, they also go over the data channel `ctl`. They are
 * numbered, so that the receiver takes what comes both ways once, and nothing that is older than what it has taken.
 */

/** @typedef {Record<string, unknown>} Data */
/** @typedef {{data: Data, sent: boolean}} Entry sent = over ctl */

/**
 * @typedef {object} Options
 * @property {number} generation
 * @property {(data: Data) => Promise<Frame>} signal sends by signaling, and returns the reply of the server
 * @property {(data: Data) => boolean} tell sends over ctl, and reports whether it could
 */

/** Messages kept that the server has not confirmed. */
const MAX_UNCONFIRMED = 256;

export class SignalPath {
  /** @type {Options} */ #options;
  #away = false;
  #number = 0;
  /** The newest number that was taken. */
  #taken = 0;
  /** @type {Entry[]} */ #unconfirmed = [];
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {Outgoing} outgoing */
  send(outgoing) {
    const data = {call: this.#options.generation, n: ++this.#number, ...outgoing};
    const mark = 'description' in outgoing && {ctl: 1};
    const entry = {data, sent: false};
    this.#unconfirmed.push(entry);
    if (this.#unconfirmed.length > MAX_UNCONFIRMED) this.#unconfirmed.shift();
    void this.#options.signal({...data, ...mark}).then((reply) => {
      // It was refused: the server does not know the other end, or has lost this one.
      if (reply.type === 'error') this.#repeat();
      this.#unconfirmed = this.#unconfirmed.filter((other) => other !== entry);
    });
    if (this.#away) this.#repeat();
    // A connection that is dead without saying so confirms nothing.
    else this.#timer ??= setTimeout(() => this.#repeat(), SIGNAL_CONFIRM_TIMEOUT);
  }

  /** Notes whether signaling of this end or of the other is away. @param {boolean} away */
  set away(away) {
    this.#away = away;
    this.retry();
  }

  /** Notes that ctl may be open now. */
  retry() {
    if (this.#away) this.#repeat();
  }

  /**
   * Reports whether data of the other end is to be handled.
   * @param {CallData} data
   */
  takes(data) {
    const number = 'n' in data ? (data.n ?? 0) : 0;
    if (number === 0) return true; // from a program that does not number
    if (number <= this.#taken) return false;
    this.#taken = number;
    return true;
  }

  /** Begins anew with the numbers, because the other end may have: nothing older is under way. */
  resync() {
    this.#taken = 0;
  }

  close() {
    clearTimeout(this.#timer);
  }

  /** Sends over ctl, in order, what the server has not confirmed. */
  #repeat() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const entry of this.#unconfirmed) {
      if (!entry.sent && !this.#options.tell(entry.data)) return;
      entry.sent = true;
    }
  }
}
