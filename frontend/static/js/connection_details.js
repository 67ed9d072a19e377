import {selectedPair} from './stats.js';
/** @import {Entry} from './stats.js' */

/**
 * What the statistics say of a connection beyond the figures that every call needs.
 *
 * @typedef {object} End
 * @property {string} type of its candidate
 * @property {string} address '' = the browser does not say
 * @property {string} relayProtocol between this side and its relay, '' = none
 *
 * @typedef {{dtls: string, cipher: string, srtp: string}} Encryption '' = the browser does not say
 *
 * @typedef {object} Details
 * @property {End|null} local
 * @property {End|null} remote
 * @property {string[]} codecsIn names of the codecs in use, sound first
 * @property {string[]} codecsOut
 * @property {number|null} target bits a second that this side wants to send, null = the browser does not say
 * @property {string} limit why the video is not sent at its best: bandwidth, cpu, other, or ''
 * @property {Encryption|null} encryption
 */

/** RTCTransportStats.tlsVersion of each version of DTLS. @type {Record<string, string>} */
const DTLS_VERSIONS = {FEFF: '1.0', FEFD: '1.2', FEFC: '1.3'};

/** @param {Entry[]} entries the values of an RTCStatsReport @returns {Details} */
export function detailsOf(entries) {
  const pair = selectedPair(entries);
  /** @param {string} id */
  const byId = (id) => entries.find((entry) => entry.id === id);
  const outbound = entries.filter(({type}) => type === 'outbound-rtp');
  const targets = outbound.map(({targetBitrate}) => targetBitrate).filter(isNumber);
  const limit = outbound.find(({kind}) => kind === 'video')?.qualityLimitationReason ?? 'none';
  return {
    local: endOf(byId(pair?.localCandidateId)),
    remote: endOf(byId(pair?.remoteCandidateId)),
    codecsIn: codecsOf(entries, 'inbound-rtp', 'packetsReceived'),
    codecsOut: codecsOf(entries, 'outbound-rtp', 'packetsSent'),
    target: targets.length > 0 ? targets.reduce((sum, target) => sum + target, 0) : null,
    limit: limit === 'none' ? '' : limit,
    encryption: encryptionOf(entries.find(({type}) => type === 'transport')),
  };
}

/** @param {unknown} value */
const isNumber = (value) => typeof value === 'number';

/** @param {Entry|undefined} candidate @returns {End|null} */
function endOf(candidate) {
  if (!candidate) return null;
  const {candidateType, address, ip, relayProtocol} = candidate;
  return {
    type: String(candidateType),
    address: String(address ?? ip ?? ''),
    relayProtocol: candidateType === 'relay' ? String(relayProtocol ?? '').toLowerCase() : '',
  };
}

/** @param {Entry[]} entries @param {string} direction @param {string} packets its counter @returns {string[]} */
function codecsOf(entries, direction, packets) {
  const used = entries
    .filter((entry) => entry.type === direction && entry[packets] > 0)
    .sort((a, b) => String(a.kind).localeCompare(b.kind));
  const names = used.map(({codecId}) => {
    const mimeType = entries.find(({id}) => id === codecId)?.mimeType;
    return mimeType ? String(mimeType).replace(/^.*\//, '') : '';
  });
  return [...new Set(names)].filter(Boolean);
}

/** @param {Entry|undefined} transport @returns {Encryption|null} */
function encryptionOf(transport) {
  if (!transport) return null;
  const {tlsVersion = '', dtlsCipher = '', srtpCipher = ''} = transport;
  if (!tlsVersion && !dtlsCipher && !srtpCipher) return null;
  return {
    dtls: DTLS_VERSIONS[String(tlsVersion).toUpperCase()] ?? '',
    cipher: dtlsCipher,
    srtp: srtpCipher,
  };
}
