/** @import {ICEServer} from './messages.js' */

/**
 * The options in the page's address. `?ice=relay` allows relayed paths only, `?turn=udp|tcp|tls` only one protocol to
 * the relay, `?lang=` sets the language (en, zh), `?debug=1` defines `window.callbox`. The token for a server that asks for
 * one is in `#token=`, which no server logs, or in `?token=`.
 * @typedef {{relay: boolean, turn: string, lang: string, debug: boolean}} PageOptions
 */

/** @param {URLSearchParams} query @returns {PageOptions} */
export const pageOptions = (query) => ({
  relay: query.get('ice') === 'relay',
  turn: query.get('turn') ?? '',
  lang: query.get('lang') ?? '',
  debug: query.get('debug') === '1',
});

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
