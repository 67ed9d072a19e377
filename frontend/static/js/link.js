import {Ctl} from './ctl.js';
import {hasDTLSFailed} from './dtls.js';
import {hideAddress} from './hidden_address.js';
import {Negotiation} from './negotiation.js';
import {announceMusic, withMusic} from './opus_music.js';
import {isSafetyMessage} from './safety.js';
import {SignalPath} from './signal_path.js';
import {QualityMeter, ratesOf, sampleOf} from './stats.js';
import {isTalkMessage} from './talk.js';
import {STALL_TIMEOUT} from './timeouts.js';
import {VideoLevel, shape} from './video_level.js';
/** @import {CtlMessage, Hello, Malformed} from './ctl_messages.js' */
/** @import {CallData, ICEServer, SendState} from './messages.js' */
/** @import {SafetyMessage} from './safety.js' */
/** @import {Kind} from './capture.js' */
/** @import {LinkEvent} from './machine.js' */
/** @import {Outgoing} from './negotiation.js' */
/** @import {Entry, Rates, Sample} from './stats.js' */
/** @import {TalkMessage} from './talk.js' */

/** @typedef {LinkEvent extends infer E ? E extends LinkEvent ? Omit<E, 'link'> : never : never} OwnEvent */

/** @typedef {{tracks: Record<Kind, MediaStreamTrack|null>, screen: MediaStream|null}} Source the local media */

/**
 * @typedef {object} Options
 * @property {RTCPeerConnection} pc without a description
 * @property {number} id
 * @property {boolean} polite
 * @property {number} generation
 * @property {boolean} relay relayed candidates only, and no word of this side's address
 * @property {RTCCertificate|undefined} certificate of the connection; undefined = the browser has made one for it
 * @property {Source} source
 * @property {() => {music: boolean, saver: boolean}} sending what the person has set about this: sound for music, few data
 * @property {Omit<Hello, 'type'|'v'>} hello
 * @property {import('./signal_path.js').Options['signal']} signal sends by signaling
 * @property {boolean} away whether signaling of this side or of the other is away
 * @property {(message: SafetyMessage|Malformed) => void} onsafety
 * @property {(message: TalkMessage) => void} ontalk chat and files
 * @property {(event: LinkEvent) => void} onevent
 * @property {() => void} onbroken the browser cannot make a connection
 * @property {() => boolean} expectsMedia whether the other side has something switched on
 * @property {() => void} onlevel this side's video has been paused, or goes on
 * @property {() => void} onremote the remote streams or their tracks have changed
 */

/**
 * One RTCPeerConnection. Its first m-lines are fixed from the start: the first audio is the microphone, the first video
 * the camera, whether there is one or not, so that switching them needs no negotiation. Every further m-line is a
 * shared screen.
 */
export class Link {
  /** Microphone and camera of the other side. */
  main = new MediaStream();
  /** The screen that the other side shares, with sound if there is any. */
  shared = new MediaStream();
  quality = new QualityMeter();
  level = new VideoLevel();
  /** Whether the other side has been told that this one records. */
  toldRecording = false;
  /** @type {Sample|null} */ sample = null;
  /** @type {Rates|null} */ rates = null;
  /** The newest statistics. @type {Entry[]} */ entries = [];

  /** @type {Options} */ #options;
  /** @type {RTCPeerConnection} */ #pc;
  /** @type {Negotiation} */ #negotiation;
  /** @type {Ctl} */ #ctl;
  /** @type {SignalPath} */ #signals;
  /** @type {Partial<Record<Kind, RTCRtpTransceiver>>} */ #mains = {};
  /** @type {Partial<Record<Kind, RTCRtpTransceiver>>} */ #screens = {};
  #stalledSince = 0;
  #musicTold = false;
  /** Browsers synchronize only tracks of one stream: lips and words. */
  #stream = new MediaStream();
  #screenStream = new MediaStream();

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    const {polite, generation, signal} = options;
    this.#pc = options.pc;
    this.#ctl = this.#makeCtl();
    this.#signals = new SignalPath({
      generation,
      signal,
      tell: (data) => this.tell({type: 'signal', data}),
    });
    this.#signals.away = options.away;
    this.#negotiation = new Negotiation({
      pc: this.#pc,
      polite,
      send: (data) => this.#send(data),
      adapt: (description) =>
        options.sending().music ? {...description, sdp: withMusic(description.sdp)} : description,
      prepareAnswer: () => this.#prepareAnswer(),
      onerror: (error) => console.warn('negotiation:', error),
      onbroken: options.onbroken,
    });
    this.#listen();
    if (polite) {
      // The offer's m-lines take what was added so (RFC 9429, section 5.10). The channels come with it, too: the other side
      // may not know them.
      for (const track of Object.values(options.source.tracks))
        if (track) this.#pc.addTrack(track, this.#stream);
      return;
    }
    this.#ctl.create();
    for (const kind of /** @type {Kind[]} */ (['audio', 'video'])) this.#addMain(kind);
    void this.setScreen(options.source.screen);
  }

  get pc() {
    return this.#pc;
  }

  get certificate() {
    return this.#options.certificate;
  }

  /** Round trip and clock of the other side, as far as the data channel tells. */
  get clock() {
    return this.#ctl.clock;
  }

  /** @param {CallData} data */
  deliver(data) {
    if (!this.#signals.takes(data)) return;
    if (data.kind === 'description' && data.ctl) this.#ctl.mark();
    this.#negotiation.receive(data);
  }

  /** @param {boolean} anew the session with the server is a new one, of this side or of the other */
  resend(anew) {
    if (anew) this.#signals.resync();
    this.#negotiation.resend();
  }

  /** @param {boolean} away whether signaling of this side or of the other is away */
  set away(away) {
    this.#signals.away = away;
  }

  /** Returns the channel for files, to be listened to from now on. */
  useFileChannel() {
    return this.#ctl.useFileChannel();
  }

  /** Sends a message over the data channel, and reports whether it could. @param {CtlMessage} message */
  tell(message) {
    return this.#ctl.send(message);
  }

  /** Sends over the data channel what this side has switched on, and reports whether it could. @param {SendState} state */
  tellState(state) {
    const {video, audio} = this.#screens;
    const mids = {
      ...(video?.mid && {screen: video.mid}),
      ...(audio?.mid && {screenAudio: audio.mid}),
    };
    const held = state.video && this.level.paused;
    const told = this.tell({type: 'state', ...state, held, mids});
    if (told) this.toldRecording = state.recording;
    return told;
  }

  /** Resolves to whether the other side has everything that it was told so far. */
  confirmTold() {
    return this.#ctl.confirm();
  }

  askForOffer() {
    this.#negotiation.askForOffer();
  }

  /** @param {ICEServer[]} iceServers */
  setServers(iceServers) {
    if (this.#pc.signalingState === 'closed') return;
    this.#pc.setConfiguration({...this.#pc.getConfiguration(), iceServers});
  }

  restartIce() {
    this.#pc.restartIce();
  }

  /** @param {Kind} kind @param {MediaStreamTrack|null} track */
  async setTrack(kind, track) {
    const main = this.#mains[kind];
    await main?.sender.replaceTrack(track);
    // How much smaller its picture is sent depends on the camera.
    if (main && kind === 'video' && track) await this.#tune(main, kind);
  }

  /** Tells the other side anew whether music comes, and encodes for that. */
  retuneSound() {
    void this.#negotiation.renegotiate();
  }

  /** Sends with fewer data, or as many as before. */
  async saveData() {
    if (this.#mains.video) await this.#tune(this.#mains.video, 'video');
  }

  /** Shares a screen, or ends that. The first share adds the m-lines that every later one uses. @param {MediaStream|null} stream */
  async setScreen(stream) {
    for (const kind of /** @type {Kind[]} */ (['audio', 'video'])) {
      const track = stream?.getTracks().find((candidate) => candidate.kind === kind) ?? null;
      const screen = this.#screens[kind];
      if (screen) await screen.sender.replaceTrack(track);
      else if (track)
        this.#screens[kind] = this.#pc.addTransceiver(track, {
          direction: 'sendonly',
          streams: [this.#screenStream],
        });
    }
  }

  close() {
    this.#signals.close();
    this.#ctl.close();
    this.#pc.close();
  }

  /** Reads the statistics once, and reports when media stops or resumes. @param {number} now ms */
  async measure(now) {
    if (this.#pc.connectionState === 'closed') return;
    const report = /** @type {any} */ (await this.#pc.getStats());
    this.entries = [...report.values()];
    const sample = sampleOf(this.entries, now);
    if (this.sample) {
      const rates = ratesOf(this.sample, sample);
      this.rates = {...rates, silent: rates.silent && this.#options.expectsMedia()};
      this.quality.add(this.rates, now);
      this.#checkStall(this.rates.silent, this.sample.at, now);
    }
    this.sample = sample;
    if (this.#pc.connectionState !== 'connected' || !this.#options.source.tracks.video) return;
    const {remoteLoss, remoteAudioLoss, rtt, available} = sample;
    const sending = {loss: remoteLoss, audioLoss: remoteAudioLoss, rtt, available};
    if (this.level.add(sending, now)) await this.#applyLevel();
  }

  /** Sends video although the network is bad. @param {number} now ms */
  async insist(now) {
    this.level.insist(now);
    await this.#applyLevel();
  }

  async #applyLevel() {
    if (this.#mains.video) await this.#tune(this.#mains.video, 'video');
    this.#options.onlevel();
  }

  /** @param {boolean} silent whether nothing has arrived since the time `before` @param {number} before @param {number} now */
  #checkStall(silent, before, now) {
    if (!silent) this.#stalledSince = 0;
    else if (this.#stalledSince === 0) {
      this.#stalledSince = before;
      this.#emit({type: 'silent'});
    }
    const stalled = this.#stalledSince > 0 && now - this.#stalledSince >= STALL_TIMEOUT;
    this.#emit({type: 'stalled', stalled});
  }

  /** @param {Outgoing} data */
  #send(data) {
    const {relay, sending} = this.#options;
    const sent = relay ? hideAddress(data) : data;
    if (sent) this.#signals.send(sending().music ? withMusicComing(sent) : sent);
  }

  #makeCtl() {
    return new Ctl({
      pc: this.#pc,
      hello: this.#options.hello,
      onopen: () => {
        this.#signals.retry();
        this.#emit({type: 'ctl', open: true});
      },
      onmessage: (message) => {
        if (isSafetyMessage(message)) this.#options.onsafety(message);
        else if (isTalkMessage(message)) this.#options.ontalk(message);
        else this.#emit({type: 'told', message});
      },
      onclose: () => this.#emit({type: 'ctl', open: false}),
    });
  }

  #listen() {
    const pc = this.#pc;
    pc.addEventListener('connectionstatechange', () => {
      const state = pc.connectionState;
      this.#emit({type: 'connection', state, dtlsFailed: state === 'failed' && hasDTLSFailed(pc)});
      if (state === 'connected') this.#tellMusic();
    });
    pc.addEventListener('signalingstatechange', () =>
      this.#emit({type: 'settled', settled: this.#negotiation.settled}),
    );
    pc.addEventListener('icecandidate', ({candidate}) => {
      const type = /** @type {import('./machine.js').CandidateType|null|undefined} */ (
        candidate?.type
      );
      if (type || !candidate) this.#emit({type: 'gathered', candidate: type ?? null});
    });
    pc.addEventListener('track', ({track, transceiver}) => this.#receive(track, transceiver));
  }

  /** The answer of a polite side comes too late to say that it sends music: the other side has described itself. */
  #tellMusic() {
    const {polite, sending} = this.#options;
    if (!polite || !sending().music || this.#musicTold) return;
    this.#musicTold = true;
    this.retuneSound();
  }

  /** @param {OwnEvent} event */
  #emit(event) {
    this.#options.onevent(/** @type {LinkEvent} */ ({...event, link: this.#options.id}));
  }

  /** @param {MediaStreamTrack} track @param {RTCRtpTransceiver} transceiver */
  #receive(track, transceiver) {
    const kind = track.kind === 'audio' ? 'audio' : 'video';
    this.#mains[kind] ??= transceiver;
    const stream = this.#mains[kind] === transceiver ? this.main : this.shared;
    const play = () => {
      for (const old of stream.getTracks()) if (old.kind === kind) stream.removeTrack(old);
      stream.addTrack(track);
    };
    // The other side's camera may be off. A video element with a picture to wait for plays no sound in Chromium until it is there.
    if (kind === 'video' && track.muted) track.addEventListener('unmute', play, {once: true});
    else play();
    for (const name of ['mute', 'unmute', 'ended'])
      track.addEventListener(name, this.#options.onremote);
    this.#options.onremote();
  }

  /** @param {Kind} kind */
  #addMain(kind) {
    const track = this.#options.source.tracks[kind];
    const transceiver = this.#pc.addTransceiver(track ?? kind, {
      direction: 'sendrecv',
      streams: [this.#stream],
    });
    this.#mains[kind] = transceiver;
    void this.#tune(transceiver, kind);
  }

  /** Puts the local tracks on the m-lines that the other side offered. */
  async #prepareAnswer() {
    const mains = /** @type {Kind[]} */ (['audio', 'video']).map((kind) => this.#prepareMain(kind));
    const screen = this.#screens.video ? null : this.setScreen(this.#options.source.screen);
    await Promise.all([...mains, screen]);
  }

  /** @param {Kind} kind */
  async #prepareMain(kind) {
    const offered = this.#pc
      .getTransceivers()
      .find(({mid, receiver}) => mid !== null && receiver.track.kind === kind);
    // The "track" event has set it, except for an m-line that only receives.
    const main = this.#mains[kind] ?? offered ?? this.#added(kind);
    if (!main) {
      this.#addMain(kind); // The other side offers none; this one offers it as soon as it may.
      return;
    }
    this.#mains[kind] = main;
    if (main.direction === 'recvonly') main.direction = 'sendrecv';
    main.sender.setStreams?.(this.#stream);
    const track = this.#options.source.tracks[kind];
    const replaced = main.sender.track === track ? null : main.sender.replaceTrack(track);
    void this.#tune(main, kind);
    await replaced;
  }

  /** The m-line of a track that this side added, and the other side has not offered. @param {Kind} kind */
  #added(kind) {
    return this.#pc
      .getTransceivers()
      .find(({mid, sender}) => mid === null && sender.track?.kind === kind);
  }

  /** Gives sound priority over the picture, and the picture its level. @param {RTCRtpTransceiver} transceiver @param {Kind} kind */
  async #tune({sender}, kind) {
    const parameters = sender.getParameters?.();
    const [encoding] = parameters?.encodings ?? [];
    if (!parameters || !encoding) return;
    if (kind === 'audio') encoding.priority = encoding.networkPriority = 'high';
    else {
      const {level, first} = this.level;
      shape(encoding, level, this.#options.sending().saver, sender.track, first);
    }
    await sender.setParameters(parameters).catch(() => {});
  }
}

/** @param {Outgoing} data */
function withMusicComing(data) {
  if (!('description' in data) || !data.description) return data;
  const {type, sdp} = data.description;
  return {description: {type, sdp: announceMusic(sdp)}};
}
