import {encode} from './vendor/uqr.js';

/** Modules of white around the code, which readers need (ISO/IEC 18004, section 9.1). */
const QUIET_ZONE = 4;

/**
 * Encodes a text as a QR code that still reads with 15 % of it damaged.
 * @param {string} text @returns {{size: number, path: string}} the dark modules as the path of an SVG, and the side of
 * its square view box
 */
export function qrCode(text) {
  const {size, data} = /** @type {{size: number, data: boolean[][]}} */ (
    encode(text, {ecc: 'M', border: QUIET_ZONE})
  );
  const rows = data.map((row, y) => {
    const dark = row.map((module) => (module ? '1' : ' ')).join('');
    return [...dark.matchAll(/1+/g)].map((run) => bar(run.index, y, run[0].length)).join('');
  });
  return {size, path: rows.join('')};
}

/** @param {number} x @param {number} y @param {number} width */
const bar = (x, y, width) => `M${x} ${y}h${width}v1h-${width}z`;
