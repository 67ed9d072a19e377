import {later} from './deadline.js';
import {fingerprintsOf} from './fingerprints.js';
import {loadModule} from './load.js';
import {sha256} from './safety.js';
import {FIRST_FRAMES, TALK_DELAY} from './timeouts.js';
/** @import {Conversation} from './conversation.js' */
/** @import {Chat, CtlMessage, FileMessage, Got} from './ctl_messages.js' */

/**
 * Chat and files, as far as every call needs them: a call begins without their modules, which are loaded as soon as the
 * data channel is open. What comes before they are there waits.
 */

/** @typedef {Chat|Got|FileMessage} TalkMessage */

/**
 * @typedef {object} OpenLink
 * @property {number} link its number
 * @property {RTCPeerConnection} pc
 * @property {RTCCertificate|undefined} certificate of this end
 * @property {string} room
 * @property {string} peers ids of both ends
 * @property {boolean} polite
 * @property {(message: CtlMessage) => boolean} tell
 * @property {RTCDataChannel} channel for files
 */

/** @type {readonly string[]} */
const TYPES = [
  'chat',
  'got',
  'offer_file',
  'take',
  'refuse',
  'file_end',
  'file_ok',
  'file_bad',
  'stop_file',
];

/** @param {{type: string}} message @returns {message is TalkMessage} */
export const isTalkMessage = (message) => TYPES.includes(message.type);

const CONVERSATION = new URL('./conversation.js', import.meta.url);
const FILE_STORE = new URL('./file_store.js', import.meta.url);

/** Messages of the other end that may wait. */
const MAX_WAITING = 256;

export class Talk {
  /** null = not loaded yet. @type {Conversation|null} */ conversation = null;
  /** Whether the modules could not be loaded: a newer server has others. */
  failed = false;
  /** @type {() => void} */ #onchange;
  #load;
  #link = 0;
  #queue = Promise.resolve();
  #waiting = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {() => void} onchange @param {(onchange: () => void) => Promise<Conversation>} [load] */
  constructor(onchange, load = loadConversation) {
    this.#onchange = onchange;
    this.#load = load;
  }

  /** Goes on over a connection whose channels have just opened. @param {OpenLink} open */
  open(open) {
    const {link, pc, certificate, room, peers, polite, tell, channel} = open;
    this.#link = link;
    this.#enqueue(async () => {
      await this.#prepare();
      const prints =
        globalThis.crypto?.subtle && (await fingerprintsOf(pc, certificate).catch(() => null));
      if (this.#link !== link) return; // closed meanwhile
      // Without the certificates, pages are the same as long as the server says so.
      const pages = prints ? `${prints.own} ${prints.other}` : peers;
      this.conversation?.connect({pages: `${room} ${pages}`, polite, tell, channel});
    });
  }

  /** @param {number} link @param {TalkMessage} message */
  receive(link, message) {
    if (link !== this.#link || this.#waiting >= MAX_WAITING) return;
    this.#enqueue(() => this.conversation?.receive(message));
  }

  /** The other page is gone. */
  part() {
    this.#link = 0;
    this.#enqueue(() => this.conversation?.part());
  }

  /** The call has ended. */
  end() {
    this.#link = 0;
    this.#enqueue(() => this.conversation?.end());
  }

  /** Another call begins. */
  clear() {
    this.#enqueue(() => this.conversation?.clear());
  }

  /** Resolves when everything so far has been handled. */
  idle() {
    return this.#queue;
  }

  async #prepare() {
    try {
      this.conversation ??= await this.#load(() => this.#changed());
      this.failed = false;
    } catch (error) {
      this.failed = true;
      this.#changed();
      throw error;
    }
  }

  /** Reports many changes at once. */
  #changed() {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#onchange();
    }, TALK_DELAY);
  }

  /** Does one after the other. @param {() => Promise<void>|void} work */
  #enqueue(work) {
    this.#waiting++;
    this.#queue = this.#queue
      .then(work)
      .catch((error) => console.warn('chat:', error))
      .finally(() => this.#waiting--);
  }
}

/** @param {() => void} onchange @returns {Promise<Conversation>} */
async function loadConversation(onchange) {
  await later(FIRST_FRAMES); // It would hold them up.
  const [{Conversation: Loaded}, {FileStore}] = await Promise.all([
    loadModule(CONVERSATION, () => import('./conversation.js')),
    loadModule(FILE_STORE, () => import('./file_store.js')),
  ]);
  const {navigator: {storage, locks} = {}, crypto} = globalThis;
  const store = new FileStore(storage, locks);
  void store.sweep().catch(() => {}); // as in a private window of Firefox
  return new Loaded({
    digest: crypto?.subtle && sha256,
    store,
    now: () => Date.now(),
    onchange,
  });
}
