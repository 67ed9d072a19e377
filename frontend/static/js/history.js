/** @import {Rates, Sample} from './stats.js' */

/**
 * The figures of the last minute of a call, one point a second.
 * @typedef {typeof FIGURES[number]} Figure
 * @typedef {{at: number} & Record<Figure, number|null>} Point null = not known
 */

export const FIGURES = Object.freeze(
  /** @type {const} */ ([
    'rtt',
    'jitter',
    'lossIn',
    'lossOut',
    'bitrateIn',
    'bitrateOut',
    'fpsIn',
    'fpsOut',
  ]),
);

/** The time that is kept, ms. */
export const SPAN = 60_000;
/** Points that are kept, should they come faster than they ought to. */
const MAX_POINTS = 128;

/** @param {Sample} sample @param {Rates} rates @returns {Point} */
export const pointOf = ({at, jitter, pictureIn, pictureOut}, rates) => ({
  at,
  rtt: rates.rtt,
  jitter,
  lossIn: rates.lossIn,
  lossOut: rates.lossOut,
  bitrateIn: rates.bitrateIn,
  bitrateOut: rates.bitrateOut,
  fpsIn: pictureIn.fps,
  fpsOut: pictureOut.fps,
});

export class History {
  /** @type {Point[]} */ #points = [];

  /** @returns {readonly Point[]} the oldest first */
  get points() {
    return this.#points;
  }

  /** @param {Point} point newer than all before */
  add(point) {
    this.#points.push(point);
    const oldest = point.at - SPAN;
    while (this.#points.length > MAX_POINTS || (this.#points[0] ?? point).at < oldest)
      this.#points.shift();
  }

  clear() {
    this.#points = [];
  }

  /** @param {Figure} figure @returns {{least: number, most: number}|null} null = it was never known */
  range(figure) {
    const values = this.#points.map((point) => point[figure]).filter((value) => value !== null);
    if (values.length === 0) return null;
    return {least: Math.min(...values), most: Math.max(...values)};
  }
}
