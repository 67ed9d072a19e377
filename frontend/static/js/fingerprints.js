import {hexOf, sha256} from './safety.js';
/** @import {Digest} from './safety.js' */

/**
 * The SHA-256 fingerprints of the two certificates of a connection, in lower-case hex. What counts is the certificate
 * that the other end has proved to have, and not what a description says, which came from the server.
 */

/**
 * @param {RTCPeerConnection} pc whose DTLS is connected @param {RTCCertificate|undefined} certificate this end's
 * @param {Digest} [digest] @returns {Promise<{own: string, other: string}|null>} null = this browser does not tell
 */
export async function fingerprintsOf(pc, certificate, digest = sha256) {
  const own = ownOf(certificate) ?? onlyFingerprint(pc.currentLocalDescription?.sdp);
  const other = (await provedOf(pc, digest)) ?? onlyFingerprint(pc.currentRemoteDescription?.sdp);
  return own && other ? {own, other} : null;
}

/** @param {RTCCertificate|undefined} certificate @returns {string|undefined} */
function ownOf(certificate) {
  const prints = certificate?.getFingerprints?.() ?? [];
  const print = prints.find(({algorithm}) => algorithm?.toLowerCase() === 'sha-256');
  return print?.value?.replaceAll(':', '').toLowerCase();
}

/** @param {RTCPeerConnection} pc @param {Digest} digest @returns {Promise<string|undefined>} */
async function provedOf(pc, digest) {
  const transport = pc.sctp?.transport;
  const [leaf] = transport?.getRemoteCertificates?.() ?? [];
  return leaf && hexOf(new Uint8Array(await digest(new Uint8Array(leaf))));
}

/**
 * Returns the fingerprint of a description that has only one. With several, browsers differ in which of them the other
 * end must prove.
 * @param {string|undefined} sdp @returns {string|undefined}
 */
export function onlyFingerprint(sdp = '') {
  const values = new Set(
    [...sdp.matchAll(/^a=fingerprint:(.*)$/gm)].map(([, value = '']) => value.trim().toLowerCase()),
  );
  const [only = ''] = values;
  const [, hex] = /^sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/.exec(only) ?? [];
  return values.size === 1 ? hex?.replaceAll(':', '') : undefined;
}
