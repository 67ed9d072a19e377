import {SILENCE_HINT_DELAY} from './timeouts.js';

/** The level above which somebody speaks. The noise of a quiet room stays below. */
const SPEECH_LEVEL = 0.3;

/** What a user who tests the microphone should know: whether anything was heard lately. */
export class Hearing {
  #since = 0;
  #heard = false;

  /** Begins anew, with another microphone. @param {number} now ms */
  reset(now) {
    this.#since = now;
    this.#heard = false;
  }

  /** @param {number} level from 0 to 1 @param {number} now ms */
  add(level, now) {
    if (level <= SPEECH_LEVEL) return;
    this.#since = now;
    this.#heard = true;
  }

  /** @param {number} now ms @returns {'heard'|'silent'|'unknown'} */
  at(now) {
    if (now - this.#since >= SILENCE_HINT_DELAY) return 'silent';
    return this.#heard ? 'heard' : 'unknown';
  }
}
