/**
 * The seat of this tab in a room, beyond a reload: its `resume` token lies in the tab's own storage. A
 * tab that was duplicated has a copy of it, but the seat is not its own: whoever sits on a seat holds a
 * lock named by it, and a copy that meets that lock takes a seat of its own.
 */

/** @typedef {{peer: string, resume: string}} Kept */

/** Milliseconds that the page before this one may take to let go of its lock. */
const PATIENCE = 500;

export class Seat {
  /** @type {Storage|undefined} */ #storage;
  /** @type {LockManager|undefined} */ #locks;
  /** @type {Map<string, () => void>} */ #held = new Map();
  #leaving = new AbortController();

  /** @param {Storage} [storage] of the tab @param {LockManager} [locks] absent where the page is not secure */
  constructor(storage, locks) {
    this.#storage = storage;
    this.#locks = locks;
  }

  /**
   * The token of the seat that this tab had, or ''.
   * @param {string} room @param {boolean} mine the user says so: whoever holds it now is to give it up
   */
  async claim(room, mine = false) {
    const kept = this.#read(room);
    if (!kept) return '';
    return (await this.#inherit(kept.peer)) || mine ? kept.resume : '';
  }

  /** @param {string} room @param {string} peer @param {string} resume token */
  keep(room, peer, resume) {
    // Locks of earlier seats are kept too: their tokens lead to this one.
    void this.#hold(peer, {signal: this.#leaving.signal});
    if (resume) this.#write(room, JSON.stringify({peer, resume}));
  }

  /** The seat was given back. @param {string} room */
  forget(room) {
    this.#write(room, '');
    this.release();
  }

  /** The seat is free for the page after this one. */
  release() {
    this.#leaving.abort();
    this.#leaving = new AbortController();
    for (const letGo of this.#held.values()) letGo();
    this.#held.clear();
  }

  /** @param {string} peer @param {LockOptions} options @returns {Promise<boolean>} */
  #hold(peer, options) {
    const locks = this.#locks;
    if (!locks || this.#held.has(peer)) return Promise.resolve(true);
    return new Promise((resolve) => {
      locks
        .request(`callbox.seat.${peer}`, options, (lock) => {
          resolve(lock !== null);
          return lock && new Promise((letGo) => this.#held.set(peer, () => letGo(null)));
        })
        .catch(() => resolve(false)); // The time is over, or the browser has no locks for this page.
    });
  }

  /** The page that had the lock may be on its way out. @param {string} peer */
  async #inherit(peer) {
    if (await this.#hold(peer, {ifAvailable: true})) return true;
    const enough = new AbortController();
    const timer = setTimeout(() => enough.abort(), PATIENCE);
    const held = await this.#hold(peer, {signal: enough.signal});
    clearTimeout(timer);
    return held;
  }

  /** @param {string} room @returns {Kept|null} */
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
      // Private mode, or full: a reload is a new peer then.
    }
  }
}

/** @param {string} room */
const keyOf = (room) => `callbox.seat.${room}`;
