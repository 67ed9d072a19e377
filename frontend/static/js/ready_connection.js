/** @import {ICEServer} from './messages.js' */

/**
 * What no connection changes once it is made: a browser may keep the certificate, and one that kept an earlier policy would
 * tell an address that the user hides.
 * @typedef {object} Fixed
 * @property {RTCIceTransportPolicy} policy
 * @property {RTCCertificate|undefined} certificate undefined = the browser makes one
 */

/**
 * An RTCPeerConnection that is made before it is needed, because that takes a browser a while. Before it has a description
 * it gathers no candidates, so it holds no relay, and nothing of it names an address.
 */
export class ReadyConnection {
  #Connection;
  /** @type {(Fixed & {pc: RTCPeerConnection})|null} */ #ready = null;

  /** @param {typeof RTCPeerConnection} [Connection] */
  constructor(Connection) {
    this.#Connection = Connection;
  }

  /** @param {Fixed} fixed */
  prepare(fixed) {
    if (this.#fits(fixed)) return;
    this.drop();
    try {
      this.#ready = {pc: this.#make(fixed), ...fixed};
    } catch {
      // The browser cannot. Whoever takes a connection is told.
    }
  }

  /** @param {Fixed} fixed @param {ICEServer[]} iceServers */
  take(fixed, iceServers) {
    const pc = this.#fits(fixed) ? this.#ready?.pc : undefined;
    if (!pc) {
      this.drop();
      return this.#make(fixed, iceServers);
    }
    this.#ready = null;
    pc.setConfiguration({...pc.getConfiguration(), iceServers});
    return pc;
  }

  drop() {
    this.#ready?.pc.close();
    this.#ready = null;
  }

  /** A browser may close a connection by itself. @param {Fixed} fixed */
  #fits({policy, certificate}) {
    const ready = this.#ready;
    const isFit = ready?.policy === policy && ready.certificate === certificate;
    return isFit && ready.pc.signalingState !== 'closed';
  }

  /** @param {Fixed} fixed @param {ICEServer[]} [iceServers] */
  #make({policy, certificate}, iceServers = []) {
    return new (this.#Connection ?? RTCPeerConnection)({
      iceServers,
      iceTransportPolicy: policy,
      bundlePolicy: 'max-bundle',
      ...(certificate && {certificates: [certificate]}),
    });
  }
}
