import {compared, onCtl} from './machine_ctl.js';
import {onFrame} from './machine_frames.js';
import {onLink} from './machine_link.js';
import {connectToNext} from './machine_room.js';
import {NOTHING_SAID, endCall, start, step, stop} from './machine_transitions.js';
import {GIVE_UP_TIMEOUT} from './timeouts.js';
/** @import {FinalReason} from './final.js' */
/** @import {CtlNews} from './ctl.js' */
/** @import {Other} from './machine_room.js' */
/** @import {ICEServer, Peer, RemoteState} from './messages.js' */
/** @import {RefusalCode} from './refusal.js' */
/** @import {Finding, Verdict} from './safety_check.js' */

/**
 * The call as a pure reducer: (state, event) → (state, commands). It touches no clock, no socket and no page; timers
 * are commands too. machine_frames.js has the part about what the server sends, machine_link.js the one about an
 * RTCPeerConnection, machine_ctl.js the one about its data channel, machine_room.js the one about whom to talk to, and
 * machine_transitions.js what all use.
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
 * @property {boolean} dtlsFailed whether its DTLS has failed, so that it must be rebuilt
 * @property {boolean} settled whether no negotiation is under way
 * @property {number} retries how often the watchdog has repeated this negotiation
 * @property {number} restarts ICE restarts since it was last connected
 * @property {boolean} stalled whether nothing arrives although it is connected
 * @property {CandidateType[]} gathered types of the local candidates so far
 * @property {boolean} gatheringDone
 * @property {boolean} hasServers whether there are STUN/TURN servers to ask
 * @property {boolean} remoteSeen whether a description or candidate of the other side has arrived
 * @property {boolean} ctlKnown whether the other side has shown that it knows the data channel
 * @property {boolean} ctl whether the data channel can be used
 * @property {boolean} ctlEnded whether it could be, and cannot any longer
 * @property {boolean} gone whether the other side's page was closed or reloaded, and may come back
 * @property {Finding} safety
 */

/**
 * @typedef {object} State
 * @property {'home'|'prejoin'|'in'|'full'|'ended'} phase
 * @property {string} room
 * @property {boolean} test whether the room is the one for test calls, with nobody in it but a bot
 * @property {string} name of this user
 * @property {'off'|'connecting'|'up'|'down'} signaling up = joined, down = lost and reconnecting
 * @property {number} attempts to reconnect, so far
 * @property {RefusalCode|null} refusal why the server does not let this page back in, if it says so
 * @property {string} self peer id, '' until joined
 * @property {Peer|null} peer whom this page talks to, as far as the server says
 * @property {Other[]} others everybody else in the room, in the order of their joins
 * @property {number} awaySince ms, when the connection between peer and server broke
 * @property {Link|null} link
 * @property {number} linkCount how many there have been
 * @property {{self: string, peer: string, generation: number}|null} lastLink the newest link, also after it has ended
 * @property {string} peerName name of the other person, also after they have left
 * @property {boolean} hasConnected whether this conversation was ever connected; from then on the call screen is shown
 * @property {RemoteState} remote what the other side says it sends
 * @property {ICEServer[]} iceServers
 * @property {boolean} relay relayed candidates only: the user hides their address, or the page's options say so
 * @property {''|'left'|'timeout'|'closing'|'busy'} notice busy = all others in the room are in calls
 * @property {''|'unreachable'|'unsupported'|'no_relay'|'test'|FinalReason} reason of phase 'ended'
 * @property {boolean} reclaim whether the next join takes the seat back from another tab, as the user asked
 * @property {boolean} failing whether the timer runs that ends the call unless it connects
 * @property {number} peerJoinedAt ms, when the other side was first known
 * @property {number} connectedAt ms, when this conversation was first connected
 * @property {number} endedAt ms
 */

/** @typedef {'watchdog'|'recovery'|'restart'|'safety'|'successor'|'giveUp'|'servers'|'next'} Timer */

/**
 * @typedef {{type: 'open', room: string, test?: boolean} | {type: 'join', name: string} | {type: 'leave'} | {type: 'rejoin'}
 *   | {type: 'down', tries: number, refusal?: RefusalCode|null} | {type: 'ended', reason: State['reason']} | {type: 'frame', frame: import('./messages.js').Frame}
 *   | {type: 'timer', name: Timer} | {type: 'online'} | {type: 'hideAddress', on: boolean} | {type: 'compared', verdict: Verdict}} CallEvent
 * @typedef {{type: 'connection', link: number, state: Link['connection'], dtlsFailed?: boolean}
 *   | {type: 'settled', link: number, settled: boolean}
 *   | {type: 'gathered', link: number, candidate: CandidateType|null}
 *   | {type: 'silent', link: number} | {type: 'stalled', link: number, stalled: boolean}
 *   | {type: 'ctl', link: number, open: boolean} | {type: 'told', link: number, message: CtlNews}
 *   | {type: 'safety', link: number, finding: Finding}} LinkEvent
 * @typedef {(CallEvent|LinkEvent) & {at: number}} Event
 */

/**
 * @typedef {{type: 'joinRoom', room: string, name: string, reclaim: boolean} | {type: 'retryJoin'} | {type: 'checkServer', ms?: number} | {type: 'leaveRoom'}
 *   | {type: 'build', link: number, peer: string, polite: boolean, generation: number, relay: boolean, askForOffer: boolean, keepPrevious: boolean}
 *   | {type: 'deliver', data: import('./messages.js').CallData} | {type: 'resend', anew: boolean} | {type: 'restartIce', giveWay?: boolean}
 *   | {type: 'closeLink'} | {type: 'closePrevious'} | {type: 'sendState'}
 *   | {type: 'servers', iceServers: ICEServer[]} | {type: 'refreshServers'}
 *   | {type: 'startTimer', name: Timer, ms: number} | {type: 'stopTimer', name: Timer}
 *   | {type: 'sayBye', final: boolean} | {type: 'sayBusy', to: string} | {type: 'checkSafety'} | {type: 'openTalk'} | {type: 'endTalk'}
 *   | {type: 'judge', verdict: Verdict}
 *   | {type: 'report', setup: number} | {type: 'chime'} | {type: 'releaseMedia'}} Command
 */

/** @typedef {{state: State, commands: Command[]}} Step */

/** @type {State} */
export const initial = Object.freeze({
  phase: 'home',
  room: '',
  test: false,
  name: '',
  signaling: 'off',
  attempts: 0,
  refusal: null,
  self: '',
  peer: null,
  others: [],
  awaySince: 0,
  link: null,
  linkCount: 0,
  lastLink: null,
  peerName: '',
  hasConnected: false,
  remote: NOTHING_SAID,
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

/** @type {{[T in CallEvent['type']]: (state: State, event: Extract<CallEvent, {type: T}> & {at: number}) => Step}} */
const on = {
  open: (state, {room, test = false}) =>
    state.phase === 'in'
      ? step(state)
      : step({
          ...initial,
          relay: state.relay,
          linkCount: state.linkCount,
          phase: room ? 'prejoin' : 'home',
          room,
          test,
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
          test: state.test,
          name: state.name,
          reclaim: state.reason === 'replaced',
          phase: 'prejoin',
        })
      : step(state),
  // A connection that runs has told the address already.
  hideAddress: (state, {on: relay}) =>
    state.phase === 'in' || state.relay === relay ? step(state) : step({...state, relay}),
  compared,
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
    if (name === 'next') return connectToNext(state, at);
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

const onAnyLink = {...onLink, ...onCtl};

/** @param {State} state @param {Event} event @returns {Step} */
export function reduce(state, event) {
  const next = handle(state, event);
  // Nobody else will come.
  if (!next.state.test || next.state.phase !== 'in' || next.state.notice !== 'left') return next;
  const {state: ended, commands} = endCall(next.state, 'test', event.at);
  return step(ended, [...next.commands, ...commands]);
}

/** @param {State} state @param {Event} event @returns {Step} */
function handle(state, event) {
  if ('link' in event) {
    if (state.link?.id !== event.link) return step(state);
    return onAnyLink[event.type](state, /** @type {never} */ (event));
  }
  const handler = /** @type {(state: State, event: Event) => Step} */ (on[event.type]);
  return handler(state, event);
}
