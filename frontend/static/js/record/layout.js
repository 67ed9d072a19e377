/**
 * Where the pictures of a call are in its recording: the shared screen or the other person fills it, and the rest is
 * in tiles at the lower right corner, as on the page.
 */

/** @typedef {{x: number, y: number, width: number, height: number}} Rect */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {'shared'|'remote'|'self'} Source */

/**
 * @typedef {object} Place
 * @property {Source} source
 * @property {Rect} box
 * @property {Rect|null} from the part of the picture that is drawn; null = there is no picture
 * @property {Rect} to where it is drawn
 */

export const SIZE = Object.freeze({width: 1280, height: 720});
const MARGIN = 16;
const TILE = Object.freeze({width: 256, height: 144});

/** @param {Size} size @returns {Rect} */
const whole = ({width, height}) => ({x: 0, y: 0, width, height});

/** Returns the middle of an area, with the shape of a size and as large as it fits. @param {Rect} area @param {Size} size @returns {Rect} */
function fit(area, size) {
  const scale = Math.min(area.width / size.width, area.height / size.height);
  const width = Math.round(size.width * scale);
  const height = Math.round(size.height * scale);
  return {
    x: area.x + Math.round((area.width - width) / 2),
    y: area.y + Math.round((area.height - height) / 2),
    width,
    height,
  };
}

/** Shows all of a picture. @param {Source} source @param {Rect} box @param {Size|null} picture @returns {Place} */
const contained = (source, box, picture) =>
  picture
    ? {source, box, from: whole(picture), to: fit(box, picture)}
    : {source, box, from: null, to: box};

/** Fills a tile with a picture. @param {Source} source @param {Rect} box @param {Size} picture @returns {Place} */
const covering = (source, box, picture) => ({
  source,
  box,
  from: fit(whole(picture), box),
  to: box,
});

/**
 * Places pictures in the order in which they are drawn.
 * @param {Record<Source, Size|null>} pictures their sizes; null = there is none @returns {Place[]}
 */
export function layoutOf(pictures) {
  /** @type {Source} */ const main = pictures.shared ? 'shared' : 'remote';
  const places = [contained(main, whole(SIZE), pictures[main])];
  let bottom = SIZE.height - MARGIN;
  for (const source of /** @type {Source[]} */ (['self', 'remote'])) {
    const picture = pictures[source];
    if (source === main || !picture) continue;
    const box = {x: SIZE.width - MARGIN - TILE.width, y: bottom - TILE.height, ...TILE};
    places.push(covering(source, box, picture));
    bottom = box.y - MARGIN;
  }
  return places;
}
