import {decodeCallData} from './messages.js';
import {
  GIVE_UP,
  alone,
  buildCommand,
  expect,
  newLink,
  onLink,
  proceed,
  replace,
  reunite,
  start,
  step,
  stop,
  stopLinkTimers,
} from './machine_link.js';
/** @import {ICEServer, Joined, Peer, SendState} from './messages.js' */
/** @import {RefusalCode} from './refusal.js' */

/**
 * The call as a pure reducer: (state, event) → (state, commands). It touches no clock, no socket and
 * no page; timers are commands too. machine_link.js has the part about one RTCPeerConnection.
 */

/** @typedef {'host'|'srflx'|'prflx'|'relay'} CandidateType */

/**
 * One RTCPeerConnection with one peer.
 * @typedef {object} Link
 * @property {number} id never used twice; events of an older one are ignored
 * @property {string} self peer id of this side then
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
 * @property {'off'|'connecting'|'up'|'down'} signaling up = joined; down = the way back is sought
 * @property {number} attempts to get back, so far
 * @property {RefusalCode|null} refusal why the server does not let us back, when it says so
 * @property {string} self peer id, '' until joined
 * @property {Peer|null} peer who is in the room with us, as far as the server says
 * @property {number} awayAt ms, when the connection between peer and server broke, if it is broken
 * @property {Link|null} link
 * @property {number} links how many there have been
 * @property {{self: string, peer: string, call: number}|null} last the newest link, also when it is gone
 * @property {string} other name of whom we talk to or talked to
 * @property {boolean} met this conversation has been connected; from then on it is the call screen
 * @property {SendState} remote what the other side says it sends
 * @property {ICEServer[]} iceServers
 * @property {boolean} relay only relayed candidates, by the page's options
 * @property {''|'left'|'timeout'|'closing'} notice
 * @property {''|'left'|'unreachable'|'refused'|'unauthorized'|'replaced'|'bad_room'|'origin'|'host'|'unsupported'} reason of phase 'ended'
 * @property {boolean} mine the seat is elsewhere now, and the user wants it back
 * @property {boolean} trouble the clock runs that ends a call nobody can reach
 * @property {number} joinedAt ms, when the other side was first known
 * @property {number} connectedAt ms, when this conversation was first connected
 * @property {number} endedAt ms
 */

/** @typedef {'watchdog'|'unwell'|'restart'|'giveUp'|'servers'} Timer */

/**
 * @typedef {{type: 'open', room: string} | {type: 'join', name: string} | {type: 'leave'} | {type: 'rejoin'}
 *   | {type: 'down', tries: number, refusal?: RefusalCode|null} | {type: 'ended', cause: string|number} | {type: 'frame', frame: import('./messages.js').Frame}
 *   | {type: 'timer', name: Timer} | {type: 'online'}} CallEvent
 * @typedef {{type: 'connection', link: number, state: Link['connection']}
 *   | {type: 'settled', link: number, settled: boolean}
 *   | {type: 'gathered', link: number, candidate: CandidateType|null}
 *   | {type: 'stalled', link: number, stalled: boolean}} LinkEvent
 * @typedef {(CallEvent|LinkEvent) & {at: number}} Event
 */

/**
 * @typedef {{type: 'enter', room: string, name: string, mine: boolean} | {type: 'tryAgain'} | {type: 'wake'} | {type: 'leaveRoom'}
 *   | {type: 'build', link: number, peer: string, polite: boolean, call: number, relay: boolean, ask: boolean, keep: boolean}
 *   | {type: 'deliver', data: import('./messages.js').CallData} | {type: 'resend'} | {type: 'restartIce'}
 *   | {type: 'closeLink'} | {type: 'closeKept'} | {type: 'sendState'}
 *   | {type: 'servers', iceServers: ICEServer[]} | {type: 'refreshServers'}
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
  refusal: null,
  self: '',
  peer: null,
  awayAt: 0,
  link: null,
  links: 0,
  last: null,
  other: '',
  met: false,
  remote: {audio: true, video: true, screen: false},
  iceServers: [],
  relay: false,
  notice: '',
  reason: '',
  mine: false,
  trouble: false,
  joinedAt: 0,
  connectedAt: 0,
  endedAt: 0,
});

/** @type {Timer[]} */
const CALL_TIMERS = ['giveUp', 'servers'];

/** Why the server will not have us, by its word or close code. @type {Record<string, State['reason']>} */
const REASONS = {
  1000: 'left',
  4001: 'replaced',
  unauthorized: 'unauthorized',
  bad_request: 'bad_room',
  bad_frame: 'bad_room',
  origin: 'origin',
  host: 'host',
  unsupported: 'unsupported',
};

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

/** Takes up with a peer. @param {State} state @param {Peer} peer @param {number} at @returns {Step} */
function meet(state, peer, at) {
  const alive = state.link !== null && state.link.connection === 'connected';
  const {last} = state;
  // The other side may still have the connection that this one has given up.
  const again = last?.self === state.self && last.peer === peer.peer;
  const link = newLink(state, peer.peer, peer.polite, again ? last.call + 1 : 1, 0);
  return step(
    {
      ...state,
      peer,
      awayAt: at,
      link,
      links: link.id,
      last: link,
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
      buildCommand(state, link, again && peer.polite, alive),
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
    refusal: null,
    self: frame.peer,
    room: frame.room,
    iceServers: frame.iceServers,
    notice: state.notice === 'closing' ? '' : state.notice,
  };
  // With the session taken up again, what was missed comes as events.
  const then = frame.resumed ? proceed(next) : found(next, frame.peers, at);
  return step(then.state, [...serversTimer(frame.iceTTL), ...then.commands]);
}

/** Who is in the room, as a new session finds it. @param {State} state @param {Peer[]} peers @param {number} at @returns {Step} */
function found(state, peers, at) {
  const known = peers.find((peer) => isLinked(state, peer.peer));
  if (known) return reunite({...state, peer: known, awayAt: at, notice: ''});
  const [peer] = peers;
  if (peer) return meet(state, peer, at);
  if (!state.link) return step(state);
  return expect(state);
}

/** @param {State} state @param {string} peer @returns {boolean} there is a connection with it, and it knows us as we are */
const isLinked = ({link, self}, peer) => link?.peer === peer && link.self === self;

/** @param {State} state @param {string} peer @param {boolean} away @returns {State} */
const withAway = (state, peer, away) =>
  state.peer?.peer === peer ? {...state, peer: {...state.peer, away}} : state;

/** @param {number} seconds @returns {Command[]} */
const serversTimer = (seconds) => (seconds > 0 ? [start('servers', seconds * 800)] : []);

/** @type {{[T in import('./messages.js').Frame['type']]?: (state: State, frame: Extract<import('./messages.js').Frame, {type: T}>, at: number) => Step}} */
const onFrame = {
  joined,
  full: (state, _, at) => {
    // Others took our seat while we were away; while the call runs there is no hurry.
    if (state.link?.connection === 'connected' && !state.link.stalled)
      return step(state, [{type: 'tryAgain'}]);
    const {commands} = end(state, '', at);
    return step({...state, phase: 'full', signaling: 'off', link: null, peer: null}, commands);
  },
  ice: (state, frame) =>
    step({...state, iceServers: frame.iceServers}, [
      {type: 'servers', iceServers: frame.iceServers},
      ...serversTimer(frame.iceTTL),
    ]),
  closing: (state) => step({...state, notice: 'closing'}),
  other_joined: (state, {peer, name, polite, away}, at) => {
    const other = {peer, name, polite, away};
    if (isLinked(state, peer)) return reunite({...state, peer: other, notice: ''});
    // A room may hold more than two; this page talks to one.
    if (state.peer) return step(state);
    const met = meet(state, other, at);
    return step(met.state, [{type: 'chime'}, ...met.commands]);
  },
  away: (state, {peer}, at) => step({...withAway(state, peer, true), awayAt: at}),
  back: (state, {peer, resumed}) => {
    const next = withAway(state, peer, false);
    return resumed || !isLinked(state, peer) ? step(next) : reunite(next);
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
      ? step({...state, phase: 'in', name, signaling: 'connecting'}, [
          {type: 'enter', room: state.room, name, mine: state.mine},
        ])
      : step(state),
  rejoin: (state) =>
    state.phase === 'full' || state.phase === 'ended'
      ? step({
          ...initial,
          relay: state.relay,
          links: state.links,
          room: state.room,
          name: state.name,
          mine: state.reason === 'replaced',
          phase: 'prejoin',
        })
      : step(state),
  leave: (state, {at}) => (state.phase === 'in' ? end(state, 'left', at) : step(state)),
  down: (state, {tries, refusal = null}) =>
    state.phase === 'in'
      ? step({...state, signaling: 'down', attempts: tries, refusal}, [stop('servers')])
      : step(state),
  ended: (state, {cause, at}) =>
    state.phase === 'in' ? end(state, REASONS[cause] ?? 'refused', at) : step(state),
  frame: (state, {frame, at}) => {
    if (state.phase !== 'in') return step(state);
    const handler = /** @type {((state: State, frame: unknown, at: number) => Step)|undefined} */ (
      onFrame[frame.type]
    );
    return handler ? handler(state, frame, at) : step(state);
  },
  timer: (state, {name, at}) => {
    if (state.phase !== 'in') return step(state);
    if (name === 'servers')
      return step(state, state.signaling === 'up' ? [{type: 'refreshServers'}] : []);
    if (name === 'giveUp') return giveUp(state, at);
    return onLink.timer(state, name);
  },
  online: (state) => {
    if (state.phase !== 'in') return step(state);
    const then = onLink.online(state);
    return step(then.state, [{type: 'wake'}, ...then.commands]);
  },
};

/** @param {State} state @param {number} at @returns {Step} */
function giveUp(state, at) {
  if (state.link?.connection === 'connected') return step(state);
  // It is the server that cannot be reached, or the device has slept: the other side gets its time.
  if (state.signaling !== 'up') return step(state, [start('giveUp', GIVE_UP)]);
  return end(state, 'unreachable', at);
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
