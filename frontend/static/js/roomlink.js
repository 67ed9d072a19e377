/**
 * Reads the links of rooms as they come out of mails and chats, where punctuation, quotes and invisible
 * characters stick to them. A link is ORIGIN[BASE]/r/ROOM, and may end in #token=TOKEN. A room's name has no
 * punctuation but "-", "_" and ".", so all else at its ends is the sentence's. A "." at the end is the
 * sentence's as well, unless it is written as %2E. The command line reads links by the same rules: package
 * internal/roomlink, whose samples both are tested with.
 *
 * @typedef {'empty'|'encoding'|'path'|'long'|'letter'} FaultCode
 * @typedef {{code: FaultCode, letter: string}} Fault
 * @typedef {{room: string, token: string, fault: Fault|null}} RoomLink room is '' when there is a fault
 */

/** What no name has: all but letters, their marks, digits and three others, and what is not drawn. */
const NOT_IN_ROOM = /[^\p{L}\p{M}\p{Nd}\-_.]|\p{Default_Ignorable_Code_Point}/u;
const LONGEST = 64;
/** UTF-16 units: longer than any message that somebody pastes for the link in it. */
const LONGEST_TEXT = 8192;

/** What is not drawn: zero-width blanks, soft hyphens, direction marks, isolates. */
const FORMAT = /\p{Cf}/gu;
/** What phones and editors make of "-". */
const DASH = /[\u2010-\u2015\u2212\uFE58\uFE63\uFF0D]/gu;
/** What surrounds a name and is not part of it; some of it is drawn as nothing. */
const JUNK =
  '(?:(?![-_.%&@#/\\\\])[\\uFE00-\\uFE0F\\p{P}\\p{Z}\\p{Cc}<>|~^\\x60´=＜＞｜～' +
  '\\u115F\\u1160\\u2800\\u3164\\uFFA0\\uFFFC\\uFFFD])';
const LEADING = new RegExp(`^${JUNK}+`, 'u');
const TRAILING = new RegExp(`(?:${JUNK}|\\.)+$`, 'u');
/** Private-use characters stand for a "." and a "/" that were written as escapes. */
const DOT = '\uE000';
const SLASH = '\uE001';
const PATH_END = new RegExp(`(?:${JUNK}|[./${SLASH}])+$`, 'u');
/** A link ends here even if letters follow: Chinese and Japanese put no blank behind their punctuation. */
const AFTER_LINK =
  /["<>…\p{Ps}\p{Pe}\p{Pi}\p{Pf}]|(?=[\u3001-\u303F\uFE10-\uFE6F\uFF01-\uFF64])(?![\uFE58\uFE63\uFF0D])\p{P}|&(?:[gl]t|quot|apos|nbsp|#\d+);/u;
const BEFORE_NAME = new RegExp(`^.*?/r/${JUNK}*`, 'isu');

/** @param {FaultCode} code @param {string} [letter] @returns {RoomLink} */
const faulty = (code, letter = '') => ({room: '', token: '', fault: {code, letter}});

/** Removes the percent-encoding, and what cannot be seen. @param {string} text @returns {string|null} */
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

/** @param {string} text whose escapes are decoded @returns {RoomLink} */
function named(text) {
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
  if ([...room].length > LONGEST) return faulty('long');
  const wrong = NOT_IN_ROOM.exec(room);
  if (wrong) return faulty('letter', wrong[0]);
  return {room, token: '', fault: null};
}

/** @param {string} path decoded @returns {string} without what follows the link, or its end */
function withoutSentence(path) {
  const before = BEFORE_NAME.exec(path)?.[0] ?? '';
  const after = path.slice(before.length);
  const end = AFTER_LINK.exec(after)?.index ?? after.length;
  return (before + after.slice(0, end)).replace(PATH_END, '');
}

/** @param {string} text @param {RegExp} mark @returns {[string, string]} what is before the mark, and the rest */
function cutBefore(text, mark) {
  const at = text.search(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

/** Chat programs escape even the "#". @param {string} target */
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
 * Reads what follows the host of a link.
 * @param {string} target @returns {RoomLink|null} null = it does not even mean to be a room's
 */
function readTarget(target) {
  const [path, rest] = cutBefore(withFragment(target), /[?#]/);
  const inRooms = /\/r(\/|$)/i.test(path);
  const decoded = decode(path);
  if (decoded === null) return inRooms ? faulty('encoding') : null;
  const segments = withoutSentence(decoded).split('/').filter(Boolean);
  const [above, last] = [segments.at(-2), segments.at(-1)];
  if (above?.toLowerCase() === 'r') return {...named(last ?? ''), token: tokenOf(rest)};
  if (last?.toLowerCase() === 'r') return faulty('empty');
  return inRooms ? faulty('path') : null;
}

/**
 * Reads a room's name or link, or a sentence with a link in it, that somebody typed or pasted.
 * @param {string} typed @returns {RoomLink}
 */
export function readRoom(typed) {
  if (typed.length > LONGEST_TEXT) return faulty('long');
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
  return decoded === null ? faulty('encoding') : named(decoded);
}

/**
 * Reads the address of the page.
 * @param {URL} url @param {string} [base] path of the home page
 * @returns {RoomLink} of the home page: neither a room nor a fault
 */
export function readAddress({pathname, search, hash}, base = '/') {
  const target = pathname + search + hash;
  if (target.length > LONGEST_TEXT) return faulty('long');
  if (pathname === base) return {room: '', token: tokenOf(search + hash), fault: null};
  return readTarget(target) ?? faulty('path');
}

/**
 * Takes the token out of an address.
 * @param {URL} url is changed: nobody needs the token there any more @returns {string} '' = none
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

/** @param {string} room @returns {string} below the base path; it means this room whatever sticks to it */
export const pathOfRoom = (room) => `r/${encodeURIComponent(room).replace(/\.$/, '%2E')}`;
