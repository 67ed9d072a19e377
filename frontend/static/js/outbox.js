/** @import {ErrorFrame, Frame} from './messages.js' */

/**
 * @typedef {object} Entry
 * @property {Record<string, unknown>} frame without its id
 * @property {number} id 0 = not sent yet
 * @property {boolean} sent on the current connection
 * @property {number} deferrals how often the server has answered "later"
 * @property {(reply: Frame) => void} resolve
 */

/** Requests without a reply at one time. The server keeps its last 32 replies, those to pings included. */
const WINDOW = 24;
/** Requests kept in all while there is no connection. */
const CAPACITY = 256;
/** How often a request is repeated because the server answered "later". */
const MAX_DEFERRALS = 30;

/**
 * The requests that have no reply yet, in order. A request gets its id when it is first sent, so that the server never
 * sees a gap. On a new connection the same requests are sent again with the same ids, and the server carries none out
 * twice.
 */
export class Outbox {
  /** @type {Entry[]} */ #entries = [];
  #lastID = 0;
  #deferredUntil = 0;

  get unanswered() {
    return this.#entries.filter(({sent}) => sent).length;
  }

  /** Returns the id for a request that is never repeated. */
  nextID() {
    return ++this.#lastID;
  }

  /** @param {Record<string, unknown>} frame @returns {Promise<Frame>} its reply, or an error frame with code `lost` */
  add(frame) {
    if (this.#entries.length >= CAPACITY) return Promise.resolve(failure('queue_full'));
    return new Promise((resolve) =>
      this.#entries.push({frame, id: 0, sent: false, deferrals: 0, resolve}),
    );
  }

  /**
   * Returns the next request to write, with its id; or when to ask again (ms); or null.
   * @param {number} now ms @returns {Record<string, unknown>|number|null}
   */
  next(now) {
    if (this.unanswered >= WINDOW) return null;
    const repeated = this.#entries
      .filter(({id, sent}) => id > 0 && !sent)
      .sort((one, other) => one.id - other.id)[0];
    const entry = repeated ?? this.#entries.find(({id}) => id === 0);
    if (!entry) return null;
    // A deferred request holds up all that come after it: the order is kept.
    if (entry.deferrals > 0 && now < this.#deferredUntil) return this.#deferredUntil;
    entry.id ||= ++this.#lastID;
    entry.sent = true;
    return {...entry.frame, id: entry.id};
  }

  /** @param {Frame & {id: number}} reply @param {number} now ms */
  handleReply(reply, now) {
    const entry = this.#entries.find(({id, sent}) => sent && id === reply.id);
    if (!entry) return;
    if (reply.type === 'error' && reply.retry && entry.deferrals < MAX_DEFERRALS) {
      entry.deferrals++;
      entry.sent = false;
      // `unknown` may have been carried out, which only the same id finds out. All others were not.
      if (reply.code !== 'unknown') entry.id = 0;
      this.#deferredUntil = Math.max(this.#deferredUntil, now + reply.after * 1000);
      return;
    }
    this.#entries = this.#entries.filter((other) => other !== entry);
    entry.resolve(reply);
  }

  /** Has everything sent again, on the next connection. */
  requeue() {
    for (const entry of this.#entries) entry.sent = false;
  }

  /** Fails the largest request, because the server has closed the connection for a frame that was too large. */
  failLargest() {
    const size = (/** @type {Entry} */ {frame}) => JSON.stringify(frame).length;
    const sent = this.#entries.filter((entry) => entry.sent).sort((a, b) => size(b) - size(a));
    if (sent[0]) this.handleReply({...failure('too_large'), id: sent[0].id}, 0);
  }

  /** Fails all requests, because the session is lost. Ids begin at 1 again. */
  reset() {
    const entries = this.#entries;
    this.#entries = [];
    this.#lastID = this.#deferredUntil = 0;
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
