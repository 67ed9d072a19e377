import {decodeCallData} from './messages.js';
import {
  GIVE_UP,
  alone,
  buildCommand,
  newLink,
  onLink,
  replace,
  start,
  step,
  stop,
  stopLinkTimers,
} from './machine_link.js';
/** @import {ICEServer, Joined, Peer, SendState} from './messages.js' */

/**
 * The call as a pure reducer: (state, event) → (state, commands). It touches no clock, no socket and
 * no page; timers are commands too. machine_link.js has the part about one RTCPeerConnection.
 */

/** @typedef {'host'|'srflx'|'prflx'|'relay'} CandidateType */

/**
 * One RTCPeerConnection with one peer.
 * @typedef {object} Link
 * @property {number} id never used twice; events of an older one are ignored
 * @property {string} peer
 * @property {boolean} polite this side is polite
 * @property {number} call `call` in its messages
 * @property {number} rebuilds
 * @property {'new'|'connecting'|'connected'|'disconnected'|'failed'|'closed'} connection
 * @property {boolean} connected it has been connected at least once
 * @property {boolean} settled no offer is under way
 * @property {number} nudges how often the watchdog has barked
 * @property {number} restarts ICE restarts since it was last well
 * @property {boolean} stalled connected, but nothing arrives
 * @property {CandidateType[]} gathered kinds of local candidates seen
 * @property {boolean} gatheringDone
 * @property {boolean} servers there are STUN/TURN servers to ask
 * @property {boolean} heard a candidate or description of the other side came
 */

/**
 * @typedef {object} State
 * @property {'home'|'prejoin'|'in'|'full'|'ended'} phase
 * @property {string} room
 * @property {string} name of this user
 * @property {'off'|'connecting'|'up'|'down'} signaling up = joined
 * @property {number} attempts failed ones in a row
 * @property {string} self peer id, '' until joined
 * @property {Peer|null} peer who is in the room with us, as far as the server says
 * @property {Link|null} link
 * @property {number} links how many there have been
 * @property {string} other name of whom we talk to or talked to
 * @property {boolean} met this conversation has been connected; from then on it is the call screen
 * @property {SendState} remote what the other side says it sends
 * @property {ICEServer[]} iceServers
 * @property {boolean} relay only relayed candidates, by the page's options
 * @property {''|'left'|'timeout'|'closing'} notice
 * @property {''|'left'|'unreachable'|'refused'|'replaced'|'bad_room'} reason of phase 'ended'
 * @property {number} comeBack ms within which a closing server wants its clients back
 * @property {boolean} trouble the clock runs that ends a call nobody can reach
 * @property {number} joinedAt ms, when the other side was first known
 * @property {number} connectedAt ms, when this conversation was first connected
 * @property {number} endedAt ms
 */

/** @typedef {'retry'|'watchdog'|'unwell'|'restart'|'giveUp'|'servers'} Timer */

/**
 * @typedef {{type: 'open', room: string} | {type: 'join', name: string} | {type: 'leave'} | {type: 'rejoin'}
 *   | {type: 'opened'} | {type: 'closed', code: number} | {type: 'frame', frame: import('./messages.js').Frame}
 *   | {type: 'timer', name: Timer} | {type: 'online'}} CallEvent
 * @typedef {{type: 'connection', link: number, state: Link['connection']}
 *   | {type: 'settled', link: number, settled: boolean}
 *   | {type: 'gathered', link: number, candidate: CandidateType|null}
 *   | {type: 'stalled', link: number, stalled: boolean}} LinkEvent
 * @typedef {(CallEvent|LinkEvent) & {at: number}} Event
 */

/**
 * @typedef {{type: 'dial'} | {type: 'hangUp'} | {type: 'join', room: string, name: string} | {type: 'leaveRoom'}
 *   | {type: 'build', link: number, peer: string, polite: boolean, call: number, relay: boolean, ask: boolean, keep: boolean}
 *   | {type: 'deliver', data: import('./messages.js').CallData} | {type: 'resend'} | {type: 'restartIce'}
 *   | {type: 'closeLink'} | {type: 'closeKept'} | {type: 'sendState'}
 *   | {type: 'servers', iceServers: ICEServer[]} | {type: 'refreshServers'} | {type: 'keepAlive', seconds: number}
 *   | {type: 'startTimer', name: Timer, ms: number, spread: number} | {type: 'stopTimer', name: Timer}
 *   | {type: 'report', setup: number} | {type: 'chime'} | {type: 'releaseMedia'}} Command
 */

/** @typedef {{state: State, commands: Command[]}} Step */

/** @type {State} */
export const initial = Object.freeze({
  phase: 'home',
  room: '',
  name: '',
  signaling: 'off',
  attempts: 0,
  self: '',
  peer: null,
  link: null,
  links: 0,
  other: '',
  met: false,
  remote: {audio: true, video: true, screen: false},
  iceServers: [],
  relay: false,
  notice: '',
  reason: '',
  comeBack: 0,
  trouble: false,
  joinedAt: 0,
  connectedAt: 0,
  endedAt: 0,
});

/** @type {Timer[]} */
const CALL_TIMERS = ['retry', 'giveUp', 'servers'];

/** Close codes after which coming back would be wrong. */
const FINAL = {1008: 'refused', 4001: 'replaced'};
/** @param {State} state @param {State['reason']} reason @param {number} at @returns {Step} */
export function end(state, reason, at) {
  return step(
    {
      ...state,
      phase: 'ended',
      reason,
      signaling: 'off',
      peer: null,
      link: null,
      trouble: false,
      endedAt: at,
    },
    [
      ...CALL_TIMERS.map(stop),
      ...stopLinkTimers,
      {type: 'leaveRoom'},
      {type: 'closeLink'},
      {type: 'closeKept'},
      {type: 'releaseMedia'},
    ],
  );
}

/** Takes up with a peer: the first call between the two. @param {State} state @param {Peer} peer @param {number} at @returns {Step} */
function meet(state, peer, at) {
  const alive = state.link !== null && state.link.connection === 'connected';
  const link = newLink(state, peer.peer, peer.polite, 1, 0);
  return step(
    {
      ...state,
      peer,
      link,
      links: link.id,
      other: peer.name,
      met: state.met && state.link !== null,
      remote: initial.remote,
      notice: '',
      trouble: true,
      joinedAt: at,
    },
    [
      ...stopLinkTimers,
      // A call that still runs goes on until the new one stands.
      buildCommand(state, link, false, alive),
      start('watchdog', 6000),
      start('unwell', 15_000),
      start('giveUp', GIVE_UP),
    ],
  );
}

/** @param {State} state @param {Joined} frame @param {number} at @returns {Step} */
function joined(state, frame, at) {
  /** @type {State} */
  const next = {
    ...state,
    signaling: 'up',
    attempts: 0,
    self: frame.peer,
    room: frame.room,
    iceServers: frame.iceServers,
  };
  if (next.notice === 'closing') next.notice = '';
  /** @type {Command[]} */
  const commands = [{type: 'keepAlive', seconds: frame.ping}, ...serversTimer(frame.iceTTL)];
  const [peer] = frame.peers;
  if (peer) {
    const met = meet(next, peer, at);
    return step(met.state, [...commands, ...met.commands]);
  }
  if (!next.link || next.link.connection === 'connected') {
    // Nobody else is back yet, but a call from before may still run.
    return step({...next, peer: null}, commands);
  }
  const waiting = alone(next, 'timeout');
  return step(waiting.state, [...commands, ...waiting.commands]);
}

/** @param {number} seconds @returns {Command[]} */
const serversTimer = (seconds) => (seconds > 0 ? [start('servers', seconds * 800)] : []);

/** @param {State} state @returns {Step} the connection to the server is lost: try again */
function lost(state) {
  const attempts = state.attempts + 1;
  const ms = Math.min(8000, 250 * 2 ** (attempts - 1));
  const retry = state.comeBack
    ? start('retry', 250, state.comeBack)
    : start('retry', ms * 0.7, ms * 0.6);
  return step({...state, signaling: 'down', attempts, comeBack: 0, peer: null}, [
    retry,
    stop('servers'),
    stop('watchdog'),
  ]);
}

/** @param {State} state @returns {Step} */
function hangUp(state) {
  const next = lost(state);
  return step(next.state, [{type: 'hangUp'}, ...next.commands]);
}

/** @param {State} state @param {import('./messages.js').ErrorFrame} frame @param {number} at @returns {Step} the answer to join */
function joinFailed(state, frame, at) {
  if (frame.code === 'unauthorized') return end(state, 'refused', at);
  if (frame.code === 'bad_request' || frame.code === 'bad_frame') return end(state, 'bad_room', at);
  return hangUp(state);
}

/** @type {{[T in import('./messages.js').Frame['type']]?: (state: State, frame: Extract<import('./messages.js').Frame, {type: T}>, at: number) => Step}} */
const onFrame = {
  joined,
  full: (state, _, at) => {
    // Our own old connection may still sit there; while the call runs there is no hurry.
    if (state.link?.connection === 'connected') return hangUp(state);
    const {commands} = end(state, '', at);
    return step({...state, phase: 'full', signaling: 'off', link: null, peer: null}, commands);
  },
  error: (state, frame, at) =>
    state.signaling === 'connecting' ? joinFailed(state, frame, at) : step(state),
  ice: (state, frame) =>
    step({...state, iceServers: frame.iceServers}, [
      {type: 'servers', iceServers: frame.iceServers},
      ...serversTimer(frame.iceTTL),
    ]),
  closing: (state, frame) => step({...state, notice: 'closing', comeBack: frame.after * 1000}),
  other_joined: (state, frame, at) => {
    // A room may hold more than two; this page talks to one.
    if (state.peer) return step(state);
    const met = meet(state, frame, at);
    return step(met.state, [{type: 'chime'}, ...met.commands]);
  },
  bye: (state, frame) => {
    if (frame.peer !== state.peer?.peer && frame.peer !== state.link?.peer) return step(state);
    const left = frame.reason !== 'timeout' && frame.reason !== 'replaced';
    // Its connection to the server broke; the media may well go on, until it is back or they end too.
    if (!left && state.link?.connection === 'connected')
      return step({...state, peer: null, notice: 'timeout'});
    return alone(state, left ? 'left' : 'timeout');
  },
  message: (state, frame) => {
    if (!state.link || frame.from !== state.link.peer || frame.from !== state.peer?.peer)
      return step(state);
    const data = decodeCallData(frame.data);
    if (data.kind === 'unknown') return step(state);
    if (data.kind === 'state') return step({...state, remote: data.state});
    const {link} = state;
    if (data.call < link.call) return step(state);
    if (data.call === link.call) {
      return step({...state, link: {...link, heard: true}}, [{type: 'deliver', data}]);
    }
    const next = newLink(state, link.peer, link.polite, data.call, link.rebuilds + 1);
    const built = replace(state, {...next, heard: true}, false);
    return step(built.state, [...built.commands, {type: 'deliver', data}]);
  },
};

/** @type {{[T in CallEvent['type']]: (state: State, event: Extract<CallEvent, {type: T}> & {at: number}) => Step}} */
const on = {
  open: (state, {room}) =>
    state.phase === 'in'
      ? step(state)
      : step({
          ...initial,
          relay: state.relay,
          links: state.links,
          phase: room ? 'prejoin' : 'home',
          room,
        }),
  join: (state, {name}) =>
    state.phase === 'prejoin'
      ? step({...state, phase: 'in', name, signaling: 'connecting'}, [{type: 'dial'}])
      : step(state),
  rejoin: (state) =>
    state.phase === 'full' || state.phase === 'ended'
      ? step({
          ...initial,
          relay: state.relay,
          links: state.links,
          room: state.room,
          name: state.name,
          phase: 'prejoin',
        })
      : step(state),
  leave: (state, {at}) => (state.phase === 'in' ? end(state, 'left', at) : step(state)),
  opened: (state) =>
    state.signaling === 'connecting'
      ? step(state, [{type: 'join', room: state.room, name: state.name}])
      : step(state),
  closed: (state, {code, at}) => {
    if (state.phase !== 'in' || state.signaling === 'down') return step(state);
    const final = FINAL[/** @type {keyof typeof FINAL} */ (code)];
    if (final) return end(state, /** @type {State['reason']} */ (final), at);
    return lost(state);
  },
  frame: (state, {frame, at}) => {
    if (state.phase !== 'in') return step(state);
    const handler = /** @type {((state: State, frame: unknown, at: number) => Step)|undefined} */ (
      onFrame[frame.type]
    );
    return handler ? handler(state, frame, at) : step(state);
  },
  timer: (state, {name, at}) => {
    if (state.phase !== 'in') return step(state);
    if (name === 'retry') return redial(state);
    if (name === 'servers')
      return step(state, state.signaling === 'up' ? [{type: 'refreshServers'}] : []);
    if (name === 'giveUp')
      return state.link?.connection === 'connected' ? step(state) : end(state, 'unreachable', at);
    return onLink.timer(state, name);
  },
  online: (state) => {
    if (state.phase !== 'in') return step(state);
    if (state.signaling === 'down') return redial(state);
    return onLink.online(state);
  },
};

/** @param {State} state @returns {Step} */
function redial(state) {
  if (state.signaling === 'connecting') return step(state);
  return step({...state, signaling: 'connecting'}, [stop('retry'), {type: 'dial'}]);
}

/** @param {State} state @param {Event} event @returns {Step} */
export function reduce(state, event) {
  if ('link' in event) {
    return state.link?.id === event.link
      ? onLink[event.type](state, /** @type {never} */ (event))
      : step(state);
  }
  const handler = /** @type {(state: State, event: Event) => Step} */ (on[event.type]);
  return handler(state, event);
}
