/** @import {Command, Link, LinkEvent, State, Step, Timer} from './machine.js' */

/**
 * The part of the reducer about one RTCPeerConnection: getting it connected and keeping it so.
 * `disconnected` heals by itself more often than not, so it only starts a timer; `failed` comes some
 * twenty seconds too late to wait for.
 */

/** ICE restarts before everything is built anew. */
const RESTARTS = 3;
/** Milliseconds until the watchdog barks at a negotiation that does not end, and barks again. */
const WATCHDOG = 6000;
/** Milliseconds that one attempt to connect may take. */
const FIRST_ATTEMPT = 15_000;
const RESTART_ATTEMPT = 8000;

/** Milliseconds of trouble without a break until the call is given up. */
export const GIVE_UP = 120_000;

/** @param {State} state @param {Command[]} [commands] @returns {Step} */
export const step = (state, commands = []) => ({state, commands});

/** @param {Timer} name @param {number} ms @param {number} [spread] up to so many ms more, by chance @returns {Command} */
export const start = (name, ms, spread = 0) => ({type: 'startTimer', name, ms, spread});
/** @param {Timer} name @returns {Command} */
export const stop = (name) => ({type: 'stopTimer', name});
/** @type {Timer[]} */
const LINK_TIMERS = ['watchdog', 'unwell', 'restart'];
/** @type {Command[]} */
export const stopLinkTimers = LINK_TIMERS.map(stop);
/**
 * @param {State} state @param {string} peer @param {boolean} polite @param {number} call @param {number} rebuilds
 * @returns {Link}
 */
export function newLink(state, peer, polite, call, rebuilds) {
  return {
    id: state.links + 1,
    self: state.self,
    peer,
    polite,
    call,
    rebuilds,
    connection: 'new',
    connected: false,
    settled: false,
    nudges: 0,
    restarts: 0,
    stalled: false,
    gathered: [],
    gatheringDone: false,
    servers: state.iceServers.length > 0,
    heard: false,
  };
}

/** @param {State} state @param {Link} link @param {boolean} ask @param {boolean} keep @returns {Command} */
export function buildCommand(state, link, ask, keep) {
  const {id, peer, polite, call, rebuilds} = link;
  // What failed twice by every path may work by the one path that needs the least of the network.
  const relay = state.relay || (rebuilds >= 2 && link.servers);
  return {type: 'build', link: id, peer, polite, call, relay, ask, keep};
}

/** The peer is gone, and with it the link. @param {State} state @param {State['notice']} notice @returns {Step} */
export function alone(state, notice) {
  return step({...state, peer: null, link: null, met: false, notice, trouble: false}, [
    ...stopLinkTimers,
    stop('giveUp'),
    {type: 'closeLink'},
    {type: 'closeKept'},
  ]);
}

/** @param {State} state @returns {[State, Command[]]} with the clock running that ends a hopeless call */
const troubled = (state) =>
  state.trouble ? [state, []] : [{...state, trouble: true}, [start('giveUp', GIVE_UP)]];

/** @param {State} state @param {Partial<Link>} change @returns {State} */
const withLink = (state, change) =>
  state.link ? {...state, link: {...state.link, ...change}} : state;

/** Tries new paths for the connection there is. @param {State} state @returns {Step} */
function restart(state) {
  const {link} = state;
  if (!link || state.signaling !== 'up') return step(state);
  if (!state.peer) return alone(state, 'timeout');
  if (link.restarts >= RESTARTS) return rebuild(state);
  const [next, commands] = troubled(withLink(state, {restarts: link.restarts + 1}));
  return step(next, [
    ...commands,
    stop('unwell'),
    {type: 'restartIce'},
    start('restart', RESTART_ATTEMPT),
  ]);
}

/**
 * The server is there again, and so is the peer: what was put off meanwhile is made up for.
 * @param {State} state @returns {Step}
 */
export function proceed(state) {
  const {link} = state;
  const clock = state.trouble ? [start('giveUp', GIVE_UP)] : [];
  if (!link) return step(state);
  if (link.connection === 'connected')
    return step(state, link.stalled && state.peer ? [{type: 'restartIce'}] : []);
  if (!link.connected && state.peer) return step(state, [...clock, start('unwell', FIRST_ATTEMPT)]);
  const tried = restart(state);
  return step(tried.state, [...clock, ...tried.commands]);
}

/**
 * The server knows nothing of the peer, but may have forgotten it: it gets the time to come back.
 * @param {State} state with a link @returns {Step}
 */
export function expect(state) {
  const away = step({...state, peer: null, notice: 'timeout'});
  if (state.link?.connection === 'connected') return away;
  const then = troubled(away.state);
  return step(then[0], [...then[1], start('unwell', FIRST_ATTEMPT)]);
}

/**
 * The same two as before, but what one has sent to the other may be lost: it is said again, and the
 * connection is kept.
 * @param {State} state @returns {Step}
 */
export function reunite(state) {
  const then = proceed(state);
  /** @type {Command[]} */
  const commands = [{type: 'resend'}];
  if (state.link?.connected) commands.push({type: 'sendState'});
  return step(then.state, [...commands, ...then.commands]);
}

/** Starts over with a new RTCPeerConnection. @param {State} state @returns {Step} */
function rebuild(state) {
  const {link} = state;
  if (!link) return step(state);
  const next = newLink(state, link.peer, link.polite, link.call + 1, link.rebuilds + 1);
  return replace(state, next, link.polite);
}

/** @param {State} state @param {Link} link @param {boolean} ask @returns {Step} */
export function replace(state, link, ask) {
  const [next, commands] = troubled({...state, link, links: link.id, last: link});
  return step(next, [
    ...stopLinkTimers,
    buildCommand(state, link, ask, false),
    ...commands,
    start('watchdog', WATCHDOG),
    start('unwell', FIRST_ATTEMPT),
  ]);
}

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
  const commands = [stop('unwell'), stop('restart'), stop('giveUp'), {type: 'closeKept'}];
  if (!link.connected)
    commands.push({type: 'sendState'}, {type: 'report', setup: at - state.joinedAt});
  return step(
    {...next, met: true, trouble: false, connectedAt: state.met ? state.connectedAt : at},
    commands,
  );
}

/** Without the server nothing can be mended: whatever it waits for can wait no longer. @param {State} state @returns {Command[]} */
const lookForServer = ({signaling}) => (signaling === 'down' ? [{type: 'wake'}] : []);

export const onLink = {
  /** @param {State} state @param {Extract<LinkEvent, {type: 'connection'}> & {at: number}} event @returns {Step} */
  connection(state, event) {
    if (event.state === 'connected') return connected(state, event.at);
    const next = withLink(state, {connection: event.state});
    const [uneasy, timer] = troubled(next);
    const commands = [...timer, ...lookForServer(state)];
    if (event.state === 'failed') {
      const tried = restart(uneasy);
      return step(tried.state, [...commands, ...tried.commands]);
    }
    if (event.state !== 'disconnected') {
      // Once it was connected, nothing else runs that would see to it.
      const attempt = next.link?.connected ? [start('restart', RESTART_ATTEMPT)] : [];
      return step(uneasy, [...commands, ...attempt]);
    }
    // The impolite side goes first, so that the two do not do the same work twice.
    return step(uneasy, [...commands, start('unwell', next.link?.polite ? 3000 : 2000)]);
  },

  /** @param {State} state @param {Extract<LinkEvent, {type: 'settled'}>} event @returns {Step} */
  settled(state, {settled}) {
    if (state.link?.settled === settled) return step(state);
    if (settled) return step(withLink(state, {settled, nudges: 0}), [stop('watchdog')]);
    return step(withLink(state, {settled}), [start('watchdog', WATCHDOG)]);
  },

  /** @param {State} state @param {Extract<LinkEvent, {type: 'gathered'}>} event @returns {Step} */
  gathered(state, {candidate}) {
    if (!candidate) return step(withLink(state, {gatheringDone: true}));
    const gathered = state.link?.gathered ?? [];
    if (gathered.includes(candidate)) return step(state);
    return step(withLink(state, {gathered: [...gathered, candidate]}));
  },

  /** Connected, and yet nothing comes: one try with new paths, once for each silence.
   * @param {State} state @param {Extract<LinkEvent, {type: 'stalled'}>} event @returns {Step} */
  stalled(state, {stalled}) {
    const {link} = state;
    if (!link || link.stalled === stalled) return step(state);
    const next = withLink(state, {stalled});
    const able = state.signaling === 'up' && state.peer && link.connection === 'connected';
    if (!stalled) return step(next);
    return step(next, able ? [{type: 'restartIce'}] : lookForServer(state));
  },

  /** @param {State} state @param {Timer} name @returns {Step} */
  timer(state, name) {
    if (!state.link) return step(state);
    if (name === 'watchdog') return watchdog(state, state.link);
    return state.link.connection === 'connected' ? step(state) : restart(state);
  },

  /** The network came back or changed, or the device woke up. @param {State} state @returns {Step} */
  online(state) {
    const {link} = state;
    return link?.connected && link.connection !== 'connected' ? restart(state) : step(state);
  },
};

/**
 * A negotiation hangs: a description got lost, on either way. The same one is said again; if that does
 * not help, everything is built anew.
 * @param {State} state @param {Link} link @returns {Step}
 */
function watchdog(state, link) {
  if (link.settled) return step(state);
  if (state.signaling !== 'up' || !state.peer) return step(state, [start('watchdog', WATCHDOG)]);
  if (link.nudges > 0) return rebuild(state);
  return step(withLink(state, {nudges: 1}), [{type: 'resend'}, start('watchdog', WATCHDOG)]);
}
