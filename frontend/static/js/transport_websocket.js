import {SUBPROTOCOL, decodeAnyFrame} from './messages.js';
import {LEAVE_INTERVAL} from './timeouts.js';
/** @import {Callbacks} from './transport.js' */

/** One WebSocket. It calls no callback once the page has closed it. */
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

  /** Leaves the room. @returns {Promise<boolean>} whether the server has confirmed it */
  leave() {
    const socket = this.#socket;
    return new Promise((resolve) => {
      /** @param {boolean} confirmed */
      const end = (confirmed) => {
        clearTimeout(timer);
        this.close();
        resolve(confirmed);
      };
      const timer = setTimeout(() => end(false), LEAVE_INTERVAL);
      socket.onopen = null;
      socket.onmessage = ({data}) => {
        if (decodeAnyFrame(String(data)).type === 'left') end(true);
      };
      socket.onclose = () => end(false);
      this.send('{"type":"leave"}');
    });
  }

  /** Nothing to check: each ping of the session has a reply on the same connection. */
  expectActivity() {}

  close() {
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }
}
