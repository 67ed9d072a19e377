/**
 * How a NAT maps the sockets of this device (RFC 4787, section 4.1): not at all, each to the same address for every
 * destination, or each to another one for every destination.
 * @typedef {'none'|'same'|'changing'|'blocked'|'unknown'} Mapping
 */

/**
 * A candidate that STUN or the device itself has given.
 * @typedef {{address: string, port: number, base: string}} Address base = the socket that it belongs to, '' where the browser hides that
 * @typedef {{answered: boolean, ms: number, hosts: Address[], reflexive: Address[]}} Gathered what the STUN servers said; hosts are the device's own
 */

/** @param {Address} address */
const text = ({address, port}) => `${address}:${port}`;

/**
 * @param {{first: Gathered, second: Gathered|null, both: Gathered|null, relayed: boolean}} facts first and second are of
 * one STUN port each, both of the two asked from one socket; relayed = a relay was reached over UDP
 * @returns {{mapping: Mapping, address: string}} address = that outside, '' = not known
 */
export function mappingOf({first, second, both, relayed}) {
  const address = (both ?? first).reflexive[0]?.address ?? first.reflexive[0]?.address ?? '';
  if (!first.answered && !second?.answered && !relayed) return {mapping: 'blocked', address};
  // With one port alone nothing can be compared.
  if (!first.answered || !second?.answered || !both) return {mapping: 'unknown', address};
  /** @type {Map<string, Set<string>>} */ const outside = new Map();
  for (const reflexive of both.reflexive) {
    const seen = outside.get(reflexive.base) ?? new Set();
    outside.set(reflexive.base, seen.add(text(reflexive)));
  }
  if ([...outside.values()].some((seen) => seen.size > 1)) return {mapping: 'changing', address};
  const own = new Set(both.hosts.map(text));
  // A browser leaves out what a STUN server says if it is the device's own address.
  if (both.reflexive.every((reflexive) => own.has(text(reflexive))))
    return {mapping: both.answered ? 'none' : 'unknown', address: both.hosts[0]?.address ?? address};
  return {mapping: 'same', address};
}
