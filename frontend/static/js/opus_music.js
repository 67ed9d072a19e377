/**
 * Music is sent with both channels. In RFC 7587, section 6.1, that takes both sides: `sprop-stereo` tells the other side
 * that two channels come, and `stereo` in its description that it plays both.
 */

/** Both channels, at a bitrate at which they can hardly be told from the original. */
const MUSIC = Object.freeze({stereo: '1', maxaveragebitrate: '128000'});

/** Has this side encode for music. @param {string} sdp of the other side, before it is set @returns {string} */
export const withMusic = (sdp) => withOpus(sdp, MUSIC);

/** Tells the other side that music comes. @param {string} sdp of this side, on its way @returns {string} */
export const announceMusic = (sdp) => withOpus(sdp, {'sprop-stereo': '1'});

/** Has this side play both channels. @param {string} sdp of this side, before it is set @returns {string} */
export const acceptMusic = (sdp) => withOpus(sdp, {stereo: '1'});

/** Reports whether the other side has told that music comes. @param {string} sdp of the other side */
export const bringsMusic = (sdp) => /^a=fmtp:\d+ .*\bsprop-stereo=1\b/m.test(sdp);

/**
 * Sets parameters of Opus.
 * @param {string} sdp @param {Record<string, string>} parameters @returns {string}
 */
function withOpus(sdp, parameters) {
  const types = [...sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2\r?$/gim)];
  return types.reduce((text, [, type]) => {
    const line = new RegExp(`^(a=fmtp:${type} )(.*?)(\\r?)$`, 'm');
    if (line.test(text))
      return text.replace(line, (_, head, old, end) => `${head}${merged(old, parameters)}${end}`);
    const map = new RegExp(`^(a=rtpmap:${type} .*?)(\\r?\\n)`, 'm');
    const added = `a=fmtp:${type} ${merged('', parameters)}`;
    return text.replace(map, (_, head, end) => `${head}${end}${added}${end}`);
  }, sdp);
}

/** @param {string} before separated by semicolons @param {Record<string, string>} parameters */
function merged(before, parameters) {
  const all = before.split(';').map((parameter) => parameter.trim());
  const wanted = Object.entries(parameters).map((pair) => pair.join('='));
  // A browser may refuse a description of its own that has been changed for no reason.
  if (wanted.every((pair) => all.includes(pair))) return before;
  const kept = all.filter((each) => each && !((each.split('=')[0] ?? '') in parameters));
  return [...kept, ...wanted].join(';');
}
