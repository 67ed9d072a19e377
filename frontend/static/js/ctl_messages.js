import {isObject} from './messages.js';
/** @import {SendState} from './messages.js' */

/**
 * The messages of the data channel `ctl`, JSON texts that docs/call.md describes. peer/ctl/testdata has samples, which
 * the tests of the bot share.
 */

/**
 * @typedef {{type: 'hello', v: number, app: string, features: string[], name: string}} Hello
 * @typedef {{screen?: string, screenAudio?: string}} Mids of the m-lines of a shared screen
 * @typedef {{type: 'state', held: boolean, mids: Mids} & SendState} CtlState
 * @typedef {{type: 'signal', data: Record<string, unknown>}} Signal
 * @typedef {{type: 'commit', hash: string}} Commit
 * @typedef {{type: 'nonce', nonce: string}} Nonce
 * @typedef {{type: 'reveal', nonce: string}} Reveal
 * @typedef {{type: 'chat', id: number, text: string, at: number}} Chat
 * @typedef {{type: 'got', id: number}} Got
 * @typedef {{type: 'offer_file', id: number, name: string, size: number, mime: string}} OfferFile
 * @typedef {{type: 'take', id: number, offset: number}} Take
 * @typedef {{type: 'refuse', id: number}} Refuse
 * @typedef {{type: 'file_end', id: number, sha256: string}} FileEnd
 * @typedef {{type: 'file_ok', id: number}} FileOK
 * @typedef {{type: 'file_bad', id: number}} FileBad
 * @typedef {{type: 'stop_file', id: number}} StopFile
 * @typedef {OfferFile|Take|Refuse|FileEnd|FileOK|FileBad|StopFile} FileMessage
 * @typedef {{type: 'ping', n: number, t: number}} Ping
 * @typedef {{type: 'pong', n: number, t: number, r: number}} Pong
 * @typedef {{type: 'bye', final: boolean}} CtlBye
 * @typedef {Hello|CtlState|Signal|Commit|Nonce|Reveal|Chat|Got|FileMessage|Ping|Pong|CtlBye} CtlMessage
 * @typedef {{type: 'malformed', of: string, what: string}} Malformed what = the name of the field, `json`, `type` or `size`
 * @typedef {{type: 'unknown'}} UnknownType
 */

/** Bytes of a message, and of a chat message. */
export const MAX_BYTES = 65_536;
const MAX_CHAT_BYTES = 16_384;
/** Code points of the text of a chat message, of the name and the media type of a file, and of any other text. */
const MAX_CHAT_TEXT = 4000;
const MAX_FILE_TEXT = 255;
const MAX_TEXT = 64;
const MAX_FEATURES = 32;
const MAX_ID = 2 ** 32 - 1;
/** Bytes of a file that have a hash of their own. The offsets at which an end asks for a file are multiples. */
export const FILE_BLOCK = 1 << 20;

/** A field that is malformed. Its message is the field's name. */
class Fault extends Error {}

/** @typedef {Record<string, unknown>} Fields */

const encoder = new TextEncoder();

/** @param {string} text @returns {number} its bytes in UTF-8 */
const bytesOf = (text) => encoder.encode(text).length;

/**
 * Returns a field, and a default for one that is absent or null.
 * @template T @param {Fields} fields @param {string} name @param {(value: unknown) => value is T} valid @param {T} [absent]
 * @returns {T}
 */
function read(fields, name, valid, absent) {
  const value = fields[name];
  if ((value === undefined || value === null) && absent !== undefined) return absent;
  if (!valid(value)) throw new Fault(name);
  return value;
}

/** @param {number} limit @param {RegExp} forbidden @returns {(value: unknown) => value is string} */
const text =
  (limit, forbidden) =>
  /** @param {unknown} value @returns {value is string} */
  (value) => {
    if (typeof value !== 'string' || value.length > 2 * limit) return false;
    return !forbidden.test(value) && [...value].length <= limit;
  };

// Not well-formed: a surrogate without its other half.
const isText = text(MAX_TEXT, /[\p{Cc}\p{Cs}]/u);
const isFileText = text(MAX_FILE_TEXT, /[\p{Cc}\p{Cs}]/u);
const isChatText = text(MAX_CHAT_TEXT, /[^\P{Cc}\n\t]|\p{Cs}/u);

/** @param {number} least @param {number} most @returns {(value: unknown) => value is number} */
const integer =
  (least, most = Number.MAX_SAFE_INTEGER) =>
  /** @param {unknown} value @returns {value is number} */
  (value) =>
    Number.isInteger(value) &&
    /** @type {number} */ (value) >= least &&
    /** @type {number} */ (value) <= most;

const isCount = integer(0);
const isID = integer(1, MAX_ID);

/** @param {unknown} value @returns {value is number} */
const isOffset = (value) => isCount(value) && value % FILE_BLOCK === 0;

/** @param {unknown} value @returns {value is boolean} */
const isBoolean = (value) => typeof value === 'boolean';

/** A nonce, the hash that commits to one, or that of a file. @param {unknown} value @returns {value is string} */
const isValue = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

/** @param {unknown} value @returns {value is string[]} */
const isNames = (value) =>
  Array.isArray(value) && value.length <= MAX_FEATURES && value.every((name) => isText(name));

/** @param {Fields} fields @returns {Mids} */
function mids(fields) {
  const all = read(fields, 'mids', isObject, {});
  /** @type {Mids} */ const named = {};
  for (const name of /** @type {const} */ (['screen', 'screenAudio'])) {
    const mid = all[name] ?? '';
    if (!isText(mid)) throw new Fault('mids');
    if (mid) named[name] = mid;
  }
  return named;
}

/** @type {{[T in CtlMessage['type']]: (fields: Fields) => Extract<CtlMessage, {type: T}>}} */
const types = {
  hello: (fields) => ({
    type: 'hello',
    v: read(fields, 'v', integer(1)),
    app: read(fields, 'app', isText, ''),
    features: read(fields, 'features', isNames, []),
    name: read(fields, 'name', isText, ''),
  }),
  state: (fields) => ({
    type: 'state',
    audio: read(fields, 'audio', isBoolean, false),
    video: read(fields, 'video', isBoolean, false),
    screen: read(fields, 'screen', isBoolean, false),
    recording: read(fields, 'recording', isBoolean, false),
    held: read(fields, 'held', isBoolean, false),
    mids: mids(fields),
  }),
  signal: (fields) => ({type: 'signal', data: read(fields, 'data', isObject)}),
  commit: (fields) => ({type: 'commit', hash: read(fields, 'hash', isValue)}),
  nonce: (fields) => ({type: 'nonce', nonce: read(fields, 'nonce', isValue)}),
  reveal: (fields) => ({type: 'reveal', nonce: read(fields, 'nonce', isValue)}),
  chat: (fields) => ({
    type: 'chat',
    id: read(fields, 'id', isID),
    text: read(fields, 'text', isChatText),
    at: read(fields, 'at', isCount),
  }),
  got: (fields) => ({type: 'got', id: read(fields, 'id', isID)}),
  offer_file: (fields) => ({
    type: 'offer_file',
    id: read(fields, 'id', isID),
    name: read(fields, 'name', isFileText, ''),
    size: read(fields, 'size', isCount),
    mime: read(fields, 'mime', isFileText, ''),
  }),
  take: (fields) => ({
    type: 'take',
    id: read(fields, 'id', isID),
    offset: read(fields, 'offset', isOffset),
  }),
  refuse: (fields) => ({type: 'refuse', id: read(fields, 'id', isID)}),
  file_end: (fields) => ({
    type: 'file_end',
    id: read(fields, 'id', isID),
    sha256: read(fields, 'sha256', isValue),
  }),
  file_ok: (fields) => ({type: 'file_ok', id: read(fields, 'id', isID)}),
  file_bad: (fields) => ({type: 'file_bad', id: read(fields, 'id', isID)}),
  stop_file: (fields) => ({type: 'stop_file', id: read(fields, 'id', isID)}),
  ping: (fields) => ({
    type: 'ping',
    n: read(fields, 'n', isCount),
    t: read(fields, 't', isCount),
  }),
  pong: (fields) => ({
    type: 'pong',
    n: read(fields, 'n', isCount),
    t: read(fields, 't', isCount),
    r: read(fields, 'r', isCount),
  }),
  bye: (fields) => ({type: 'bye', final: read(fields, 'final', isBoolean, false)}),
};

/** @param {string} json @returns {Fields|null} */
function parse(json) {
  try {
    const fields = JSON.parse(json);
    return isObject(fields) ? fields : null;
  } catch {
    return null;
  }
}

/** Decodes a message. Never throws. @param {string} json @returns {CtlMessage|Malformed|UnknownType} */
export function decodeCtl(json) {
  // Characters have one byte at least, and counting the bytes takes time.
  const bytes = json.length > MAX_BYTES ? json.length : bytesOf(json);
  if (bytes > MAX_BYTES) return {type: 'malformed', of: '', what: 'size'};
  const fields = parse(json);
  if (!fields) return {type: 'malformed', of: '', what: 'json'};
  const {type} = fields;
  if (typeof type !== 'string') return {type: 'malformed', of: '', what: 'type'};
  if (!Object.hasOwn(types, type)) return {type: 'unknown'};
  try {
    const message = types[/** @type {CtlMessage['type']} */ (type)](fields);
    if (type === 'chat' && bytes > MAX_CHAT_BYTES) throw new Fault('size');
    return message;
  } catch (error) {
    return {type: 'malformed', of: type, what: /** @type {Error} */ (error).message};
  }
}

/**
 * Encodes a message. Throws a RangeError for one that every receiver would refuse.
 * @param {CtlMessage} message @returns {string}
 */
export function encodeCtl(message) {
  const json = JSON.stringify(message);
  const decoded = decodeCtl(json);
  if (decoded.type === 'malformed')
    throw new RangeError(`${decoded.what} of a ${message.type} message`);
  return json;
}
