/** @import {Commit, CtlMessage, Malformed, Nonce, Reveal} from './ctl_messages.js' */

/**
 * The safety code: six digits and four pictures that both ends show, and that are the same only if nobody sits between
 * them, not even the signaling server. docs/call.md describes the exchange of nonces that it is computed from.
 *
 * The impolite end commits to its nonce before it sees the other one, so that neither end, and nobody who poses as one,
 * can choose its nonce to fit a code: there is one guess in a million.
 *
 * An exchange is a value that never changes: advance() returns the next one. It belongs to a pair of certificates, not
 * to a connection, and must not be reused for another pair: whoever has seen a nonce revealed can search for a
 * certificate that gives the same code.
 */

/** @typedef {Commit|Nonce|Reveal} SafetyMessage */
/** @typedef {{digits: string, pictures: number[]}} Code pictures = four indices into the list of 64 */
/** @typedef {(bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>} Digest SHA-256 */

/**
 * @typedef {object} Exchange
 * @property {string} room
 * @property {[string, string]} fingerprints SHA-256 of both certificates in hex, the lower one first
 * @property {boolean} polite whether this end is the polite one
 * @property {string} own nonce, in hex like all values
 * @property {string} hash the commitment; of a polite end '' until it came
 * @property {string} other nonce, '' until it came
 * @property {SafetyMessage|null} last message that this end sent, to be repeated on a new connection
 * @property {Code|null} code
 * @property {boolean} broken the other end did what no honest one does. Final: there is no code for this pair
 */

/** @typedef {{exchange: Exchange, reply: SafetyMessage|null}} Turn */

const COMMIT_LABEL = 'callbox-sas-1 commit\0';
const CODE_LABEL = 'callbox-sas-1\0';
export const PICTURE_COUNT = 64;

/** @type {Digest} */
export const sha256 = (bytes) => crypto.subtle.digest('SHA-256', bytes);

/** @param {Iterable<number>} bytes @returns {string} */
export const hexOf = (bytes) =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** @param {string} hex @returns {number[]} */
const bytesOfHex = (hex) => (hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16));

/** @param {Digest} digest @param {string} label @param {string} values in hex @returns {Promise<Uint8Array>} */
const hashOf = async (digest, label, values) =>
  new Uint8Array(
    await digest(Uint8Array.of(...new TextEncoder().encode(label), ...bytesOfHex(values))),
  );

/**
 * Begins an exchange.
 * @param {{room: string, own: string, other: string, polite: boolean, nonce: Uint8Array}} pair own, other = fingerprints
 * in hex; nonce = 32 random bytes
 * @param {Digest} [digest] @returns {Promise<Turn>}
 */
export async function begin({room, own, other, polite, nonce}, digest = sha256) {
  const value = hexOf(nonce);
  /** @type {Exchange} */
  const exchange = {
    room,
    fingerprints: own < other ? [own, other] : [other, own],
    polite,
    own: value,
    hash: polite ? '' : hexOf(await hashOf(digest, COMMIT_LABEL, value)),
    other: '',
    last: null,
    code: null,
    broken: false,
  };
  return polite ? turn(exchange) : turn(exchange, {type: 'commit', hash: exchange.hash});
}

/** @param {Exchange} exchange @param {SafetyMessage} [reply] @returns {Turn} */
const turn = (exchange, reply) =>
  reply ? {exchange: {...exchange, last: reply}, reply} : {exchange, reply: null};

/** @param {Exchange} exchange @returns {Turn} */
const refuse = (exchange) => turn({...exchange, last: null, code: null, broken: true});

/**
 * Handles a message of the other end. A repeated one changes nothing: each end repeats its own on a new connection.
 * @param {Exchange} exchange @param {SafetyMessage|Malformed} message @param {Digest} [digest] @returns {Promise<Turn>}
 */
export async function advance(exchange, message, digest = sha256) {
  if (exchange.broken) return turn(exchange);
  if (!exchange.polite)
    return message.type === 'nonce' ? onNonce(exchange, message, digest) : refuse(exchange);
  if (message.type === 'commit') return onCommit(exchange, message);
  return message.type === 'reveal' ? onReveal(exchange, message, digest) : refuse(exchange);
}

/** @param {Exchange} exchange @param {Commit} message @returns {Turn} */
function onCommit(exchange, {hash}) {
  if (exchange.hash) return exchange.hash === hash ? turn(exchange) : refuse(exchange);
  return turn({...exchange, hash}, {type: 'nonce', nonce: exchange.own});
}

/** @param {Exchange} exchange @param {Nonce} message @param {Digest} digest @returns {Promise<Turn>} */
async function onNonce(exchange, {nonce}, digest) {
  if (exchange.other) return exchange.other === nonce ? turn(exchange) : refuse(exchange);
  const code = await codeOf(exchange, exchange.own + nonce, digest);
  return turn({...exchange, other: nonce, code}, {type: 'reveal', nonce: exchange.own});
}

/** @param {Exchange} exchange @param {Reveal} message @param {Digest} digest @returns {Promise<Turn>} */
async function onReveal(exchange, {nonce}, digest) {
  if (exchange.other) return exchange.other === nonce ? turn(exchange) : refuse(exchange);
  const hash = hexOf(await hashOf(digest, COMMIT_LABEL, nonce));
  // Without a commitment before it, exchange.hash is ''.
  if (hash !== exchange.hash) return refuse(exchange);
  const code = await codeOf(exchange, nonce + exchange.own, digest);
  return turn({...exchange, other: nonce, code});
}

/** @param {Exchange} exchange @param {string} nonces the impolite end's, then the polite one's @param {Digest} digest @returns {Promise<Code>} */
async function codeOf({room, fingerprints}, nonces, digest) {
  const label = `${CODE_LABEL}${room.normalize('NFC')}\0`;
  const bytes = await hashOf(digest, label, fingerprints.join('') + nonces);
  const number = new DataView(bytes.buffer).getBigUint64(0) % 1_000_000n;
  return {
    digits: String(number).padStart(6, '0'),
    pictures: [...bytes.subarray(8, 12)].map((byte) => byte % PICTURE_COUNT),
  };
}

/** @param {CtlMessage|Malformed} message @returns {message is SafetyMessage|Malformed} whether it belongs to an exchange */
export const isSafetyMessage = (message) =>
  ['commit', 'nonce', 'reveal'].includes(message.type === 'malformed' ? message.of : message.type);
