import {FILE_BLOCK} from './ctl_messages.js';
import {hexOf} from './safety.js';
/** @import {Digest} from './safety.js' */

/** The pieces of files, which are the messages of the data channel `file`, and what else both ends agree on (docs/call.md). */

/** Bytes of a message on `file`, and of the content in it. */
export const MAX_PIECE = 16_384;
const HEADER = 12;
export const MAX_CONTENT = MAX_PIECE - HEADER;
/** Files of one sender that have not ended. */
export const MAX_FILES = 4;

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/** @param {number} id of a file @param {number} offset @param {Bytes} content @returns {Bytes} */
export function encodePiece(id, offset, content) {
  const piece = new Uint8Array(HEADER + content.length);
  const view = new DataView(piece.buffer);
  view.setUint32(0, id);
  view.setBigUint64(4, BigInt(offset));
  piece.set(content, HEADER);
  return piece;
}

/** Returns null for what is no such message. @param {unknown} data @returns {{id: number, offset: number, content: Bytes}|null} */
export function decodePiece(data) {
  if (!(data instanceof ArrayBuffer)) return null;
  if (data.byteLength <= HEADER || data.byteLength > MAX_PIECE) return null;
  const view = new DataView(data);
  // An offset that is not exact as a number is beyond the size of any file.
  const offset = Number(view.getBigUint64(4));
  return {id: view.getUint32(0), offset, content: new Uint8Array(data, HEADER)};
}

/** @param {number} size of a file @returns {number} how many blocks it has */
export const blockCount = (size) => Math.ceil(size / FILE_BLOCK);

/**
 * Returns the hash of a file, which is that of the hashes of its blocks.
 * @param {Bytes[]} hashes @param {Digest} digest
 */
export async function hashOfHashes(hashes, digest) {
  const all = new Uint8Array(32 * hashes.length);
  hashes.forEach((hash, i) => all.set(hash, 32 * i));
  return hexOf(new Uint8Array(await digest(all)));
}

const MAX_NAME = 255;

/**
 * Returns a name that a file can be shown and saved with. The sender may have put anything into it.
 * @param {string} name
 */
export function cleanName(name) {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const visible = last
    // Controls, direction marks and other characters that are not seen, but for those that join letters.
    .replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, '')
    .replace(/[<>:"|?*]/g, '_')
    .replace(/[\s.]+$/u, '')
    .trim();
  return [...visible].slice(0, MAX_NAME).join('') || 'file';
}
