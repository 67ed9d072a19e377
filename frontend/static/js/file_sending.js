import {FILE_BLOCK} from './ctl_messages.js';
import {MAX_CONTENT, MAX_PIECE, encodePiece, hashOfHashes} from './file_pieces.js';
/** @import {Bytes} from './file_pieces.js' */
/** @import {Digest} from './safety.js' */

/** Sends the bytes of files over one data channel, in turn: a block of each. */

/** Reads a file in blocks, and hashes them. */
export class BlockReader {
  /** @type {Blob} */ #file;
  /** @type {Digest} */ #digest;
  /** @type {Bytes[]} */ #hashes = [];
  /** Counts the calls of seek. */
  #seeks = 0;
  /** The offset of the next block. */
  position = 0;
  /** How many bytes were ever sent. */
  sent = 0;

  /** @param {Blob} file @param {Digest} digest */
  constructor(file, digest) {
    this.#file = file;
    this.#digest = digest;
  }

  /** Continues at an offset, a multiple of FILE_BLOCK up to which the file was read before. @param {number} offset */
  seek(offset) {
    this.#seeks++;
    this.position = offset;
    this.#hashes.length = offset / FILE_BLOCK;
  }

  /** Returns the next block, or null at the end. Throws if the file cannot be read, or has changed. */
  async next() {
    const [start, seeks] = [this.position, this.#seeks];
    if (start >= this.#file.size) return null;
    const part = this.#file.slice(start, start + FILE_BLOCK);
    const bytes = new Uint8Array(await part.arrayBuffer());
    if (bytes.length !== part.size) throw new Error('the file has changed');
    const hash = new Uint8Array(await this.#digest(bytes));
    if (this.#seeks !== seeks) return bytes; // for a connection that is gone
    this.#hashes[start / FILE_BLOCK] = hash;
    this.position += bytes.length;
    return bytes;
  }

  hash() {
    return hashOfHashes(this.#hashes, this.#digest);
  }
}

/** @typedef {{id: number, reader: BlockReader}} Job */

/**
 * @typedef {object} Callbacks
 * @property {(id: number, bytes: number) => void} onprogress
 * @property {() => void} onblock
 * @property {(id: number, sha256: string) => void} onsent
 * @property {(id: number) => void} onunreadable
 */

/** Bytes that may wait in the channel, and how many are left when it goes on. */
const MAX_BUFFERED = 1 << 20;
const LOW = 256 << 10;

export class Sending {
  /** @type {RTCDataChannel} */ #channel;
  /** @type {Callbacks} */ #callbacks;
  /** @type {Job[]} */ #jobs = [];
  #running = false;
  #stopped = false;
  /** Continues after a wait for the channel. */
  #resume = () => {};

  /** @param {RTCDataChannel} channel @param {Callbacks} callbacks */
  constructor(channel, callbacks) {
    this.#channel = channel;
    this.#callbacks = callbacks;
    channel.bufferedAmountLowThreshold = LOW;
    for (const event of ['bufferedamountlow', 'open', 'close'])
      channel.addEventListener(event, () => this.#resume());
  }

  /** @param {Job} job @param {number} offset */
  start(job, offset) {
    job.reader.seek(offset);
    this.#jobs.push(job);
    void this.#run();
  }

  /** @param {number} id */
  remove(id) {
    this.#jobs = this.#jobs.filter((job) => job.id !== id);
  }

  stop() {
    this.#stopped = true;
    this.#jobs = [];
    this.#resume();
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let job; (job = this.#jobs.shift());) {
      this.#jobs.push(job); // The next turn is another one's.
      await this.#sendBlock(job);
    }
    this.#running = false;
  }

  /** @param {Job} job */
  async #sendBlock(job) {
    const {id, reader} = job;
    let block, hash;
    const start = reader.position;
    try {
      block = await reader.next();
      hash = block ? '' : await reader.hash();
    } catch (error) {
      console.warn('file:', error);
      if (!this.#has(job)) return;
      this.remove(id);
      this.#callbacks.onunreadable(id);
      return;
    }
    if (!this.#has(job)) return;
    if (!block) {
      this.remove(id);
      this.#callbacks.onsent(id, hash ?? '');
      return;
    }
    await this.#sendPieces(job, start, block);
    if (this.#has(job)) this.#callbacks.onblock();
  }

  /** @param {Job} job @param {number} start @param {Bytes} block */
  async #sendPieces(job, start, block) {
    for (let at = 0; at < block.length; at += MAX_CONTENT) {
      await this.#room();
      if (!this.#has(job)) return;
      const content = block.subarray(at, at + MAX_CONTENT);
      this.#channel.send(encodePiece(job.id, start + at, content));
      const end = start + at + content.length;
      job.reader.sent = Math.max(job.reader.sent, end);
      this.#callbacks.onprogress(job.id, end);
    }
  }

  /** @param {Job} job */
  #has(job) {
    return this.#jobs.includes(job);
  }

  /** Waits until the channel takes another message. */
  async #room() {
    const full = () =>
      this.#channel.readyState !== 'open' ||
      this.#channel.bufferedAmount + MAX_PIECE > MAX_BUFFERED;
    while (full() && !this.#stopped)
      await new Promise((resolve) => (this.#resume = () => resolve(null)));
  }
}
