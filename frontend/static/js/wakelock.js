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
    try {
      if (!this.#wanted) {
        await this.#lock?.release();
        this.#lock = null;
      } else if (!document.hidden && (!this.#lock || this.#lock.released)) {
        this.#lock = await navigator.wakeLock.request('screen');
      }
    } catch {
      // Low battery, or not allowed: the screen turns off as usual.
    } finally {
      this.#updating = false;
    }
  }
}
