/** @import {CallData, Description} from './messages.js' */

/**
 * Perfect negotiation as in the W3C's "WebRTC: Real-Time Communication in Browsers", section 10.7,
 * with its names, for one RTCPeerConnection. Two things are added:
 *
 * - A polite peer begins nothing before it has answered a first offer. The other side may be a
 *   program that cannot roll back, and which m-line is which is then always the offerer's word.
 * - Candidates that come before any description wait for it.
 */

/**
 * @typedef {{description: RTCSessionDescription|null}|{candidate: RTCIceCandidateInit|null}|{renegotiate: true}} Outgoing
 * @typedef {object} Options
 * @property {RTCPeerConnection} pc
 * @property {boolean} polite
 * @property {(data: Outgoing) => void} send
 * @property {() => Promise<void>} prepareAnswer puts the local tracks on the m-lines of an offer
 *   that has just been set
 * @property {(error: unknown) => void} onerror
 * @property {() => void} onbroken not even a first description can be made: nothing will come of this
 */

/** Candidates kept, of either side; a browser gathers some ten to thirty. */
const MAX_CANDIDATES = 256;

export class Negotiation {
  makingOffer = false;
  ignoreOffer = false;
  isSettingRemoteAnswerPending = false;

  /** @type {RTCPeerConnection} */ #pc;
  /** @type {Options} */ #options;
  /** @type {(RTCIceCandidateInit|null)[]} */ #early = [];
  /** One message after the other: the algorithm reads signalingState and acts on it. */
  #queue = Promise.resolve();
  /** What was gathered for the newest description. @type {(RTCIceCandidateInit|null)[]} */ #gathered =
    [];

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#pc = options.pc;
    this.#pc.addEventListener('negotiationneeded', () => this.#offer());
    this.#pc.addEventListener('icecandidate', ({candidate}) => {
      // An empty candidate ends one generation only; null ends them all.
      if (candidate?.candidate !== '') this.#gather(candidate?.toJSON() ?? null);
    });
  }

  get polite() {
    return this.#options.polite;
  }

  /** True when no description is under way, in either direction. */
  get settled() {
    return this.#pc.signalingState === 'stable' && this.#pc.currentRemoteDescription !== null;
  }

  /** @param {CallData} data */
  receive(data) {
    this.#queue = this.#queue.then(() => this.#handle(data)).catch(this.#options.onerror);
  }

  /** Says again what the other side may not have got: the description under way, and the candidates. */
  resend() {
    const {signalingState, connectionState, remoteDescription, localDescription} = this.#pc;
    if (signalingState === 'have-local-offer') this.#options.send({description: localDescription});
    else if (remoteDescription === null) this.askForOffer();
    if (this.settled && connectionState === 'connected') return;
    for (const candidate of this.#gathered) this.#options.send({candidate});
  }

  /** A polite peer's way to a first offer. An impolite one makes its own. */
  askForOffer() {
    if (this.polite) this.#options.send({renegotiate: true});
    else this.#offer();
  }

  /** Ends after everything received so far has been worked through. */
  idle() {
    return this.#queue;
  }

  /** @param {RTCIceCandidateInit|null} candidate */
  #gather(candidate) {
    const [first] = this.#gathered;
    if (candidate && first && candidate.usernameFragment !== first.usernameFragment)
      this.#gathered = []; // Those of before the restart lead nowhere.
    if (this.#gathered.length < MAX_CANDIDATES) this.#gathered.push(candidate);
    this.#options.send({candidate});
  }

  async #offer() {
    if (this.polite && this.#pc.remoteDescription === null) return;
    if (this.makingOffer || this.#pc.signalingState !== 'stable') return;
    try {
      this.makingOffer = true;
      await this.#pc.setLocalDescription();
      this.#options.send({description: this.#pc.localDescription});
    } catch (error) {
      this.#failed(error);
    } finally {
      this.makingOffer = false;
    }
  }

  /** No description of this side could be made. @param {unknown} error */
  #failed(error) {
    this.#options.onerror(error);
    const {signalingState, localDescription} = this.#pc;
    if (signalingState !== 'closed' && localDescription === null) this.#options.onbroken();
  }

  /** @param {CallData} data */
  async #handle(data) {
    if (this.#pc.signalingState === 'closed') return;
    if (data.kind === 'description') await this.#description(data.description);
    else if (data.kind === 'candidate') await this.#candidate(data.candidate);
    else if (data.kind === 'renegotiate') {
      if (this.#pc.signalingState === 'have-local-offer') this.resend();
      else await this.#offer();
    }
  }

  /** @param {Description} description */
  async #description(description) {
    const pc = this.#pc;
    const answer = description.type === 'answer';
    // The second answer to an offer that was sent twice.
    if (answer && pc.signalingState !== 'have-local-offer') return;

    const readyForOffer =
      !this.makingOffer && (pc.signalingState === 'stable' || this.isSettingRemoteAnswerPending);
    const offerCollision = !answer && !readyForOffer;
    this.ignoreOffer = !this.polite && offerCollision;
    if (this.ignoreOffer) return;

    this.isSettingRemoteAnswerPending = answer;
    try {
      await pc.setRemoteDescription(description); // Rolls back by itself when it must.
    } finally {
      this.isSettingRemoteAnswerPending = false;
    }
    for (const candidate of this.#early.splice(0)) await this.#candidate(candidate);
    if (answer) return;
    await this.#options.prepareAnswer();
    try {
      await pc.setLocalDescription();
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#options.send({description: pc.localDescription});
  }

  /** @param {RTCIceCandidateInit|null} candidate */
  async #candidate(candidate) {
    if (this.#pc.remoteDescription === null) {
      if (this.#early.length < MAX_CANDIDATES) this.#early.push(candidate);
      return;
    }
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      if (!this.ignoreOffer) throw error;
    }
  }
}
