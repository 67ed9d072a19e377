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

/**
 * Takes the token out of an address.
 * @param {URL} url is changed: nobody needs the token there any more @returns {string} '' = none
 */
export function takeToken(url) {
  const fragment = new URLSearchParams(url.hash.slice(1));
  const token = fragment.get('token') ?? url.searchParams.get('token') ?? '';
  if (fragment.has('token')) {
    fragment.delete('token');
    url.hash = fragment.toString();
  }
  if (url.searchParams.has('token')) url.searchParams.delete('token');
  return token;
}

const ROOM = /^[\p{L}\p{M}\p{Nd}\-_.]{1,64}$/u;

/**
 * Reads a room name, or the link of a room, that somebody typed or pasted.
 * @param {string} typed @returns {string} the room, or '' when it cannot be one
 */
export function parseRoom(typed) {
  const trimmed = typed.trim();
  const link = /\/r\/([^/?#]+)/.exec(trimmed);
  let name = trimmed;
  try {
    if (link?.[1]) name = decodeURIComponent(link[1]);
  } catch {
    return '';
  }
  name = name.normalize('NFC').replace(/\s+/g, '-');
  // A browser would resolve "." and ".." as path segments.
  return ROOM.test(name) && name !== '.' && name !== '..' ? name : '';
}

/** @param {string} pathname @returns {string} the room of a page address, or '' */
export const roomOfPath = (pathname) => (pathname.startsWith('/r/') ? parseRoom(pathname) : '');

/** @param {string} room */
export const pathOfRoom = (room) => `/r/${encodeURIComponent(room)}`;

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
