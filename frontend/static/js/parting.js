import {decodeAnyFrame, joinFrame} from './messages.js';
import {LEAVE_INTERVAL, LEAVE_TIMEOUT} from './timeouts.js';
/** @import {Callbacks, Transport} from './transport.js' */

/**
 * Tells a server that the user has left, if it cannot be reached just then. It holds the seat otherwise, and the other side
 * waits for this one meanwhile.
 */
export class Parting {
  /** @type {Transport|null} */ #transport = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /**
   * Takes the seat back to give it up, and tries so for as long as the seat is held.
   * @param {(callbacks: Callbacks) => Transport} dial @param {{room: string, resume: string}} seat
   */
  begin(dial, seat, until = Date.now() + LEAVE_TIMEOUT) {
    this.stop();
    if (Date.now() >= until) return;
    /** @type {Transport} */ const transport = dial({
      onopen: () => transport.send(JSON.stringify(joinFrame(seat))),
      ontext: (text) => {
        const {type} = decodeAnyFrame(text);
        if (transport !== this.#transport || (type !== 'joined' && type !== 'error')) return;
        if (type === 'joined') transport.leave();
        else transport.close();
        this.#transport = null;
        this.stop();
      },
      onclose: () => {},
    });
    this.#transport = transport;
    this.#timer = setTimeout(() => this.begin(dial, seat, until), LEAVE_INTERVAL);
  }

  /** The user joins again, or the page goes away. */
  stop() {
    clearTimeout(this.#timer);
    this.#transport?.close();
    this.#transport = null;
  }
}
