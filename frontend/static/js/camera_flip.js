/** @import {Device} from './device_choice.js' */

/**
 * Which camera is the other one: a phone has a front and a rear one, and several of these; any other device has a list.
 * @param {Pick<MediaTrackSettings, 'deviceId'|'facingMode'>} used settings of the camera in use
 * @param {Device[]} cameras
 * @returns {{facing: 'user'|'environment'}|{device: Device}|null} null = there is no other
 */
export function otherCamera({deviceId, facingMode}, cameras) {
  if (cameras.length < 2) return null;
  if (facingMode) return {facing: facingMode === 'environment' ? 'user' : 'environment'};
  const at = cameras.findIndex(({id}) => id === deviceId);
  const device = cameras[(at + 1) % cameras.length];
  return device ? {device} : null;
}
