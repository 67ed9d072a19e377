/** @import {Refusal} from './refusal.js' */

/**
 * Carries the frames of a session as texts. `onclose` is called once, as the last callback, unless the page closed the
 * transport itself.
 * @typedef {{onopen: () => void, ontext: (text: string) => void, onclose: (code: number, refusal?: Refusal|null) => void}} Callbacks
 * @typedef {object} Transport
 * @property {string} name
 * @property {(text: string) => void} send
 * @property {() => Promise<boolean>} leave leaves the room and closes; resolves to whether the server has confirmed it
 * @property {(seconds: number) => void} expectActivity has the connection checked: the server sends something at least this often
 * @property {() => void} close
 * @typedef {'websocket'|'sse'} TransportName
 */

/** Failures in a row after which WebSocket is taken to be blocked. */
const FAILURES_BEFORE_SSE = 2;

/**
 * Chooses the transport for the next attempt: WebSocket, and Server-Sent Events where WebSocket could not be opened. Each
 * connection begins with WebSocket. Where it was blocked the last time, SSE follows after one failure.
 */
export class TransportChoice {
  #failures = 0;
  #blocked = false;

  /** @returns {TransportName} */
  next() {
    return this.#failures >= (this.#blocked ? 1 : FAILURES_BEFORE_SSE) ? 'sse' : 'websocket';
  }

  /** @param {TransportName} name the transport that has got a reply to `join` */
  worked(name) {
    this.#blocked = name === 'sse';
    this.#failures = 0;
  }

  /** @param {TransportName} name the transport that has got none @param {boolean} timedOut whether nothing at all arrived */
  failed(name, timedOut) {
    // The server may be away: after SSE, WebSocket is tried again.
    if (name === 'sse') this.#failures = 0;
    else this.#failures += timedOut ? FAILURES_BEFORE_SSE : 1;
  }
}
