/** @import {ICEServer} from './messages.js' */

/** As many as the field for the name takes. */
const MAX_NAME = 64;

/**
 * The options in the page's address. `?name=` is the name of the user, `?lang=` sets the language (en, zh), `?ice=relay`
 * allows relayed paths only, `?turn=udp|tcp|tls` only one protocol to the relay, `?debug=1` defines `window.callbox`.
 * Only in a frame of another site, `?prejoin=0` leaves out all of the screen before the call but its button, and
 * `?camera=0` begins without the camera: a link to a room must not decide that. The token for a server that asks for one
 * is in `#token=`, which no server logs, or in `?token=`.
 * @typedef {{name: string, lang: string, relay: boolean, turn: string, debug: boolean, prejoin: boolean, camera: boolean}} PageOptions
 */

/** @param {URLSearchParams} query @param {boolean} embedded whether this is the page for frames @returns {PageOptions} */
export const pageOptions = (query, embedded) => ({
  name: nameOf(query.get('name') ?? ''),
  lang: query.get('lang') ?? '',
  relay: query.get('ice') === 'relay',
  turn: query.get('turn') ?? '',
  debug: query.get('debug') === '1',
  prejoin: !embedded || query.get('prejoin') !== '0',
  camera: !embedded || query.get('camera') !== '0',
});

/** @param {string} text @returns {string} the name in it, without what the server refuses in one */
const nameOf = (text) =>
  [...text.replace(/[\p{Cc}\p{Cs}]/gu, '').trim()].slice(0, MAX_NAME).join('');

/** @param {string} url @returns {string} the protocol to the TURN server: udp, tcp or tls */
function turnProtocol(url) {
  if (url.startsWith('turns:')) return 'tls';
  return /[?&]transport=tcp/.test(url) ? 'tcp' : 'udp';
}

/**
 * Returns the servers for an RTCPeerConnection.
 * @param {ICEServer[]} servers @param {string} turn '' = all
 * @returns {ICEServer[]}
 */
export function filterServers(servers, turn) {
  if (!turn) return servers;
  return servers
    .map((server) => ({
      ...server,
      urls: server.urls.filter((url) => !/^turns?:/.test(url) || turnProtocol(url) === turn),
    }))
    .filter(({urls}) => urls.length > 0);
}
