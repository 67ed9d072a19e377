import {later} from './deadline.js';
import {History, pointOf} from './history.js';
import {Link} from './link.js';
import {initial, reduce} from './machine.js';
import {awaitsServer, isAway, sendsMedia} from './machine_link.js';
import {filterServers} from './options.js';
import {ReadyConnection} from './ready_connection.js';
import {SafetyCheck} from './safety_check.js';
import {Signaling} from './signaling.js';
import {Talk} from './talk.js';
import {validOnly} from './support.js';
import {SSETransport} from './transport_sse.js';
import {CREDENTIALS_TIMEOUT, FIRST_FRAMES, GIVE_WAY_TIMEOUT, STATS_INTERVAL} from './timeouts.js';
import {WebSocketTransport} from './transport_websocket.js';
/** @import {Command, Event, State, Timer} from './machine.js' */
/** @import {Media} from './media.js' */
/** @import {Frame} from './messages.js' */
/** @import {Seat} from './seat.js' */

/** @typedef {Event extends infer E ? E extends Event ? Omit<E, 'at'> : never : never} UntimedEvent */
/** @template {Command['type']} T @typedef {Extract<Command, {type: T}>} CommandOf */

/**
 * @typedef {object} Options
 * @property {string} server its http or https URL, without a slash at the end
 * @property {string} token that the server may ask for, '' = none
 * @property {Seat} seat
 * @property {Media} media
 * @property {string} app name and version of this program, for the other side
 * @property {RTCCertificate|undefined} certificate of this page, for all its connections; undefined = none can be made
 * @property {boolean} relay relayed candidates only
 * @property {string} turn udp, tcp, tls, or '' for all
 * @property {() => number} now ms
 * @property {() => void} onchange
 * @property {() => {music: boolean, saver: boolean}} sending what the person has set about that
 * @property {() => void} onarrival the other person has come
 * @property {typeof WebSocket} [WebSocket]
 * @property {typeof fetch} [fetch]
 * @property {typeof RTCPeerConnection} [RTCPeerConnection]
 */

/** Carries out the commands of the reducer. It owns the sockets, connections and timers of a call. */
export class Call {
  /** @type {State} */ #state;
  /** @type {Options} */ #options;
  /** @type {Signaling} */ #signaling;
  /** @type {Link|null} */ #link = null;
  /** A running call that is shown until the new connection is up. @type {Link|null} */ #previous =
    null;
  /** The figures of the last minute, whatever becomes of the connection. */
  history = new History();
  #ready;
  #safety = new SafetyCheck((link, finding) => this.dispatch({type: 'safety', link, finding}));
  #recording = false;
  #talk = new Talk(() => this.#options.onchange());
  /** @type {Map<Timer, ReturnType<typeof setTimeout>>} */ #timers = new Map();
  /** @type {ReturnType<typeof setInterval>|undefined} */ #statsTimer;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#state = {...initial, relay: options.relay};
    this.#ready = new ReadyConnection(options.RTCPeerConnection);
    const {server, seat, media} = options;
    this.#signaling = new Signaling({
      seat,
      transports: {
        websocket: (callbacks) =>
          new WebSocketTransport(`ws${server.slice(4)}/ws`, callbacks, options.WebSocket),
        sse: (callbacks) => new SSETransport(`${server}/api/v1`, callbacks, options.fetch),
      },
      urgent: () => awaitsServer(this.#state),
      onframe: (frame) => this.dispatch({type: 'frame', frame}),
      ondown: (tries, refusal) => this.dispatch({type: 'down', tries, refusal}),
      onend: (reason) => this.dispatch({type: 'ended', reason}),
    });
    media.ontrack = (kind, track) => {
      for (const link of [this.#link, this.#previous]) {
        link?.setTrack(kind, track).catch((error) => console.warn('track:', error));
      }
    };
    media.onscreen = (stream) => {
      this.#link?.setScreen(stream).catch((error) => console.warn('screen:', error));
    };
  }

  get state() {
    return this.#state;
  }

  /** The link whose picture is shown. */
  get shown() {
    return this.#previous ?? this.#link;
  }

  /** The newest link. */
  get link() {
    return this.#link;
  }

  /** Chat and files, null = not loaded yet. */
  get conversation() {
    return this.#talk.conversation;
  }

  /** Whether chat and files could not be loaded. */
  get talkFailed() {
    return this.#talk.failed;
  }

  /** The state of the connection between page and server. */
  get signaling() {
    return this.#signaling.info;
  }

  /** @param {UntimedEvent} untimed */
  dispatch(untimed) {
    const event = /** @type {Event} */ ({...untimed, at: this.#options.now()});
    const {state, commands} = reduce(this.#state, event);
    const changed = state !== this.#state;
    this.#state = state;
    if (this.#link) this.#link.away = isAway(state);
    for (const command of commands) this.#run(command);
    if (state.phase === 'in') this.prepareLink();
    else if (state.phase !== 'prejoin') this.#ready.drop();
    if (changed || commands.length > 0) this.#options.onchange();
  }

  /** The user seems to be about to join: has everything ready. */
  prepare() {
    if (this.#state.phase === 'prejoin') this.#signaling.prepare();
    this.prepareLink();
  }

  /** Has a connection ready for whoever comes, or is there. */
  prepareLink() {
    const {phase, link, relay} = this.#state;
    if (phase === 'prejoin' || (phase === 'in' && !link)) this.#ready.prepare(this.#fixed(relay));
  }

  /** @param {boolean} relay relayed candidates only @returns {import('./ready_connection.js').Fixed} */
  #fixed(relay) {
    return {policy: relay ? 'relay' : 'all', certificate: validOnly(this.#options.certificate)};
  }

  /** Tells the other side what this one has switched on. */
  sendState() {
    void this.#tellState();
  }

  /**
   * Tells the other side whether this one records, now and on every later connection.
   * @param {boolean} on @returns {Promise<boolean>} whether the other side knows
   */
  async tellRecording(on) {
    this.#recording = on;
    const link = this.#link;
    const {ctl} = this.#state.link ?? {};
    if (!(await this.#tellState())) return false;
    return ctl === true && link ? link.confirmTold() : true;
  }

  /** @returns {Promise<boolean>} whether the state is on its way */
  async #tellState() {
    const [link, {link: facts}] = [this.#link, this.#state];
    if (!link || !facts?.connected) return false;
    const {audio, video, screen} = this.#options.media.state;
    const state = {audio, video, screen, recording: this.#recording};
    if (link.tellState(state)) return true;
    const {type} = await this.#send(facts.peer, {state});
    // An end that does not know the data channel does not know this either.
    const told = type === 'ack' && facts.ctlKnown && this.#state.peer?.away === false;
    if (told) link.toldRecording = state.recording;
    return told;
  }

  /** Sends video again, which is paused because the network is bad. */
  async insist() {
    await this.#link?.insist(this.#options.now());
    this.#options.onchange();
  }

  /** Takes over what the person has set about sending. @param {'music'|'saver'} setting */
  adjust(setting) {
    // Both sides have to agree anew on how sound is encoded.
    if (setting === 'music') this.#link?.retuneSound();
    else void this.#link?.saveData();
  }

  /** Leaves without waiting for anything, because the page is being unloaded. */
  goAway() {
    this.#sayBye(false);
    this.#talk.clear();
    this.#signaling.leave(true);
    this.#ready.drop();
    this.#link?.close();
    this.#previous?.close();
  }

  /** @param {Command} command */
  #run(command) {
    const execute = /** @type {(command: Command) => void} */ (this.#commands[command.type]);
    execute(command);
  }

  /** @type {{[T in Command['type']]: (command: CommandOf<T>) => void}} */
  #commands = {
    joinRoom: ({room, name, reclaim}) => {
      this.#safety.reset();
      this.#talk.clear();
      this.history.clear();
      void this.#signaling.join({room, name, reclaim, token: this.#options.token});
    },
    retryJoin: () => this.#signaling.retryJoin(),
    checkServer: ({ms}) => this.#signaling.check(ms),
    leaveRoom: () => this.#signaling.leave(),
    refreshServers: () => void this.#refreshServers(),
    servers: ({iceServers}) =>
      this.#link?.setServers(filterServers(iceServers, this.#options.turn)),
    build: (command) => this.#build(command),
    deliver: ({data}) => this.#link?.deliver(data),
    resend: ({anew}) => this.#link?.resend(anew),
    restartIce: ({giveWay}) => void this.#restartIce(giveWay),
    closeLink: () => {
      this.#link?.close();
      this.#link = null;
      this.#talk.part();
      clearInterval(this.#statsTimer);
    },
    closePrevious: () => {
      this.#previous?.close();
      this.#previous = null;
    },
    sendState: () => this.sendState(),
    sayBye: ({final}) => this.#sayBye(final),
    sayBusy: ({to}) => void this.#send(to, {busy: true}),
    checkSafety: () => this.#checkSafety(),
    openTalk: () => this.#openTalk(),
    endTalk: () => this.#talk.end(),
    judge: ({verdict}) => this.#safety.judge(verdict),
    startTimer: ({name, ms}) => this.#startTimer(name, ms),
    stopTimer: ({name}) => clearTimeout(this.#timers.get(name)),
    report: ({setup}) => void this.#report(setup),
    chime: () => this.#options.onarrival(),
    releaseMedia: () => this.#options.media.stop(),
  };

  /** @param {Timer} name @param {number} ms */
  #startTimer(name, ms) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(
      name,
      setTimeout(() => this.dispatch({type: 'timer', name}), ms),
    );
  }

  async #refreshServers() {
    const reply = await this.#signaling.request({type: 'ice'});
    if (reply.type === 'ice') this.dispatch({type: 'frame', frame: reply});
  }

  /** @param {string} to @param {Record<string, unknown>} data */
  #send(to, data) {
    // An error needs no handling. The peer is gone and its bye is under way, or a new session repeats what was lost,
    // or the watchdog does.
    return this.#signaling.request({type: 'message', to, data});
  }

  /** @param {boolean} final */
  #sayBye(final) {
    this.#link?.tell({type: 'bye', final});
  }

  /** Begins the exchange for the safety code with the other side, or continues it. */
  #checkSafety() {
    const [link, {link: facts, room}] = [this.#link, this.#state];
    if (!link || !facts) return;
    const {pc, certificate} = link;
    this.#safety.start({
      link: facts.id,
      pc,
      certificate,
      room,
      polite: facts.polite,
      send: (message) => link.tell(message),
    });
  }

  /** Begins chat and files with the other side, or continues them. */
  #openTalk() {
    const [link, {link: facts, room}] = [this.#link, this.#state];
    const channel = link?.useFileChannel();
    if (!link || !facts || !channel) return;
    const {pc, certificate} = link;
    this.#talk.open({
      link: facts.id,
      pc,
      certificate,
      room,
      peers: `${facts.self} ${facts.peer}`,
      polite: facts.polite,
      tell: (message) => link.tell(message),
      channel,
    });
  }

  /** @param {CommandOf<'build'>} command */
  #build(command) {
    try {
      this.#connect(command);
    } catch (error) {
      console.warn('no RTCPeerConnection:', error);
      queueMicrotask(() => this.#unsupported());
    }
  }

  /** WebRTC does not work after all. Gives the seat up, so that the other side does not wait for nothing. */
  #unsupported() {
    this.dispatch({type: 'ended', reason: 'unsupported'});
  }

  /** @param {CommandOf<'build'>} command */
  #connect({link: id, peer, polite, generation, relay, askForOffer, keepPrevious}) {
    if (keepPrevious) {
      this.#previous?.close();
      this.#previous = this.#link;
    } else {
      this.#link?.close();
    }
    const fixed = this.#fixed(relay);
    const iceServers = filterServers(this.#state.iceServers, this.#options.turn);
    const link = new Link({
      pc: this.#ready.take(fixed, iceServers),
      id,
      polite,
      generation,
      relay,
      certificate: fixed.certificate,
      hello: {app: textFor(this.#options.app), features: [], name: textFor(this.#state.name)},
      away: isAway(this.#state),
      source: this.#options.media,
      sending: this.#options.sending,
      signal: (data) => this.#send(peer, data),
      onsafety: (message) => this.#safety.receive(id, message),
      ontalk: (message) => this.#talk.receive(id, message),
      onevent: (event) => this.dispatch(event),
      onbroken: () => link === this.#link && this.#unsupported(),
      expectsMedia: () => sendsMedia(this.#state),
      onlevel: () => this.sendState(),
      onremote: () => this.#options.onchange(),
    });
    this.#link = link;
    if (askForOffer) link.askForOffer();
    clearInterval(this.#statsTimer);
    this.#statsTimer = setInterval(() => void this.#measure(link), STATS_INTERVAL);
  }

  /** @param {Link} link */
  async #measure(link) {
    await link.measure(this.#options.now());
    if (link !== this.#link) return;
    if (link.sample && link.rates) this.history.add(pointOf(link.sample, link.rates));
    this.#options.onchange();
  }

  /**
   * Refreshes the TURN credentials first, which may have expired: the offer must be made with good ones.
   * @param {boolean} [giveWay] whether the other side is about to do the same, so that this one has to only if it does not
   */
  async #restartIce(giveWay = false) {
    const link = this.#link;
    const described = link?.pc.remoteDescription?.sdp;
    await Promise.race([this.#refreshServers(), later(CREDENTIALS_TIMEOUT)]);
    if (giveWay) await later(GIVE_WAY_TIMEOUT);
    const isNeeded = !giveWay || link?.pc.remoteDescription?.sdp === described;
    if (link && link === this.#link && isNeeded) link.restartIce();
  }

  /**
   * Tells the operator how long connecting took and which path was found, without addresses. This waits until the first
   * frames are there, which it would hold up.
   * @param {number} setup ms
   */
  async #report(setup) {
    const link = this.#link;
    await later(FIRST_FRAMES);
    if (!link || link !== this.#link) return;
    await link.measure(this.#options.now());
    const path = link.sample?.path;
    /** @type {Frame} */
    const reply = await this.#signaling.request({
      type: 'report',
      event: 'connected',
      data: {
        setup_ms: Math.round(setup),
        path: path && (path.kind === 'relayed' ? 'relay' : 'direct'),
        protocol: path?.protocol ?? null,
      },
    });
    if (reply.type === 'error') console.warn('report:', reply.code);
    this.#options.onchange();
  }
}

/** Makes a text fit for `hello`. @param {string} text */
const textFor = (text) => [...text.replace(/[\p{Cc}\p{Cs}]/gu, '')].slice(0, 64).join('');
