import {decodeAnyFrame, joinFrame} from './messages.js';
import {LEAVE_INTERVAL, LEAVE_TIMEOUT} from './timeouts.js';
/** @import {Callbacks, Transport} from './transport.js' */
/** @typedef {{room: string, resume: string}} LeftSeat */

/**
 * Sees to it that a server learns that the user has left, also if it cannot be reached just then. It holds the seat
 * otherwise, and the other side waits for this one meanwhile.
 */
export class Parting {
  /** @type {(callbacks: Callbacks) => Transport} */ #dial;
  /** @type {LeftSeat} */ #seat;
  /** @type {() => void} */ #onfree;
  /** @type {Transport|null} */ #transport = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;
  #over = false;

  /** @param {(callbacks: Callbacks) => Transport} dial @param {LeftSeat} seat @param {() => void} onfree the seat is free */
  constructor(dial, seat, onfree) {
    this.#dial = dial;
    this.#seat = seat;
    this.#onfree = onfree;
  }

  /** Tells the server, unless it confirms that it was told. @param {Promise<boolean>|false|undefined} told */
  begin(told) {
    if (told) void told.then((confirmed) => this.#told(confirmed));
    else this.#tell(Date.now() + LEAVE_TIMEOUT);
    return this;
  }

  /** @param {boolean} confirmed */
  #told(confirmed) {
    if (this.#over) return;
    if (confirmed) this.#free();
    else this.#tell(Date.now() + LEAVE_TIMEOUT);
  }

  /** Takes the seat back to give it up, and tries so for as long as the seat is held. @param {number} until */
  #tell(until) {
    this.#hangUp();
    if (!this.#seat.resume || Date.now() >= until) return;
    /** @type {Transport} */ const transport = this.#dial({
      onopen: () => transport.send(JSON.stringify(joinFrame(this.#seat))),
      ontext: (text) => {
        const {type} = decodeAnyFrame(text);
        if (transport !== this.#transport || (type !== 'joined' && type !== 'error')) return;
        if (type === 'joined') void transport.leave();
        else transport.close();
        this.#transport = null;
        this.#free();
      },
      onclose: () => {},
    });
    this.#transport = transport;
    this.#timer = setTimeout(() => this.#tell(until), LEAVE_INTERVAL);
  }

  /** The user joins again, or the page goes away. */
  stop() {
    this.#over = true;
    this.#hangUp();
  }

  #free() {
    this.stop();
    this.#onfree();
  }

  #hangUp() {
    clearTimeout(this.#timer);
    this.#transport?.close();
    this.#transport = null;
  }
}
