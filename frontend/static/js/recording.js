import {loadModule} from './load.js';
/** @import {Session} from './record/session.js' */

/**
 * Recordings, as far as every page needs them: the modules are loaded with the first click, or when an earlier visit has
 * left a recording.
 */

/** @typedef {ConstructorParameters<typeof Session>[0]} Options */

/** The folder that record/shelf.js writes to. */
const FOLDER = 'recordings';
const SESSION = new URL('./record/session.js', import.meta.url);

export class Recording {
  /** null = not loaded yet. @type {Session|null} */ session = null;
  /** @type {Options} */ #options;
  /** @type {Promise<Session>|null} */ #loading = null;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** Begins a recording, or ends it. @param {() => void} onfailed the modules could not be loaded */
  async click(onfailed) {
    try {
      (await this.#load()).click();
    } catch (error) {
      console.warn('recording:', error); // The server is away, or a newer one has other modules.
      onfailed();
      this.#options.onchange();
    }
  }

  /** Finds what an earlier visit has recorded. @param {Pick<StorageManager, 'getDirectory'>|undefined} storage */
  async offer(storage) {
    const root = await storage?.getDirectory?.();
    const folder = await root?.getDirectoryHandle(FOLDER).catch(() => null); // There is none.
    if (!folder) return;
    const {done} = await folder.keys().next();
    if (!done) await (await this.#load()).load();
  }

  #load() {
    this.#loading ??= loadModule(SESSION, () => import('./record/session.js')).then(
      ({Session: Loaded}) => (this.session = new Loaded(this.#options)),
      (error) => {
        this.#loading = null;
        throw error;
      },
    );
    return this.#loading;
  }
}
