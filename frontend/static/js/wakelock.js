/** Keeps the screen of a device on while it is wanted. A browser takes the lock back whenever the page is hidden. */
export class WakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel|null} */ #lock = null;
  #asking = false;

  constructor() {
    document.addEventListener('visibilitychange', () => void this.#settle());
  }

  /** @param {boolean} wanted */
  want(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    void this.#settle();
  }

  async #settle() {
    if (!('wakeLock' in navigator) || this.#asking) return;
    this.#asking = true;
    try {
      if (!this.#wanted) {
        await this.#lock?.release();
        this.#lock = null;
      } else if (!document.hidden && (!this.#lock || this.#lock.released)) {
        this.#lock = await navigator.wakeLock.request('screen');
      }
    } catch {
      // Low battery, or not allowed: the screen goes dark as always.
    } finally {
      this.#asking = false;
    }
  }
}
