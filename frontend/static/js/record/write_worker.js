/**
 * Writes a recording into the private file system of the page. A worker can write so that each write counts at once;
 * what a page writes is lost unless the file is closed, as when the browser is killed.
 */
/** @import {Write} from './webm.js' */

/** What only workers have. @type {any} */ let file = null;

/** @type {Record<string, (request: any) => Promise<void>|void>} */
const operations = {
  open: async ({folder, name}) => {
    const root = await navigator.storage.getDirectory();
    const directory = await root.getDirectoryHandle(folder, {create: true});
    const handle = await directory.getFileHandle(name, {create: true});
    file = await /** @type {any} */ (handle).createSyncAccessHandle();
  },
  write: ({writes}) => {
    for (const {position, bytes} of /** @type {Write[]} */ (writes)) {
      if (file.write(bytes, {at: position}) < bytes.length)
        throw new DOMException('no more space', 'QuotaExceededError');
    }
    file.flush();
  },
  close: () => file?.close(),
};

addEventListener('message', async ({data}) => {
  try {
    await operations[data.operation]?.(data);
    postMessage(null);
  } catch (error) {
    postMessage(/** @type {Error} */ (error).name);
  }
});
