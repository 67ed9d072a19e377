/** @import {Device, DeviceKind} from './device_choice.js' */
/** @import {Problem} from './problem.js' */

/**
 * @typedef {object} MediaState
 * @property {'idle'|'asking'|'done'} capture asking = the browser asks the user
 * @property {Record<DeviceKind, Device[]>} devices
 * @property {Record<DeviceKind, string>} selected ids of the devices in use; '' = the system's own choice
 * @property {boolean} audio whether the microphone is on
 * @property {boolean} video whether the camera is on
 * @property {boolean} hasAudio whether there is a microphone to switch on
 * @property {boolean} hasVideo
 * @property {boolean} mirror whether the camera faces the user
 * @property {boolean} screen whether the screen is shared
 * @property {Problem[]} problems at most one for each kind of device
 */

/** @param {MediaState['selected']} selected @returns {MediaState} before anything has been opened */
export const initialMedia = (selected) => ({
  capture: 'idle',
  devices: {audioinput: [], videoinput: [], audiooutput: []},
  selected,
  audio: false,
  video: false,
  hasAudio: false,
  hasVideo: false,
  mirror: true,
  screen: false,
  problems: [],
});
