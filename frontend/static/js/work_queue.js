/** Runs one piece of work at a time, in order. */
export class WorkQueue {
  #tail = Promise.resolve();
  #abort = new AbortController();

  /**
   * Runs work after all that was added before, unless `abort` is called first. Rejects if the work throws.
   * @param {(signal: AbortSignal) => Promise<void>} work @returns {Promise<void>}
   */
  add(work) {
    const {signal} = this.#abort;
    const result = this.#tail.then(() => (signal.aborted ? undefined : work(signal)));
    this.#tail = result.catch(() => {});
    return result.catch((error) => {
      if (!signal.aborted) throw error;
    });
  }

  /** Aborts with the work that is added now, also for what does not wait in the queue. */
  get signal() {
    return this.#abort.signal;
  }

  /** Drops all work. What comes next does not wait for a piece that still runs. */
  abort() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#tail = Promise.resolve();
  }
}
