import {permissionOf} from '../permissions.js';
import {canCall} from '../support.js';
/** @import {Environment} from './run.js' */

/**
 * What a check needs of the browser.
 * @param {string} server URL of the server, without a slash at its end @param {string} token '' = none
 * @returns {Environment}
 */
export const environmentOf = (server, token) => ({
  server,
  token,
  fetch: (...request) => fetch(...request),
  WebSocket,
  PeerConnection: globalThis.RTCPeerConnection,
  canCall,
  secure: isSecureContext,
  devices: navigator.mediaDevices,
  permission: permissionOf,
  now: () => performance.now(),
  date: () => Date.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
});
