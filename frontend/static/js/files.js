import {ReceivedFiles} from './files_received.js';
import {SentFiles} from './files_sent.js';
import {hasEnded} from './transfer.js';
/** @import {FileMessage} from './ctl_messages.js' */
/** @import {Connection, Pair} from './conversation.js' */
/** @import {FileStore} from './file_store.js' */
/** @import {Digest} from './safety.js' */
/** @import {Transfer} from './transfer.js' */

/** The files of a call, in both directions, without touching the page. docs/call.md has the rules. */

/**
 * @typedef {object} Options
 * @property {() => number} nextKey
 * @property {() => number} nextID
 * @property {Digest|undefined} digest undefined = this page is not secure, so it cannot check files
 * @property {Pick<FileStore, 'placeFor'|'create'|'clear'>} store
 * @property {() => void} onchange
 */

/** Files that are listed. */
const MAX_LISTED = 200;

export class Files {
  /** @type {Options} */ #options;
  /** @type {SentFiles} */ #sent;
  /** @type {ReceivedFiles} */ #received;
  /** @type {RTCDataChannel|null} */ #channel = null;
  #receive = (/** @type {MessageEvent} */ {data}) => this.#received.receivePiece(data);

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    const {nextKey, nextID, digest, store} = options;
    const onchange = () => this.#changed();
    const none = () => Promise.reject(new Error('no way to hash'));
    this.#sent = new SentFiles({nextKey, nextID, digest: digest ?? none, onchange});
    const onviolation = () => this.#breakOff();
    this.#received = new ReceivedFiles({nextKey, digest, store, onviolation, onchange});
  }

  /** Whether files can be sent now. */
  get open() {
    return this.#options.digest !== undefined && this.#channel?.readyState === 'open';
  }

  /** Whether this page can send and receive files at all. */
  get supported() {
    return this.#options.digest !== undefined;
  }

  /** In no order. @returns {Transfer[]} */
  get list() {
    return [...this.#sent.list, ...this.#received.list];
  }

  get unread() {
    return this.#received.unread;
  }

  /** The person has seen everything. */
  read() {
    this.#received.unread = 0;
  }

  /** Offers files to the other side, and returns how many of them there was room for. @param {readonly File[]} files */
  offer(files) {
    return this.open ? this.#sent.offer(files) : 0;
  }

  /** @param {number} key */
  take(key) {
    const transfer = this.#find(key);
    return transfer && !transfer.own ? this.#received.take(transfer) : Promise.resolve();
  }

  /** Stops a file, or refuses it. @param {number} key */
  stop(key) {
    const transfer = this.#find(key);
    if (!transfer || hasEnded(transfer)) return;
    if (transfer.own) this.#sent.stop(transfer);
    else this.#received.stop(transfer);
  }

  /** Offers a file anew. @param {number} key */
  again(key) {
    const transfer = this.#find(key);
    if (transfer?.own && this.open) this.#sent.again(transfer);
  }

  /** Returns a received file to be saved. @param {number} key */
  save(key) {
    const transfer = this.#find(key);
    if (!transfer?.blob) return null;
    transfer.saved = true;
    this.#changed();
    return {name: transfer.name, blob: transfer.blob};
  }

  /** @param {FileMessage} message */
  receive(message) {
    switch (message.type) {
      case 'stop_file': // It can be the one or the other.
        this.#sent.receive(message);
        this.#received.receive(message);
        break;
      case 'offer_file':
      case 'file_end':
        this.#received.receive(message);
        break;
      default:
        this.#sent.receive(message);
    }
  }

  /** @param {Pair} pair @param {Pick<Connection, 'tell'|'channel'>} connection */
  connect(pair, {tell, channel}) {
    this.#listen(channel);
    this.#received.connect(pair, tell);
    this.#sent.connect(pair, tell, channel);
    this.#changed();
  }

  /** The other page is gone. */
  part() {
    this.#listen(null);
    this.#sent.part();
    this.#received.part();
    this.#changed();
  }

  /** Forgets everything, and removes what was received. */
  clear() {
    this.part();
    for (const transfer of this.list) this.#remove(transfer);
    this.read();
    void this.#options.store.clear();
  }

  /** @param {RTCDataChannel|null} channel */
  #listen(channel) {
    this.#channel?.removeEventListener('message', this.#receive);
    this.#channel = channel;
    if (channel) channel.binaryType = 'arraybuffer';
    channel?.addEventListener('message', this.#receive);
    channel?.addEventListener('close', () => this.#changed());
  }

  /** An end broke the rules. The call goes on. */
  #breakOff() {
    console.warn('file: a message that is against the rules');
    this.#sent.breakOff();
    this.#received.breakOff();
    this.#channel?.close();
    this.#changed();
  }

  /** @param {number} key */
  #find(key) {
    return this.list.find((transfer) => transfer.key === key);
  }

  /** @param {Transfer} transfer */
  #remove(transfer) {
    if (transfer.own) this.#sent.remove(transfer);
    else this.#received.remove(transfer);
  }

  #changed() {
    // What was received and not saved stays, as far as there is room for it.
    const all = this.list.sort((a, b) => a.key - b.key);
    const excess = all.length - MAX_LISTED;
    if (excess > 0) {
      const old = all.filter((transfer) => hasEnded(transfer));
      const lost = old.filter(({blob, saved}) => !blob || saved);
      for (const transfer of lost.slice(0, excess)) this.#remove(transfer);
    }
    this.#options.onchange();
  }
}
