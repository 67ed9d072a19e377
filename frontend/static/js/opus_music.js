/** Opus for music: both channels, at a bitrate at which it can hardly be told from the original (RFC 7587, section 6.1). */
const MUSIC = Object.freeze({stereo: '1', 'sprop-stereo': '1', maxaveragebitrate: '128000'});

/**
 * Makes this side send music. What a description of the other side says about Opus decides how this side encodes, so it
 * is the description to change before it is set.
 * @param {string} sdp of the other side @returns {string}
 */
export function withMusic(sdp) {
  const types = [...sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2\r?$/gim)];
  return types.reduce((text, [, type]) => {
    const line = new RegExp(`^(a=fmtp:${type} )(.*?)(\\r?)$`, 'm');
    if (line.test(text))
      return text.replace(line, (_, head, old, end) => `${head}${merged(old)}${end}`);
    const map = new RegExp(`^(a=rtpmap:${type} .*?)(\\r?\\n)`, 'm');
    return text.replace(map, (_, head, end) => `${head}${end}a=fmtp:${type} ${merged('')}${end}`);
  }, sdp);
}

/** @param {string} parameters of Opus, separated by semicolons */
function merged(parameters) {
  const kept = parameters
    .split(';')
    .map((parameter) => parameter.trim())
    .filter((parameter) => parameter && !((parameter.split('=')[0] ?? '') in MUSIC));
  return [...kept, ...Object.entries(MUSIC).map((pair) => pair.join('='))].join(';');
}
