import {decodeCtl, encodeCtl} from './ctl_messages.js';
import {CONFIRM_TIMEOUT, PING_INTERVAL, PONG_INTERVAL} from './timeouts.js';
/** @import {CtlMessage, Hello, Malformed, Ping, Pong} from './ctl_messages.js' */

/**
 * The two data channels between the ends of a call, as in docs/call.md: `ctl` for messages, `file` for the bytes of
 * files. An end that does not know them may open channels with the same ids, so this
 * one sends nothing before it has seen the other's mark beside a description.
 */

/** @typedef {Exclude<CtlMessage, Hello|Ping|Pong>|Malformed} CtlNews what the channel does not handle itself */

/**
 * @typedef {object} Options
 * @property {RTCPeerConnection} pc
 * @property {Omit<Hello, 'type'|'v'>} hello
 * @property {() => void} onopen the other end said hello: from now on messages can be sent
 * @property {(message: CtlNews) => void} onmessage
 * @property {() => void} onclose after onopen
 */

/** Data channels that others open in band have low ids. */
const CTL_ID = 100;
const FILE_ID = 101;
/** Messages a second that are accepted, and that are sent. */
const MAX_RATE = 200;
const SEND_RATE = 100;
/** Messages that wait to be sent, and bytes that the browser holds for a channel that does not get on. */
const MAX_QUEUE = 512;
const MAX_BUFFERED = 1 << 20;
/** Pings of which one must be answered. The other end answers one a second at most. */
const CONFIRM_TRIES = 3;

/** Counts events within a second. */
class Second {
  #begin = -Infinity;
  #count = 0;

  /** @param {number} limit @returns {boolean} whether one more stays within the limit */
  allows(limit) {
    const now = Date.now();
    if (now - this.#begin >= 1000 || now < this.#begin) {
      this.#begin = now;
      this.#count = 0;
    }
    return ++this.#count <= limit;
  }

  /** @returns {number} ms until the next one begins, or until it is worth another look */
  get rest() {
    return Math.max(20, this.#begin + 1000 - Date.now());
  }
}

export class Ctl {
  /** @type {Options} */ #options;
  /** @type {RTCDataChannel|null} */ #channel = null;
  /** @type {RTCDataChannel|null} */ #file = null;
  /** Whether somebody listens to the channel for files. */
  #fileUsed = false;
  /** Whether the other end has shown that it knows the channels. */
  #marked = false;
  #saidHello = false;
  /** @type {Hello|null} */ #hello = null;
  #ready = false;
  #ended = false;
  /** @type {string[]} */ #queue = [];
  #sent = new Second();
  #received = new Second();
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #sendTimer;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #pingTimer;
  #pings = 0;
  #pingAt = -Infinity;
  /** Who wait for the answer to a ping, by its number. @type {Map<() => void, number>} */ #waiting =
    new Map();
  #pongAt = -Infinity;
  /** Round trip (ms), and how far the other's clock is ahead of this one (ms). @type {{rtt: number, offset: number}|null} */
  clock = null;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** Whether messages can be sent. */
  get ready() {
    return this.#ready;
  }

  /** Returns the channel for files, to be listened to from now on. @returns {RTCDataChannel|null} */
  useFileChannel() {
    this.#fileUsed = true;
    return this.#file;
  }

  /** Makes the channels. Both ends do, before the first offer is made or answered. */
  create() {
    if (this.#channel || this.#ended) return;
    const {pc} = this.#options;
    this.#channel = pc.createDataChannel('ctl', {negotiated: true, id: CTL_ID});
    this.#channel.addEventListener('open', () => this.#greet());
    this.#channel.addEventListener('message', ({data}) => this.#receive(data));
    for (const event of ['close', 'error'])
      this.#channel.addEventListener(event, () => this.close());
    this.#file = pc.createDataChannel('file', {negotiated: true, id: FILE_ID});
    this.#file.addEventListener('message', () => {
      // Nothing was taken, so there is nothing to receive.
      if (this.#marked && !this.#fileUsed) this.#file?.close();
    });
  }

  /** Notes that a description of the other end carried its mark. */
  mark() {
    this.#marked = true;
    this.create();
    this.#greet();
  }

  /**
   * Sends a message, soon. Reports whether it can: not before the other end said hello, and not if it is too large.
   * @param {CtlMessage} message
   */
  send(message) {
    if (!this.#ready) return false;
    let json;
    try {
      json = encodeCtl(message);
    } catch (error) {
      console.warn('ctl:', error);
      return false;
    }
    this.#queue.push(json);
    this.#flush();
    return this.#ready;
  }

  /** Resolves to whether the other end has got what was sent so far: messages keep their order, and it answers a ping. */
  async confirm() {
    for (let tries = 0; tries < CONFIRM_TRIES; tries++) {
      const rest = this.#pingAt + PONG_INTERVAL - Date.now();
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
      if (!this.#ready) return false;
      if (await this.#isAnswered()) return true;
    }
    return false;
  }

  /** Pings, and resolves to whether there is an answer in time. @returns {Promise<boolean>} */
  #isAnswered() {
    return new Promise((resolve) => {
      const end = (/** @type {boolean} */ answered) => {
        clearTimeout(timer);
        this.#waiting.delete(onanswer);
        resolve(answered);
      };
      const onanswer = () => end(true);
      const timer = setTimeout(end, CONFIRM_TIMEOUT, false);
      this.#waiting.set(onanswer, this.#pings + 1);
      this.#ping();
    });
  }

  /** Ends the channels, not the call. */
  close() {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#sendTimer);
    clearInterval(this.#pingTimer);
    const wasReady = this.#ready;
    this.#ready = false;
    this.#channel?.close();
    this.#file?.close();
    if (wasReady) this.#options.onclose();
  }

  #greet() {
    const channel = this.#channel;
    if (!this.#marked || channel?.readyState !== 'open') return;
    if (!this.#saidHello) {
      this.#saidHello = true;
      channel.send(encodeCtl({type: 'hello', v: 1, ...this.#options.hello}));
    }
    if (!this.#hello || this.#ready || this.#ended) return;
    this.#ready = true;
    this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL);
    this.#options.onopen();
  }

  /** Sends slowly enough for the other end, and keeps what is beyond for later. */
  #flush() {
    clearTimeout(this.#sendTimer);
    const channel = this.#channel;
    while (this.#queue.length > 0 && channel?.readyState === 'open') {
      if (channel.bufferedAmount > MAX_BUFFERED || !this.#sent.allows(SEND_RATE)) {
        this.#sendTimer = setTimeout(() => this.#flush(), this.#sent.rest);
        break;
      }
      channel.send(/** @type {string} */ (this.#queue.shift()));
    }
    // A gap would break the order that the other end relies on.
    if (this.#queue.length > MAX_QUEUE) this.close();
  }

  /** @param {unknown} data */
  #receive(data) {
    if (this.#ended) return;
    const message =
      typeof data === 'string' ? decodeCtl(data) : {type: /** @type {const} */ ('unknown')};
    const tooLarge = message.type === 'malformed' && message.what === 'size';
    if (!this.#received.allows(MAX_RATE) || tooLarge) {
      if (this.#marked) this.close();
      return; // Without the mark these are messages of another program.
    }
    if (message.type === 'hello') {
      this.#hello ??= message;
      this.#greet();
    } else if (this.#ready) this.#handle(message);
  }

  /** @param {ReturnType<typeof decodeCtl>} message */
  #handle(message) {
    if (message.type === 'ping') this.#pong(message);
    else if (message.type === 'pong') this.#measure(message);
    else if (message.type !== 'unknown' && message.type !== 'hello')
      this.#options.onmessage(message);
  }

  #ping() {
    this.#pingAt = Date.now();
    this.send({type: 'ping', n: ++this.#pings, t: Date.now()});
  }

  /** @param {Ping} ping */
  #pong({n, t}) {
    const now = Date.now();
    if (now - this.#pongAt < PONG_INTERVAL) return;
    this.#pongAt = now;
    this.send({type: 'pong', n, t, r: now});
  }

  /** @param {Pong} pong */
  #measure({n, t, r}) {
    for (const [onanswer, ping] of this.#waiting) if (ping <= n && n <= this.#pings) onanswer();
    if (n !== this.#pings) return;
    const now = Date.now();
    this.clock = {rtt: now - t, offset: r - (t + now) / 2};
  }
}
