/** @import {ICEServer} from './messages.js' */

/**
 * What the address says. `?ice=relay` forces relayed calls, `?turn=udp|tcp|tls` leaves only one way to
 * the relay, `?lang=en|zh` sets the language, `?debug=1` gives `window.callbox`. The token of a server that
 * lets in only whom it knows stands in `#token=`, which no log keeps, or in `?token=`.
 * @typedef {{relay: boolean, turn: string, lang: string, debug: boolean}} PageOptions
 */

/** @param {URLSearchParams} query @returns {PageOptions} */
export const pageOptions = (query) => ({
  relay: query.get('ice') === 'relay',
  turn: query.get('turn') ?? '',
  lang: query.get('lang') ?? '',
  debug: query.get('debug') === '1',
});

/** @param {string} url @returns {string} how a TURN URL goes to the server */
function turnProtocol(url) {
  if (url.startsWith('turns:')) return 'tls';
  return /[?&]transport=tcp/.test(url) ? 'tcp' : 'udp';
}

/**
 * The servers that an RTCPeerConnection gets.
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
