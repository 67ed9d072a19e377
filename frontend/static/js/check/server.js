import {refusalOf} from '../refusal.js';
import {SERVER_TIMEOUT} from './timeouts.js';
/** @import {Refusal} from '../refusal.js' */
/** @import {ICEServer} from '../messages.js' */
/** @import {Environment} from './run.js' */

/** The WebSocket subprotocol of signaling, see signaling/PROTOCOL.md. */
const SUBPROTOCOL = 'callbox.v1';

/**
 * @typedef {{iceServers: ICEServer[], mapping: string[], localAuthority: boolean, serverTime: number, roundTrip: number}} Answer
 * times in ms; serverTime is since 1970, 0 = not known
 * @typedef {{answer: Answer}|{refusal: Refusal['code']|'unauthorized'|'failed', after: number}} Asked
 */

/** Asks for the ICE servers of a check. @param {Environment} env @returns {Promise<Asked>} */
export async function askForServers({server, token, fetch, now}) {
  const begun = now();
  try {
    const response = await fetch(`${server}/api/v1/check`, {
      method: 'POST',
      cache: 'no-store',
      headers: token ? {Authorization: `Bearer ${token}`} : {},
      signal: AbortSignal.timeout(SERVER_TIMEOUT),
    });
    if (response.status === 401) return {refusal: 'unauthorized', after: 0};
    if (!response.ok) {
      const refusal = await refusalOf(response);
      return {refusal: refusal?.code ?? 'failed', after: refusal?.after ?? 0};
    }
    const roundTrip = now() - begun;
    const serverTime = Date.parse(response.headers.get('Date') ?? '') || 0;
    return {answer: {...readAnswer(await response.json()), serverTime, roundTrip}};
  } catch {
    return {refusal: 'failed', after: 0};
  }
}

/** At most so many servers, addresses of each, and STUN ports are used of an answer. */
const MOST = 8;

/** @param {unknown} body @returns {{iceServers: ICEServer[], mapping: string[], localAuthority: boolean}} */
export function readAnswer(body) {
  const {iceServers, mapping, localAuthority} = Object(body);
  /** @param {unknown} list @returns {unknown[]} */
  const some = (list) => (Array.isArray(list) ? list.slice(0, MOST) : []);
  /** @param {unknown} list @param {RegExp} scheme @returns {string[]} */
  const urls = (list, scheme) =>
    some(list)
      .map(String)
      .filter((url) => scheme.test(url));
  return {
    iceServers: some(iceServers)
      .map((server) => Object(server))
      .map((server) => ({
        urls: urls(server.urls, /^(stun|turns?):/),
        ...(typeof server.username === 'string' && typeof server.credential === 'string'
          ? {username: server.username, credential: server.credential}
          : {}),
      })),
    mapping: urls(mapping, /^stun:/),
    localAuthority: localAuthority === true,
  };
}

/** @param {Environment} env @returns {Promise<number>} ms until a WebSocket was open, -1 = it was not */
export function openWebSocket({server, WebSocket, now, wait}) {
  const begun = now();
  const socket = new WebSocket(`${server.replace(/^http/, 'ws')}/ws`, SUBPROTOCOL);
  const opened = new Promise((resolve) => {
    socket.onopen = () => resolve(now() - begun);
    socket.onerror = socket.onclose = () => resolve(-1);
  });
  return Promise.race([opened, wait(SERVER_TIMEOUT).then(() => -1)]).finally(() => {
    socket.onopen = socket.onerror = socket.onclose = null;
    socket.close(1000);
  });
}

/**
 * Opens a session over plain HTTP and reads the first bytes of its event stream, which some proxies hold back.
 * @param {Environment} env @returns {Promise<number>} ms until they came, -1 = they did not
 */
export async function openEventStream({server, fetch, now, wait}) {
  const begun = now();
  const api = `${server}/api/v1`;
  const abort = new AbortController();
  void wait(SERVER_TIMEOUT).then(() => abort.abort());
  /** @type {RequestInit} */ const common = {cache: 'no-store', signal: abort.signal};
  let ms = -1;
  try {
    const opened = await fetch(`${api}/sessions`, {...common, method: 'POST'});
    if (!opened.ok) return ms;
    const headers = {Authorization: `Bearer ${(await opened.json()).session}`};
    const stream = await fetch(`${api}/events`, {...common, headers});
    const reader = stream.ok ? stream.body?.getReader() : undefined;
    if ((await reader?.read())?.value) ms = now() - begun;
    // The server ends the stream with the session.
    await fetch(`${api}/sessions`, {...common, headers, method: 'DELETE'});
    for (let rest = await reader?.read(); rest && !rest.done;) rest = await reader?.read();
  } catch {
    // Nothing came in time. A session without a stream ends by itself.
  }
  return ms;
}
