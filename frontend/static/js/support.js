import {SUPPORT_TIMEOUT} from './timeouts.js';

/**
 * Reports whether this browser can make calls. WebRTC may be missing (an old browser, an app's web view), or present
 * and disabled (Tor Browser, privacy add-ons, a policy), so the first steps of a call are tried once.
 * @param {Pick<typeof globalThis, 'RTCPeerConnection'|'RTCRtpTransceiver'>} [scope]
 */
export async function canCall(scope = globalThis) {
  if (!scope.RTCPeerConnection || !scope.RTCRtpTransceiver) return false;
  /** @type {RTCPeerConnection|undefined} */ let pc;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, SUPPORT_TIMEOUT, true)));
  try {
    pc = new scope.RTCPeerConnection();
    return await Promise.race([offers(pc), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    pc?.close?.();
  }
}

/** @param {RTCPeerConnection} pc */
async function offers(pc) {
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind);
  const {sdp} = await pc.createOffer();
  await pc.setLocalDescription();
  return Boolean(sdp) && pc.localDescription !== null;
}

/** Makes a certificate for all connections of a page, if the browser can: else it makes one for each. @returns {Promise<RTCCertificate|undefined>} */
export async function newCertificate() {
  const algorithm = {name: 'ECDSA', namedCurve: 'P-256'};
  return RTCPeerConnection.generateCertificate?.(algorithm).catch(() => undefined);
}

/** A certificate lives for a month, and no new connection takes one that has expired. @param {RTCCertificate|undefined} certificate */
export const validOnly = (certificate) =>
  certificate && certificate.expires > Date.now() ? certificate : undefined;
