import {FILE_BLOCK} from './ctl_messages.js';
import {blockCount, hashOfHashes} from './file_pieces.js';
/** @import {Bytes} from './file_pieces.js' */
/** @import {Digest} from './safety.js' */
/** @import {Sink} from './file_store.js' */

/** Receives the bytes of one file: in order, hashed in blocks, and written to where they are kept. */

/** @typedef {'ok'|'bad'|'storage'} End ok = the hash is the sender's; storage = the file could not be kept */

/** Blocks that may wait for the disk. */
const MAX_WAITING = 64;

export class Receiving {
  #size;
  /** @type {Sink} */ #sink;
  /** @type {Digest} */ #digest;
  /** @type {(end: End, blob: Blob|null) => void} */ #onend;
  /** @type {Bytes[]} */ #hashes = [];
  /** The block that is not complete. @type {Bytes|null} */ #block = null;
  #expected = '';
  #work = Promise.resolve();
  #waiting = 0;
  #ended = false;
  /** Bytes that have arrived. */
  received = 0;

  /** @param {number} size @param {Sink} sink @param {Digest} digest @param {(end: End, blob: Blob|null) => void} onend */
  constructor(size, sink, digest, onend) {
    this.#size = size;
    this.#sink = sink;
    this.#digest = digest;
    this.#onend = onend;
  }

  /** Whether all bytes and the hash are there. */
  get complete() {
    return this.#expected !== '' && this.received === this.#size;
  }

  /** Discards an incomplete block, because the connection was rebuilt, and returns the offset at which to continue. */
  rewind() {
    this.received = Math.floor(this.received / FILE_BLOCK) * FILE_BLOCK;
    this.#block = null;
    this.#expected = '';
    return this.received;
  }

  /** Takes the next bytes, and reports whether they are in order. @param {number} offset @param {Bytes} content */
  write(offset, content) {
    if (offset !== this.received || offset + content.length > this.#size) return false;
    for (let at = 0; at < content.length;) {
      const start = Math.floor(this.received / FILE_BLOCK) * FILE_BLOCK;
      this.#block ??= new Uint8Array(Math.min(FILE_BLOCK, this.#size - start));
      const part = content.subarray(at, at + start + this.#block.length - this.received);
      this.#block.set(part, this.received - start);
      at += part.length;
      this.received += part.length;
      if (this.received === start + this.#block.length) this.#keep(start, this.#block);
    }
    this.#check();
    return true;
  }

  /** The sender has sent everything. @param {string} sha256 */
  finish(sha256) {
    if (this.#expected) return;
    this.#expected = sha256;
    this.#check();
  }

  discard() {
    this.#ended = true;
    this.#enqueue(() => this.#sink.discard());
  }

  /** @param {number} start @param {Bytes} block that is complete */
  #keep(start, block) {
    this.#block = null;
    if (++this.#waiting > MAX_WAITING) {
      this.#end('storage');
      return;
    }
    this.#enqueue(async () => {
      this.#waiting--;
      if (this.#ended) return;
      const [hash] = await Promise.all([this.#digest(block), this.#sink.write(start, block)]);
      this.#hashes[start / FILE_BLOCK] = new Uint8Array(hash);
    });
  }

  #check() {
    const expected = this.#expected;
    if (!this.complete) return;
    this.#enqueue(async () => {
      if (this.#ended) return;
      this.#hashes.length = blockCount(this.#size);
      if ((await hashOfHashes(this.#hashes, this.#digest)) !== expected) this.#end('bad');
      else this.#end('ok', await this.#sink.finish());
    });
  }

  /** @param {End} end @param {Blob|null} [blob] */
  #end(end, blob = null) {
    if (this.#ended) return;
    this.#ended = true;
    if (!blob) this.discard();
    this.#onend(end, blob);
  }

  /** Does one after the other. @param {() => Promise<void>} work */
  #enqueue(work) {
    this.#work = this.#work.then(work).catch((error) => {
      console.warn('file:', error);
      this.#end('storage');
    });
  }
}
