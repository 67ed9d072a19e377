/** @import {ErrorFrame} from './messages.js' */
/** @import {Refusal} from './refusal.js' */

/**
 * Which answers of the server are final, and why the call has ended then. After any other answer the page tries again.
 *
 * @typedef {'left'|'removed'|'replaced'|'unauthorized'|'bad_room'|'refused'|'origin'|'host'} FinalReason
 */

/** Close codes after which a client must not come back (PROTOCOL.md, "Codes"). @type {Record<number, FinalReason>} */
const CLOSE_CODES = {1000: 'left', 1008: 'removed', 4001: 'replaced'};

/** Errors in reply to `join` that have a reason of their own. @type {Record<string, FinalReason>} */
const JOIN_ERRORS = {
  unauthorized: 'unauthorized',
  bad_request: 'bad_room',
  bad_frame: 'bad_room',
};

/** @param {number} code @returns {FinalReason|null} null = come back */
export const reasonOfClose = (code) => CLOSE_CODES[code] ?? null;

/** @param {ErrorFrame} error in reply to `join` @returns {FinalReason|null} null = try again */
export const reasonOfJoinError = ({code, retry}) =>
  retry ? null : (JOIN_ERRORS[code] ?? 'refused');

/** @param {Refusal} refusal @returns {FinalReason|null} null = try again */
export const reasonOfRefusal = ({code}) => (code === 'origin' || code === 'host' ? code : null);
