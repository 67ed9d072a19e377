import {environmentOf} from './environment.js';
import {opensRelay} from './relay.js';
import {askForServers} from './server.js';
import {gather} from './stun.js';
/** @import {Environment} from './run.js' */

/**
 * The short form of a check, before a call: whether the server, STUN and a relay answer. off = that was not checked.
 * @typedef {'active'|'done'|'failed'|'off'} TickState
 * @typedef {Record<'server'|'stun'|'relay', TickState>} Ticks
 */

/** @param {Environment} env @param {(ticks: Ticks) => void} onchange */
export async function quickCheck(env, onchange) {
  /** @type {Ticks} */ let ticks = {server: 'active', stun: 'active', relay: 'active'};
  /** @param {Partial<Ticks>} change */
  const set = (change) => onchange((ticks = {...ticks, ...change}));
  set({});
  const asked = await askForServers(env);
  if ('refusal' in asked) {
    // A refusal comes from the server, too.
    set({server: asked.refusal === 'failed' ? 'failed' : 'done', stun: 'off', relay: 'off'});
    return;
  }
  set({server: 'done'});
  const {iceServers} = asked.answer;
  const [stun] = iceServers.flatMap(({urls}) => urls).filter((url) => url.startsWith('stun:'));
  const relays = iceServers.filter(({username}) => username);
  /** @param {boolean} answered @returns {TickState} */
  const state = (answered) => (answered ? 'done' : 'failed');
  await Promise.all([
    stun
      ? gather([stun], env).then(({answered}) => set({stun: state(answered)}))
      : set({stun: 'off'}),
    relays.length > 0
      ? opensRelay(relays, env).then((opened) => set({relay: state(opened)}))
      : set({relay: 'off'}),
  ]);
}

/** @param {string} server @param {string} token @param {(ticks: Ticks) => void} onchange */
export const quickCheckOf = (server, token, onchange) =>
  quickCheck(environmentOf(server, token), onchange);
