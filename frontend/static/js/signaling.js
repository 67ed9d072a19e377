import {Backoff} from './backoff.js';
import {Deadline} from './deadline.js';
import {EarlyTransport} from './early_transport.js';
import {reasonOfClose, reasonOfJoinError, reasonOfRefusal} from './final.js';
import {decodeAnyFrame, joinFrame} from './messages.js';
import {newNonce} from './nonce.js';
import {Outbox} from './outbox.js';
import {Parting} from './parting.js';
import {
  CONFIRM_DELAY,
  OPEN_TIMEOUT,
  PROBE_TIMEOUT,
  REPLY_TIMEOUT,
  STABLE_AFTER,
  SUSPENDED_AFTER,
} from './timeouts.js';
import {TransportChoice} from './transport.js';
/** @import {FinalReason} from './final.js' */
/** @import {ErrorFrame, Frame, Joined} from './messages.js' */
/** @import {Refusal, RefusalCode} from './refusal.js' */
/** @import {Seat} from './seat.js' */
/** @import {Callbacks, Transport, TransportName} from './transport.js' */

/**
 * @typedef {object} Options
 * @property {Record<TransportName, (callbacks: Callbacks) => Transport>} transports
 * @property {Seat} seat
 * @property {(frame: Frame) => void} onframe gets `joined` and `full`, events exactly once and in order, and notices
 * @property {(tries: number, refusal: RefusalCode|null) => void} ondown the connection was lost, or could not be opened,
 *   and will be tried again. refusal = the server answered, and refused
 * @property {(reason: FinalReason) => void} onend the session is over
 * @property {() => number} [random] for the backoff: at least 0, less than 1
 * @property {() => boolean} [urgent] whether a call cannot go on without the server
 */

/** @typedef {{room: string, name: string, token: string, reclaim: boolean}} JoinOptions reclaim = take the seat back from another tab */

/** An event is confirmed at the latest when so many are unconfirmed. */
const CONFIRM_EVERY = 32;
/** The page's own close code for a connection that has timed out or skipped an event. */
const UNUSABLE = 4000;
/** Close code of a server that got a frame larger than it takes (RFC 6455, section 7.4.1). */
const TOO_LARGE = 1009;

/** @typedef {ReturnType<typeof setTimeout>|undefined} Timeout */

/**
 * The page's session with the signaling server. It outlives its connections: it reconnects, repeats unanswered
 * requests, and delivers missed events late, so that the rest of the page need not care.
 */
export class Signaling {
  /** @type {Options} */ #options;
  #outbox = new Outbox();
  #choice = new TransportChoice();
  #earlyTransport = new EarlyTransport((callbacks) =>
    this.#options.transports.websocket(callbacks),
  );
  /** Whether the transport was opened before the user joined. */
  #wasEarly = false;
  /** @type {Backoff} */ #backoff;
  /** @type {'off'|'waiting'|'opening'|'joining'|'up'} */ #phase = 'off';
  /** @type {JoinOptions|null} */ #joinOptions = null;
  /** @type {Transport|null} */ #transport = null;
  /** @type {TransportName} */ #transportName = 'websocket';
  /** @type {Parting|null} */ #parting = null;
  #nonce = '';
  #replace = '';
  #resume = '';
  #peer = '';
  /** The newest event that was delivered, and the newest that was confirmed. */
  #seq = 0;
  #confirmed = 0;
  /** Whether the current wait must not be cut short. */
  #mustWait = false;
  /** What the server's last refusal said. @type {RefusalCode|null} */ #refusal = null;
  #upSince = 0;
  /** Events that overtook the reply to `join`. @type {Frame[]} */ #early = [];
  /** @type {Timeout} */ #dialTimer;
  /** Of a connection on which nothing arrives. */
  #deadline = new Deadline((late) => this.#timedOut(late));
  /** @type {Timeout} */ #confirmTimer;
  /** @type {Timeout} */ #flushTimer;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #pingTimer;
  #counts = {joined: 0, resumed: 0, lost: 0};

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#backoff = new Backoff(options.random ?? Math.random, options.urgent);
  }

  /** For debugging. */
  get info() {
    const transport = this.#phase === 'up' ? this.#transportName : '';
    return {phase: this.#phase, transport, peer: this.#peer, seq: this.#seq, ...this.#counts};
  }

  /** Joins a room and stays in it until leave() or onend. @param {JoinOptions} options */
  async join(options) {
    this.#stop();
    this.#parting?.stop();
    this.#joinOptions = options;
    this.#backoff.reset();
    this.#refusal = null;
    this.#nonce = newNonce();
    this.#resume = '';
    this.#phase = 'waiting';
    this.#mustWait = true; // until the seat's owner is known
    const replace = await this.#options.seat.claim(options.room, options.reclaim);
    if (this.#joinOptions !== options) return;
    this.#replace = replace;
    this.#dial();
  }

  /** Opens a connection for a join that seems to be near. */
  prepare() {
    if (this.#phase === 'off' && this.#choice.next() === 'websocket')
      this.#earlyTransport.prepare();
  }

  /**
   * Sends a request, now or as soon as there is a connection, and returns its reply: an error frame with code `lost`
   * if the session is lost before.
   * @param {Record<string, unknown>} frame @returns {Promise<Frame>}
   */
  request(frame) {
    const reply = this.#outbox.add(frame);
    this.#flush();
    return reply;
  }

  /** Leaves the room. No callback is called afterwards. @param {boolean} [reload] the page may be loaded again */
  leave(reload = false) {
    this.#earlyTransport.drop();
    const [phase, resume, room] = [this.#phase, this.#resume, this.#joinOptions?.room];
    const told = this.#transport?.leave();
    if (reload || phase !== 'up') this.#transport?.close();
    this.#transport = null;
    this.#stop();
    this.#options.seat.release();
    if (reload || room === undefined) return;
    // A server that was not told holds the seat. Whoever joins again meanwhile takes it, instead of meeting itself.
    const forget = () => this.#options.seat.forget(room);
    const dial = this.#options.transports[this.#choice.next()];
    if (phase === 'off') forget();
    else this.#parting = new Parting(dial, {room, resume}, forget).begin(phase === 'up' && told);
  }

  /** Tries again to join a room that was full. */
  retryJoin() {
    if (this.#joinOptions && this.#phase === 'off') this.#scheduleDial();
  }

  /** Reconnects or tests the connection at once, because the network or the device is back, or is not sure to be there. @param {number} [ms] for the reply */
  check(ms = PROBE_TIMEOUT) {
    if (this.#phase === 'waiting' && !this.#mustWait) this.#dial();
    else if (this.#phase === 'up') this.#ping(ms);
  }

  #dial() {
    clearTimeout(this.#dialTimer);
    this.#early = [];
    this.#phase = 'opening';
    const name = (this.#transportName = this.#choice.next());
    /** @type {Transport} */
    let transport;
    /** @param {(...values: any[]) => void} callback */
    const whileCurrent =
      (callback) =>
      /** @param {any[]} values */
      (...values) => {
        if (transport && transport === this.#transport) callback(...values);
      };
    /** @type {Callbacks} */
    const callbacks = {
      onopen: whileCurrent(() => this.#sendJoin()),
      ontext: whileCurrent((text) => this.#receive(text)),
      onclose: whileCurrent((code, refusal) => this.#closed(code, refusal)),
    };
    const early = name === 'websocket' ? this.#earlyTransport.take(callbacks) : null;
    this.#wasEarly = early !== null;
    this.#transport = transport = early?.transport ?? this.#options.transports[name](callbacks);
    this.#deadline.within(OPEN_TIMEOUT[name]);
    if (early?.open) this.#sendJoin();
  }

  #sendJoin() {
    const {room, name, token} = /** @type {JoinOptions} */ (this.#joinOptions);
    this.#phase = 'joining';
    this.#deadline.clear();
    this.#deadline.within(REPLY_TIMEOUT);
    const seat = {resume: this.#resume, seq: this.#seq, replace: this.#replace};
    this.#write(joinFrame({room, name, token, nonce: this.#nonce, ...seat}));
  }

  /** @param {string} text */
  #receive(text) {
    const frame = decodeAnyFrame(text);
    this.#deadline.clear();
    if (this.#phase === 'joining') this.#handleWhileJoining(frame);
    else this.#handle(frame);
    if (this.#phase === 'joining' || this.#outbox.unanswered > 0)
      this.#deadline.within(REPLY_TIMEOUT);
  }

  /** @param {Frame} frame */
  #handleWhileJoining(frame) {
    if (frame.type === 'joined') this.#joined(frame);
    else if (frame.type === 'full') this.#full(frame);
    else if (frame.type === 'error' && frame.id > 0) this.#joinRefused(frame);
    else if ('seq' in frame) this.#early.push(frame);
    else this.#handle(frame);
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
      if (this.#peer) this.#outbox.reset(); // Requests from before the first join are still to be sent.
      this.#seq = this.#confirmed = 0;
    }
    this.#peer = frame.peer;
    this.#replace = '';
    this.#keepSeat(frame.resume);
    if (frame.ping > 0) {
      this.#transport?.expectActivity(frame.ping);
      this.#pingTimer = setInterval(() => this.#ping(REPLY_TIMEOUT), frame.ping * 1000);
    }
    this.#options.onframe(frame);
    for (const early of this.#early.splice(0)) this.#handle(early);
    this.#flush();
  }

  /** @param {string} resume token, '' = none */
  #keepSeat(resume) {
    if (resume) this.#resume = resume;
    this.#options.seat.keep(this.#joinOptions?.room ?? '', this.#peer, resume);
  }

  /** @param {Frame} frame */
  #full(frame) {
    this.#disconnect();
    this.#choice.worked(this.#transportName);
    this.#phase = 'off';
    this.#options.onframe(frame);
  }

  /** @param {ErrorFrame} frame */
  #joinRefused(frame) {
    if (frame.code === 'unauthorized' && (this.#resume || this.#replace)) {
      // The old seat is gone, or its token has expired. A plain join may still get a new one.
      this.#resume = this.#replace = '';
      return this.#sendJoin();
    }
    const reason = reasonOfJoinError(frame);
    if (reason) return this.#end(reason);
    this.#backoff.require(Math.max(1, frame.after));
    this.#refusal = frame.code === 'rate_limited' ? 'limited' : null;
    this.#choice.worked(this.#transportName);
    this.#disconnect();
    this.#scheduleDial();
  }

  /** @param {Frame} frame */
  #handle(frame) {
    if (frame.type === 'closing') this.#backoff.require(frame.after);
    if (frame.type === 'pong' && frame.resume) this.#keepSeat(frame.resume);
    if ('seq' in frame && frame.seq) this.#handleEvent(frame, frame.seq);
    else if ('id' in frame && frame.id > 0) {
      this.#outbox.handleReply(frame, Date.now());
      this.#flush();
    } else this.#options.onframe(frame);
  }

  /** @param {Frame} frame @param {number} seq */
  #handleEvent(frame, seq) {
    if (seq <= this.#seq) return; // a repetition
    if (seq > this.#seq + 1) {
      this.#connectionLost(UNUSABLE); // An event is missing: the next connection delivers it.
      return;
    }
    this.#seq = seq;
    if (this.#seq - this.#confirmed >= CONFIRM_EVERY) this.#confirm();
    else this.#confirmTimer ??= setTimeout(() => this.#confirm(), CONFIRM_DELAY);
    this.#options.onframe(frame);
  }

  #confirm() {
    clearTimeout(this.#confirmTimer);
    this.#confirmTimer = undefined;
    if (this.#confirmed === this.#seq || this.#phase !== 'up') return;
    this.#confirmed = this.#seq;
    this.#write({type: 'seen', seq: this.#seq});
  }

  /** @param {number} ms for something to arrive */
  #ping(ms) {
    clearTimeout(this.#confirmTimer);
    this.#confirmTimer = undefined;
    this.#confirmed = this.#seq;
    this.#write({type: 'ping', id: this.#outbox.nextID(), seq: this.#seq});
    this.#deadline.within(ms);
  }

  /** Nothing has arrived in time. @param {number} late ms */
  #timedOut(late) {
    // A suspended page has read nothing: what arrived meanwhile is still in the socket.
    if (late > SUSPENDED_AFTER && this.#phase === 'up') this.#ping(PROBE_TIMEOUT);
    else this.#connectionLost(UNUSABLE);
  }

  #flush() {
    clearTimeout(this.#flushTimer);
    if (this.#phase !== 'up') return;
    for (;;) {
      const next = this.#outbox.next(Date.now());
      if (typeof next === 'number') {
        this.#flushTimer = setTimeout(() => this.#flush(), Math.max(1, next - Date.now()));
        return;
      }
      if (!next) return;
      this.#write(next);
      if (this.#outbox.unanswered === 1) this.#deadline.within(REPLY_TIMEOUT);
    }
  }

  /** @param {Record<string, unknown>} frame */
  #write(frame) {
    this.#transport?.send(JSON.stringify(frame));
  }

  /** @param {number} code @param {Refusal|null} [refusal] */
  #closed(code, refusal) {
    // It had waited for the join, perhaps for too long, and says nothing about another one.
    if (this.#wasEarly && this.#phase !== 'up') return this.#dial();
    // A WebSocket does not say why it was refused, so what the server said before still holds.
    if (this.#transportName === 'sse') this.#refusal = refusal?.code ?? null;
    // A running call needs no server, so a refusal does not end it.
    const reason = refusal && reasonOfRefusal(refusal);
    if (reason && !this.#peer) return this.#end(reason);
    if (refusal) this.#backoff.require(refusal.after);
    this.#connectionLost(code);
  }

  /** @param {number} code */
  #connectionLost(code) {
    const joined = this.#phase === 'up';
    if (code === TOO_LARGE) this.#outbox.failLargest();
    if (joined && Date.now() - this.#upSince >= STABLE_AFTER) this.#backoff.resetTries();
    if (!joined) this.#choice.failed(this.#transportName, code === UNUSABLE);
    this.#disconnect();
    const reason = reasonOfClose(code);
    if (reason) this.#end(reason);
    else this.#scheduleDial();
  }

  #scheduleDial() {
    this.#phase = 'waiting';
    this.#counts.lost++;
    const {ms, required} = this.#backoff.next();
    this.#mustWait = required;
    this.#dialTimer = setTimeout(() => this.#dial(), ms);
    this.#options.ondown(this.#backoff.tries, this.#refusal);
  }

  /** @param {FinalReason} reason */
  #end(reason) {
    this.#options.seat.release();
    this.#stop();
    this.#options.onend(reason);
  }

  #stop() {
    this.#disconnect();
    clearTimeout(this.#dialTimer);
    this.#joinOptions = null;
    this.#phase = 'off';
    this.#peer = '';
    this.#outbox.reset();
  }

  #disconnect() {
    this.#deadline.clear();
    for (const timer of [this.#confirmTimer, this.#flushTimer]) clearTimeout(timer);
    clearInterval(this.#pingTimer);
    this.#confirmTimer = undefined;
    this.#outbox.requeue();
    this.#transport?.close();
    this.#transport = null;
  }
}
