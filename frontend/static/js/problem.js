/**
 * Why camera or microphone could not be opened, or what else the user should know about them. Each code has a text that
 * says what to do, and an action; ui/problems.js has them.
 * @typedef {'insecure'|'blocked'|'dismissed'|'system'|'missing'|'busy'|'embedded'|'unsupported'|'webrtc'|'other'} Failure
 * @typedef {'gone'|'switched'} Notice the device was unplugged, or the usual one is not there: another one is used
 * @typedef {Failure|Notice} ProblemCode
 * @typedef {{kind: 'audio'|'video'|'both', code: ProblemCode}} Problem
 */

/**
 * For a device: what the browser says, '' where it says nothing, policy where the site around the frame of the page has
 * not passed it on.
 * @typedef {PermissionState|'policy'|''} Permission
 */

/** @type {Record<string, Failure>} */
const BY_NAME = {
  NotFoundError: 'missing',
  OverconstrainedError: 'missing',
  NotReadableError: 'busy',
  AbortError: 'busy',
  SecurityError: 'embedded',
  TypeError: 'insecure',
};

/** @param {Problem} problem @returns {boolean} whether there is nothing to do about it */
export const isNotice = ({code}) => code === 'gone' || code === 'switched';

/**
 * Finds the problem behind an error of getUserMedia (W3C Media Capture and Streams, section 10.3).
 * @param {unknown} error @param {Problem['kind']} kind
 * @param {Permission} permission for the device
 * @returns {Problem}
 */
export function problemOf(error, kind, permission) {
  const {name, message} = /** @type {Error} */ (error ?? {});
  if (name !== 'NotAllowedError') return {kind, code: BY_NAME[name] ?? 'other'};
  if (/system/i.test(message)) return {kind, code: 'system'};
  if (permission === 'policy' || /policy/i.test(message)) return {kind, code: 'embedded'};
  return {kind, code: permission === 'prompt' ? 'dismissed' : 'blocked'};
}

/**
 * Replaces the problems of some kinds of devices. Two with the same cause become one.
 * @param {Problem[]} before @param {readonly Problem['kind'][]} kinds @param {Problem[]} after
 * @returns {Problem[]}
 */
export function replaceProblems(before, kinds, after) {
  const all = [...split(before).filter(({kind}) => !kinds.includes(kind)), ...split(after)];
  const [first, second] = all.sort((a, b) => a.kind.localeCompare(b.kind));
  return first && second?.code === first.code ? [{kind: 'both', code: first.code}] : all;
}

/** @param {Problem[]} problems @returns {Problem[]} for one kind of device each */
const split = (problems) =>
  problems.flatMap((problem) =>
    problem.kind === 'both'
      ? [
          {...problem, kind: 'audio'},
          {...problem, kind: 'video'},
        ]
      : [problem],
  );
