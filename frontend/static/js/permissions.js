/** What the browser says about the permissions of this page. */

/** @param {string} name @returns {Promise<PermissionStatus|null>} null = the browser does not say */
async function statusOf(name) {
  try {
    return await navigator.permissions.query({name: /** @type {PermissionName} */ (name)});
  } catch {
    return null;
  }
}

/** @param {string} name @returns {Promise<PermissionState|''>} '' = the browser does not say */
export const permissionOf = async (name) => (await statusOf(name))?.state ?? '';

/** The browser tells only of changes of an object that is in use. @type {PermissionStatus[]} */
const watched = [];

/** Notices when the user allows camera or microphone in the browser's own settings. @param {() => void} ongranted */
export async function onGranted(ongranted) {
  for (const name of ['camera', 'microphone']) {
    const status = await statusOf(name);
    if (!status) continue;
    watched.push(status);
    status.addEventListener('change', () => status.state === 'granted' && ongranted());
  }
}
