/**
 * Reports whether DTLS has failed, which ends an RTCPeerConnection for good. In Firefox it does when a packet cannot be
 * sent, as while the network is unplugged. The other side is not told, and its ICE stays connected.
 * @param {RTCPeerConnection} pc
 */
export const hasDTLSFailed = (pc) =>
  pc.getSenders().some(({transport}) => transport?.state === 'failed');

const SETUP = /^a=setup:(active|passive)/m;

/** @param {string} sdp */
const fingerprints = (sdp) => [...new Set(sdp.match(/^a=fingerprint:\S+ \S+/gm))].sort().join();

/**
 * Returns the role that the other side has in DTLS, as both have agreed on; '' = none yet.
 * @param {RTCPeerConnection} pc
 */
function agreedRole({currentLocalDescription: local, currentRemoteDescription: remote}) {
  if (!local || !remote) return '';
  if (remote.type === 'answer') return SETUP.exec(remote.sdp)?.[1] ?? '';
  const own = SETUP.exec(local.sdp)?.[1];
  return own ? {active: 'passive', passive: 'active'}[own] : '';
}

/**
 * Returns the other side's description with the role that it has in DTLS. While the DTLS association goes on, an answer must
 * repeat that role (RFC 8842, section 5.3). Firefox's answer to an ICE restart says `active` in any case, and Chromium then
 * refuses all of it.
 * @template {{type: string, sdp: string}} T
 * @param {T} description @param {RTCPeerConnection} pc @returns {T}
 */
export function keepRole(description, pc) {
  const role = description.type === 'answer' ? agreedRole(pc) : '';
  const goesOn =
    role && fingerprints(description.sdp) === fingerprints(pc.currentRemoteDescription?.sdp ?? '');
  if (!goesOn) return description;
  return {...description, sdp: description.sdp.replace(new RegExp(SETUP, 'gm'), `a=setup:${role}`)};
}
