import {BACKOFF} from './timeouts.js';

/**
 * How long to wait before the next attempt to connect: not at all the first time, then a random time up to a bound that
 * doubles ("full jitter"), so that the clients of a server that was away do not all come back at once.
 */
export class Backoff {
  #tries = 0;
  #requiredMs = 0;
  /** @type {() => number} */ #random;
  /** @type {() => boolean} */ #urgent;

  /**
   * @param {() => number} random at least 0, less than 1
   * @param {() => boolean} [urgent] whether somebody waits for the server
   */
  constructor(random, urgent = () => false) {
    this.#random = random;
    this.#urgent = urgent;
  }

  /** The attempts since the last success. */
  get tries() {
    return this.#tries;
  }

  /** @returns {{ms: number, required: boolean}} required = the server asked for it: the wait must not be cut short */
  next() {
    const longest = this.#urgent() ? BACKOFF.urgent : BACKOFF.longest;
    const bound = this.#tries === 0 ? 0 : Math.min(longest, BACKOFF.first * 2 ** (this.#tries - 1));
    const required = this.#requiredMs > 0;
    const ms = this.#random() * Math.max(bound, this.#requiredMs);
    this.#tries++;
    this.#requiredMs = 0;
    return {ms, required};
  }

  /** Makes the next wait a random part of the time that the server asks for. @param {number} seconds */
  require(seconds) {
    this.#requiredMs = seconds * 1000;
  }

  /** Starts over with the first attempt, after a connection that lasted. What the server asked for stays. */
  resetTries() {
    this.#tries = 0;
  }

  reset() {
    this.#tries = 0;
    this.#requiredMs = 0;
  }
}
