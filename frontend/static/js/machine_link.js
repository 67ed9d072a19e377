import {safetyTimeout} from './machine_ctl.js';
import {
  markFailing,
  peerGone,
  rebuild,
  restart,
  start,
  step,
  stop,
  withLink,
} from './machine_transitions.js';
import {
  CANDIDATES_TIMEOUT,
  CONNECT_TIMEOUT,
  DISCONNECTED_TIMEOUT,
  NEGOTIATION_TIMEOUT,
  REBUILD_DELAY,
  RESTART_TIMEOUT,
  SAFETY_TIMEOUT,
  SILENT_PROBE_TIMEOUT,
} from './timeouts.js';
/** @import {Command, Link, LinkEvent, State, Step, Timer} from './machine.js' */

/**
 * The part of the reducer that handles the events of the RTCPeerConnection: it gets the connection up and keeps it
 * so. `disconnected` only starts a timer, because `failed` follows about twenty seconds later, too late to wait for.
 */

/** @param {State} state @param {number} at @returns {Step} */
function connected(state, at) {
  const {link} = state;
  if (!link) return step(state);
  const next = withLink(state, {
    connection: 'connected',
    connected: true,
    restarts: 0,
    stalled: false,
  });
  /** @type {Command[]} */
  const commands = [stop('recovery'), stop('restart'), stop('giveUp'), {type: 'closePrevious'}];
  if (!link.connected)
    commands.push(
      {type: 'sendState'},
      {type: 'report', setup: at - state.peerJoinedAt},
      start('safety', SAFETY_TIMEOUT),
    );
  return step(
    {
      ...next,
      hasConnected: true,
      failing: false,
      connectedAt: state.hasConnected ? state.connectedAt : at,
    },
    commands,
  );
}

/** Reports whether the link has not been connected yet. @param {State} state */
const isNew = ({link}) => link !== null && !link.connected;

/** @param {Step} failed @returns {Step} */
const awaitCandidates = ({state, commands}) =>
  step(state, [...commands, start('recovery', CANDIDATES_TIMEOUT)]);

/**
 * Repairs a connection that has failed. When DTLS has, a packet could not be sent. Without a network, a new connection would
 * find no path either, so it waits until the server has answered.
 * @param {Step} failed @returns {Step}
 */
function repair({state, commands}) {
  if (state.link?.dtlsFailed && state.signaling === 'up')
    return step(state, [
      ...commands,
      {type: 'checkServer', ms: SILENT_PROBE_TIMEOUT},
      start('restart', REBUILD_DELAY),
    ]);
  const restarted = restart(state);
  return step(restarted.state, [...commands, ...restarted.commands]);
}

/**
 * Starts the timer of an attempt to connect. A first connection has one already, unless it had failed.
 * @param {State} state @param {boolean} hadFailed @returns {Command[]}
 */
function attempt(state, hadFailed) {
  if (!isNew(state)) return [start('restart', RESTART_TIMEOUT)];
  return hadFailed ? [start('recovery', CONNECT_TIMEOUT)] : [];
}

/**
 * Reconnects to the server at once, without which no connection can be repaired.
 * @param {State} state @returns {Command[]}
 */
const reconnectServer = ({signaling}) => (signaling === 'down' ? [{type: 'checkServer'}] : []);

/** Reports whether signaling of this side or of the other is away. @param {State} state */
export const isAway = ({signaling, peer}) => signaling !== 'up' || !peer || peer.away;

/** Reports whether the user waits for the server: to enter the room, or for a connection that only it can help to make or repair. @param {State} state */
export const awaitsServer = ({self, link}) =>
  self === '' ||
  (link !== null && (!link.connected || link.stalled || link.connection !== 'connected'));

/** Reports whether the other side has something switched on. @param {State} state */
export const sendsMedia = ({remote: {audio, video, screen, held}}) =>
  audio || screen || (video && !held);

export const onLink = {
  /** @param {State} state @param {Extract<LinkEvent, {type: 'connection'}> & {at: number}} event @returns {Step} */
  connection(state, event) {
    // The other side has closed it; there is nothing to repair.
    if (state.link?.gone) return step(withLink(state, {connection: event.state}));
    if (event.state === 'connected') return connected(state, event.at);
    const {state: connection, dtlsFailed = false} = event;
    const next = withLink(state, {connection, dtlsFailed});
    const [failing, giveUp] = markFailing(next);
    const commands = [...giveUp, ...reconnectServer(state)];
    if (event.state === 'failed') {
      const failed = step(failing, commands);
      return isNew(failing) && !dtlsFailed ? awaitCandidates(failed) : repair(failed);
    }
    if (event.state !== 'disconnected')
      return step(failing, [...commands, ...attempt(next, state.link?.connection === 'failed')]);
    const {polite, impolite} = DISCONNECTED_TIMEOUT;
    return step(failing, [...commands, start('recovery', next.link?.polite ? polite : impolite)]);
  },

  /** @param {State} state @param {Extract<LinkEvent, {type: 'settled'}>} event @returns {Step} */
  settled(state, {settled}) {
    if (state.link?.settled === settled) return step(state);
    if (settled) return step(withLink(state, {settled, retries: 0}), [stop('watchdog')]);
    return step(withLink(state, {settled}), [start('watchdog', NEGOTIATION_TIMEOUT)]);
  },

  /** @param {State} state @param {Extract<LinkEvent, {type: 'gathered'}>} event @returns {Step} */
  gathered(state, {candidate}) {
    if (!candidate) return step(withLink(state, {gatheringDone: true}));
    const gathered = state.link?.gathered ?? [];
    if (gathered.includes(candidate)) return step(state);
    return step(withLink(state, {gathered: [...gathered, candidate]}));
  },

  /**
   * Nothing has arrived for a second. If the network has changed, the connection to the server is dead, too, and nobody says
   * so: it must be there when ICE is restarted.
   * @param {State} state @returns {Step}
   */
  silent: (state) => step(state, [{type: 'checkServer', ms: SILENT_PROBE_TIMEOUT}]),

  /**
   * Restarts ICE when the connection stalls, once each time that it does.
   * @param {State} state @param {Extract<LinkEvent, {type: 'stalled'}>} event @returns {Step}
   */
  stalled(state, {stalled}) {
    const {link} = state;
    if (!link || link.stalled === stalled) return step(state);
    const next = withLink(state, {stalled});
    const canRestart = state.signaling === 'up' && state.peer && link.connection === 'connected';
    if (!stalled) return step(next);
    return step(next, canRestart ? [{type: 'restartIce'}] : reconnectServer(state));
  },

  /** @param {State} state @param {Timer} name @returns {Step} */
  timer(state, name) {
    if (!state.link) return step(state);
    if (name === 'watchdog') return watchdog(state, state.link);
    if (name === 'safety') return safetyTimeout(state, state.link);
    if (name === 'successor') return state.link.gone ? peerGone(state, 'left') : step(state);
    return state.link.connection === 'connected' ? step(state) : restart(state);
  },

  /** The network came back or changed, or the device woke up. @param {State} state @returns {Step} */
  online(state) {
    const {link} = state;
    return link?.connected && link.connection !== 'connected' ? restart(state) : step(state);
  },
};

/**
 * Handles a negotiation that has hung because a description was lost in either direction: repeats this side's
 * description, and rebuilds the connection if that did not help.
 * @param {State} state @param {Link} link @returns {Step}
 */
function watchdog(state, link) {
  if (link.settled) return step(state);
  const served = state.signaling === 'up' && state.peer;
  if (!served && !link.ctl) return step(state, [start('watchdog', NEGOTIATION_TIMEOUT)]);
  if (served && link.retries > 0) return rebuild(state);
  return step(withLink(state, {retries: 1}), [
    {type: 'resend', anew: false},
    start('watchdog', NEGOTIATION_TIMEOUT),
  ]);
}
