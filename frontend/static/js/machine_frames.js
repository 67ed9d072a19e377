import {peerLeaves} from './machine_ctl.js';
import {
  changeOther,
  connectTo,
  onBusy,
  onStranger,
  sayBusy,
  withOther,
  withOthers,
  withoutOther,
} from './machine_room.js';
import {
  awaitPeer,
  catchUp,
  endCall,
  newLink,
  peerGone,
  replaceLink,
  resync,
  start,
  step,
} from './machine_transitions.js';
import {decodeCallData} from './messages.js';
/** @import {Command, State, Step} from './machine.js' */
/** @import {CallData, Frame, ICEServer, Joined, Peer} from './messages.js' */

/** The part of the reducer that handles what the signaling server sends. */

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
  // A call that runs needs no relay any more.
  if (state.relay && !state.link && !frame.iceServers.some(hasRelay))
    return endCall(inRoom, 'no_relay', at);
  // A resumed session gets the events that it missed.
  const next = frame.resumed
    ? catchUp(inRoom)
    : syncPeers(withOthers(inRoom, frame.peers), frame.peers, at);
  return step(next.state, [...refreshTimer(frame.iceTTL), ...next.commands]);
}

/** @param {ICEServer} server */
const hasRelay = ({urls}) => urls.some((url) => /^turns?:/.test(url));

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
function withAway(state, peer, away) {
  const next = changeOther(state, peer, {away});
  return next.peer?.peer === peer ? {...next, peer: {...next.peer, away}} : next;
}

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
    const known = withOther(state, other);
    if (isLinked(state, peer)) return resync({...known, peer: other, notice: ''});
    // A room may hold more than two peers; this page talks to one.
    if (state.peer) return step(known, [sayBusy(peer)]);
    const next = connectTo(known, other, at);
    return step(next.state, [...next.commands, {type: 'chime'}]);
  },
  away: (state, {peer}, at) => step({...withAway(state, peer, true), awaySince: at}),
  back: (state, {peer, resumed}) => {
    const next = withAway(state, peer, false);
    return resumed || !isLinked(state, peer) ? step(next) : resync(next);
  },
  bye: (state, frame) => {
    const concerned = frame.peer === state.peer?.peer || frame.peer === state.link?.peer;
    const next = withoutOther(state, frame.peer);
    return concerned ? peerLeft(next, frame.reason) : step(next);
  },
  message: (state, frame, at) => {
    const {from} = frame;
    const data = decodeCallData(frame.data);
    if (data.kind === 'unknown') return step(state);
    if (data.kind === 'busy') return onBusy(state, from);
    if (state.link?.peer === from) return fromPeer(state, from, data);
    const connecting = onStranger(state, from, data, at);
    if (!connecting) return step(state);
    const then = fromPeer(connecting.state, from, data);
    return step(then.state, [...connecting.commands, ...then.commands]);
  },
};

/**
 * Handles what the other side of the link has sent.
 * @param {State} state @param {string} from @param {CallData} data @returns {Step}
 */
function fromPeer(state, from, data) {
  const {link} = state;
  if (!link || from !== link.peer || from !== state.peer?.peer) return step(state);
  // What comes over the data channel is newer.
  if (data.kind === 'state')
    return step(link.ctl ? state : {...state, remote: {...data.state, held: false}});
  if (!('generation' in data) || data.generation < link.generation) return step(state);
  const seen = {remoteSeen: true, ctlKnown: link.ctlKnown || 'ctl' in data};
  if (data.generation === link.generation)
    return step({...state, link: {...link, ...seen}}, [{type: 'deliver', data}]);
  const next = newLink(state, link.peer, link.polite, data.generation, link.rebuilds + 1);
  const replaced = replaceLink(state, {...next, ...seen}, false);
  return step(replaced.state, [...replaced.commands, {type: 'deliver', data}]);
}
