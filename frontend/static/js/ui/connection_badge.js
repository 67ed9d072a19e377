import {loadModule} from '../load.js';
/** @import {Model} from './dom.js' */

/** Opens the connection panel. Its modules and styles are loaded when it is opened for the first time. */

const MODULE = new URL('./connection.js', import.meta.url);
/** @type {typeof import('./connection.js')|null} */ let panel = null;
/** @type {Promise<typeof import('./connection.js')>|null} */ let loading = null;

async function load() {
  const loaded = await loadModule(MODULE, () => import('./connection.js'));
  await loaded.prepare();
  return loaded;
}

/** @param {() => Model|null} model @returns {Promise<boolean>} whether it could be loaded */
export async function openConnection(model) {
  try {
    panel ??= await (loading ??= load().finally(() => (loading = null)));
  } catch {
    return false; // The server is away, or a newer one has other modules.
  }
  const now = model();
  if (now?.screen === 'call') panel.open(now);
  return true;
}

/** @param {Model} model */
export const renderConnection = (model) => panel?.render(model);

/** @param {Model|null} model */
export const copyConnection = (model) => model && panel?.copyReport(model);
