import {Link} from './link.js';
import {initial, reduce} from './machine.js';
import {filterServers} from './options.js';
import {Signaling} from './signaling.js';
import {SSETransport} from './transport_sse.js';
import {WebSocketTransport} from './transport_websocket.js';
/** @import {Command, Event, State, Timer} from './machine.js' */
/** @import {Media} from './media.js' */
/** @import {Frame} from './messages.js' */
/** @import {Seat} from './seat.js' */

/** @typedef {Event extends infer E ? E extends Event ? Omit<E, 'at'> : never : never} Happening */
/** @template {Command['type']} T @typedef {Extract<Command, {type: T}>} CommandOf */

/**
 * @typedef {object} Options
 * @property {string} server its address, without a slash at the end: http or https
 * @property {string} token that lets us in, '' = none
 * @property {Seat} seat
 * @property {Media} media
 * @property {boolean} relay relayed candidates only
 * @property {string} turn udp, tcp, tls, or '' for all
 * @property {() => number} now ms
 * @property {() => void} onchange
 * @property {() => void} onchime somebody came
 * @property {typeof WebSocket} [WebSocket]
 * @property {typeof fetch} [fetch]
 * @property {typeof RTCPeerConnection} [RTCPeerConnection]
 */

/** Milliseconds that asking for fresh TURN credentials may hold up an ICE restart. */
const SERVERS_PATIENCE = 2000;
const MEASURE_EVERY = 1000;

/** Carries out what the reducer commands: owns the sockets, connections and timers of a call. */
export class Call {
  /** @type {State} */ #state;
  /** @type {Options} */ #options;
  /** @type {Signaling} */ #signaling;
  /** @type {Link|null} */ #link = null;
  /** The call before this one, as long as it still has to be seen. @type {Link|null} */ #kept =
    null;
  /** @type {Map<Timer, ReturnType<typeof setTimeout>>} */ #timers = new Map();
  /** @type {ReturnType<typeof setInterval>|undefined} */ #measuring;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#state = {...initial, relay: options.relay};
    const {server, seat} = options;
    this.#signaling = new Signaling({
      seat,
      transports: {
        websocket: (callbacks) =>
          new WebSocketTransport(`ws${server.slice(4)}/ws`, callbacks, options.WebSocket),
        sse: (callbacks) => new SSETransport(`${server}/api/v1`, callbacks, options.fetch),
      },
      onframe: (frame) => this.dispatch({type: 'frame', frame}),
      ondown: (tries, refusal) => this.dispatch({type: 'down', tries, refusal}),
      onend: (cause) => this.dispatch({type: 'ended', cause}),
    });
    const {media} = options;
    media.ontrack = (kind, track) => {
      for (const link of [this.#link, this.#kept]) {
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

  /** The connection whose picture is to be shown. */
  get shown() {
    return this.#kept ?? this.#link;
  }

  /** The newest connection. */
  get link() {
    return this.#link;
  }

  /** How it stands between page and server. */
  get signaling() {
    return this.#signaling.info;
  }

  /** @param {Happening} happening */
  dispatch(happening) {
    const event = /** @type {Event} */ ({...happening, at: this.#options.now()});
    const {state, commands} = reduce(this.#state, event);
    const changed = state !== this.#state;
    this.#state = state;
    for (const command of commands) this.#run(command);
    if (changed || commands.length > 0) this.#options.onchange();
  }

  /** Tells the other side what this one means to send. */
  sendState() {
    const {audio, video, screen} = this.#options.media.state;
    const {link} = this.#state;
    if (link?.connected) this.#send(link.peer, {state: {audio, video, screen}});
  }

  /** The page goes away: nothing can be waited for. */
  goAway() {
    this.#signaling.leave(true);
    this.#link?.close();
    this.#kept?.close();
  }

  /** @param {Command} command */
  #run(command) {
    const carryOut = /** @type {(command: Command) => void} */ (this.#commands[command.type]);
    carryOut(command);
  }

  /** @type {{[T in Command['type']]: (command: CommandOf<T>) => void}} */
  #commands = {
    enter: ({room, name, mine}) =>
      void this.#signaling.enter({room, name, mine, token: this.#options.token}),
    tryAgain: () => this.#signaling.again(),
    wake: () => this.#signaling.wake(),
    leaveRoom: () => this.#signaling.leave(),
    refreshServers: () => void this.#reply({type: 'ice'}),
    servers: ({iceServers}) =>
      this.#link?.setServers(filterServers(iceServers, this.#options.turn)),
    build: (command) => this.#build(command),
    deliver: ({data}) => this.#link?.deliver(data),
    resend: () => this.#link?.resend(),
    restartIce: () => void this.#restartIce(),
    closeLink: () => {
      this.#link?.close();
      this.#link = null;
      clearInterval(this.#measuring);
    },
    closeKept: () => {
      this.#kept?.close();
      this.#kept = null;
    },
    sendState: () => this.sendState(),
    startTimer: ({name, ms, spread}) => this.#startTimer(name, ms + Math.random() * spread),
    stopTimer: ({name}) => clearTimeout(this.#timers.get(name)),
    report: ({setup}) => void this.#report(setup),
    chime: () => this.#options.onchime(),
    releaseMedia: () => void this.#options.media.stop(),
  };

  /** @param {Timer} name @param {number} ms */
  #startTimer(name, ms) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(
      name,
      setTimeout(() => this.dispatch({type: 'timer', name}), ms),
    );
  }

  /** Sends a request whose reply is the reducer's business. @param {Record<string, unknown>} frame */
  async #reply(frame) {
    const reply = await this.#signaling.request(frame);
    if (reply.type === 'ice') this.dispatch({type: 'frame', frame: reply});
  }

  /** @param {string} to @param {Record<string, unknown>} data */
  #send(to, data) {
    // A refusal needs no answer here: the peer is gone and its bye is under way, what was lost with the
    // session is said again when it is new, or the watchdog barks.
    void this.#signaling.request({type: 'message', to, data});
  }

  /** @param {CommandOf<'build'>} command */
  #build(command) {
    try {
      this.#connect(command);
    } catch (error) {
      console.warn('no connection can be made:', error);
      queueMicrotask(() => this.#unsupported());
    }
  }

  /** WebRTC refuses to work after all: the seat is worth nothing to us, and keeps the other side waiting. */
  #unsupported() {
    this.dispatch({type: 'ended', cause: 'unsupported'});
  }

  /** @param {CommandOf<'build'>} command */
  #connect({link: id, peer, polite, call, relay, ask, keep}) {
    if (keep) {
      this.#kept?.close();
      this.#kept = this.#link;
    } else {
      this.#link?.close();
    }
    const link = new Link({
      id,
      polite,
      relay,
      iceServers: filterServers(this.#state.iceServers, this.#options.turn),
      source: this.#options.media,
      ...(this.#options.RTCPeerConnection && {RTCPeerConnection: this.#options.RTCPeerConnection}),
      send: (data) => this.#send(peer, {call, ...data}),
      tell: (event) => this.dispatch(event),
      onbroken: () => link === this.#link && this.#unsupported(),
      onremote: () => this.#options.onchange(),
    });
    this.#link = link;
    if (ask) link.askForOffer();
    clearInterval(this.#measuring);
    this.#measuring = setInterval(() => void this.#measure(link), MEASURE_EVERY);
  }

  /** @param {Link} link */
  async #measure(link) {
    await link.measure(this.#options.now());
    if (link === this.#link) this.#options.onchange();
  }

  /** Credentials may be old by now, and what is new must be there before the offer is made. */
  async #restartIce() {
    const link = this.#link;
    const late = new Promise((resolve) => setTimeout(resolve, SERVERS_PATIENCE));
    await Promise.race([this.#reply({type: 'ice'}), late]);
    if (link && link === this.#link) link.restartIce();
  }

  /** For the operator: how long it took and which way it goes. No addresses. @param {number} setup ms */
  async #report(setup) {
    const link = this.#link;
    await link?.measure(this.#options.now());
    const path = link?.sample?.path;
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
