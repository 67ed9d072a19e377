/** The earliest of several deadlines. */
export class Deadline {
  #at = Infinity;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;
  #onpassed;

  /** @param {(late: number) => void} onpassed gets by how much the timer was late (ms) */
  constructor(onpassed) {
    this.#onpassed = onpassed;
  }

  /** Sets a deadline, unless there is an earlier one. @param {number} ms from now */
  within(ms) {
    const at = Date.now() + ms;
    if (this.#at <= at) return;
    this.clear();
    this.#at = at;
    this.#timer = setTimeout(() => {
      this.#at = Infinity;
      this.#onpassed(Date.now() - at);
    }, ms);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#at = Infinity;
  }
}

/** @param {number} ms @returns {Promise<void>} */
export const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
