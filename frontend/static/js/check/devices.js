import {problemOf} from '../problem.js';
import {row} from './rows.js';
/** @import {Key} from '../i18n.js' */
/** @import {Problem} from '../problem.js' */
/** @import {Row} from './rows.js' */

/** @typedef {{secure: boolean, devices: MediaDevices|undefined, permission: (name: string) => Promise<PermissionState|''>}} DeviceEnvironment */

/** @type {Record<Problem['kind'], [title: Key, remedy: Key]>} */
const ONLY = {
  audio: ['checkOnlyCamera', 'checkDevicesDo'],
  video: ['checkOnlyMicrophone', 'checkDevicesDo'],
  both: ['checkNoDevices', 'checkDevicesDo'],
};

/** @type {Partial<Record<Problem['code'], Key>>} what to do about a problem */
const REMEDIES = {
  insecure: 'problemInsecureDo',
  blocked: 'checkBlockedDo',
  dismissed: 'problemDismissedDo',
  system: 'checkSystemDo',
  busy: 'problemBusyDo',
};

/**
 * Opens camera and microphone, each by itself if not both can be opened.
 * @param {DeviceEnvironment} env @returns {Promise<{row: Row, stop: () => void}>} stop closes them
 */
export async function checkDevices({secure, devices, permission}) {
  if (!secure || !devices?.getUserMedia) {
    const remedy = secure ? 'checkDevicesDo' : 'problemInsecureDo';
    return {row: row('fail', 'checkNoDevices', remedy), stop: () => {}};
  }
  /** @type {MediaStream[]} */ const streams = [];
  /** @type {Problem[]} */ const problems = [];
  /** @param {Problem['kind']} kind @returns {Promise<boolean>} */
  const open = async (kind) => {
    try {
      streams.push(await devices.getUserMedia({audio: kind !== 'video', video: kind !== 'audio'}));
      return true;
    } catch (error) {
      const name = kind === 'audio' ? 'microphone' : 'camera';
      problems.push(problemOf(error, kind, await permission(name)));
      return false;
    }
  };
  if (!(await open('both')) && !refused(problems)) {
    problems.length = 0;
    await open('audio');
    await open('video');
  }
  const stop = () =>
    streams.flatMap((stream) => stream.getTracks()).forEach((track) => track.stop());
  const [problem] = problems;
  if (!problem) return {row: row('ok', 'checkBothDevices'), stop};
  const kind = streams.length === 0 ? 'both' : problem.kind;
  const [text, usual] = ONLY[kind];
  return {
    row: row(kind === 'both' ? 'fail' : 'warn', text, REMEDIES[problem.code] ?? usual, {kind}),
    stop,
  };
}

/** Whoever has refused is not asked again. @param {Problem[]} problems */
const refused = (problems) =>
  problems.some(({code}) => ['blocked', 'dismissed', 'embedded'].includes(code));
