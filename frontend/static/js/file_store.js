/** @import {Bytes} from './file_pieces.js' */

/**
 * Where received files are kept until the person saves them: in the private file system of the page, which is on disk,
 * or in memory where a browser has none.
 */

/**
 * @typedef {object} Sink
 * @property {(position: number, bytes: Bytes) => Promise<void>} write
 * @property {() => Promise<Blob>} finish
 * @property {() => Promise<void>} discard
 */

/** @typedef {'disk'|'memory'|'none'} Place none = there is not enough room */

/** Bytes that all files in memory may have. */
export const MAX_MEMORY = 100e6;
const FOLDER = 'received-';
/** Nothing that was received is what the sender says: neither browser nor system may open it by its type. */
const TYPE = 'application/octet-stream';

export class FileStore {
  /** @type {Pick<StorageManager, 'getDirectory'|'estimate'>|undefined} */ #storage;
  /** @type {LockManager|undefined} */ #locks;
  /** @type {Promise<FileSystemDirectoryHandle|null>|null} */ #folder = null;
  /** @type {FileSystemDirectoryHandle|null} */ #root = null;
  #folderName = FOLDER + crypto.randomUUID();
  #files = 0;
  #memory = 0;

  /** @param {Pick<StorageManager, 'getDirectory'|'estimate'>|undefined} storage @param {LockManager|undefined} locks */
  constructor(storage, locks) {
    this.#storage = storage;
    this.#locks = locks;
  }

  /** Says where a file of this size would be kept. @param {number} size @returns {Promise<Place>} */
  async placeFor(size) {
    if (await this.#open()) {
      const {quota = Infinity, usage = 0} = (await this.#storage?.estimate?.()) ?? {};
      return size <= quota - usage ? 'disk' : 'none';
    }
    return this.#memory + size <= MAX_MEMORY ? 'memory' : 'none';
  }

  /** Makes room for a file. @param {number} size @returns {Promise<Sink>} */
  async create(size) {
    const place = await this.placeFor(size);
    if (place === 'none') throw new Error('not enough room');
    const folder = await this.#open();
    return folder ? diskSink(folder, String(++this.#files)) : this.#memorySink(size);
  }

  /** Removes the files of this page, at once: it may be going away. */
  async clear() {
    this.#memory = 0;
    this.#folder = null;
    await this.#root?.removeEntry(this.#folderName, {recursive: true}).catch(() => {});
  }

  /** Removes the files of pages that are gone. */
  async sweep() {
    if (!this.#locks) return;
    const root = await this.#storage?.getDirectory?.();
    if (root) await this.#removeOthers(root);
  }

  /** Opens the folder of this page. */
  #open() {
    this.#folder ??= this.#makeFolder().catch(() => null); // as in a private window of Firefox
    return this.#folder;
  }

  async #makeFolder() {
    if (!this.#storage?.getDirectory || !this.#locks) return null;
    const root = await this.#storage.getDirectory();
    await this.#hold();
    const folder = await root.getDirectoryHandle(this.#folderName, {create: true});
    // A browser may have the file system, but not this way to write to it.
    if (!('createWritable' in FileSystemFileHandle.prototype)) return null;
    this.#root = root;
    return folder;
  }

  /** Holds the lock that says that this page lives. */
  #hold() {
    return new Promise((resolve) => {
      const held = new Promise(() => {});
      void this.#locks?.request(this.#folderName, {mode: 'shared'}, () => (resolve(null), held));
    });
  }

  /** @param {FileSystemDirectoryHandle} root */
  async #removeOthers(root) {
    for await (const name of root.keys()) {
      if (!name.startsWith(FOLDER) || name === this.#folderName) continue;
      await this.#locks?.request(name, {ifAvailable: true}, async (lock) => {
        if (lock) await root.removeEntry(name, {recursive: true}).catch(() => {});
      });
    }
  }

  /** @param {number} size @returns {Sink} */
  #memorySink(size) {
    /** @type {Map<number, Bytes>} */ const blocks = new Map();
    if (this.#memory + size > MAX_MEMORY) throw new Error('not enough memory');
    this.#memory += size;
    let held = size;
    return {
      write: async (position, bytes) => void blocks.set(position, bytes),
      finish: async () => {
        const blob = new Blob([...blocks.values()], {type: TYPE});
        blocks.clear();
        return blob;
      },
      discard: async () => {
        blocks.clear();
        this.#memory = Math.max(0, this.#memory - held);
        held = 0;
      },
    };
  }
}

/** @param {FileSystemDirectoryHandle} folder @param {string} name @returns {Promise<Sink>} */
async function diskSink(folder, name) {
  const handle = await folder.getFileHandle(name, {create: true});
  const writable = await handle.createWritable();
  return {
    write: (position, data) => writable.write({type: 'write', position, data}),
    finish: async () => {
      await writable.close();
      const file = await handle.getFile();
      return file.slice(0, file.size, TYPE);
    },
    discard: async () => {
      await writable.abort().catch(() => {}); // closed already
      await folder.removeEntry(name).catch(() => {});
    },
  };
}
