import {onLink} from './machine_link.js';
import {
  awaitPeer,
  buildCommand,
  catchUp,
  newLink,
  peerGone,
  replaceLink,
  resync,
  start,
  step,
  stop,
  stopLinkTimers,
} from './machine_transitions.js';
import {decodeCallData} from './messages.js';
import {CONNECT_TIMEOUT, GIVE_UP_TIMEOUT, NEGOTIATION_TIMEOUT} from './timeouts.js';
/** @import {FinalReason} from './final.js' */
/** @import {ICEServer, Joined, Peer, SendState} from './messages.js' */
/** @import {RefusalCode} from './refusal.js' */

/**
 * The call as a pure reducer: (state, event) → (state, commands). It touches no clock, no socket and no page; timers
 * are commands too. machine_link.js has the part about one RTCPeerConnection, machine_transitions.js what both use.
 */

/** @typedef {'host'|'srflx'|'prflx'|'relay'} CandidateType */

/**
 * One RTCPeerConnection with one peer.
 * @typedef {object} Link
 * @property {number} id unique; events of an older link are ignored
 * @property {string} self peer id of this side when the link was made
 * @property {string} peer
 * @property {boolean} polite whether this side is the polite one
 * @property {number} generation counts the RTCPeerConnections between these two peers: `call` on the wire
 * @property {number} rebuilds
 * @property {'new'|'connecting'|'connected'|'disconnected'|'failed'|'closed'} connection
 * @property {boolean} connected whether it has been connected at least once
 * @property {boolean} settled whether no negotiation is under way
 * @property {number} retries how often the watchdog has repeated this negotiation
 * @property {number} restarts ICE restarts since it was last connected
 * @property {boolean} stalled whether nothing arrives although it is connected
 * @property {CandidateType[]} gathered types of the local candidates so far
 * @property {boolean} gatheringDone
 * @property {boolean} hasServers whether there are STUN/TURN servers to ask
 * @property {boolean} remoteSeen whether a description or candidate of the other side has arrived
 */

/**
 * @typedef {object} State
 * @property {'home'|'prejoin'|'in'|'full'|'ended'} phase
 * @property {string} room
 * @property {string} name of this user
 * @property {'off'|'connecting'|'up'|'down'} signaling up = joined, down = lost and reconnecting
 * @property {number} attempts to reconnect, so far
 * @property {RefusalCode|null} refusal why the server does not let this page back in, if it says so
 * @property {string} self peer id, '' until joined
 * @property {Peer|null} peer who else is in the room, as far as the server says
 * @property {number} awaySince ms, when the connection between peer and server broke
 * @property {Link|null} link
 * @property {number} linkCount how many there have been
 * @property {{self: string, peer: string, generation: number}|null} lastLink the newest link, also after it has ended
 * @property {string} peerName name of the other person, also after they have left
 * @property {boolean} hasConnected whether this conversation was ever connected; from then on the call screen is shown
 * @property {SendState} remote what the other side says it sends
 * @property {ICEServer[]} iceServers
 * @property {boolean} relay relayed candidates only, by the page's options
 * @property {''|'left'|'timeout'|'closing'} notice
 * @property {''|'unreachable'|'unsupported'|FinalReason} reason of phase 'ended'
 * @property {boolean} reclaim whether the next join takes the seat back from another tab, as the user asked
 * @property {boolean} failing whether the timer runs that ends the call unless it connects
 * @property {number} peerJoinedAt ms, when the other side was first known
 * @property {number} connectedAt ms, when this conversation was first connected
 * @property {number} endedAt ms
 */

/** @typedef {'watchdog'|'recovery'|'restart'|'giveUp'|'servers'} Timer */

/**
 * @typedef {{type: 'open', room: string} | {type: 'join', name: string} | {type: 'leave'} | {type: 'rejoin'}
 *   | {type: 'down', tries: number, refusal?: RefusalCode|null} | {type: 'ended', reason: State['reason']} | {type: 'frame', frame: import('./messages.js').Frame}
 *   | {type: 'timer', name: Timer} | {type: 'online'}} CallEvent
 * @typedef {{type: 'connection', link: number, state: Link['connection']}
 *   | {type: 'settled', link: number, settled: boolean}
 *   | {type: 'gathered', link: number, candidate: CandidateType|null}
 *   | {type: 'stalled', link: number, stalled: boolean}} LinkEvent
 * @typedef {(CallEvent|LinkEvent) & {at: number}} Event
 */

/**
 * @typedef {{type: 'joinRoom', room: string, name: string, reclaim: boolean} | {type: 'retryJoin'} | {type: 'checkServer'} | {type: 'leaveRoom'}
 *   | {type: 'build', link: number, peer: string, polite: boolean, generation: number, relay: boolean, askForOffer: boolean, keepPrevious: boolean}
 *   | {type: 'deliver', data: import('./messages.js').CallData} | {type: 'resend'} | {type: 'restartIce'}
 *   | {type: 'closeLink'} | {type: 'closePrevious'} | {type: 'sendState'}
 *   | {type: 'servers', iceServers: ICEServer[]} | {type: 'refreshServers'}
 *   | {type: 'startTimer', name: Timer, ms: number} | {type: 'stopTimer', name: Timer}
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
  awaySince: 0,
  link: null,
  linkCount: 0,
  lastLink: null,
  peerName: '',
  hasConnected: false,
  remote: {audio: true, video: true, screen: false},
  iceServers: [],
  relay: false,
  notice: '',
  reason: '',
  reclaim: false,
  failing: false,
  peerJoinedAt: 0,
  connectedAt: 0,
  endedAt: 0,
});

/** @type {Timer[]} */
const CALL_TIMERS = ['giveUp', 'servers'];

/** @param {State} state @param {State['reason']} reason @param {number} at @returns {Step} */
function endCall(state, reason, at) {
  return step(
    {
      ...state,
      phase: 'ended',
      reason,
      signaling: 'off',
      peer: null,
      link: null,
      failing: false,
      endedAt: at,
    },
    [
      ...CALL_TIMERS.map(stop),
      ...stopLinkTimers,
      {type: 'leaveRoom'},
      {type: 'closeLink'},
      {type: 'closePrevious'},
      {type: 'releaseMedia'},
    ],
  );
}

/** Starts a connection to a peer. @param {State} state @param {Peer} peer @param {number} at @returns {Step} */
function connectTo(state, peer, at) {
  const running = state.link !== null && state.link.connection === 'connected';
  const {lastLink} = state;
  // The other side may still have the connection that this one has given up.
  const again = lastLink?.self === state.self && lastLink.peer === peer.peer;
  const link = newLink(state, peer.peer, peer.polite, again ? lastLink.generation + 1 : 1, 0);
  return step(
    {
      ...state,
      peer,
      awaySince: at,
      link,
      linkCount: link.id,
      lastLink: link,
      peerName: peer.name,
      hasConnected: state.hasConnected && state.link !== null,
      remote: initial.remote,
      notice: '',
      failing: true,
      peerJoinedAt: at,
    },
    [
      ...stopLinkTimers,
      // A running call goes on until the new connection is up.
      buildCommand(state, link, again && peer.polite, running),
      start('watchdog', NEGOTIATION_TIMEOUT),
      start('recovery', CONNECT_TIMEOUT),
      start('giveUp', GIVE_UP_TIMEOUT),
    ],
  );
}

/** @param {State} state @param {Joined} frame @param {number} at @returns {Step} */
function joined(state, frame, at) {
  /** @type {State} */
  const inRoom = {
    ...state,
    signaling: 'up',
    attempts: 0,
    refusal: null,
    self: frame.peer,
    room: frame.room,
    iceServers: frame.iceServers,
    notice: state.notice === 'closing' ? '' : state.notice,
  };
  // A resumed session gets the events that it missed.
  const next = frame.resumed ? catchUp(inRoom) : syncPeers(inRoom, frame.peers, at);
  return step(next.state, [...refreshTimer(frame.iceTTL), ...next.commands]);
}

/** Sets the peers that are in the room when a new session begins. @param {State} state @param {Peer[]} peers @param {number} at @returns {Step} */
function syncPeers(state, peers, at) {
  const known = peers.find((peer) => isLinked(state, peer.peer));
  if (known) return resync({...state, peer: known, awaySince: at, notice: ''});
  const [peer] = peers;
  if (peer) return connectTo(state, peer, at);
  return state.link ? awaitPeer(state) : step(state);
}

/**
 * Reports whether there is a connection to this peer, made under the peer id that this side still has.
 * @param {State} state @param {string} peer
 */
const isLinked = ({link, self}, peer) => link?.peer === peer && link.self === self;

/** @param {State} state @param {string} peer @param {boolean} away @returns {State} */
const withAway = (state, peer, away) =>
  state.peer?.peer === peer ? {...state, peer: {...state.peer, away}} : state;

/** Has TURN credentials refreshed after four fifths of their life. @param {number} seconds @returns {Command[]} */
const refreshTimer = (seconds) => (seconds > 0 ? [start('servers', seconds * 800)] : []);

/** @type {{[T in import('./messages.js').Frame['type']]?: (state: State, frame: Extract<import('./messages.js').Frame, {type: T}>, at: number) => Step}} */
const onFrame = {
  joined,
  full: (state, _, at) => {
    // Others took the seat while this page was away. A call that runs can wait for a free one.
    if (state.link?.connection === 'connected' && !state.link.stalled)
      return step(state, [{type: 'retryJoin'}]);
    const {commands} = endCall(state, '', at);
    return step({...state, phase: 'full', signaling: 'off', link: null, peer: null}, commands);
  },
  ice: (state, frame) =>
    step({...state, iceServers: frame.iceServers}, [
      {type: 'servers', iceServers: frame.iceServers},
      ...refreshTimer(frame.iceTTL),
    ]),
  closing: (state) => step({...state, notice: 'closing'}),
  other_joined: (state, {peer, name, polite, away}, at) => {
    const other = {peer, name, polite, away};
    if (isLinked(state, peer)) return resync({...state, peer: other, notice: ''});
    // A room may hold more than two peers; this page talks to one.
    if (state.peer) return step(state);
    const next = connectTo(state, other, at);
    return step(next.state, [{type: 'chime'}, ...next.commands]);
  },
  away: (state, {peer}, at) => step({...withAway(state, peer, true), awaySince: at}),
  back: (state, {peer, resumed}) => {
    const next = withAway(state, peer, false);
    return resumed || !isLinked(state, peer) ? step(next) : resync(next);
  },
  bye: (state, frame) => {
    if (frame.peer !== state.peer?.peer && frame.peer !== state.link?.peer) return step(state);
    const left = frame.reason !== 'timeout' && frame.reason !== 'replaced';
    // Its connection to the server broke. The media may go on, until it is back or they break too.
    if (!left && state.link?.connection === 'connected')
      return step({...state, peer: null, notice: 'timeout'});
    return peerGone(state, left ? 'left' : 'timeout');
  },
  message: (state, frame) => {
    if (!state.link || frame.from !== state.link.peer || frame.from !== state.peer?.peer)
      return step(state);
    const data = decodeCallData(frame.data);
    if (data.kind === 'unknown') return step(state);
    if (data.kind === 'state') return step({...state, remote: data.state});
    const {link} = state;
    if (data.generation < link.generation) return step(state);
    if (data.generation === link.generation)
      return step({...state, link: {...link, remoteSeen: true}}, [{type: 'deliver', data}]);
    const next = newLink(state, link.peer, link.polite, data.generation, link.rebuilds + 1);
    const replaced = replaceLink(state, {...next, remoteSeen: true}, false);
    return step(replaced.state, [...replaced.commands, {type: 'deliver', data}]);
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
          linkCount: state.linkCount,
          phase: room ? 'prejoin' : 'home',
          room,
        }),
  join: (state, {name}) =>
    state.phase === 'prejoin'
      ? step({...state, phase: 'in', name, signaling: 'connecting'}, [
          {type: 'joinRoom', room: state.room, name, reclaim: state.reclaim},
        ])
      : step(state),
  rejoin: (state) =>
    state.phase === 'full' || state.phase === 'ended'
      ? step({
          ...initial,
          relay: state.relay,
          linkCount: state.linkCount,
          room: state.room,
          name: state.name,
          reclaim: state.reason === 'replaced',
          phase: 'prejoin',
        })
      : step(state),
  leave: (state, {at}) => (state.phase === 'in' ? endCall(state, 'left', at) : step(state)),
  down: (state, {tries, refusal = null}) =>
    state.phase === 'in'
      ? step({...state, signaling: 'down', attempts: tries, refusal}, [stop('servers')])
      : step(state),
  ended: (state, {reason, at}) => (state.phase === 'in' ? endCall(state, reason, at) : step(state)),
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
    const next = onLink.online(state);
    return step(next.state, [{type: 'checkServer'}, ...next.commands]);
  },
};

/** @param {State} state @param {number} at @returns {Step} */
function giveUp(state, at) {
  if (state.link?.connection === 'connected') return step(state);
  // The server cannot be reached, or the device has slept: the other side has had no time to connect.
  if (state.signaling !== 'up') return step(state, [start('giveUp', GIVE_UP_TIMEOUT)]);
  return endCall(state, 'unreachable', at);
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
