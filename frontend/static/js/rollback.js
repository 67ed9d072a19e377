/** @import {Description} from './messages.js' */

/**
 * Sets an offer for which the browser rolls back an offer of its own. Chromium 156 then takes the remote tracks off their
 * decoders, and puts them back only when their SSRC is another one. Picture and sound would stop for the rest of the call,
 * although getStats() goes on counting frames. So the offer is set without any SSRC first, and then as it is, also by a
 * browser that takes no such offer.
 * @param {RTCPeerConnection} pc @param {Description} offer
 */
export async function yieldTo(pc, {type, sdp}) {
  const bare = sdp.replace(/^a=ssrc(-group)?:.*\r?\n/gm, '');
  await pc.setRemoteDescription({type, sdp: bare}).catch(() => {});
  await pc.setRemoteDescription({type, sdp});
}
