import {
  NOTHING_SAID,
  buildCommand,
  newLink,
  start,
  step,
  stop,
  stopLinkTimers,
} from './machine_transitions.js';
import {CONNECT_TIMEOUT, GIVE_UP_TIMEOUT, NEGOTIATION_TIMEOUT} from './timeouts.js';
/** @import {Command, State, Step} from './machine.js' */
/** @import {CallData, Peer} from './messages.js' */

/**
 * The part of the reducer that chooses whom to talk to. In a room of more than two, a page in a call says `busy` to
 * everybody else. Whoever hears that tries the next one, and then waits. When a call ends, those who had it try all
 * the others again, so the last of two who becomes free finds the other.
 */

/** @typedef {Peer & {busy: boolean}} Other busy = it has said so since this page was last in a call */

/** More are not remembered. */
const MAX_OTHERS = 64;

/** @param {State} state @param {Peer[]} peers everybody else in the room, in order @returns {State} */
export const withOthers = (state, peers) => ({
  ...state,
  others: peers.slice(0, MAX_OTHERS).map((peer) => ({...peer, busy: false})),
});

/** Adds a peer that has joined. @param {State} state @param {Peer} peer @returns {State} */
export function withOther(state, peer) {
  const others = state.others.filter((other) => other.peer !== peer.peer);
  return others.length < MAX_OTHERS
    ? {...state, others: [...others, {...peer, busy: false}]}
    : state;
}

/** @param {State} state @param {string} peer @param {Partial<Other>} change @returns {State} */
export const changeOther = (state, peer, change) => ({
  ...state,
  others: state.others.map((other) => (other.peer === peer ? {...other, ...change} : other)),
});

/** Forgets a peer that has left the room. @param {State} state @param {string} peer @returns {State} */
export function withoutOther(state, peer) {
  const others = state.others.filter((other) => other.peer !== peer);
  const alone = state.notice === 'busy' && others.length === 0;
  return {...state, others, notice: alone ? '' : state.notice};
}

/** Tells a peer that this page is in a call. @param {string} to @returns {Command} */
export const sayBusy = (to) => ({type: 'sayBusy', to});

/**
 * Starts a connection to a peer.
 * @param {State} state @param {Peer} peer @param {number} at @param {boolean} [ask] whether it may not know that it is to make an offer
 * @returns {Step}
 */
export function connectTo(state, {peer, name, polite, away}, at, ask = false) {
  const running = state.link !== null && state.link.connection === 'connected';
  const {lastLink} = state;
  // The other side may still have the connection that this one has given up.
  const again = lastLink?.self === state.self && lastLink.peer === peer;
  const link = newLink(state, peer, polite, again ? lastLink.generation + 1 : 1, 0);
  return step(
    {
      ...changeOther(state, peer, {busy: false}),
      peer: {peer, name, polite, away},
      awaySince: at,
      link,
      linkCount: link.id,
      lastLink: link,
      peerName: name,
      hasConnected: state.hasConnected && state.link !== null,
      remote: NOTHING_SAID,
      notice: '',
      failing: true,
      peerJoinedAt: at,
    },
    [
      ...stopLinkTimers,
      // A running call goes on until the new connection is up.
      buildCommand(state, link, (again || ask) && polite, running),
      start('watchdog', NEGOTIATION_TIMEOUT),
      start('recovery', CONNECT_TIMEOUT),
      start('giveUp', GIVE_UP_TIMEOUT),
    ],
  );
}

/** Tries the next one who may be free. @param {State} state @param {number} at @returns {Step} */
export function connectToNext(state, at) {
  if (state.link || state.signaling !== 'up') return step(state);
  const free = state.others.filter(({busy}) => !busy);
  const next = free.find(({away}) => !away) ?? free[0];
  return next ? connectTo(state, next, at, true) : step(state);
}

/** A peer says that it is in a call. @param {State} state @param {string} from @returns {Step} */
export function onBusy(state, from) {
  const next = changeOther(state, from, {busy: true});
  if (state.link?.peer !== from || state.link.connected) return step(next);
  return step(
    {...next, peer: null, link: null, hasConnected: false, failing: false, notice: 'busy'},
    [
      ...stopLinkTimers,
      stop('giveUp'),
      {type: 'closeLink'},
      {type: 'closePrevious'},
      start('next', 0),
    ],
  );
}

/**
 * A peer that this page has no connection with wants one. Returns null if nothing follows from that.
 * @param {State} state @param {string} from @param {CallData} data @param {number} at @returns {Step|null}
 */
export function onStranger(state, from, data, at) {
  const stranger = state.others.find(({peer}) => peer === from);
  if (!stranger || (data.kind !== 'description' && data.kind !== 'renegotiate')) return null;
  const {link} = state;
  if (!link) return connectTo(state, stranger, at);
  if (link.remoteSeen || link.connected || !comesBefore(state, from, link.peer))
    return step(state, [sayBusy(from)]);
  // Neither has answered yet. Everybody prefers those who came first, so that all find a partner.
  const next = connectTo({...state, hasConnected: false}, stranger, at);
  return step(next.state, [sayBusy(link.peer), ...next.commands]);
}

/** Reports whether a joined the room before b. @param {State} state @param {string} a @param {string} b */
const comesBefore = ({others}, a, b) =>
  others.findIndex(({peer}) => peer === a) < others.findIndex(({peer}) => peer === b);
