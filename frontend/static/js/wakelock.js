/** Keeps the screen on. The browser releases the lock whenever the page is hidden, so it is requested again. */
export class WakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel|null} */ #lock = null;
  #updating = false;

  constructor() {
    document.addEventListener('visibilitychange', () => void this.#update());
  }

  /** @param {boolean} wanted */
  want(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    void this.#update();
  }

  async #update() {
    if (!('wakeLock' in navigator) || this.#updating) return;
    this.#updating = true;
    const wanted = this.#isWanted;
    try {
      await this.#set(wanted);
    } catch {
      // Low battery, or not allowed: the screen turns off as usual.
    } finally {
      this.#updating = false;
    }
    // What is wanted may have changed meanwhile.
    if (wanted !== this.#isWanted) void this.#update();
  }

  /** A hidden page gets no lock. */
  get #isWanted() {
    return this.#wanted && !document.hidden;
  }

  /** @param {boolean} on */
  async #set(on) {
    const held = this.#lock !== null && !this.#lock.released;
    if (on && !held) this.#lock = await navigator.wakeLock.request('screen');
    else if (!on && held) await this.#lock?.release();
  }
}
