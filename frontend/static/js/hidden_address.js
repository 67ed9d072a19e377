/** @import {Outgoing} from './negotiation.js' */

/**
 * For a user who hides their address: all connections use relays only, which the browser sees to. This takes care that
 * no message names the address either, whatever the browser writes into it.
 */

/** The address that a relayed candidate was allocated from (RFC 8839, section 5.1). */
const RELATED = / raddr (\S+) rport \d+/;

/** @param {string} candidate @returns {string} '' = it is not relayed */
function withoutAddress(candidate) {
  if (!/ typ relay\b/.test(candidate)) return '';
  return candidate.replace(
    RELATED,
    (_, address) => ` raddr ${address.includes(':') ? '::' : '0.0.0.0'} rport 9`,
  );
}

/** @param {string} sdp */
const withoutAddresses = (sdp) =>
  sdp
    .split('\r\n')
    .map((line) => (line.startsWith('a=candidate:') ? withoutAddress(line) : line))
    .filter((line, i, lines) => line !== '' || i === lines.length - 1)
    .join('\r\n');

/** @param {Outgoing} outgoing @returns {Outgoing|null} null = nothing of it may be sent */
export function hideAddress(outgoing) {
  if ('description' in outgoing && outgoing.description) {
    const {type, sdp} = outgoing.description;
    return {description: {type, sdp: withoutAddresses(sdp)}};
  }
  if (!('candidate' in outgoing) || !outgoing.candidate?.candidate) return outgoing;
  const candidate = withoutAddress(outgoing.candidate.candidate);
  return candidate ? {candidate: {...outgoing.candidate, candidate}} : null;
}
