import {permissionOf} from '../permissions.js';

/**
 * Reports whether the page is in a frame that may not use a device, whatever the user says. Firefox does not say whose
 * fault it is, so there it is the frame's: in a tab of its own the page finds out.
 * @param {string} feature as in the `allow` of a frame
 */
function isKeptOut(feature) {
  if (parent === window) return false;
  /** @type {{allowsFeature(name: string): boolean}|undefined} */
  const policy = Reflect.get(document, 'featurePolicy');
  return policy ? !policy.allowsFeature(feature) : true;
}

/**
 * @param {string} name
 * @returns {Promise<PermissionState|'policy'|''>} policy = the site around the frame has not passed the permission on
 */
export async function permissionHere(name) {
  const state = await permissionOf(name);
  return state === 'denied' && isKeptOut(name) ? 'policy' : state;
}
