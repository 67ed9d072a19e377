import {STUN_TIMEOUT} from './timeouts.js';
/** @import {Gathered} from './mapping.js' */
/** @import {Environment} from './run.js' */

/** The error of a STUN server that does not answer (W3C WebRTC, section 4.8.1.3). */
const UNREACHABLE = 701;

/**
 * Asks STUN servers for the address of a new socket.
 * @param {string[]} urls @param {Environment} env
 * @returns {Promise<Gathered>} answered = all that the browser waited for have, or one has
 */
export async function gather(urls, {PeerConnection, now, wait}) {
  const pc = new PeerConnection({iceServers: urls.map((url) => ({urls: url}))});
  const begun = now();
  /** @type {Gathered} */
  const gathered = {answered: false, ms: 0, hosts: [], reflexive: []};
  let failed = false;
  try {
    const complete = new Promise((resolve) => {
      pc.addEventListener('icecandidate', ({candidate}) => {
        if (candidate) add(gathered, candidate, now() - begun);
        else resolve(true);
        if (urls.length === 1 && gathered.reflexive.length > 0) resolve(true);
      });
      pc.addEventListener('icecandidateerror', ({errorCode}) => {
        failed ||= errorCode === UNREACHABLE;
      });
    });
    pc.createDataChannel('');
    await pc.setLocalDescription();
    const ended = await Promise.race([complete, wait(STUN_TIMEOUT).then(() => false)]);
    // Without a NAT there is no further candidate. But the browser waits for an answer.
    gathered.answered = gathered.reflexive.length > 0 || (ended && !failed);
    gathered.ms ||= Math.round(now() - begun);
    return gathered;
  } finally {
    pc.close();
  }
}

/** @param {Gathered} gathered @param {RTCIceCandidate} candidate @param {number} ms */
function add(gathered, {type, protocol, address, port, relatedAddress, relatedPort}, ms) {
  if (protocol !== 'udp' || !address || !port) return;
  if (type === 'host') gathered.hosts.push({address, port, base: `${address}:${port}`});
  if (type !== 'srflx') return;
  gathered.ms ||= Math.round(ms);
  const base = relatedPort ? `${relatedAddress}:${relatedPort}` : '';
  gathered.reflexive.push({address, port, base});
}
