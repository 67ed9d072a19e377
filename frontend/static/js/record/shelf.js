import {readDuration} from './webm.js';
/** @import {Medium} from './machine.js' */
/** @import {Sink} from './sinks.js' */

/**
 * The recordings in the private file system of the page, until the person has saved or deleted them. They outlive the
 * page: a tab that was killed leaves its recording to the next visit.
 */

/**
 * @typedef {object} Kept a recording that is complete
 * @property {string} name of its file, when it is saved
 * @property {number} at when it began, ms since 1970
 * @property {number} bytes
 * @property {number} duration ms, 0 = unknown
 * @property {Medium} medium
 * @property {boolean} saved
 * @property {() => Promise<Blob>} open
 * @property {() => Promise<void>} markSaved
 * @property {() => Promise<void>} remove
 */

/**
 * @typedef {object} Environment
 * @property {Pick<StorageManager, 'getDirectory'|'estimate'>|undefined} storage
 * @property {LockManager|undefined} locks
 * @property {(name: 'write') => Worker} startWorker
 * @property {() => number} now ms since 1970
 */

/** The folder with the recordings. */
export const FOLDER = 'recordings';
/** Beside the recording of the same name: it has been saved. */
const SAVED = '.saved';
/** A saved recording is kept for so long, because the browser may still be copying it. */
const SAVED_FOR = 3600_000;
/** With less space a recording is not begun here. */
const LEAST_SPACE = 200e6;
/** The header of a recording is within its first bytes. */
const HEAD = 1 << 12;

/** Colons are not possible in all names. @param {number} at @param {string} extension */
const nameOf = (at, extension) => `${new Date(at).toISOString().replaceAll(':', '-')}.${extension}`;

/** @param {string} name @returns {number} ms since 1970; NaN for another file */
function timeOf(name) {
  const [, day, hour, minute, second] =
    /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3}Z)\.\w+$/.exec(name) ?? [];
  return Date.parse(`${day}T${hour}:${minute}:${second}`);
}

/** The name of a recording for people, in the time of their place. @param {number} at @param {string} extension */
export function fileNameOf(at, extension) {
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const time = new Date(at);
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `callbox-${day}-${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}.${extension}`;
}

/** @param {string} name */
const lockOf = (name) => `${FOLDER} ${name}`;

export class Shelf {
  /** @type {Environment} */ #env;

  /** @param {Environment} env */
  constructor(env) {
    this.#env = env;
  }

  /** Makes room for a recording; null = this browser has none. @param {number} at @param {string} extension @returns {Promise<Sink|null>} */
  async create(at, extension) {
    const {storage, locks} = this.#env;
    if (!storage?.getDirectory || !locks) return null;
    try {
      const {quota = Infinity, usage = 0} = (await storage.estimate?.()) ?? {};
      if (quota - usage < LEAST_SPACE) return null;
      return await this.#sink(nameOf(at, extension), locks);
    } catch {
      return null; // As in a private window of Firefox.
    }
  }

  /** Returns the recordings that nobody is writing, the newest first. @returns {Promise<Kept[]>} */
  async list() {
    const folder = await this.#folder().catch(() => null);
    if (!folder) return [];
    /** @type {string[]} */ const names = [];
    for await (const name of folder.keys()) names.push(name);
    /** @type {Kept[]} */ const list = [];
    for (const name of names) {
      if (Number.isNaN(timeOf(name))) continue;
      await this.#env.locks?.request(
        lockOf(name),
        {mode: 'shared', ifAvailable: true},
        async (lock) => {
          const kept = lock && (await this.#keep(folder, name, names));
          if (kept) list.push(kept);
        },
      );
    }
    return list.sort((a, b) => b.at - a.at);
  }

  async #folder() {
    const root = await this.#env.storage?.getDirectory?.();
    return root?.getDirectoryHandle(FOLDER);
  }

  /** @param {FileSystemDirectoryHandle} folder @param {string} name @param {string[]} names of all files @returns {Promise<Kept|null>} */
  async #keep(folder, name, names) {
    const marker = name + SAVED;
    const remove = async () => {
      await folder.removeEntry(name).catch(() => {});
      await folder.removeEntry(marker).catch(() => {});
    };
    if (names.includes(marker)) {
      const {lastModified} = await (await folder.getFileHandle(marker)).getFile();
      if (this.#env.now() - lastModified > SAVED_FOR) await remove();
      return null;
    }
    const handle = await folder.getFileHandle(name);
    const file = await handle.getFile();
    if (file.size > 0)
      return keptOf(file, name, {
        open: () => handle.getFile(),
        markSaved: async () => void (await folder.getFileHandle(marker, {create: true})),
        remove,
      });
    await remove();
    return null;
  }

  /** @param {string} name @param {LockManager} locks @returns {Promise<Sink>} */
  async #sink(name, locks) {
    const release = await hold(locks, lockOf(name));
    /** @type {Writer|null} */ let writer = null;
    const end = async () => {
      await writer?.close().catch(() => {}); // What is written is written.
      await release();
    };
    try {
      writer = new Writer(this.#env.startWorker('write'));
      await writer.ask('open', {folder: FOLDER, name});
    } catch (error) {
      await end();
      throw error;
    }
    const {ask} = writer;
    return {
      medium: 'disk',
      write: (writes) => ask('write', {writes}),
      close: async () => {
        await end();
        const handle = await (await this.#folder())?.getFileHandle(name);
        if (!handle) throw new DOMException('the recording is gone', 'NotFoundError');
        return handle.getFile();
      },
      discard: async () => {
        await end();
        await (await this.#folder())?.removeEntry(name);
      },
    };
  }
}

/** The worker that writes one file, see write_worker.js. It is asked for one thing after the other. */
class Writer {
  /** @type {Worker} */ #worker;
  #failed = false;

  /** @param {Worker} worker */
  constructor(worker) {
    this.#worker = worker;
  }

  /** @param {string} operation @param {object} [more] @returns {Promise<void>} */
  ask = (operation, more) =>
    new Promise((resolve, reject) => {
      this.#worker.onmessage = ({data}) =>
        data === null ? resolve() : reject(new DOMException(operation, data));
      this.#worker.onerror = () => {
        this.#failed = true; // It could not be loaded, and answers nothing.
        reject(new Error('the worker has failed'));
      };
      this.#worker.postMessage({operation, ...more});
    });

  async close() {
    try {
      if (!this.#failed) await this.ask('close');
    } finally {
      this.#worker.terminate();
    }
  }
}

/** @param {File} file @param {string} name @param {Pick<Kept, 'open'|'markSaved'|'remove'>} actions @returns {Promise<Kept>} */
async function keptOf(file, name, actions) {
  const at = timeOf(name);
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const extension = name.split('.').at(-1) ?? '';
  return {
    name: fileNameOf(at, extension),
    at,
    bytes: file.size,
    duration: readDuration(head),
    medium: 'disk',
    saved: false,
    ...actions,
  };
}

/** Holds a lock until the returned function is called. @param {LockManager} locks @param {string} name @returns {Promise<() => Promise<void>>} */
const hold = (locks, name) =>
  new Promise((resolve, reject) => {
    const held = locks.request(
      name,
      () =>
        new Promise((end) =>
          resolve(async () => {
            end(undefined);
            await held;
          }),
        ),
    );
    held.catch(reject);
  });
