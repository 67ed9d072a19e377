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
  const [seen] = [both, first].flatMap((gathered) => gathered?.reflexive ?? []);
  const address = seen?.address ?? '';
  const any = relayed || [first, second].some((gathered) => gathered?.answered);
  if (!any) return {mapping: 'blocked', address};
  // With one port alone nothing can be compared.
  const all = first.answered && second?.answered;
  return {mapping: all && both ? compare(both) : 'unknown', address};
}

/** @param {Gathered} gathered from two ports @returns {Mapping} */
function compare({answered, hosts, reflexive}) {
  /** @type {Map<string, Set<string>>} */ const outside = new Map();
  for (const each of reflexive) {
    const seen = outside.get(each.base) ?? new Set();
    outside.set(each.base, seen.add(text(each)));
  }
  if ([...outside.values()].some((seen) => seen.size > 1)) return 'changing';
  const own = new Set(hosts.map(text));
  if (reflexive.some((each) => !own.has(text(each)))) return 'same';
  // A browser leaves out what a STUN server says if it is the device's own address.
  return answered ? 'none' : 'unknown';
}
