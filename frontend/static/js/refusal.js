/**
 * Why the server refuses this page: it does not accept the page's origin, does not answer to the host name in its
 * address, gets too many requests from this network, or has no capacity left.
 * @typedef {'origin'|'host'|'limited'|'busy'} RefusalCode
 * @typedef {{code: RefusalCode, after: number}} Refusal after = seconds to wait before the next try
 */

/** Seconds before the next try where the server does not say. */
const AFTER = {origin: 30, host: 30, limited: 10, busy: 5};

/** @param {number} status @param {string} code in the server's own answer, '' = the answer came from something else, such as a proxy @returns {RefusalCode|null} */
function codeOf(status, code) {
  if (status === 403 && code === 'forbidden_origin') return 'origin';
  if (status === 421) return 'host';
  if (status === 429) return 'limited';
  // A proxy answers 503 as well, when there is no server behind it; and a server that restarts is back at once.
  return status === 503 && code && code !== 'closing' ? 'busy' : null;
}

/**
 * Finds the refusal in a response that is no success. A WebSocket does not tell a page why it was refused; the plain
 * HTTP transport, which is tried next, does.
 * @param {Response} response @returns {Promise<Refusal|null>} null = it does not refuse this page
 */
export async function refusalOf(response) {
  /** @type {unknown} */ let body = null;
  try {
    body = await response.json();
  } catch {
    // The answer is a proxy's.
  }
  const code = codeOf(response.status, String(Object(body).code ?? ''));
  return code && {code, after: Number(response.headers.get('Retry-After')) || AFTER[code]};
}
