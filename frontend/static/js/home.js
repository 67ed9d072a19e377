import {refusalOf} from './refusal.js';
/** @import {Key} from './i18n.js' */
/** @import {Fault, FaultCode} from './roomlink.js' */
/** @import {RefusalCode} from './refusal.js' */

/** What the home page does: it begins a call, and says what is wrong with a link. */

/** @type {Record<FaultCode, Key>} */
const FAULTS = {
  empty: 'homeBadRoom',
  letter: 'homeBadLetter',
  long: 'homeBadRoom',
  encoding: 'homeBadLink',
  path: 'homeNoRoom',
};

/** @type {Record<RefusalCode, Key>} */
const REFUSALS = {
  origin: 'refusedOrigin',
  host: 'refusedHost',
  limited: 'homeLimited',
  busy: 'homeBusy',
};

/** @param {Fault|null} fault @param {(key: Key, parameters: Record<string, string>) => string} t @returns {string} */
export function faultText(fault, t) {
  const {code = null, letter: wrong = ''} = fault ?? {};
  // An invisible character is shown by its number.
  const letter = wrong.replace(
    /\p{Default_Ignorable_Code_Point}/u,
    (c) => `U+${c.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`,
  );
  return code ? t(FAULTS[code], {letter}) : '';
}

/**
 * Asks the server for a room whose name nobody can guess.
 * @param {string} home address of the home page
 * @returns {Promise<{room: string, key: Key}>} room '' = none, for the reason that the text named by the key says
 */
export async function newRoom(home) {
  try {
    const response = await fetch(`${home}api/v1/rooms`, {method: 'POST'});
    if (response.ok) return {...(await response.json()), key: 'homeFailed'};
    const refusal = await refusalOf(response);
    if (refusal) return {room: '', key: REFUSALS[refusal.code]};
  } catch {
    // The server cannot be reached, or a proxy has answered.
  }
  return {room: '', key: 'homeFailed'};
}
