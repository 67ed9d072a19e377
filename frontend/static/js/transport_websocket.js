import {SUBPROTOCOL} from './messages.js';
/** @import {Callbacks} from './transport.js' */

/** One WebSocket. Nothing is told any more once it was closed from here. */
export class WebSocketTransport {
  name = 'websocket';
  /** @type {WebSocket} */ #socket;

  /** @param {string} url @param {Callbacks} callbacks @param {typeof WebSocket} [Socket] */
  constructor(url, {onopen, ontext, onclose}, Socket = WebSocket) {
    const socket = new Socket(url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = onopen;
    socket.onmessage = ({data}) => ontext(String(data));
    socket.onclose = ({code}) => onclose(code);
  }

  /** @param {string} text */
  send(text) {
    if (this.#socket.readyState === 1) this.#socket.send(text);
  }

  /** Gives the seat back; the page may be going away. */
  leave() {
    this.send('{"type":"leave"}');
    this.close();
  }

  /** What is written down is sent. A WebSocket's own pings tell whether it is alive. */
  watch() {}

  close() {
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }
}
