import {Chat} from './chat.js';
import {Files} from './files.js';
/** @import {CtlMessage, OfferFile, StopFile} from './ctl_messages.js' */
/** @import {Entry} from './chat.js' */
/** @import {FileStore} from './file_store.js' */
/** @import {Answer} from './files_received.js' */
/** @import {Digest} from './safety.js' */
/** @import {TalkMessage} from './talk.js' */
/** @import {Transfer} from './transfer.js' */

/**
 * Chat and files of a call. They belong to the pages at both ends, not to a connection: on a rebuilt one they go on,
 * and with another page they end.
 */

/**
 * What is known of the pair of this page and another one, as long as this page lives.
 * @typedef {object} Pair
 * @property {boolean} polite the role of this end
 * @property {number} chatSeen the largest id of a text of the other end
 * @property {number} fileSeen the same of its files
 * @property {Map<number, {offer: OfferFile, answer: Answer}>} answers that ended its last files
 * @property {StopFile[]} stops of the last files of this end that were stopped
 */

/**
 * @typedef {object} Connection
 * @property {string} pages names this page and the other one
 * @property {boolean} polite
 * @property {(message: CtlMessage) => boolean} tell
 * @property {RTCDataChannel} channel for files
 */

/**
 * @typedef {object} Options
 * @property {Digest|undefined} digest undefined = this page is not secure
 * @property {Pick<FileStore, 'placeFor'|'create'|'clear'>} store
 * @property {() => number} now ms since 1970
 * @property {() => void} onchange
 */

/** Pairs that are kept. Every reload of the other page makes one. */
const MAX_PAIRS = 64;

export class Conversation {
  /** @type {Map<string, Pair>} */ #pairs = new Map();
  /** @type {Pair|null} */ #pair = null;
  /** @type {Pair|null} */ #lastPair = null;
  #lastID = 0;
  #lastKey = 0;
  /** @type {Chat} */ chat;
  /** @type {Files} */ files;

  /** @param {Options} options */
  constructor({digest, store, now, onchange}) {
    const nextKey = () => ++this.#lastKey;
    const nextID = () => this.#nextID();
    this.chat = new Chat({nextKey, nextID, now, onchange});
    this.files = new Files({nextKey, nextID, digest, store, onchange});
  }

  get unread() {
    return this.chat.unread + this.files.unread;
  }

  get isEmpty() {
    return this.chat.entries.length === 0 && this.files.list.length === 0;
  }

  /** Texts and files in the order of time. @returns {(Entry|Transfer)[]} */
  get timeline() {
    return [...this.chat.entries, ...this.files.list].sort((a, b) => a.key - b.key);
  }

  /** The person has seen everything. */
  read() {
    this.chat.read();
    this.files.read();
  }

  /** Begins or continues with a page. @param {Connection} connection whose channels are open */
  connect(connection) {
    const {pages, polite, tell} = connection;
    const pair = this.#pairs.get(pages) ?? newPair(polite);
    this.#keep(pages, pair);
    if (this.#pair && this.#pair !== pair) this.part();
    if (this.#lastPair && this.#lastPair !== pair) this.chat.noteNewcomer();
    this.#pair = this.#lastPair = pair;
    this.chat.connect(pair, tell);
    this.files.connect(pair, connection);
  }

  /** The other page is gone. */
  part() {
    this.#pair = null;
    this.chat.part();
    this.files.part();
  }

  /** The call has ended. What was received can still be saved. */
  end() {
    this.part();
    this.chat.clear();
  }

  /** Another call begins. */
  clear() {
    this.#pair = this.#lastPair = null;
    this.chat.clear();
    this.files.clear();
  }

  /** @param {TalkMessage} message */
  receive(message) {
    if (message.type === 'chat' || message.type === 'got') this.chat.receive(message);
    else this.files.receive(message);
  }

  /** Ids are never given out twice: the other page may remember them from an earlier call. */
  #nextID() {
    const even = this.#pair?.polite === true;
    do this.#lastID++;
    while ((this.#lastID % 2 === 0) !== even);
    return this.#lastID;
  }

  /** @param {string} pages @param {Pair} pair */
  #keep(pages, pair) {
    this.#pairs.delete(pages);
    this.#pairs.set(pages, pair); // at the end, as the newest
    const [oldest = ''] = this.#pairs.keys();
    if (this.#pairs.size > MAX_PAIRS) this.#pairs.delete(oldest);
  }
}

/** @param {boolean} polite @returns {Pair} */
const newPair = (polite) => ({
  polite,
  chatSeen: 0,
  fileSeen: 0,
  answers: new Map(),
  stops: [],
});
