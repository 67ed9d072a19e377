import {VIDEO_LEVEL} from './timeouts.js';

/**
 * The sound comes first: which video this side sends, judged by how its packets fare. The level falls when the network
 * gets worse, down to no video at all, and rises again once the network has been good for a while. A level that was
 * too high waits longer each time before it is tried again.
 */

/**
 * @typedef {object} Level
 * @property {number} scale of the camera's width and height: scaleResolutionDownBy
 * @property {number} bitrate maximum, bits a second
 * @property {number} fps maximum
 * @property {number} least below this available bitrate, in bits a second, the level does not work
 */

/** 720p, 360p and 180p from a camera of 1280×720. The level after the last one is no video. @type {readonly Level[]} */
export const LEVELS = Object.freeze([
  {scale: 1, bitrate: 1_500_000, fps: 30, least: 500_000},
  {scale: 2, bitrate: 400_000, fps: 30, least: 200_000},
  {scale: 4, bitrate: 150_000, fps: 15, least: 90_000},
]);
export const PAUSED = LEVELS.length;
/** How much the newest loss counts: a report covers a few dozen packets, so it varies. */
const NEWEST = 0.4;

/**
 * @typedef {object} Sending how this side's packets fare
 * @property {number} loss share that the other side misses, of sound and video, 0 to 1
 * @property {number} audioLoss the same of the sound alone
 * @property {number|null} rtt ms
 * @property {number|null} available bits a second that the browser believes can be sent, null = it does not say
 */

/** The most that is sent by someone who saves data: width or height, whichever is smaller, and bits a second. */
const SAVED = Object.freeze({size: 320, bitrate: 250_000});

/** Width or height of the first frames, whichever is smaller. A browser drops frames that are too large for its first estimate. */
const FIRST_SIZE = 270;

/**
 * @param {RTCRtpEncodingParameters} encoding @param {Level|null} level null = no video
 * @param {boolean} saver whether to save data @param {Pick<MediaStreamTrack, 'getSettings'>|null} camera
 * @param {boolean} [first] whether these are the first frames
 */
export function shape(encoding, level, saver, camera, first = false) {
  encoding.active = level !== null;
  if (!level) return;
  const {width = 1280, height = 720} = camera?.getSettings() ?? {};
  const saved = saver ? SAVED : {size: Infinity, bitrate: Infinity};
  encoding.maxBitrate = Math.min(level.bitrate, saved.bitrate);
  encoding.maxFramerate = level.fps;
  const size = first ? Math.min(FIRST_SIZE, saved.size) : saved.size;
  encoding.scaleResolutionDownBy = Math.max(level.scale, Math.min(width, height) / size);
}

export class VideoLevel {
  value = 0;
  /** Whether the frames sent are the first ones. */
  first = true;
  #begun = NaN;
  #loss = 0;
  #audioLoss = 0;
  /** Since when the network has been bad, or good, without a break; NaN = it is not. */
  #bad = NaN;
  #good = NaN;
  /** How long the network must be good before the level rises, in ms. @type {number} */
  #riseDelay = VIDEO_LEVEL.up;
  #raisedAt = -Infinity;

  /** @returns {Level|null} null = no video */
  get level() {
    return LEVELS[this.value] ?? null;
  }

  /** Whether the video is paused to keep the sound. */
  get paused() {
    return this.value === PAUSED;
  }

  /** Sends video again although the network is bad, because the person wants it. @param {number} at ms */
  insist(at) {
    if (!this.paused) return;
    this.#set(PAUSED - 1, at);
    this.#begun = at;
  }

  /**
   * Takes the newest figures, about once a second. Returns whether what is sent has changed.
   * @param {Sending} sending @param {number} at ms
   */
  add(sending, at) {
    if (Number.isNaN(this.#begun)) this.#begun = at;
    this.#loss += NEWEST * (sending.loss - this.#loss);
    this.#audioLoss += NEWEST * (sending.audioLoss - this.#audioLoss);
    if (this.first && this.#hasBegun(sending, at)) {
      this.first = false;
      return true;
    }
    // The browser's estimate begins low.
    if (at - this.#begun < VIDEO_LEVEL.settle) return false;
    this.#bad = this.#isBad(sending) ? orNow(this.#bad, at) : NaN;
    this.#good = this.#isGood(sending) ? orNow(this.#good, at) : NaN;
    if (at - this.#bad >= VIDEO_LEVEL.down) return this.#fall(sending, at);
    const wait = this.paused ? VIDEO_LEVEL.probe : this.#riseDelay;
    return at - this.#good >= wait && this.#rise(at);
  }

  /** Reports whether larger frames may follow the first ones. @param {Sending} sending @param {number} at */
  #hasBegun({available}, at) {
    const since = at - this.#begun;
    const enough = available === null || available >= (LEVELS[0]?.least ?? 0);
    return since >= VIDEO_LEVEL.settle || (since >= VIDEO_LEVEL.first && enough);
  }

  /** @param {Sending} sending */
  #isBad({rtt, available}) {
    const least = LEVELS[this.value]?.least ?? 0;
    return this.#loss > 0.08 || (rtt ?? 0) > 800 || (available ?? Infinity) < least;
  }

  /** @param {Sending} sending */
  #isGood({rtt}) {
    return this.#loss < 0.02 && (rtt ?? 0) < 400;
  }

  /** @param {Sending} sending @param {number} at */
  #fall({available}, at) {
    const next = this.value + 1;
    const suffers =
      this.#audioLoss > 0.1 || (available ?? Infinity) < (LEVELS[this.value]?.least ?? 0);
    if (next > PAUSED || (next === PAUSED && !suffers)) return false;
    // It has just been raised, and that was too early.
    if (at - this.#raisedAt < 2 * VIDEO_LEVEL.up)
      this.#riseDelay = Math.min(2 * this.#riseDelay, VIDEO_LEVEL.longest);
    return this.#set(next, at);
  }

  /** @param {number} at */
  #rise(at) {
    if (this.value === 0) return false;
    this.#raisedAt = at;
    return this.#set(this.value - 1, at);
  }

  /** @param {number} level @param {number} at */
  #set(level, at) {
    this.value = level;
    this.#bad = NaN;
    this.#good = NaN;
    if (at - this.#raisedAt > 4 * VIDEO_LEVEL.longest) this.#riseDelay = VIDEO_LEVEL.up;
    return true;
  }
}

/** @param {number} since @param {number} at */
const orNow = (since, at) => (Number.isNaN(since) ? at : since);
