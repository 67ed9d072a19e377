import {CHECKING} from './safety_check.js';
import {
  CONNECT_TIMEOUT,
  GIVE_UP_TIMEOUT,
  NEGOTIATION_TIMEOUT,
  RESTART_TIMEOUT,
  RESUME_TIMEOUT,
} from './timeouts.js';
/** @import {Command, Link, State, Step, Timer} from './machine.js' */
/** @import {RemoteState} from './messages.js' */

/** The steps that several parts of the reducer take. */

/** ICE restarts before the connection is rebuilt. */
const MAX_RESTARTS = 3;
/** From this rebuild on only relayed paths are tried: they need the least of the network. */
const RELAY_FROM_REBUILD = 2;

/** What the other side is taken to send until it says so. @type {RemoteState} */
export const NOTHING_SAID = Object.freeze({
  audio: true,
  video: true,
  screen: false,
  recording: false,
  held: false,
});

/** @param {State} state @param {Command[]} [commands] @returns {Step} */
export const step = (state, commands = []) => ({state, commands});

/** @param {Timer} name @param {number} ms @returns {Command} */
export const start = (name, ms) => ({type: 'startTimer', name, ms});
/** @param {Timer} name @returns {Command} */
export const stop = (name) => ({type: 'stopTimer', name});
/** @type {Timer[]} */
const LINK_TIMERS = ['watchdog', 'recovery', 'restart', 'safety', 'successor'];
/** @type {Command[]} */
export const stopLinkTimers = LINK_TIMERS.map(stop);

/**
 * @param {State} state @param {string} peer @param {boolean} polite @param {number} generation @param {number} rebuilds
 * @returns {Link}
 */
export function newLink(state, peer, polite, generation, rebuilds) {
  return {
    id: state.linkCount + 1,
    self: state.self,
    peer,
    polite,
    generation,
    rebuilds,
    connection: 'new',
    connected: false,
    dtlsFailed: false,
    settled: false,
    retries: 0,
    restarts: 0,
    stalled: false,
    gathered: [],
    gatheringDone: false,
    hasServers: state.iceServers.length > 0,
    remoteSeen: false,
    ctlKnown: false,
    ctl: false,
    ctlEnded: false,
    gone: false,
    safety: CHECKING,
  };
}

/** @param {State} state @param {Link} link @param {boolean} askForOffer @param {boolean} keepPrevious @returns {Command} */
export function buildCommand(state, link, askForOffer, keepPrevious) {
  const {id, peer, polite, generation, rebuilds} = link;
  const relay = state.relay || (rebuilds >= RELAY_FROM_REBUILD && link.hasServers);
  return {type: 'build', link: id, peer, polite, generation, relay, askForOffer, keepPrevious};
}

/** @param {State} state @param {Partial<Link>} change @returns {State} */
export const withLink = (state, change) =>
  state.link ? {...state, link: {...state.link, ...change}} : state;

/** @type {Timer[]} */
const CALL_TIMERS = ['giveUp', 'servers', 'next'];

/** Ends the call, whatever its state. @param {State} state @param {State['reason']} reason @param {number} at @returns {Step} */
export function endCall(state, reason, at) {
  return step(
    {
      ...state,
      phase: 'ended',
      reason,
      signaling: 'off',
      peer: null,
      others: [],
      link: null,
      failing: false,
      endedAt: at,
    },
    [
      ...CALL_TIMERS.map(stop),
      ...stopLinkTimers,
      // From another tab the call goes on.
      {type: 'sayBye', final: reason !== 'replaced'},
      {type: 'leaveRoom'},
      {type: 'closeLink'},
      {type: 'closePrevious'},
      {type: 'endTalk'},
      {type: 'releaseMedia'},
    ],
  );
}

/**
 * Closes the link to a peer that is gone, and looks for another one in the room.
 * @param {State} state @param {State['notice']} notice @returns {Step}
 */
export function peerGone(state, notice) {
  const gone = state.link?.peer ?? state.peer?.peer;
  const others = state.others
    .filter(({peer}) => peer !== gone)
    .map((other) => ({...other, busy: false}));
  /** @type {Command[]} */ const next = others.length > 0 ? [start('next', 0)] : [];
  return step(
    {...state, others, peer: null, link: null, hasConnected: false, notice, failing: false},
    [...stopLinkTimers, stop('giveUp'), {type: 'closeLink'}, {type: 'closePrevious'}, ...next],
  );
}

/** Starts the timer that ends the call unless it recovers. @param {State} state @returns {[State, Command[]]} */
export const markFailing = (state) =>
  state.failing ? [state, []] : [{...state, failing: true}, [start('giveUp', GIVE_UP_TIMEOUT)]];

/** Looks for new paths, and rebuilds the connection when that did not help, or cannot. @param {State} state @returns {Step} */
export function restart(state) {
  const {link} = state;
  if (!link || state.signaling !== 'up') return step(state);
  if (!state.peer) return peerGone(state, 'timeout');
  if (link.dtlsFailed || link.restarts >= MAX_RESTARTS) return rebuild(state);
  const [next, commands] = markFailing(withLink(state, {restarts: link.restarts + 1}));
  return step(next, [
    ...commands,
    stop('recovery'),
    {type: 'restartIce'},
    start('restart', RESTART_TIMEOUT),
  ]);
}

/** Starts over with a new RTCPeerConnection. @param {State} state @returns {Step} */
export function rebuild(state) {
  const {link} = state;
  if (!link) return step(state);
  const next = newLink(state, link.peer, link.polite, link.generation + 1, link.rebuilds + 1);
  return replaceLink(state, next, link.polite);
}

/** @param {State} state @param {Link} link @param {boolean} askForOffer @returns {Step} */
export function replaceLink(state, link, askForOffer) {
  const [next, commands] = markFailing({...state, link, linkCount: link.id, lastLink: link});
  return step(next, [
    ...stopLinkTimers,
    buildCommand(state, link, askForOffer, false),
    ...commands,
    start('watchdog', NEGOTIATION_TIMEOUT),
    start('recovery', CONNECT_TIMEOUT),
  ]);
}

/**
 * Catches up on what had to wait for the server and the peer to be back. A connection that was being made goes on. But if a
 * session is new, the server has probably restarted, and the browsers still wait for relays that the old one was to open.
 * @param {State} state @param {boolean} [newSession] whether the session of this side or of the other is new @returns {Step}
 */
export function catchUp(state, newSession = false) {
  const {link, peer} = state;
  if (!link) return step(state);
  if (link.connection === 'connected')
    return step(state, link.stalled && peer ? letOtherRestart(link, [{type: 'restartIce'}]) : []);
  const giveUp = state.failing ? [start('giveUp', GIVE_UP_TIMEOUT)] : [];
  if (!link.connected && peer && !(newSession && isNegotiated(link)))
    return step(state, [
      ...giveUp,
      start('recovery', newSession ? RESUME_TIMEOUT : RESTART_TIMEOUT),
    ]);
  const next = restart(state);
  return step(next.state, [...giveUp, ...letOtherRestart(link, next.commands)]);
}

/** Reports whether each side has the other's description. @param {Link} link */
const isNegotiated = ({settled, remoteSeen}) => settled && remoteSeen;

/**
 * Both sides catch up at the same moment, when the second one is back. If both made an offer, the polite one would have to
 * roll its own back, for nothing.
 * @param {Link} link @param {Command[]} commands @returns {Command[]}
 */
const letOtherRestart = ({polite}, commands) =>
  commands.map((command) =>
    command.type === 'restartIce' && polite ? {...command, giveWay: true} : command,
  );

/**
 * Gives a peer that the server does not know time to come back: a restarted server has forgotten it.
 * @param {State} state with a link @returns {Step}
 */
export function awaitPeer(state) {
  const away = step({...state, peer: null, notice: 'timeout'});
  if (state.link?.connection === 'connected') return away;
  const [next, commands] = markFailing(away.state);
  return step(next, [...commands, start('recovery', CONNECT_TIMEOUT)]);
}

/**
 * Keeps the connection to the same peer, and repeats what may be lost of the messages between the two.
 * @param {State} state @returns {Step}
 */
export function resync(state) {
  const next = catchUp(state, true);
  /** @type {Command[]} */
  const commands = [{type: 'resend', anew: true}];
  if (state.link?.connected) commands.push({type: 'sendState'});
  return step(next.state, [...commands, ...next.commands]);
}
