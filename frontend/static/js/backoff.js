/** Milliseconds: the longest first wait after a try in vain, and the longest of all. */
const FIRST = 300;
const LONGEST = 15_000;

/**
 * How long to wait before the next try: not at all the first time, then by chance up to a bound that
 * doubles ("full jitter"), so that the clients of a server that was gone do not come back in step.
 */
export class Backoff {
  #tries = 0;
  #heldMs = 0;
  /** @type {() => number} */ #random;

  /** @param {() => number} random at least 0, less than 1 */
  constructor(random) {
    this.#random = random;
  }

  /** The tries since the last success. */
  get tries() {
    return this.#tries;
  }

  /** @returns {{ms: number, held: boolean}} held = the server asked for it, and nothing may cut it short */
  next() {
    const bound = this.#tries === 0 ? 0 : Math.min(LONGEST, FIRST * 2 ** (this.#tries - 1));
    const held = this.#heldMs > 0;
    const ms = this.#random() * Math.max(bound, this.#heldMs);
    this.#tries++;
    this.#heldMs = 0;
    return {ms, held};
  }

  /** The server wants its clients back within so much time, by chance. @param {number} seconds */
  hold(seconds) {
    this.#heldMs = seconds * 1000;
  }

  /** It worked for a while: the next time begins with the first try. What the server asked for stays. */
  steady() {
    this.#tries = 0;
  }

  reset() {
    this.#tries = 0;
    this.#heldMs = 0;
  }
}
