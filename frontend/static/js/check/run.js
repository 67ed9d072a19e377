import {checkDevices} from './devices.js';
import {mappingOf} from './mapping.js';
import {measureRelay} from './relay.js';
import {newRows, row} from './rows.js';
import {askForServers, openEventStream, openWebSocket} from './server.js';
import {gather} from './stun.js';
import {filterServers} from '../options.js';
/** @import {Key} from '../i18n.js' */
/** @import {ICEServer} from '../messages.js' */
/** @import {DeviceEnvironment} from './devices.js' */
/** @import {Mapping} from './mapping.js' */
/** @import {RelayResult} from './relay.js' */
/** @import {Row, RowId} from './rows.js' */
/** @import {Answer, Asked} from './server.js' */

/**
 * @typedef {object} NetworkEnvironment
 * @property {string} server URL of the server, without a slash at its end
 * @property {string} token '' = none
 * @property {typeof globalThis.fetch} fetch
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {typeof globalThis.RTCPeerConnection} PeerConnection
 * @property {() => Promise<boolean>} canCall
 * @property {() => number} now ms
 * @property {() => number} date ms since 1970
 * @property {(ms: number) => Promise<unknown>} wait
 * @typedef {NetworkEnvironment & DeviceEnvironment} Environment
 */

/** Loss in percent from which on people notice it. */
const LOSSY = 2;
/** A clock may be off by this many seconds, as for tokens. */
const CLOCK_LEEWAY = 30;
/** A credential is good for four relays: two at each of two addresses. */
const MAX_ADDRESSES = 2;
/** The error code of a TURN server that grants no further relay. */
const QUOTA_REACHED = 486;

/** @typedef {'udp'|'tcp'|'tls'} Protocol */

/** One check of everything, whose rows change as it goes on. */
export class Check {
  rows = newRows();
  ended = false;
  /** @type {Environment} */ #env;
  /** @type {() => void} */ #onchange;

  /** @param {Environment} env @param {() => void} onchange */
  constructor(env, onchange) {
    this.#env = env;
    this.#onchange = onchange;
  }

  /** @param {boolean} withDevices whether to open camera and microphone */
  async run(withDevices) {
    // A browser tells the own addresses of a device only to a page that may use camera or microphone.
    const stop = withDevices ? await this.#devices() : () => {};
    if (!withDevices) this.#set('devices', row('skipped', 'checkStateSkipped'));
    try {
      await Promise.all([this.#signaling(), this.#network()]);
    } finally {
      stop();
      this.ended = true;
      this.#onchange();
    }
  }

  /** @param {RowId} id @param {Row} to */
  #set(id, to) {
    this.rows = {...this.rows, [id]: to};
    this.#onchange();
  }

  async #devices() {
    this.#set('devices', row('running'));
    const {row: result, stop} = await checkDevices(this.#env);
    this.#set('devices', result);
    return stop;
  }

  async #signaling() {
    this.#set('websocket', row('running'));
    this.#set('fallback', row('running'));
    const [socket, stream] = await Promise.all([
      openWebSocket(this.#env),
      openEventStream(this.#env),
    ]);
    this.#set('fallback', opened(stream, 'checkFallbackFailed', 'checkFallbackDo', 'warn'));
    const state = stream < 0 ? 'fail' : 'warn';
    this.#set('websocket', opened(socket, 'checkBlocked', 'checkWebsocketDo', state));
  }

  async #network() {
    /** @type {RowId[]} */ const ids = ['stun', 'udp', 'tcp', 'tls', 'mapping', 'clock'];
    for (const id of ids) this.#set(id, row('running'));
    const asked = await askForServers(this.#env);
    if ('refusal' in asked) {
      for (const id of ids) this.#set(id, notAsked(asked));
      return;
    }
    const {answer} = asked;
    this.#set('clock', clockRow(answer, this.#env.date()));
    if (!(await this.#env.canCall())) {
      for (const id of ids) if (id !== 'clock') this.#set(id, row('skipped', 'checkNoWebrtc'));
      return;
    }
    const udp = this.#relay('udp', answer, asked);
    await Promise.all([
      udp,
      this.#relay('tcp', answer),
      this.#relay('tls', answer),
      this.#stun(answer, udp),
    ]);
  }

  /**
   * @param {Protocol} protocol @param {Answer} answer
   * @param {Asked} [asked] whose credential nobody uses yet: each is for one protocol
   */
  async #relay(protocol, answer, asked) {
    const port = portsOf(answer.iceServers, protocol);
    if (!port) this.#set(protocol, row('skipped', 'checkNotOffered'));
    else if (protocol === 'tls' && answer.localAuthority)
      this.#set('tls', row('skipped', 'checkTlsLocal', 'checkTlsLocalDo'));
    else {
      const own = asked ?? (await askForServers(this.#env));
      if ('refusal' in own) this.#set(protocol, notAsked(own));
      else {
        const servers = relaysOf(own.answer.iceServers, protocol);
        const result = await measureRelay(servers, this.#env);
        this.#set(protocol, relayRow(result, protocol, port));
      }
    }
  }

  /** @param {Answer} answer @param {Promise<unknown>} udp ends when the relay over UDP is known */
  async #stun({iceServers, mapping}, udp) {
    const [first] = iceServers.flatMap(({urls}) => urls).filter((url) => url.startsWith('stun:'));
    if (!first) {
      this.#set('stun', row('skipped', 'checkNotOffered'));
      this.#set('mapping', row('skipped', 'checkNotOffered'));
      return;
    }
    const env = this.#env;
    const [one, two, both] = await Promise.all([
      gather([first], env),
      mapping[1] ? gather([mapping[1]], env) : null,
      mapping.length === 2 ? gather(mapping, env) : null,
    ]);
    const port = portOf(first);
    this.#set(
      'stun',
      one.answered
        ? row('ok', 'checkAnswered', null, {ms: one.ms})
        : row('fail', 'checkNoAnswer', 'checkStunDo', {port}),
    );
    await udp;
    const relayed = ['ok', 'warn'].includes(this.rows.udp.state);
    const found = mappingOf({first: one, second: two, both, relayed});
    this.#set('mapping', mappingRow(found, portOf(mapping[1] ?? '')));
  }
}

/** @param {number} ms @param {Key} text @param {Key} remedy @param {'warn'|'fail'} state */
const opened = (ms, text, remedy, state) =>
  ms < 0 ? row(state, text, remedy) : row('ok', 'checkAnswered', null, {ms: Math.round(ms)});

/** @param {Extract<Asked, {refusal: string}>} asked */
function notAsked({refusal, after}) {
  if (refusal === 'limited') return row('skipped', 'checkLimited', null, {seconds: after});
  if (refusal === 'busy') return row('skipped', 'checkBusy');
  if (refusal === 'unauthorized') return row('skipped', 'checkUnauthorized');
  return row('fail', 'checkNotAsked', 'checkNotAskedDo');
}

/** @param {Answer} answer @param {number} date */
function clockRow({serverTime, roundTrip}, date) {
  if (!serverTime) return row('skipped', 'checkStateSkipped');
  // The header has whole seconds.
  const ahead = (date - roundTrip / 2 - serverTime) / 1000 - 0.5;
  const seconds = Math.round(Math.abs(ahead));
  if (seconds <= CLOCK_LEEWAY) return row('ok', 'checkClockRight');
  return row('warn', ahead > 0 ? 'checkClockAhead' : 'checkClockBehind', 'checkClockDo', {seconds});
}

/** @param {string} url of STUN or TURN @returns {string} */
const portOf = (url) => /:(\d+)(?:\?|$)/.exec(url)?.[1] ?? '';

/** @param {ICEServer[]} servers @param {Protocol} protocol @returns {ICEServer[]} relays alone */
const relaysOf = (servers, protocol) =>
  filterServers(servers, protocol)
    .map((server) => ({
      ...server,
      urls: server.urls.filter((url) => /^turns?:/.test(url)).slice(0, MAX_ADDRESSES),
    }))
    .filter(({urls}) => urls.length > 0);

/** @param {ICEServer[]} servers @param {Protocol} protocol @returns {string} '' = there is no such relay */
const portsOf = (servers, protocol) =>
  relaysOf(servers, protocol)
    .flatMap(({urls}) => urls.map(portOf))
    .join(', ');

/** @param {RelayResult} result @param {Protocol} protocol @param {string} port */
function relayRow(result, protocol, port) {
  const transport = protocol === 'udp' ? 'UDP' : 'TCP';
  if (result.outcome === 'none') {
    if (result.code === QUOTA_REACHED) return row('fail', 'checkQuota', 'checkQuotaDo');
    return row('fail', 'checkNoRelay', protocol === 'tls' ? 'checkTlsDo' : 'checkRelayDo', {
      port,
      transport,
    });
  }
  if (result.outcome === 'silent') return row('fail', 'checkSilent', 'checkSilentDo');
  const {rtt, lost} = result.measured;
  const parameters = {rtt: Math.max(1, Math.round(rtt)), loss: Math.round(lost * 10) / 10};
  const lossy = lost >= LOSSY;
  return row(lossy ? 'warn' : 'ok', 'checkPassed', lossy ? 'checkLossyDo' : null, parameters);
}

/** @type {Record<Mapping, [Row['state'], Key, Key|null]>} */
const MAPPING_ROWS = {
  none: ['ok', 'checkMappingNone', null],
  same: ['ok', 'checkMappingSame', null],
  changing: ['warn', 'checkMappingChanging', 'checkMappingChangingDo'],
  blocked: ['fail', 'checkMappingBlocked', 'checkMappingBlockedDo'],
  unknown: ['skipped', 'checkMappingUnknown', 'checkMappingUnknownDo'],
};

/** @param {{mapping: Mapping, address: string}} found @param {string} port the second one of STUN */
function mappingRow({mapping, address}, port) {
  const [state, text, remedy] = MAPPING_ROWS[mapping];
  return row(state, text, port || mapping !== 'unknown' ? remedy : null, {address, port});
}
