/**
 * Reads links to rooms as people copy them from mails and chats, with punctuation, quotes and invisible characters
 * around them. A link is ORIGIN[BASE]/r/ROOM, and may end in #token=TOKEN. A room's name has no punctuation except "-",
 * "_" and ".", so any other punctuation at its ends belongs to the sentence. So does a "." at the end, unless it is
 * written as %2E. The command line reads links by the same rules: see package internal/roomlink. Both are tested with
 * the same samples.
 *
 * @typedef {'empty'|'encoding'|'path'|'long'|'letter'} FaultCode
 * @typedef {{code: FaultCode, letter: string}} Fault
 * @typedef {{room: string, token: string, fault: Fault|null}} RoomLink room = '' if there is a fault
 */

/** What a name must not contain: anything but letters, their marks, digits, "-", "_" and "."; and the invisible. */
const NOT_IN_ROOM = /[^\p{L}\p{M}\p{Nd}\-_.]|\p{Default_Ignorable_Code_Point}/u;
const MAX_ROOM = 64;
/** In UTF-16 units. Longer than any message that somebody pastes for the link in it. */
const MAX_TEXT = 8192;

/** Invisible characters: zero-width spaces, soft hyphens, direction marks, isolates. */
const FORMAT = /\p{Cf}/gu;
/** What phones and editors turn "-" into. */
const DASH = /[\u2010-\u2015\u2212\uFE58\uFE63\uFF0D]/gu;
/** What may surround a name and is not part of it. Some of it is invisible. */
const JUNK =
  '(?:(?![-_.%&@#/\\\\])[\\uFE00-\\uFE0F\\p{P}\\p{Z}\\p{Cc}<>|~^\\x60´=＜＞｜～' +
  '\\u115F\\u1160\\u2800\\u3164\\uFFA0\\uFFFC\\uFFFD])';
const LEADING = new RegExp(`^${JUNK}+`, 'u');
const TRAILING = new RegExp(`(?:${JUNK}|\\.)+$`, 'u');
/** Private-use characters stand for a "." and a "/" that were written as escapes. */
const DOT = '\uE000';
const SLASH = '\uE001';
const PATH_END = new RegExp(`(?:${JUNK}|[./${SLASH}])+$`, 'u');
/** A link ends here even if letters follow: Chinese and Japanese have no space after punctuation. */
const AFTER_LINK =
  /["<>…\p{Ps}\p{Pe}\p{Pi}\p{Pf}]|(?=[\u3001-\u303F\uFE10-\uFE6F\uFF01-\uFF64])(?![\uFE58\uFE63\uFF0D])\p{P}|&(?:[gl]t|quot|apos|nbsp|#\d+);/u;
const BEFORE_NAME = new RegExp(`^.*?/r/${JUNK}*`, 'isu');

/** @param {FaultCode} code @param {string} [letter] @returns {RoomLink} */
const faulty = (code, letter = '') => ({room: '', token: '', fault: {code, letter}});

/** Decodes percent-encoding, and removes invisible characters. @param {string} text @returns {string|null} */
function decode(text) {
  const hidden = text
    .replace(/[\uE000\uE001]/g, '\uFFFD')
    .replace(/%2E/gi, DOT)
    .replace(/%2F/gi, SLASH);
  try {
    return decodeURIComponent(hidden).replace(FORMAT, '');
  } catch {
    return null;
  }
}

/** Reads a room's name. @param {string} text percent-decoded @returns {RoomLink} */
function readName(text) {
  const room = text
    .replace(TRAILING, '')
    .replace(LEADING, '')
    .split(/[\p{Z}\s]+/u)
    .filter(Boolean)
    .join('-')
    .replace(DASH, '-')
    .replaceAll(DOT, '.')
    .replaceAll(SLASH, '/')
    .normalize('NFC');
  if (room === '') return faulty('empty');
  // A browser would resolve "." and ".." as path segments.
  if (room === '.' || room === '..') return faulty('letter', '.');
  if ([...room].length > MAX_ROOM) return faulty('long');
  const wrong = NOT_IN_ROOM.exec(room);
  if (wrong) return faulty('letter', wrong[0]);
  return {room, token: '', fault: null};
}

/** @param {string} path percent-decoded @returns {string} the path without the rest of the sentence */
function withoutSentence(path) {
  const before = BEFORE_NAME.exec(path)?.[0] ?? '';
  const after = path.slice(before.length);
  const end = AFTER_LINK.exec(after)?.index ?? after.length;
  return (before + after.slice(0, end)).replace(PATH_END, '');
}

/** @param {string} text @param {RegExp} mark @returns {[string, string]} the text before the mark, and the rest */
function cutBefore(text, mark) {
  const at = text.search(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

/** Some chat programs escape even the "#". @param {string} target */
const withFragment = (target) => target.replace(/%23(token=)/i, '#$1');

/**
 * Finds the token in a query and fragment. A JWT never ends in ".", a sentence does.
 * @param {string} rest @returns {string} '' = none
 */
function tokenOf(rest) {
  for (const part of cutBefore(rest, /#/).reverse()) {
    const token = /[#?&]token=([\w.~-]+)/.exec(part)?.[1];
    if (token) return token.replace(/\.+$/, '');
  }
  return '';
}

/**
 * Reads the part of a link after its host.
 * @param {string} target @returns {RoomLink|null} null = it is not a link to a room
 */
function readTarget(target) {
  const [path, rest] = cutBefore(withFragment(target), /[?#]/);
  const inRooms = /\/r(\/|$)/i.test(path);
  const decoded = decode(path);
  if (decoded === null) return inRooms ? faulty('encoding') : null;
  const segments = withoutSentence(decoded).split('/').filter(Boolean);
  const [above, last] = [segments.at(-2), segments.at(-1)];
  if (above?.toLowerCase() === 'r') return {...readName(last ?? ''), token: tokenOf(rest)};
  if (last?.toLowerCase() === 'r') return faulty('empty');
  return inRooms ? faulty('path') : null;
}

/**
 * Reads what somebody typed or pasted: a room's name, a link, or a sentence with a link in it.
 * @param {string} typed @returns {RoomLink}
 */
export function readRoom(typed) {
  if (typed.length > MAX_TEXT) return faulty('long');
  const text = typed.replace(FORMAT, '');
  const schemes = [...text.matchAll(/https?:\/\//gi)];
  for (const {index, 0: scheme} of schemes) {
    const [link = ''] = text.slice(index + scheme.length).split(/[\p{Z}\s]/u, 1);
    const found = readTarget(cutBefore(link, /[/?#]/)[1]);
    if (found) return found;
  }
  if (schemes.length > 0) return faulty('path');
  for (const word of text.split(/\s+/)) {
    const found = readTarget(cutBefore(word, /\//)[1]);
    if (found) return found;
  }
  const decoded = decode(text);
  return decoded === null ? faulty('encoding') : readName(decoded);
}

/**
 * Reads the address of the page.
 * @param {URL} url @param {string} [base] path of the home page
 * @returns {RoomLink} without room and fault for the home page
 */
export function readAddress({pathname, search, hash}, base = '/') {
  const target = pathname + search + hash;
  if (target.length > MAX_TEXT) return faulty('long');
  if (pathname === base) return {room: '', token: tokenOf(search + hash), fault: null};
  return readTarget(target) ?? faulty('path');
}

/**
 * Removes the token from an address, where nobody needs it any more, and returns it.
 * @param {URL} url is changed @returns {string} '' = none
 */
export function takeToken(url) {
  const token = tokenOf(cutBefore(withFragment(url.pathname + url.search + url.hash), /[?#]/)[1]);
  url.pathname = url.pathname.replace(/%23token=.*/i, '');
  const fragment = new URLSearchParams(url.hash.slice(1));
  if (fragment.has('token')) {
    fragment.delete('token');
    url.hash = fragment.toString();
  }
  if (url.searchParams.has('token')) url.searchParams.delete('token');
  return token;
}

/**
 * @param {string} room @param {string} [folder] `embed` for the page for frames
 * @returns {string} its path below the base path, which means this room whatever sticks to it
 */
export const pathOfRoom = (room, folder = 'r') =>
  `${folder}/${encodeURIComponent(room).replace(/\.$/, '%2E')}`;

/** @param {URL} url of the page for frames @param {string} base path of the home page @returns {URL} of the room's own page */
export function withoutFrame(url, base) {
  const {pathname, search, hash} = url;
  const rest = pathname.startsWith(`${base}embed/`)
    ? `${base}r/${pathname.slice(`${base}embed/`.length)}`
    : pathname;
  return new URL(rest + search + hash, url);
}
