/** @import {OfferFile} from './ctl_messages.js' */
/** @import {Place} from './file_store.js' */

/**
 * A file that goes from one end to the other, as the page shows it.
 * @typedef {object} Transfer
 * @property {number} key unique, in the order of time
 * @property {boolean} own whether this end sends it
 * @property {OfferFile} offer its id is 0 until it was offered
 * @property {string} name that it is shown and saved with
 * @property {number} size bytes
 * @property {'queued'|'offered'|'moving'|'checking'|'done'|'refused'|'stopped'|'failed'} state
 * @property {Reason} reason of `stopped` and `failed`
 * @property {number} bytes that were sent or have arrived
 * @property {Place|''} place where one that is received would be kept, '' = not known yet
 * @property {Blob|null} blob that was received
 * @property {boolean} saved whether the person has saved it
 */

/**
 * Why a file has not arrived: this end or the other one stopped it, the hash differs, it could not be kept or read, the
 * other page is gone, or an end broke the rules.
 * @typedef {''|'here'|'there'|'damaged'|'storage'|'unreadable'|'gone'|'broken'} Reason
 */

/** @type {readonly Transfer['state'][]} */
const ENDED = ['done', 'refused', 'stopped', 'failed'];

/** @param {Transfer} transfer */
export const hasEnded = ({state}) => ENDED.includes(state);

/** @param {Transfer} transfer @param {'refused'|'stopped'|'failed'} state @param {Reason} [reason] */
export function endTransfer(transfer, state, reason = '') {
  transfer.state = state;
  transfer.reason = reason;
}

/** @param {Pick<Transfer, 'key'|'own'|'offer'|'name'|'state'>} fields @returns {Transfer} */
export const newTransfer = (fields) => ({
  ...fields,
  size: fields.offer.size,
  reason: '',
  bytes: 0,
  place: '',
  blob: null,
  saved: false,
});
