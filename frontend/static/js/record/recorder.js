import {WebmWriter} from './webm.js';
/** @import {Notice} from './machine.js' */
/** @import {Sink} from './sinks.js' */
/** @import {Bytes, Write} from './webm.js' */

/** Records a stream into a sink, piece by piece, so that what is recorded is safe a second later. */

/** How often the browser gives out what it has recorded, in milliseconds. */
const SLICE = 1000;
/** Bits a second. */
export const RATES = Object.freeze({videoBitsPerSecond: 2_500_000, audioBitsPerSecond: 96_000});
/** How often there is a whole picture, ms: the browser gives out what lies between two of them. Not every one knows this. */
const KEY_FRAMES = 1000;
/** Bytes that may wait for a slow disk. */
const MAX_WAITING = 64e6;

/** WebM first: a file that ends in the middle can be played. */
const TYPES = ['video/webm;codecs=vp8,opus', 'video/webm', 'video/mp4'];

/** Returns the type that this browser records, '' = none. @returns {string} */
export const recordedType = () =>
  TYPES.find((type) => globalThis.MediaRecorder?.isTypeSupported(type)) ?? '';

/** @param {string} type */
export const extensionOf = (type) => (type.includes('webm') ? 'webm' : 'mp4');

/** Writes what needs no change. */
class PlainWriter {
  size = 0;
  duration = 0;

  /** @param {Bytes} bytes @returns {Write[]} */
  add(bytes) {
    const position = this.size;
    this.size += bytes.length;
    return [{position, bytes}];
  }
}

/**
 * @typedef {object} Options
 * @property {MediaStream} stream
 * @property {string} type
 * @property {Sink} sink
 * @property {() => void} onbegin the first bytes follow
 * @property {(notice: Notice) => void} onfailed nothing more can be recorded
 */

export class Recorder {
  /** @type {Options} */ #options;
  /** @type {MediaRecorder} */ #recorder;
  #writer;
  #queue = Promise.resolve();
  #waiting = 0;
  #failed = false;

  /** @param {Options} options */
  constructor(options) {
    const {stream, type, onbegin} = options;
    this.#options = options;
    this.#writer = type.includes('webm') ? new WebmWriter() : new PlainWriter();
    const settings = {mimeType: type, videoKeyFrameIntervalDuration: KEY_FRAMES, ...RATES};
    this.#recorder = new MediaRecorder(stream, settings);
    this.#recorder.addEventListener('start', onbegin);
    this.#recorder.addEventListener('dataavailable', ({data}) => this.#add(data));
    this.#recorder.addEventListener('error', () => this.#fail('broken'));
  }

  /** Bytes and milliseconds so far. */
  get size() {
    return this.#writer.size;
  }

  get duration() {
    return this.#writer.duration;
  }

  begin() {
    this.#recorder.start(SLICE);
  }

  /** Ends the recording. Resolves to all of it, or to null if there is nothing. @returns {Promise<Blob|null>} */
  async stop() {
    if (this.#recorder.state !== 'inactive') {
      const stopped = new Promise((resolve) => this.#recorder.addEventListener('stop', resolve));
      this.#recorder.stop();
      await stopped; // after the last data
    }
    await this.#queue;
    const {sink} = this.#options;
    if (this.size > 0) return sink.close();
    await sink.discard();
    return null;
  }

  /** @param {Blob} data */
  #add(data) {
    if (this.#failed || data.size === 0) return;
    this.#waiting += data.size;
    if (this.#waiting > MAX_WAITING) this.#fail('full');
    this.#queue = this.#queue
      .then(() => this.#write(data))
      .catch((error) => {
        console.warn('recording:', error);
        this.#fail(/** @type {Error} */ (error).name === 'QuotaExceededError' ? 'full' : 'broken');
      });
  }

  /** @param {Blob} data */
  async #write(data) {
    if (this.#failed) return; // A gap would make the rest useless.
    await this.#options.sink.write(this.#writer.add(new Uint8Array(await data.arrayBuffer())));
    this.#waiting -= data.size;
  }

  /** @param {Notice} notice */
  #fail(notice) {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.onfailed(notice);
  }
}
