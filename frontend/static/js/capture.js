import {problemOf} from './problem.js';
/** @import {Permission, Problem} from './problem.js' */

/** @typedef {'audio'|'video'} Kind */

/**
 * Opens microphone and camera with as few questions to the user as possible: both at once, and step by step less if that
 * fails. First the chosen devices, then any others, then the one kind without the other.
 */

/**
 * @typedef {object} Request
 * @property {Pick<MediaDevices, 'getUserMedia'>} devices
 * @property {(kind: Kind) => string} idOf the chosen device, '' = none
 * @property {'user'|'environment'|''} facing which camera of a phone is wanted, '' = no matter
 * @property {MediaTrackConstraints} sound how the microphone's sound is processed
 * @property {(kind: Kind) => Promise<Permission>} permission
 * @property {AbortSignal} signal of a page that needs the devices no longer
 */

/** @typedef {{tracks: MediaStreamTrack[], problems: Problem[]}} Captured */

/**
 * Rejects, and leaves nothing open, if the signal aborts meanwhile.
 * @param {Request} request @param {Kind[]} kinds @returns {Promise<Captured>} tracks that are the caller's
 */
export async function capture(request, kinds) {
  const states = await Promise.all(kinds.map(request.permission));
  /** @type {Problem[]} */ const denied = [];
  for (const [i, kind] of kinds.entries()) {
    if (states[i] === 'denied') denied.push({kind, code: 'blocked'});
    else if (states[i] === 'policy') denied.push({kind, code: 'embedded'});
  }
  // If everything is denied, the browser says why.
  if (denied.length > 0 && denied.length < kinds.length) {
    // A request for both would be refused, whatever the user says to the other one.
    const allowed = kinds.filter((kind) => !denied.some((problem) => problem.kind === kind));
    const {tracks, problems} = await open(request, allowed);
    return {tracks, problems: [...problems, ...denied]};
  }
  const all = await open(request, kinds);
  if (kinds.length === 1 || all.problems.length === 0) return all;
  return openEach(request, kinds, all);
}

/** @param {Request} request @param {Kind[]} kinds @param {Captured} failed the attempt to open them together */
async function openEach(request, kinds, failed) {
  const [problem] = failed.problems;
  // The user is asked once. After a refusal only a device that is already granted is tried.
  const refused = ['blocked', 'dismissed', 'embedded'].includes(problem?.code ?? '');
  /** @type {Captured} */ const captured = {tracks: [], problems: []};
  const {signal} = request;
  const release = () => stop(captured.tracks);
  signal.addEventListener('abort', release); // The user may never answer the second prompt.
  try {
    for (const kind of kinds) {
      if (problem && refused && (await request.permission(kind)) !== 'granted') {
        captured.problems.push({kind, code: problem.code});
        continue;
      }
      const {tracks, problems} = await open(request, [kind]);
      captured.tracks.push(...tracks);
      captured.problems.push(...problems);
    }
  } finally {
    signal.removeEventListener('abort', release);
    if (signal.aborted) release();
  }
  return captured;
}

/** Opens the chosen devices or, if those are gone, any others. @param {Request} request @param {Kind[]} kinds @returns {Promise<Captured>} */
async function open(request, kinds) {
  const {devices, idOf, facing, permission, signal} = request;
  const chosen = kinds.some((kind) => idOf(kind) !== '' || (kind === 'video' && facing !== ''));
  /** @type {('exact'|'ideal')[]} */
  const attempts = chosen ? ['exact', 'ideal'] : ['ideal'];
  /** @type {unknown} */ let failure;
  for (const how of attempts) {
    signal.throwIfAborted();
    try {
      const stream = await devices.getUserMedia(constraints(request, kinds, how));
      const tracks = stream.getTracks();
      keepUnlessAborted(signal, tracks); // The user may have answered too late.
      return {tracks, problems: []};
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
      const {name} = /** @type {Error} */ (error ?? {});
      if (name !== 'OverconstrainedError' && name !== 'NotFoundError') break;
    }
  }
  const kind = kinds.length > 1 ? 'both' : (kinds[0] ?? 'both');
  const state = await permission(kind === 'audio' ? 'audio' : 'video');
  return {tracks: [], problems: [problemOf(failure, kind, state)]};
}

/** Stops the tracks and throws if the signal has aborted. @param {AbortSignal} signal @param {readonly MediaStreamTrack[]} tracks */
export function keepUnlessAborted(signal, tracks) {
  if (signal.aborted) stop(tracks);
  signal.throwIfAborted();
}

/** Releases the devices. @param {readonly MediaStreamTrack[]} tracks */
export function stop(tracks) {
  for (const track of tracks) track.stop();
}

/** @param {Request} request @param {Kind[]} kinds @param {'exact'|'ideal'} how @returns {MediaStreamConstraints} */
function constraints({idOf, facing, sound}, kinds, how) {
  /** @param {Kind} kind */
  const device = (kind) => (idOf(kind) ? {deviceId: {[how]: idOf(kind)}} : {});
  return {
    audio: kinds.includes('audio') && {
      ...sound,
      ...device('audio'),
    },
    video: kinds.includes('video') && {
      width: {ideal: 1280},
      height: {ideal: 720},
      frameRate: {ideal: 30},
      facingMode: facing ? {[how]: facing} : 'user',
      ...device('video'),
    },
  };
}
