/** The workers of a recording. */

const URLS = Object.freeze({
  tick: new URL('./tick_worker.js', import.meta.url).href,
  write: new URL('./write_worker.js', import.meta.url).href,
});

/** @typedef {keyof typeof URLS} WorkerName */

/** Trusted Types let no text become the address of a script, except by this policy: it gives out these two alone. */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('callbox-workers', {
  createScriptURL: (/** @type {WorkerName} */ name) => URLS[name],
});

/** @param {WorkerName} name @returns {Worker} */
export const startWorker = (name) =>
  new Worker(policy ? policy.createScriptURL(name) : URLS[name], {type: 'module'});
