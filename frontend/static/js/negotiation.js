import {keepRole} from './dtls.js';
import {acceptMusic, bringsMusic} from './opus_music.js';
import {yieldTo} from './rollback.js';
/** @import {CallData, Description} from './messages.js' */

/**
 * Perfect negotiation for one RTCPeerConnection, as in W3C "WebRTC: Real-Time Communication in Browsers", section
 * 10.7, with its names. Two things are added:
 *
 * - A polite peer makes no offer before it has answered a first one. The other side may be a program that cannot roll
 *   back, and so the order of the m-lines always comes from the impolite side.
 * - Candidates that arrive before any description wait for it.
 */

/**
 * @typedef {{description: {type: RTCSdpType, sdp: string}|null}|{candidate: RTCIceCandidateInit|null}|{renegotiate: true}} Outgoing
 * @typedef {object} Options
 * @property {RTCPeerConnection} pc
 * @property {boolean} polite
 * @property {(data: Outgoing) => void} send
 * @property {(description: Description) => Description} [adapt] changes a description of the other side before it is set
 * @property {() => Promise<void>} prepareAnswer puts the local tracks on the m-lines of an offer that has just been set
 * @property {(error: unknown) => void} onerror
 * @property {() => void} onbroken the browser cannot make even a first description
 */

/** Candidates kept of each side. A browser gathers some ten to thirty. */
const MAX_CANDIDATES = 256;

export class Negotiation {
  makingOffer = false;
  ignoreOffer = false;
  isSettingRemoteAnswerPending = false;

  /** @type {RTCPeerConnection} */ #pc;
  /** @type {Options} */ #options;
  /** @type {(description: Description) => Description} */ #adapt;
  /** @type {(RTCIceCandidateInit|null)[]} */ #early = [];
  /** Messages are handled one after the other, since each reads signalingState and acts on it. */
  #queue = Promise.resolve();
  /** Whether to negotiate once more when what is negotiated now is settled. */
  #isDue = false;
  /** Candidates gathered for the newest description. @type {(RTCIceCandidateInit|null)[]} */ #gathered =
    [];

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#adapt = options.adapt ?? ((description) => description);
    this.#pc = options.pc;
    this.#pc.addEventListener('negotiationneeded', () => this.#offer());
    this.#pc.addEventListener('icecandidate', ({candidate}) => {
      // An empty candidate ends one ICE generation, null all of them.
      if (candidate?.candidate !== '') this.#gather(candidate?.toJSON() ?? null);
    });
  }

  get polite() {
    return this.#options.polite;
  }

  /** Reports whether no negotiation is under way. */
  get settled() {
    return this.#pc.signalingState === 'stable' && this.#pc.currentRemoteDescription !== null;
  }

  /** @param {CallData} data */
  receive(data) {
    this.#queue = this.#queue.then(() => this.#handle(data)).catch(this.#options.onerror);
  }

  /** Repeats what the other side may not have received: the pending description, and the candidates. */
  resend() {
    const {signalingState, connectionState, remoteDescription, localDescription} = this.#pc;
    if (signalingState === 'have-local-offer') this.#options.send({description: localDescription});
    else if (remoteDescription === null) this.askForOffer();
    if (this.settled && connectionState === 'connected') return;
    for (const candidate of this.#gathered) this.#options.send({candidate});
  }

  /** Gets a negotiation started: a polite peer asks the other side for an offer, an impolite one makes it. */
  askForOffer() {
    if (this.polite) this.#options.send({renegotiate: true});
    else this.#offer();
  }

  /** Negotiates anew, although nothing of what the browser knows has changed. */
  renegotiate() {
    this.#isDue = this.makingOffer || this.#pc.signalingState !== 'stable';
    return this.#offer();
  }

  async #offerIfDue() {
    if (!this.#isDue) return;
    this.#isDue = false;
    await this.#offer();
  }

  /** Resolves when everything received so far has been handled. */
  idle() {
    return this.#queue;
  }

  /** @param {RTCIceCandidateInit|null} candidate */
  #gather(candidate) {
    const [first] = this.#gathered;
    if (candidate && first && candidate.usernameFragment !== first.usernameFragment)
      this.#gathered = []; // Candidates from before the ICE restart are of no use.
    if (this.#gathered.length < MAX_CANDIDATES) this.#gathered.push(candidate);
    this.#options.send({candidate});
  }

  async #offer() {
    if (this.polite && this.#pc.remoteDescription === null) return;
    if (this.makingOffer || this.#pc.signalingState !== 'stable') return;
    try {
      this.makingOffer = true;
      await this.#setLocal('offer');
      this.#options.send({description: this.#pc.localDescription});
    } catch (error) {
      this.#failed(error);
    } finally {
      this.makingOffer = false;
    }
  }

  /**
   * Sets a local description as the browser makes it, except where the other side sends music: no browser plays both
   * channels unless its description says so.
   * @param {'offer'|'answer'} type
   */
  async #setLocal(type) {
    const pc = this.#pc;
    if (!bringsMusic(pc.remoteDescription?.sdp ?? '')) {
      await pc.setLocalDescription();
      return;
    }
    const {signalingState} = pc;
    try {
      const {sdp = ''} = await (type === 'offer' ? pc.createOffer() : pc.createAnswer());
      await pc.setLocalDescription({type, sdp: acceptMusic(sdp)});
    } catch (error) {
      if (pc.signalingState !== signalingState) throw error; // An offer of the other side came first.
      await pc.setLocalDescription(); // One channel is better than none.
    }
  }

  /** Handles a local description that could not be made. @param {unknown} error */
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
    const isAnswer = description.type === 'answer';
    // An offer that was sent twice has two answers.
    if (isAnswer && pc.signalingState !== 'have-local-offer') return;

    const readyForOffer =
      !this.makingOffer && (pc.signalingState === 'stable' || this.isSettingRemoteAnswerPending);
    const offerCollision = !isAnswer && !readyForOffer;
    this.ignoreOffer = !this.polite && offerCollision;
    if (this.ignoreOffer) return;

    this.isSettingRemoteAnswerPending = isAnswer;
    try {
      const adapted = keepRole(this.#adapt(description), pc);
      if (offerCollision) await yieldTo(pc, adapted);
      else await pc.setRemoteDescription(adapted);
    } finally {
      this.isSettingRemoteAnswerPending = false;
    }
    for (const candidate of this.#early.splice(0)) await this.#candidate(candidate);
    if (isAnswer) {
      await this.#offerIfDue();
      return;
    }
    await this.#answer();
  }

  async #answer() {
    const pc = this.#pc;
    if (pc.signalingState === 'closed') return; // while the offer was being set
    await this.#options.prepareAnswer();
    try {
      await this.#setLocal('answer');
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#options.send({description: pc.localDescription});
    await this.#offerIfDue();
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
