/**
 * Why the server, which can be reached, does not serve this page: it does not accept its origin, does not answer to
 * the host name in its address, has too many requests of this network, or has no room for more.
 * @typedef {'origin'|'host'|'limited'|'busy'} RefusalCode
 * @typedef {{code: RefusalCode, after: number}} Refusal after = seconds to wait before the next try
 */

/** Seconds before the next try when the server does not say, and it is not soon that anything changes. */
const AFTER = {origin: 30, host: 30, limited: 10, busy: 5};

/** Refusals that waiting does not end: only the operator can. @param {RefusalCode} code */
export const isFinal = (code) => code === 'origin' || code === 'host';

/** @param {number} status @param {string} code of the server's own answer, '' = another answered @returns {RefusalCode|null} */
function codeOf(status, code) {
  if (status === 403 && code === 'forbidden_origin') return 'origin';
  if (status === 421) return 'host';
  if (status === 429) return 'limited';
  // A proxy says 503 as well when there is no server behind it, and a server that restarts is back at once.
  return status === 503 && code && code !== 'closing' ? 'busy' : null;
}

/**
 * Makes sense of a response that is no success. A WebSocket tells a page nothing of why it was refused; the plain
 * HTTP transport, which is tried after it, does.
 * @param {Response} response @returns {Promise<Refusal|null>} null = it says nothing of this page
 */
export async function refusalOf(response) {
  /** @type {unknown} */ let body = null;
  try {
    body = await response.json();
  } catch {
    // Somebody in between has answered.
  }
  const code = codeOf(response.status, String(Object(body).code ?? ''));
  return code && {code, after: Number(response.headers.get('Retry-After')) || AFTER[code]};
}
