/** Texts of the chat: what is sent of what a person typed, and what of a text is a link. */

/** Code points of a text that is sent. */
export const MAX_TEXT = 4000;

/** @param {string} text @returns {number} code points */
export const lengthOf = (text) => [...text].length;

/**
 * Makes a typed text fit to be sent: well-formed, without control characters but LF and TAB, and without white space
 * around it.
 * @param {string} typed
 */
export const cleanText = (typed) =>
  typed
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/\p{Cs}/gu, '\ufffd')
    .trim();

/** @typedef {{text: string, href: string}} Part href: '' = no link */

// Only ASCII: what is shown of the host is then what the browser opens, and Chinese text may follow without a space.
const CANDIDATE = /\bhttps?:\/\/[\w!#$%&'()*+,\-./:;=?@[\]~]+/giu;
// East Asian text needs no space between words.
const GOES_ON =
  /^(?!\p{Script=Han}|\p{Script=Hira}|\p{Script=Kana}|\p{Script=Hang})[\p{L}\p{M}\p{N}\\]/u;
const PORTS = Object.freeze({'http:': ':80', 'https:': ':443'});

/** Splits a text into links and what is between them. @param {string} text @returns {Part[]} */
export function partsOf(text) {
  /** @type {Part[]} */ const parts = [];
  let end = 0;
  for (const {0: found, index} of text.matchAll(CANDIDATE)) {
    const shown = withoutPunctuation(found);
    const after = text.slice(index + shown.length);
    const href = linkOf(shown, after);
    if (!href) continue;
    if (index > end) parts.push({text: text.slice(end, index), href: ''});
    parts.push({text: shown, href});
    end = index + shown.length;
  }
  if (end < text.length) parts.push({text: text.slice(end), href: ''});
  return parts;
}

/** Removes what ends a sentence, and a bracket that the address does not open. @param {string} found */
function withoutPunctuation(found) {
  let shown = found;
  for (;;) {
    const last = shown.at(-1) ?? '';
    const opening = {')': '(', ']': '['}[last];
    const closes = opening !== undefined && count(shown, last) > count(shown, opening);
    if (!closes && !`.,;:!?'`.includes(last)) return shown;
    shown = shown.slice(0, -1);
  }
}

/** @param {string} text @param {string} character */
const count = (text, character) => text.split(character).length - 1;

/**
 * Returns the address that a link opens, or '' if its host is not the one that a reader sees: a name before an @, a
 * number in another notation, or letters of another script right behind it.
 * @param {string} shown @param {string} after the text behind it
 */
function linkOf(shown, after) {
  if (!URL.canParse(shown)) return '';
  const {protocol, host, hostname, href} = new URL(shown);
  if (protocol !== 'http:' && protocol !== 'https:') return '';
  const [, authority = '', rest = ''] = /^\w+:\/\/([^/?#]*)(.*)$/s.exec(shown) ?? [];
  const real = [host, hostname + PORTS[protocol]].includes(authority.toLowerCase());
  const goesOn = rest === '' && GOES_ON.test(after);
  return real && !goesOn ? href : '';
}
