import {loadModule} from './load.js';
/** @import {Ticks} from './check/quick.js' */

/** The short form of a check, whose modules are loaded when it is asked for. */

const QUICK = new URL('./check/quick.js', import.meta.url);

/** @param {string} server @param {string} token @param {(ticks: Ticks) => void} onchange */
export async function quickCheck(server, token, onchange) {
  let check;
  try {
    ({quickCheckOf: check} = await loadModule(QUICK, () => import('./check/quick.js')));
  } catch (error) {
    console.warn('check:', error);
    onchange({server: 'failed', stun: 'off', relay: 'off'}); // Its modules come from the server.
    return;
  }
  await check(server, token, onchange);
}
