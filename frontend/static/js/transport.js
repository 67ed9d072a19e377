/** @import {Refusal} from './refusal.js' */

/**
 * What carries a session: it knows nothing of frames but that they are texts. `onclose` comes once, unless
 * the transport was closed from here; nothing comes after it.
 * @typedef {{onopen: () => void, ontext: (text: string) => void, onclose: (code: number, refusal?: Refusal|null) => void}} Callbacks
 * @typedef {object} Transport
 * @property {string} name
 * @property {(text: string) => void} send
 * @property {() => void} leave gives the seat back and closes
 * @property {(seconds: number) => void} watch the server gives a sign of life at least so often
 * @property {() => void} close
 * @typedef {'websocket'|'sse'} TransportName
 */

/** How often in a row a WebSocket that does not open is blamed on the network. */
const BLAMED_AFTER = 2;

/**
 * Which transport to try next: WebSocket, and Server-Sent Events where that could not be opened. Each
 * connection begins with WebSocket again; where it has failed before, one try is enough to know.
 */
export class TransportChoice {
  #failures = 0;
  #blocked = false;

  /** @returns {TransportName} */
  next() {
    return this.#failures >= (this.#blocked ? 1 : BLAMED_AFTER) ? 'sse' : 'websocket';
  }

  /** @param {TransportName} name it carries a session now */
  worked(name) {
    this.#blocked = name === 'sse';
    this.#failures = 0;
  }

  /** @param {TransportName} name it did not open, or carried nothing @param {boolean} silent nothing came, not even a refusal */
  failed(name, silent) {
    // The server may simply be gone: after the second way in vain the first is tried again.
    if (name === 'sse') this.#failures = 0;
    else this.#failures += silent ? BLAMED_AFTER : 1;
  }
}
