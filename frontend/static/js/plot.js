import {SPAN} from './history.js';
/** @import {Figure, Point} from './history.js' */

/** Draws figures of the last minute as lines, without touching the page. */

/** The least that the height of a plot stands for: a change that nobody notices must not look like a leap. @type {Record<Figure, number>} */
const LEAST_HEIGHT = Object.freeze({
  rtt: 100,
  jitter: 20,
  lossIn: 0.05,
  lossOut: 0.05,
  bitrateIn: 500_000,
  bitrateOut: 500_000,
  fpsIn: 30,
  fpsOut: 30,
});
/** Points that are further apart than this are not joined: the connection was away, ms. */
const GAP = 3000;

/** Returns what the height of a plot stands for. @param {readonly Point[]} points @param {Figure} figure */
export const heightOf = (points, figure) =>
  Math.max(LEAST_HEIGHT[figure], ...points.map((point) => point[figure] ?? 0));

/**
 * Returns the line of a figure as the `d` of an SVG path; the right edge is now, the left one a minute ago. A point
 * without a neighbour is a dot, if the line has round ends.
 * @param {readonly Point[]} points @param {Figure} figure @param {number} now
 * @param {{width: number, height: number}} size
 */
export function lineOf(points, figure, now, {width, height}) {
  const top = heightOf(points, figure);
  /** @type {Point|null} */ let before = null;
  let line = '';
  for (const point of points) {
    const value = point[figure];
    if (value === null || point.at < now - SPAN) {
      before = null;
      continue;
    }
    const x = round(width * (1 - (now - point.at) / SPAN));
    const y = round(height * (1 - value / top));
    const joined = before && point.at - before.at <= GAP;
    line += joined ? `L${x} ${y}` : `M${x} ${y}h0`;
    before = point;
  }
  return line;
}

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;
