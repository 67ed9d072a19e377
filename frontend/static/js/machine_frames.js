import {peerLeaves} from './machine_ctl.js';
import {
  NOTHING_SAID,
  awaitPeer,
  buildCommand,
  catchUp,
  endCall,
  newLink,
  peerGone,
  replaceLink,
  resync,
  start,
  step,
  stopLinkTimers,
} from './machine_transitions.js';
import {decodeCallData} from './messages.js';
import {CONNECT_TIMEOUT, GIVE_UP_TIMEOUT, NEGOTIATION_TIMEOUT} from './timeouts.js';
/** @import {Command, State, Step} from './machine.js' */
/** @import {Frame, Joined, Peer} from './messages.js' */

/** The part of the reducer that handles what the signaling server sends. */

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
      remote: NOTHING_SAID,
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
const isLinked = ({link, self}, peer) => link?.peer === peer && link.self === self && !link.gone;

/** @param {State} state @param {string} peer @param {boolean} away @returns {State} */
const withAway = (state, peer, away) =>
  state.peer?.peer === peer ? {...state, peer: {...state.peer, away}} : state;

/** Has TURN credentials refreshed after four fifths of their life. @param {number} seconds @returns {Command[]} */
const refreshTimer = (seconds) => (seconds > 0 ? [start('servers', seconds * 800)] : []);

/** The server has given up the other side's seat. @param {State} state @param {string} reason @returns {Step} */
function peerLeft(state, reason) {
  const {link} = state;
  // Its page was perhaps reloaded. Whoever hangs up says so over the data channel, too.
  if (link?.gone || (reason === 'left' && link?.ctl)) return peerLeaves(state);
  const left = reason !== 'timeout' && reason !== 'replaced';
  // Its connection to the server broke. The media may go on, until it is back or they break too.
  if (!left && link?.connection === 'connected')
    return step({...state, peer: null, notice: 'timeout'});
  return peerGone(state, left ? 'left' : 'timeout');
}

/** @type {{[T in Frame['type']]?: (state: State, frame: Extract<Frame, {type: T}>, at: number) => Step}} */
export const onFrame = {
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
    const concerned = frame.peer === state.peer?.peer || frame.peer === state.link?.peer;
    return concerned ? peerLeft(state, frame.reason) : step(state);
  },
  message: (state, frame) => {
    if (!state.link || frame.from !== state.link.peer || frame.from !== state.peer?.peer)
      return step(state);
    const data = decodeCallData(frame.data);
    if (data.kind === 'unknown') return step(state);
    const {link} = state;
    // What comes over the data channel is newer.
    if (data.kind === 'state') return step(link.ctl ? state : {...state, remote: data.state});
    if (data.generation < link.generation) return step(state);
    const seen = {remoteSeen: true, ctlKnown: link.ctlKnown || 'ctl' in data};
    if (data.generation === link.generation)
      return step({...state, link: {...link, ...seen}}, [{type: 'deliver', data}]);
    const next = newLink(state, link.peer, link.polite, data.generation, link.rebuilds + 1);
    const replaced = replaceLink(state, {...next, ...seen}, false);
    return step(replaced.state, [...replaced.commands, {type: 'deliver', data}]);
  },
};
