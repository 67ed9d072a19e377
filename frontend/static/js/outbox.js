/** @import {ErrorFrame, Frame} from './messages.js' */

/**
 * @typedef {object} Entry
 * @property {Record<string, unknown>} frame without its id
 * @property {number} id 0 = not sent yet
 * @property {boolean} sent by the connection there is now
 * @property {number} refusals how often the server answered "later"
 * @property {(reply: Frame) => void} resolve
 */

/** Requests under way at once. The server knows its last 32 replies again, and a ping is one of them. */
const WINDOW = 24;
/** Requests kept in all, for as long as there is no connection. */
const CAPACITY = 256;
/** How often "later" is obeyed. */
const PATIENCE = 30;

/**
 * The requests that have no reply yet, in order. A number is given out when a request is first sent, so
 * that the server never sees a gap; a connection that broke gets the same requests again under the same
 * numbers, and the server carries none out twice.
 */
export class Outbox {
  /** @type {Entry[]} */ #entries = [];
  #lastID = 0;
  #heldUntil = 0;

  get unanswered() {
    return this.#entries.filter(({sent}) => sent).length;
  }

  /** A number for a request that is not worth repeating. */
  number() {
    return ++this.#lastID;
  }

  /** @param {Record<string, unknown>} frame @returns {Promise<Frame>} the reply, or an error frame with code `lost` */
  add(frame) {
    if (this.#entries.length >= CAPACITY) return Promise.resolve(failure('queue_full'));
    return new Promise((resolve) =>
      this.#entries.push({frame, id: 0, sent: false, refusals: 0, resolve}),
    );
  }

  /**
   * The next request to write, with its number, or when to ask again (ms), or null.
   * @param {number} now ms @returns {Record<string, unknown>|number|null}
   */
  next(now) {
    if (this.unanswered >= WINDOW) return null;
    const repeated = this.#entries
      .filter(({id, sent}) => id > 0 && !sent)
      .sort((one, other) => one.id - other.id)[0];
    const entry = repeated ?? this.#entries.find(({id}) => id === 0);
    if (!entry) return null;
    // What waits for its time holds up all that comes after it: order is kept.
    if (entry.refusals > 0 && now < this.#heldUntil) return this.#heldUntil;
    entry.id ||= ++this.#lastID;
    entry.sent = true;
    return {...entry.frame, id: entry.id};
  }

  /** @param {Frame & {id: number}} reply @param {number} now ms */
  answer(reply, now) {
    const entry = this.#entries.find(({id, sent}) => sent && id === reply.id);
    if (!entry) return;
    if (reply.type === 'error' && reply.retry && entry.refusals < PATIENCE) {
      entry.refusals++;
      entry.sent = false;
      // `unknown` may have been carried out: only the same number finds out. Everything else was not.
      if (reply.code !== 'unknown') entry.id = 0;
      this.#heldUntil = Math.max(this.#heldUntil, now + reply.after * 1000);
      return;
    }
    this.#entries = this.#entries.filter((other) => other !== entry);
    entry.resolve(reply);
  }

  /** The session goes on by another connection. */
  repeat() {
    for (const entry of this.#entries) entry.sent = false;
  }

  /** A frame was too large for the server, which has not said which: it must not go out again. */
  refuseLargest() {
    const size = (/** @type {Entry} */ {frame}) => JSON.stringify(frame).length;
    const sent = this.#entries.filter((entry) => entry.sent).sort((a, b) => size(b) - size(a));
    if (sent[0]) this.answer({...failure('too_large'), id: sent[0].id}, 0);
  }

  /** The session is lost, and with it every promise: numbers begin at 1 again. */
  reset() {
    const entries = this.#entries;
    this.#entries = [];
    this.#lastID = this.#heldUntil = 0;
    for (const {resolve} of entries) resolve(failure('lost'));
  }
}

/** @param {string} code @returns {ErrorFrame} */
const failure = (code) => ({
  type: 'error',
  id: 0,
  code,
  message: 'not delivered',
  retry: false,
  after: 0,
});
