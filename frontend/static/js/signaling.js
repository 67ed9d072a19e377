import {SUBPROTOCOL, decodeFrame} from './messages.js';
/** @import {Frame} from './messages.js' */

/**
 * @typedef {object} Options
 * @property {string} url of the WebSocket
 * @property {typeof WebSocket} [WebSocket]
 * @property {() => void} onopen
 * @property {(frame: Frame) => void} onframe gets events and notices, in order
 * @property {(code: number) => void} onclose is called once for every open(), unless close() came first
 */

/** Milliseconds that opening a connection, or a reply, may take. */
const PATIENCE = 10_000;
/** How often a request is repeated that the server answered with "later". */
const REPEATS = 3;
/** The page's own close code for a connection on which nothing is heard any more. */
const SILENT = 4000;

/** @typedef {{resolve: (reply: Frame) => void, timer: ReturnType<typeof setTimeout>}} Waiting */

/** The way to the signaling server: one WebSocket at a time, requests and their replies. */
export class Signaling {
  /** @type {Options} */ #options;
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {Map<number, Waiting>} */ #waiting = new Map();
  #lastID = 0;
  #unanswered = 0;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #keepalive;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #opening;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  get open() {
    return this.#socket?.readyState === 1;
  }

  /** Opens a connection; the one before is closed without a word. */
  connect() {
    this.close();
    const socket = new (this.#options.WebSocket ?? WebSocket)(this.#options.url, SUBPROTOCOL);
    this.#socket = socket;
    this.#opening = setTimeout(() => this.#fail(socket, SILENT), PATIENCE);
    socket.onopen = () => {
      clearTimeout(this.#opening);
      this.#options.onopen();
    };
    socket.onmessage = ({data}) => this.#receive(data);
    socket.onclose = ({code}) => this.#fail(socket, code);
  }

  /** Closes for good: no callback comes after it. */
  close() {
    const socket = this.#socket;
    if (!socket) return;
    this.#forget();
    socket.close(1000);
  }

  /**
   * Sends a request and gives its reply. Without a connection, or without a reply in time, that is an
   * error frame with code `unknown`. What the server asks to repeat later is repeated.
   * @param {Record<string, unknown>} frame @returns {Promise<Frame>}
   */
  async request(frame) {
    let reply = await this.#requestOnce(frame);
    for (let i = 0; i < REPEATS && reply.type === 'error' && reply.retry; i++) {
      const {after} = reply;
      await new Promise((resolve) => setTimeout(resolve, after * 1000));
      reply = await this.#requestOnce(frame);
    }
    return reply;
  }

  /** Says goodbye while the page is going away: no reply is waited for. */
  leave() {
    this.#write({type: 'leave'});
  }

  /** Asks for a sign of life every so often, and gives the connection up when there is none.
   * @param {number} seconds between two */
  keepAlive(seconds) {
    clearInterval(this.#keepalive);
    const socket = this.#socket;
    if (!socket || seconds <= 0) return;
    // Counts unanswered pings and not time: a browser slows the timers of a hidden page down.
    this.#unanswered = 0;
    this.#keepalive = setInterval(() => {
      if (this.#unanswered >= 2) this.#fail(socket, SILENT);
      else if (this.#write({type: 'ping', id: ++this.#lastID})) this.#unanswered++;
    }, seconds * 1000);
  }

  /** @param {Record<string, unknown>} frame @returns {Promise<Frame>} */
  #requestOnce(frame) {
    const id = ++this.#lastID;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer(lost(id)), PATIENCE);
      this.#waiting.set(id, {resolve, timer});
      if (!this.#write({...frame, id})) this.#answer(lost(id));
    });
  }

  /** @param {Record<string, unknown>} frame */
  #write(frame) {
    if (!this.open) return false;
    this.#socket?.send(JSON.stringify(frame));
    return true;
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#unanswered = 0;
    let frame;
    try {
      frame = decodeFrame(String(data));
    } catch (error) {
      console.warn('frame dropped:', error);
      return;
    }
    if ('id' in frame && frame.id > 0) this.#answer(frame);
    else this.#options.onframe(frame);
  }

  /** @param {Frame & {id: number}} reply */
  #answer(reply) {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    waiting.resolve(reply);
  }

  /** @param {WebSocket} socket @param {number} code */
  #fail(socket, code) {
    if (socket !== this.#socket) return;
    this.#forget();
    if (socket.readyState < 2) socket.close();
    this.#options.onclose(code);
  }

  #forget() {
    const socket = this.#socket;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = null;
    clearTimeout(this.#opening);
    clearInterval(this.#keepalive);
    for (const id of [...this.#waiting.keys()]) this.#answer(lost(id));
  }
}

/** @param {number} id @returns {import('./messages.js').ErrorFrame} */
const lost = (id) => ({
  type: 'error',
  id,
  code: 'unknown',
  message: 'connection lost',
  retry: false,
  after: 0,
});
