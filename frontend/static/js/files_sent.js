import {cleanName, MAX_FILES} from './file_pieces.js';
import {BlockReader, Sending} from './file_sending.js';
import {endTransfer, hasEnded, newTransfer} from './transfer.js';
/** @import {CtlMessage, FileBad, FileOK, Refuse, StopFile, Take} from './ctl_messages.js' */
/** @import {Pair} from './conversation.js' */
/** @import {Digest} from './safety.js' */
/** @import {Transfer} from './transfer.js' */

/** The files that this end sends. Four are offered at once, and the others wait. */

/**
 * @typedef {object} Options
 * @property {() => number} nextKey
 * @property {() => number} nextID
 * @property {Digest} digest
 * @property {() => void} onchange
 */

/** Files that may wait or be under way. */
const MAX_QUEUE = 100;

export class SentFiles {
  /** @type {Options} */ #options;
  /** @type {Map<Transfer, {file: File, reader: BlockReader}>} */ #sources = new Map();
  /** @type {Pair|null} */ #pair = null;
  /** @type {(message: CtlMessage) => boolean} */ #tell = () => false;
  /** @type {Sending|null} */ #sending = null;
  /** What was taken on this connection. @type {Set<number>} */ #taken = new Set();
  /** The oldest first. @type {Transfer[]} */ list = [];

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  get #current() {
    return this.list.filter((transfer) => !hasEnded(transfer));
  }

  /** Offers files to the other side, and returns how many of them there was room for. @param {readonly File[]} files */
  offer(files) {
    const room = this.#pair ? MAX_QUEUE - this.#current.length : 0;
    const taken = files.slice(0, Math.max(0, room));
    for (const file of taken) {
      const {nextKey, digest} = this.#options;
      const name = cleanName(file.name);
      /** @type {Transfer['offer']} */
      const offer = {type: 'offer_file', id: 0, name, size: file.size, mime: mimeOf(file)};
      const transfer = newTransfer({key: nextKey(), own: true, offer, name, state: 'queued'});
      this.#sources.set(transfer, {file, reader: new BlockReader(file, digest)});
      this.list.push(transfer);
    }
    this.#offerNext();
    this.#options.onchange();
    return taken.length;
  }

  /** Offers a file anew that did not arrive. @param {Transfer} transfer */
  again(transfer) {
    const source = this.#sources.get(transfer);
    if (!source || !hasEnded(transfer) || this.offer([source.file]) === 0) return;
    this.remove(transfer);
    this.#options.onchange();
  }

  /** @param {Transfer} transfer */
  stop(transfer) {
    if (transfer.offer.id > 0) this.#tellStop(transfer.offer.id);
    this.#end(transfer, 'stopped', 'here');
  }

  /** Removes a file that has ended. @param {Transfer} transfer */
  remove(transfer) {
    this.list = this.list.filter((other) => other !== transfer);
    this.#sources.delete(transfer);
  }

  /** @param {Take|Refuse|FileOK|FileBad|StopFile} message */
  receive(message) {
    const transfer = this.#current.find(({offer}) => offer.id === message.id);
    if (!transfer) return; // It has ended, and the messages have crossed.
    const {type} = message;
    if (type === 'take') this.#take(transfer, message.offset);
    else if (type === 'refuse') this.#end(transfer, 'refused');
    else if (type === 'stop_file') this.#end(transfer, 'stopped', 'there');
    else if (transfer.state !== 'checking') return;
    else if (type === 'file_bad') this.#end(transfer, 'failed', 'damaged');
    else {
      transfer.state = 'done';
      this.#offerNext();
    }
    this.#options.onchange();
  }

  /** @param {Pair} pair @param {(message: CtlMessage) => boolean} tell @param {RTCDataChannel} channel */
  connect(pair, tell, channel) {
    this.disconnect();
    this.#pair = pair;
    this.#tell = tell;
    this.#sending = new Sending(channel, {
      onprogress: (id, bytes) => this.#progress(id, bytes),
      onblock: () => this.#options.onchange(),
      onsent: (id, sha256) => this.#sent(id, sha256),
      onunreadable: (id) => this.#unreadable(id),
    });
    for (const message of pair.stops) tell(message); // They may be lost, and what was stopped is not offered again.
    // How much of it has arrived, the other end says.
    for (const {offer} of this.#current) if (offer.id > 0) tell(offer);
    this.#offerNext();
  }

  /** Nothing goes on until connect is called. */
  disconnect() {
    this.#sending?.stop();
    this.#sending = null;
    this.#tell = () => false;
    this.#taken.clear();
  }

  /** The other page is gone. */
  part() {
    this.disconnect();
    this.#pair = null;
    for (const transfer of this.#current) endTransfer(transfer, 'failed', 'gone');
  }

  /** Ends everything, because an end broke the rules. */
  breakOff() {
    for (const transfer of this.#current) {
      if (transfer.offer.id > 0) this.#tellStop(transfer.offer.id);
      endTransfer(transfer, 'failed', 'broken');
    }
    this.#sending?.stop();
    this.#sending = null;
  }

  #offerNext() {
    const offered = () => this.#current.filter(({state}) => state !== 'queued').length;
    while (this.#sending && offered() < MAX_FILES) {
      const transfer = this.#current.find(({state}) => state === 'queued');
      if (!transfer) return;
      transfer.offer.id = this.#options.nextID();
      transfer.state = 'offered';
      this.#tell(transfer.offer);
    }
  }

  /** @param {Transfer} transfer @param {number} offset */
  #take(transfer, offset) {
    const source = this.#sources.get(transfer);
    const {id} = transfer.offer;
    if (!source || !this.#sending || this.#taken.has(id)) return;
    if (offset > source.reader.sent) {
      this.#tellStop(id);
      this.#end(transfer, 'failed', 'broken');
      return;
    }
    this.#taken.add(id);
    transfer.state = 'moving';
    transfer.bytes = offset;
    this.#sending.start({id, reader: source.reader}, offset);
  }

  /** @param {number} id @param {number} bytes */
  #progress(id, bytes) {
    const transfer = this.#current.find(({offer}) => offer.id === id);
    if (transfer) transfer.bytes = bytes;
  }

  /** @param {number} id @param {string} sha256 */
  #sent(id, sha256) {
    const transfer = this.#current.find(({offer}) => offer.id === id);
    if (!transfer) return;
    transfer.state = 'checking';
    this.#tell({type: 'file_end', id, sha256});
    this.#options.onchange();
  }

  /** @param {number} id */
  #unreadable(id) {
    const transfer = this.#current.find(({offer}) => offer.id === id);
    if (!transfer) return;
    this.#tellStop(id);
    this.#end(transfer, 'failed', 'unreadable');
  }

  /** @param {Transfer} transfer @param {'refused'|'stopped'|'failed'} state @param {Transfer['reason']} [reason] */
  #end(transfer, state, reason) {
    endTransfer(transfer, state, reason);
    this.#sending?.remove(transfer.offer.id);
    this.#offerNext();
    this.#options.onchange();
  }

  /** @param {number} id of a file that was offered */
  #tellStop(id) {
    /** @type {StopFile} */ const message = {type: 'stop_file', id};
    this.#tell(message);
    const stops = this.#pair?.stops ?? [];
    stops.push(message);
    if (stops.length > MAX_FILES) stops.shift();
  }
}

/** Returns the media type of a file, if it is fit to be sent. @param {File} file */
const mimeOf = ({type}) => (/^[\x20-\x7e]{0,255}$/.test(type) ? type : '');
