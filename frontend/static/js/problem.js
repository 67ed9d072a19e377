/**
 * Why camera or microphone could not be opened. Each code has a text that says what to do; ui/devices.js finds it.
 * @typedef {'insecure'|'blocked'|'dismissed'|'system'|'missing'|'busy'|'embedded'|'gone'|'unsupported'|'webrtc'|'other'} ProblemCode
 * @typedef {{kind: 'audio'|'video'|'both', code: ProblemCode}} Problem
 */

/** @type {Record<string, ProblemCode>} */
const BY_NAME = {
  NotFoundError: 'missing',
  OverconstrainedError: 'missing',
  NotReadableError: 'busy',
  AbortError: 'busy',
  SecurityError: 'embedded',
  TypeError: 'insecure',
};

/**
 * Finds the problem behind an error of getUserMedia (W3C Media Capture and Streams, section 10.3).
 * @param {unknown} error @param {Problem['kind']} kind
 * @param {PermissionState|''} permission for the device, '' where the browser does not say
 * @returns {Problem}
 */
export function problemOf(error, kind, permission) {
  const {name, message} = /** @type {Error} */ (error ?? {});
  if (name !== 'NotAllowedError') return {kind, code: BY_NAME[name] ?? 'other'};
  if (/system/i.test(message)) return {kind, code: 'system'};
  if (/policy/i.test(message)) return {kind, code: 'embedded'};
  return {kind, code: permission === 'prompt' ? 'dismissed' : 'blocked'};
}
