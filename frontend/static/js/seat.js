import {LOCK_TIMEOUT} from './timeouts.js';

/**
 * Keeps this tab's seat in a room across reloads: its `resume` token is in the tab's session storage. A duplicated tab
 * has a copy of the token, but not the seat: the page in the seat holds a Web Lock named after the peer, and a copy that
 * finds the lock taken joins anew.
 */

/** @typedef {{peer: string, resume: string}} StoredSeat */

export class Seat {
  /** @type {Storage|undefined} */ #storage;
  /** @type {LockManager|undefined} */ #locks;
  /** Releases each lock that is held, by peer. @type {Map<string, () => void>} */ #locked =
    new Map();
  #leaving = new AbortController();

  /** @param {Storage} [storage] of the tab @param {LockManager} [locks] missing on a page that is not secure */
  constructor(storage, locks) {
    this.#storage = storage;
    this.#locks = locks;
  }

  /**
   * Returns the token of the seat that this tab had, or ''.
   * @param {string} room @param {boolean} reclaim take the seat also from another tab, as the user asked
   */
  async claim(room, reclaim = false) {
    const stored = this.#read(room);
    if (!stored) return '';
    return (await this.#waitForLock(stored.peer)) || reclaim ? stored.resume : '';
  }

  /** Reports whether this tab had a seat, as a page has that was reloaded during a call. @param {string} room */
  isKept(room) {
    return this.#read(room) !== null;
  }

  /** @param {string} room @param {string} peer @param {string} resume token */
  keep(room, peer, resume) {
    // The locks of earlier seats stay: their tokens lead to this seat.
    void this.#lock(peer, {signal: this.#leaving.signal});
    if (resume) this.#write(room, JSON.stringify({peer, resume}));
  }

  /** Forgets a seat that was given up. @param {string} room */
  forget(room) {
    this.#write(room, '');
    this.release();
  }

  /** Lets the next page in this tab have the seat. */
  release() {
    this.#leaving.abort();
    this.#leaving = new AbortController();
    for (const unlock of this.#locked.values()) unlock();
    this.#locked.clear();
  }

  /** @param {string} peer @param {LockOptions} options @returns {Promise<boolean>} */
  #lock(peer, options) {
    const locks = this.#locks;
    if (!locks || this.#locked.has(peer)) return Promise.resolve(true);
    return new Promise((resolve) => {
      locks
        .request(`callbox.seat.${peer}`, options, (lock) => {
          resolve(lock !== null);
          return lock && new Promise((unlock) => this.#locked.set(peer, () => unlock(null)));
        })
        .catch(() => resolve(false)); // The time is up, or the browser denies this page locks.
    });
  }

  /** Gives the page before this one, which may be unloading, time to release the lock. @param {string} peer */
  async #waitForLock(peer) {
    if (await this.#lock(peer, {ifAvailable: true})) return true;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), LOCK_TIMEOUT);
    const locked = await this.#lock(peer, {signal: abort.signal});
    clearTimeout(timer);
    return locked;
  }

  /** @param {string} room @returns {StoredSeat|null} */
  #read(room) {
    try {
      const {peer, resume} = JSON.parse(this.#storage?.getItem(keyOf(room)) ?? '');
      return typeof peer === 'string' && typeof resume === 'string' ? {peer, resume} : null;
    } catch {
      return null;
    }
  }

  /** @param {string} room @param {string} value */
  #write(room, value) {
    try {
      if (value) this.#storage?.setItem(keyOf(room), value);
      else this.#storage?.removeItem(keyOf(room));
    } catch {
      // Private mode, or the storage is full: a reload is then a new peer.
    }
  }
}

/** @param {string} room */
const keyOf = (room) => `callbox.seat.${room}`;
