import {Backoff} from './backoff.js';
import {decodeAnyFrame} from './messages.js';
import {Outbox} from './outbox.js';
import {isFinal} from './refusal.js';
import {TransportChoice} from './transport.js';
/** @import {ErrorFrame, Frame, Joined} from './messages.js' */
/** @import {Refusal, RefusalCode} from './refusal.js' */
/** @import {Seat} from './seat.js' */
/** @import {Callbacks, Transport, TransportName} from './transport.js' */

/**
 * @typedef {object} Options
 * @property {Record<TransportName, (callbacks: Callbacks) => Transport>} transports
 * @property {Seat} seat
 * @property {(frame: Frame) => void} onframe gets `joined` and `full`, events exactly once and in order,
 *   and notices
 * @property {(tries: number, refusal: RefusalCode|null) => void} ondown the connection is lost, or could not be had; the way
 *   back is sought. refusal = the server is there, and refuses
 * @property {(cause: string|number) => void} onend there is no way back: an error code, a refusal, or a close code
 * @property {() => number} [random] for how long to wait
 */

/** @typedef {{room: string, name: string, token: string, mine: boolean}} Entrance mine = whoever holds our seat gives it up */

/** Milliseconds that a connection, a join or the reply to a request may take. */
const PATIENCE = 10_000;
const WEBSOCKET_PATIENCE = 6000;
/** The same for a sign of life when there is reason for doubt. */
const DOUBT = 4000;
/** Milliseconds that what was seen may stay unconfirmed, and how many events. */
const CONFIRM_WITHIN = 1000;
const CONFIRM_EVERY = 32;
/** Milliseconds after which a connection was worth having. */
const STEADY = 5000;
/** How much too late a timer may fire, ms. More, and the page has slept. */
const LATE = 2000;

/** The page's own close code for a connection on which nothing is heard any more. */
const SILENT = 4000;
/** Close codes after which coming back would be wrong: left, policy, the seat was taken over. */
const FINAL = [1000, 1008, 4001];
/** Close code of a server that got a frame it does not take. */
const TOO_LARGE = 1009;
/** Answers to `join` that trying again would not change. */
const REFUSALS = ['unauthorized', 'bad_request', 'bad_frame', 'too_large'];

/** @typedef {ReturnType<typeof setTimeout>|undefined} Timeout */

/**
 * The page's session with the signaling server. It outlives its connections: what breaks is made anew,
 * what was not answered is asked again, what was missed comes late, and nobody needs to know.
 */
export class Signaling {
  /** @type {Options} */ #options;
  #outbox = new Outbox();
  #choice = new TransportChoice();
  /** @type {Backoff} */ #backoff;
  /** @type {'off'|'waiting'|'opening'|'joining'|'up'} */ #phase = 'off';
  /** @type {Entrance|null} */ #entrance = null;
  /** @type {Transport|null} */ #transport = null;
  /** @type {TransportName} */ #transportName = 'websocket';
  #nonce = '';
  #replace = '';
  #resume = '';
  #peer = '';
  /** The newest event that was told, and that was confirmed. */
  #seq = 0;
  #confirmed = 0;
  #held = false;
  /** What the server said when it last refused. @type {RefusalCode|null} */ #refusal = null;
  #upSince = 0;
  /** @type {Frame[]} Events that were faster than the reply to `join`. */ #early = [];
  /** @type {Timeout} */ #retry;
  /** @type {Timeout} */ #patience;
  #due = Infinity;
  /** @type {Timeout} */ #seen;
  /** @type {Timeout} */ #later;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #pings;
  #counts = {joined: 0, resumed: 0, lost: 0};

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#backoff = new Backoff(options.random ?? Math.random);
  }

  /** For whoever looks for a fault. */
  get info() {
    const up = this.#phase === 'up';
    const transport = up ? this.#transportName : '';
    return {phase: this.#phase, transport, peer: this.#peer, seq: this.#seq, ...this.#counts};
  }

  /** Joins a room and stays in it until leave(), or until onend. @param {Entrance} entrance */
  async enter(entrance) {
    this.#stop();
    this.#entrance = entrance;
    this.#backoff.reset();
    this.#refusal = null;
    this.#nonce = randomText();
    this.#resume = '';
    this.#phase = 'waiting';
    this.#held = true; // until it is known whose seat this is
    const replace = await this.#options.seat.claim(entrance.room, entrance.mine);
    if (this.#entrance !== entrance) return;
    this.#replace = replace;
    this.#dial();
  }

  /**
   * Sends a request, now or as soon as there is a connection, and gives its reply: an error frame with
   * code `lost` when the server has forgotten the session meanwhile.
   * @param {Record<string, unknown>} frame @returns {Promise<Frame>}
   */
  request(frame) {
    const reply = this.#outbox.add(frame);
    this.#flush();
    return reply;
  }

  /** Gives the seat back and is gone: no callback comes after it. @param {boolean} [reload] the page may come back */
  leave(reload = false) {
    const {room} = this.#entrance ?? {};
    this.#transport?.leave();
    this.#transport = null;
    this.#stop();
    if (room === undefined) return;
    if (reload) this.#options.seat.release();
    else this.#options.seat.forget(room);
  }

  /** The room was full and is worth another try. */
  again() {
    if (this.#entrance && this.#phase === 'off') this.#wait();
  }

  /** The network or the device is back: nothing is to be waited for, and nothing to be trusted. */
  wake() {
    if (this.#phase === 'waiting' && !this.#held) this.#dial();
    else if (this.#phase === 'up') this.#ping(DOUBT);
  }

  #dial() {
    clearTimeout(this.#retry);
    this.#phase = 'opening';
    const name = (this.#transportName = this.#choice.next());
    /** @type {Transport} */
    let transport;
    /** @param {(...values: any[]) => void} tell */
    const ours =
      (tell) =>
      /** @param {any[]} values */
      (...values) => {
        if (transport && transport === this.#transport) tell(...values);
      };
    this.#transport = transport = this.#options.transports[name]({
      onopen: ours(() => this.#join()),
      ontext: ours((text) => this.#receive(text)),
      onclose: ours((code, refusal) => this.#closed(code, refusal)),
    });
    this.#expect(name === 'websocket' ? WEBSOCKET_PATIENCE : PATIENCE);
  }

  #join() {
    const {room, name, token} = /** @type {Entrance} */ (this.#entrance);
    this.#phase = 'joining';
    this.#heard();
    this.#expect(PATIENCE);
    /** @type {Record<string, unknown>} */
    const proof = this.#replace ? {replace: this.#replace} : {};
    this.#write({
      type: 'join',
      id: 1,
      room,
      ...(name && {name}),
      ...(token && {token}),
      nonce: this.#nonce,
      ...(this.#resume ? {resume: this.#resume, seq: this.#seq} : proof),
    });
  }

  /** @param {string} text */
  #receive(text) {
    const frame = decodeAnyFrame(text);
    this.#heard();
    if (this.#phase === 'joining') this.#answered(frame);
    else this.#take(frame);
    if (this.#phase === 'joining' || this.#outbox.unanswered > 0) this.#expect(PATIENCE);
  }

  /** What comes while `join` has no reply. @param {Frame} frame */
  #answered(frame) {
    if (frame.type === 'joined') this.#joined(frame);
    else if (frame.type === 'full') this.#full(frame);
    else if (frame.type === 'error' && frame.id > 0) this.#refused(frame);
    else if ('seq' in frame) this.#early.push(frame);
    else this.#take(frame);
  }

  /** @param {Joined} frame */
  #joined(frame) {
    this.#choice.worked(this.#transportName);
    this.#refusal = null;
    this.#phase = 'up';
    this.#upSince = Date.now();
    this.#counts.joined++;
    if (frame.resumed) {
      this.#counts.resumed++;
      this.#confirmed = this.#seq;
    } else {
      if (this.#peer) this.#outbox.reset(); // Before the first one nothing was promised.
      this.#seq = this.#confirmed = 0;
    }
    this.#peer = frame.peer;
    this.#replace = '';
    this.#renew(frame.resume);
    if (frame.ping > 0) {
      this.#transport?.watch(frame.ping);
      this.#pings = setInterval(() => this.#ping(PATIENCE), frame.ping * 1000);
    }
    this.#options.onframe(frame);
    for (const early of this.#early.splice(0)) this.#take(early);
    this.#flush();
  }

  /** @param {string} resume token, '' = none */
  #renew(resume) {
    if (resume) this.#resume = resume;
    this.#options.seat.keep(this.#entrance?.room ?? '', this.#peer, resume);
  }

  /** @param {Frame} frame */
  #full(frame) {
    this.#hangUp();
    this.#choice.worked(this.#transportName);
    this.#phase = 'off';
    this.#options.onframe(frame);
  }

  /** The answer to `join` is an error. @param {ErrorFrame} frame */
  #refused(frame) {
    if (frame.code === 'unauthorized' && (this.#resume || this.#replace)) {
      // The old seat is not to be had, or too old: a new one may be.
      this.#resume = this.#replace = '';
      this.#join();
      return;
    }
    if (REFUSALS.includes(frame.code)) {
      this.#end(frame.code);
      return;
    }
    if (frame.retry) this.#backoff.hold(Math.max(1, frame.after));
    this.#refusal = frame.code === 'rate_limited' ? 'limited' : null;
    this.#choice.worked(this.#transportName);
    this.#hangUp();
    this.#wait();
  }

  /** @param {Frame} frame */
  #take(frame) {
    if (frame.type === 'closing') this.#backoff.hold(frame.after);
    if (frame.type === 'pong' && frame.resume) this.#renew(frame.resume);
    if ('seq' in frame && frame.seq) this.#event(frame, frame.seq);
    else if ('id' in frame && frame.id > 0) {
      this.#outbox.answer(frame, Date.now());
      this.#flush();
    } else this.#options.onframe(frame);
  }

  /** @param {Frame} frame @param {number} seq */
  #event(frame, seq) {
    if (seq <= this.#seq) return; // Told before.
    if (seq > this.#seq + 1) {
      this.#fail(SILENT); // Something got lost on the way: it comes again.
      return;
    }
    this.#seq = seq;
    if (this.#seq - this.#confirmed >= CONFIRM_EVERY) this.#confirm();
    else this.#seen ??= setTimeout(() => this.#confirm(), CONFIRM_WITHIN);
    this.#options.onframe(frame);
  }

  #confirm() {
    clearTimeout(this.#seen);
    this.#seen = undefined;
    if (this.#confirmed === this.#seq || this.#phase !== 'up') return;
    this.#confirmed = this.#seq;
    this.#write({type: 'seen', seq: this.#seq});
  }

  /** @param {number} patience ms for a sign of life */
  #ping(patience) {
    clearTimeout(this.#seen);
    this.#seen = undefined;
    this.#confirmed = this.#seq;
    this.#write({type: 'ping', id: this.#outbox.number(), seq: this.#seq});
    this.#expect(patience);
  }

  /** Gives the connection up when nothing is heard for so long. @param {number} ms */
  #expect(ms) {
    const due = Date.now() + ms;
    if (this.#due <= due) return;
    this.#heard();
    this.#due = due;
    this.#patience = setTimeout(() => {
      this.#due = Infinity;
      // A page that slept has not listened: what came meanwhile is still to be read.
      if (Date.now() - due > LATE && this.#phase === 'up') this.#ping(DOUBT);
      else this.#fail(SILENT);
    }, ms);
  }

  #heard() {
    clearTimeout(this.#patience);
    this.#due = Infinity;
  }

  #flush() {
    clearTimeout(this.#later);
    if (this.#phase !== 'up') return;
    for (;;) {
      const next = this.#outbox.next(Date.now());
      if (typeof next === 'number') {
        this.#later = setTimeout(() => this.#flush(), Math.max(1, next - Date.now()));
        return;
      }
      if (!next) return;
      this.#write(next);
      if (this.#outbox.unanswered === 1) this.#expect(PATIENCE);
    }
  }

  /** @param {Record<string, unknown>} frame */
  #write(frame) {
    this.#transport?.send(JSON.stringify(frame));
  }

  /** @param {number} code @param {Refusal|null} [refusal] */
  #closed(code, refusal) {
    // Of a WebSocket that was refused a page learns nothing: what the server has said before still holds.
    if (this.#transportName === 'sse') this.#refusal = refusal?.code ?? null;
    // A call that runs needs no server: what its operator does to the server may not end it.
    if (refusal && isFinal(refusal.code) && !this.#peer) return this.#end(refusal.code);
    if (refusal) this.#backoff.hold(refusal.after);
    this.#fail(code);
  }

  /** The connection is gone. @param {number} code */
  #fail(code) {
    const joined = this.#phase === 'up';
    if (code === TOO_LARGE) this.#outbox.refuseLargest();
    if (joined && Date.now() - this.#upSince >= STEADY) this.#backoff.steady();
    if (!joined) this.#choice.failed(this.#transportName, code === SILENT);
    this.#hangUp();
    if (FINAL.includes(code)) this.#end(code);
    else this.#wait();
  }

  #wait() {
    this.#phase = 'waiting';
    this.#counts.lost++;
    const {ms, held} = this.#backoff.next();
    this.#held = held;
    this.#retry = setTimeout(() => this.#dial(), ms);
    this.#options.ondown(this.#backoff.tries, this.#refusal);
  }

  /** @param {string|number} cause */
  #end(cause) {
    this.#options.seat.release();
    this.#stop();
    this.#options.onend(cause);
  }

  #stop() {
    this.#hangUp();
    clearTimeout(this.#retry);
    this.#entrance = null;
    this.#phase = 'off';
    this.#peer = '';
    this.#outbox.reset();
  }

  #hangUp() {
    this.#heard();
    for (const timer of [this.#seen, this.#later]) clearTimeout(timer);
    clearInterval(this.#pings);
    this.#seen = undefined;
    this.#early = [];
    this.#outbox.repeat();
    this.#transport?.close();
    this.#transport = null;
  }
}

/** @returns {string} 128 random bits */
const randomText = () =>
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
