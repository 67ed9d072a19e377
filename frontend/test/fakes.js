import {FakeDataChannel} from './fake_channel.js';
import {FakeStream, FakeTrack} from './fake_media.js';

export {FakeStream, FakeTrack};

/** Fakes of what only a browser has. */

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Waits until everything has run that waits only for promises. */
export async function quiet(turns = 12) {
  for (let i = 0; i < turns; i++) await settle();
}

/** Waits until something is true that takes real time, such as hashing. */
export async function until(condition) {
  const end = performance.now() + 20_000;
  while (!condition() && performance.now() < end) await settle();
}

/** The socket of one connection; the test plays the server. */
export class FakeWebSocket {
  /** @type {FakeWebSocket[]} */ static all = [];
  static get last() {
    return FakeWebSocket.all.at(-1);
  }

  readyState = 0;
  sent = [];
  closedWith = null;

  constructor(url, protocol) {
    Object.assign(this, {url, protocol});
    FakeWebSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
    this.readyState = 3;
  }

  serverOpens() {
    this.readyState = 1;
    this.onopen?.();
  }

  serverSends(frame) {
    this.onmessage?.({data: typeof frame === 'string' ? frame : JSON.stringify(frame)});
  }

  serverCloses(code) {
    this.readyState = 3;
    this.onclose?.({code});
  }
}

class FakeTransceiver {
  mid = null;
  stopped = false;
  constructor(pc, kind, track, direction) {
    this.pc = pc;
    this.direction = direction;
    this.receiver = {track: new FakeTrack(kind)};
    this.sender = {
      track,
      setStreams() {},
      replaceTrack: async (next) => {
        this.sender.track = next;
      },
      getParameters: () => ({encodings: []}),
    };
  }
}

/**
 * The signaling part of an RTCPeerConnection, by the state table of W3C WebRTC 1.0, section 4.4.1.5. Descriptions are
 * JSON lists of m-lines, operations are chained, negotiationneeded is fired when stable, and a remote offer rolls back a
 * local one.
 */
export class FakePeerConnection extends EventTarget {
  /** @type {FakePeerConnection[]} */ static all = [];
  signalingState = 'stable';
  connectionState = 'new';
  dtls = 'connected';
  localDescription = null;
  remoteDescription = null;
  currentRemoteDescription = null;
  currentLocalDescription = null;
  candidates = [];
  restarts = 0;
  /** @type {FakeDataChannel[]} */ channels = [];
  /** Says which messages get through. @type {(data: unknown) => boolean} */ passes = () => true;
  #transceivers = [];
  #chain = Promise.resolve();
  #needed = false;
  #operations = 0;
  #iceRestart = false;
  #generation = 0;

  constructor(configuration = {}) {
    super();
    this.configuration = configuration;
    FakePeerConnection.all.push(this);
  }

  getConfiguration() {
    return this.configuration;
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  getTransceivers() {
    return [...this.#transceivers];
  }

  getSenders() {
    return this.#transceivers.map(() => ({transport: {state: this.dtls}}));
  }

  async getStats() {
    return new Map();
  }

  /** The connection at the other end. */
  get remote() {
    const {ufrag} = JSON.parse(this.remoteDescription?.sdp ?? '{"ufrag":"-1"}');
    return FakePeerConnection.all[parseInt(ufrag, 10)];
  }

  get sctp() {
    if (this.channels.length === 0) return null;
    const [certificate] = this.remote?.configuration.certificates ?? [];
    return {transport: {getRemoteCertificates: () => (certificate ? [certificate.der] : [])}};
  }

  createDataChannel(label, options) {
    const channel = new FakeDataChannel(this, label, options);
    this.channels.push(channel);
    return channel;
  }

  addTrack(track) {
    const transceiver = this.addTransceiver(track);
    transceiver.takesOffer = true;
    return transceiver.sender;
  }

  addTransceiver(trackOrKind, {direction = 'sendrecv'} = {}) {
    const track = typeof trackOrKind === 'string' ? null : trackOrKind;
    const transceiver = new FakeTransceiver(this, track?.kind ?? trackOrKind, track, direction);
    this.#transceivers.push(transceiver);
    this.#need();
    return transceiver;
  }

  restartIce() {
    this.restarts++;
    this.#iceRestart = true;
    this.#need();
  }

  setLocalDescription() {
    return this.#operate(async () => {
      if (this.signalingState === 'stable') {
        for (const transceiver of this.#transceivers) transceiver.mid ??= this.#unusedMid();
        if (this.#iceRestart || this.#generation === 0) this.#generation++;
        this.localDescription = this.#describe('offer');
        this.#become('have-local-offer');
        this.#emitCandidates();
      } else if (this.signalingState === 'have-remote-offer') {
        this.#generation ||= 1;
        this.localDescription = this.currentLocalDescription = this.#describe('answer');
        this.currentRemoteDescription = this.remoteDescription;
        this.#become('stable');
        this.#emitCandidates();
      } else {
        throw new DOMException(
          `setLocalDescription in ${this.signalingState}`,
          'InvalidStateError',
        );
      }
    });
  }

  setRemoteDescription(description) {
    return this.#operate(async () => {
      const {type, sdp} = description;
      if (type === 'answer') {
        if (this.signalingState !== 'have-local-offer') {
          throw new DOMException(`answer in ${this.signalingState}`, 'InvalidStateError');
        }
        this.remoteDescription = this.currentRemoteDescription = {type, sdp};
        this.currentLocalDescription = this.localDescription;
        this.#iceRestart = false;
        this.#become('stable');
        this.#receive(sdp);
        return;
      }
      if (this.signalingState === 'have-local-offer') {
        for (const transceiver of this.#transceivers) {
          if (!this.#negotiated(transceiver.mid)) transceiver.mid = null;
        }
        this.localDescription = this.currentLocalDescription;
        this.#needed = true;
      }
      this.remoteDescription = {type, sdp};
      this.#become('have-remote-offer');
      this.#receive(sdp);
    });
  }

  async addIceCandidate(candidate) {
    if (!this.remoteDescription)
      throw new DOMException('no remote description', 'InvalidStateError');
    const {ufrag} = JSON.parse(this.remoteDescription.sdp);
    if (candidate && candidate.usernameFragment !== ufrag) {
      throw new DOMException('unknown ufrag', 'OperationError');
    }
    this.candidates.push(candidate);
  }

  close() {
    for (const channel of this.channels) channel.close();
    this.signalingState = this.connectionState = 'closed';
  }

  /** Sets the connection state, as the network would. */
  becomes(state) {
    this.connectionState = state;
    if (state === 'connected') for (const channel of this.channels) channel.opens();
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  #operate(work) {
    const result = this.#chain.then(async () => {
      if (this.signalingState === 'closed') throw new DOMException('closed', 'InvalidStateError');
      await settle();
      return work();
    });
    this.#operations++;
    const done = () => {
      this.#operations--;
      setImmediate(() => this.#fireWhenStable());
    };
    this.#chain = result.then(done, done);
    return result;
  }

  #need() {
    this.#needed = true;
    setImmediate(() => this.#fireWhenStable());
  }

  #fireWhenStable() {
    // Fired only while no operation is under way (section 4.7.3), which the handler relies on.
    if (!this.#needed || this.#operations > 0 || this.signalingState !== 'stable') return;
    this.#needed = false;
    const wanted = this.#iceRestart || this.#transceivers.some(({mid}) => !this.#negotiated(mid));
    if (wanted) this.dispatchEvent(new Event('negotiationneeded'));
  }

  #unusedMid() {
    let mid = 0;
    while (this.#transceivers.some((transceiver) => transceiver.mid === String(mid))) mid++;
    return String(mid);
  }

  #negotiated(mid) {
    const {sdp} = this.currentLocalDescription ?? {sdp: '{"lines":[]}'};
    return mid !== null && JSON.parse(sdp).lines.some((line) => line.mid === mid);
  }

  /** Adds the offered transceivers, and fires "track" for those that send. */
  #receive(sdp) {
    for (const {kind, mid, direction} of JSON.parse(sdp).lines) {
      let transceiver =
        this.#transceivers.find((known) => known.mid === mid) ??
        this.#transceivers.find(
          (known) => known.takesOffer && known.mid === null && known.receiver.track.kind === kind,
        );
      if (transceiver) transceiver.mid = mid;
      if (!transceiver) {
        transceiver = new FakeTransceiver(this, kind, null, 'recvonly');
        transceiver.mid = mid;
        this.#transceivers.push(transceiver);
      }
      if (!direction.startsWith('send') || transceiver.told) continue;
      transceiver.told = true;
      const {track} = transceiver.receiver;
      this.dispatchEvent(Object.assign(new Event('track'), {track, transceiver}));
    }
  }

  get ufrag() {
    return `${FakePeerConnection.all.indexOf(this)}-${this.#generation}`;
  }

  #describe(type) {
    const lines = this.#transceivers
      .filter(({mid}) => mid !== null)
      .map(({mid, direction, receiver}) => ({mid, direction, kind: receiver.track.kind}));
    return {type, sdp: JSON.stringify({lines, ufrag: this.ufrag})};
  }

  #emitCandidates() {
    const {ufrag} = this;
    for (const candidate of ['host', 'srflx']) {
      const value = {candidate, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: ufrag};
      const event = new Event('icecandidate');
      Object.assign(event, {candidate: {...value, type: candidate, toJSON: () => value}});
      setImmediate(() => this.dispatchEvent(event));
    }
    setImmediate(() =>
      this.dispatchEvent(Object.assign(new Event('icecandidate'), {candidate: null})),
    );
  }

  #become(state) {
    this.signalingState = state;
    if (state === 'stable') this.#needed = true; // fireWhenStable checks whether it really is.
    this.dispatchEvent(new Event('signalingstatechange'));
  }
}
