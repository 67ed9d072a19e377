import {fingerprintsOf} from './fingerprints.js';
import {advance, begin} from './safety.js';
/** @import {Malformed} from './ctl_messages.js' */
/** @import {Code, Exchange, SafetyMessage, Turn} from './safety.js' */

/**
 * Runs the exchanges for the safety code, one for each pair of certificates that meet in a room, and keeps them as long
 * as the page lives: so a new connection with the same page shows the same code, with the person's verdict.
 */

/** @typedef {''|'match'|'differ'} Verdict what a person said of the code */

/**
 * What is known of a connection.
 * @typedef {object} Finding
 * @property {'checking'|'code'|'warning'|'impossible'} status
 * @property {Code|null} code
 * @property {Verdict} verdict
 * @property {boolean} changed another code was shown before, in this stay in the room
 * @property {''|'foreign'|'browser'|'silent'} reason of `impossible`: the other end does not know the code, this browser
 *   does not tell the certificates, or the other end does not answer
 */

/**
 * @typedef {object} Connection
 * @property {number} link its number
 * @property {RTCPeerConnection} pc
 * @property {RTCCertificate|undefined} certificate of this end
 * @property {string} room
 * @property {boolean} polite
 * @property {(message: SafetyMessage) => void} send
 */

/** @typedef {{exchange: Exchange, verdict: Verdict}} Pair */

/** Pairs that are kept. Every reload of the other page makes one. */
const MAX_PAIRS = 64;
/** Messages of the other end that may wait. An exchange has three. */
const MAX_WAITING = 32;

/** @type {Finding} */
export const CHECKING = Object.freeze({
  status: 'checking',
  code: null,
  verdict: '',
  changed: false,
  reason: '',
});

/** @param {Finding['reason']} reason @returns {Finding} */
export const impossible = (reason) => ({...CHECKING, status: 'impossible', reason});

export class SafetyCheck {
  /** @type {(link: number, finding: Finding) => void} */ #onchange;
  /** By room and certificates. @type {Map<string, Pair>} */ #pairs = new Map();
  /** @type {(Connection & {key: string})|null} */ #connection = null;
  /** The first pair whose code was shown in this stay in the room. */
  #shown = '';
  #queue = Promise.resolve();
  #waiting = 0;

  /** @param {(link: number, finding: Finding) => void} onchange */
  constructor(onchange) {
    this.#onchange = onchange;
  }

  /** Notes that this end enters a room: a code there is a new one, but not a changed one. */
  reset() {
    this.#shown = '';
    this.#connection = null;
  }

  /** Begins or continues the exchange on a connection whose channel has just opened. @param {Connection} connection */
  start(connection) {
    this.#enqueue(async () => {
      this.#connection = {...connection, key: ''};
      const {pc, certificate} = connection;
      const prints = crypto.subtle && (await fingerprintsOf(pc, certificate).catch(() => null));
      if (!prints) {
        this.#onchange(connection.link, impossible('browser'));
        return;
      }
      const {room, polite} = connection;
      const key = [room, prints.own, prints.other].join(' ');
      const known = this.#pairs.get(key);
      const exchange = known?.exchange ?? (await newExchange({room, polite, ...prints}));
      this.#keep(key, known ?? {exchange, verdict: ''});
      if (this.#connection?.link !== connection.link) return; // reset meanwhile
      this.#connection.key = key;
      this.#use({exchange, reply: exchange.last});
    });
  }

  /** @param {number} link @param {SafetyMessage|Malformed} message */
  receive(link, message) {
    if (this.#waiting >= MAX_WAITING) return;
    this.#enqueue(async () => {
      const pair = this.#pair;
      if (this.#connection?.link === link && pair) this.#use(await advance(pair.exchange, message));
    });
  }

  /** @param {Verdict} verdict of a person, on the code that is shown */
  judge(verdict) {
    const pair = this.#pair;
    if (!pair?.exchange.code) return;
    pair.verdict = verdict;
    this.#report();
  }

  /** @param {string} key @param {Pair} pair */
  #keep(key, pair) {
    this.#pairs.delete(key);
    this.#pairs.set(key, pair); // at the end, as the newest
    const [oldest = ''] = this.#pairs.keys();
    if (this.#pairs.size > MAX_PAIRS) this.#pairs.delete(oldest);
  }

  /** Resolves when everything received so far has been handled. */
  idle() {
    return this.#queue;
  }

  get #pair() {
    return this.#pairs.get(this.#connection?.key ?? '');
  }

  /** @param {Turn} turn of the current pair */
  #use({exchange, reply}) {
    const pair = this.#pair;
    if (!pair) return;
    pair.exchange = exchange;
    if (reply) this.#connection?.send(reply);
    this.#report();
  }

  #report() {
    const [pair, connection] = [this.#pair, this.#connection];
    if (!pair || !connection) return;
    const {broken, code} = pair.exchange;
    if (broken) pair.verdict = '';
    this.#onchange(connection.link, {
      ...CHECKING,
      status: broken ? 'warning' : code ? 'code' : 'checking',
      code,
      verdict: pair.verdict,
      changed: this.#shown !== '' && this.#shown !== connection.key,
    });
    if (code && this.#shown === '') this.#shown = connection.key;
  }

  /** Does one after the other. @param {() => Promise<void>} work */
  #enqueue(work) {
    this.#waiting++;
    this.#queue = this.#queue
      .then(work)
      .catch((error) => console.warn('safety code:', error))
      .finally(() => this.#waiting--);
  }
}

/** @param {{room: string, polite: boolean, own: string, other: string}} pair @returns {Promise<Exchange>} */
async function newExchange(pair) {
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  return (await begin({...pair, nonce})).exchange;
}
