import {cleanName, decodePiece, MAX_FILES} from './file_pieces.js';
import {Receiving} from './file_receiving.js';
import {endTransfer, hasEnded, newTransfer} from './transfer.js';
/** @import {CtlMessage, FileBad, FileEnd, FileOK, OfferFile, Refuse, StopFile} from './ctl_messages.js' */
/** @import {Pair} from './conversation.js' */
/** @import {FileStore} from './file_store.js' */
/** @import {Digest} from './safety.js' */
/** @import {Transfer} from './transfer.js' */

/** The files that the other end sends, none of which is taken before the person says so. */

/** @typedef {Refuse|FileOK|FileBad|StopFile} Answer that ends a file */

/**
 * @typedef {object} Options
 * @property {() => number} nextKey
 * @property {Digest|undefined} digest undefined = this page cannot check files, so it takes none
 * @property {Pick<FileStore, 'placeFor'|'create'>} store
 * @property {() => void} onviolation
 * @property {() => void} onchange
 */

/** Answers that are remembered for the other end, which may not have got them. */
const MAX_ANSWERS = 4;

export class ReceivedFiles {
  /** @type {Options} */ #options;
  /** @type {Pair|null} */ #pair = null;
  /** @type {(message: CtlMessage) => boolean} */ #tell = () => false;
  /** @type {Map<Transfer, Receiving>} */ #receiving = new Map();
  /** What was taken on this connection, by id. @type {Map<number, Transfer>} */ #taken = new Map();
  #closed = false;
  /** The oldest first. @type {Transfer[]} */ list = [];
  /** How many offers the person has not seen. */
  unread = 0;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  get #current() {
    return this.list.filter((transfer) => !hasEnded(transfer));
  }

  /** Takes an offered file. @param {Transfer} transfer */
  async take(transfer) {
    const {store, digest} = this.#options;
    const fits = transfer.place === 'disk' || transfer.place === 'memory';
    if (transfer.state !== 'offered' || !fits || !digest) return;
    transfer.state = 'moving';
    this.#options.onchange();
    try {
      const sink = await store.create(transfer.size);
      const receiving = new Receiving(transfer.size, sink, digest, (end, blob) =>
        this.#verdict(transfer, end, blob),
      );
      if (hasEnded(transfer)) receiving.discard();
      else {
        this.#receiving.set(transfer, receiving);
        this.#ask(transfer);
      }
    } catch (error) {
      console.warn('file:', error);
      this.#verdict(transfer, 'storage', null);
    }
  }

  /** Stops a file, or refuses one that was not taken. @param {Transfer} transfer */
  stop(transfer) {
    const {id} = transfer.offer;
    if (transfer.state === 'offered') this.#end(transfer, 'refused', {type: 'refuse', id});
    else this.#end(transfer, 'stopped', {type: 'stop_file', id}, 'here');
  }

  /** Removes a file that has ended. @param {Transfer} transfer */
  remove(transfer) {
    this.list = this.list.filter((other) => other !== transfer);
    this.#receiving.get(transfer)?.discard();
    this.#receiving.delete(transfer);
  }

  /** @param {OfferFile|FileEnd|StopFile} message */
  receive(message) {
    const pair = this.#pair;
    if (!pair) return;
    if (message.type === 'offer_file') {
      this.#offered(pair, message);
      return;
    }
    const transfer = this.#current.find(({offer}) => offer.id === message.id);
    if (!transfer) return;
    if (message.type === 'stop_file') this.#end(transfer, 'stopped', message, 'there', false);
    else if (this.#taken.has(message.id)) {
      this.#receiving.get(transfer)?.finish(message.sha256);
      this.#checkComplete(transfer);
    }
  }

  /** @param {unknown} data a message of the channel */
  receivePiece(data) {
    if (this.#closed) return;
    const piece = decodePiece(data);
    const transfer = piece && this.#taken.get(piece.id);
    if (!piece || !transfer) {
      this.#options.onviolation();
      return;
    }
    if (hasEnded(transfer)) return; // These bytes were under way.
    const receiving = this.#receiving.get(transfer);
    if (!receiving?.write(piece.offset, piece.content)) {
      this.#options.onviolation();
      return;
    }
    transfer.bytes = receiving.received;
    this.#checkComplete(transfer);
  }

  /** @param {Pair} pair @param {(message: CtlMessage) => boolean} tell */
  connect(pair, tell) {
    this.disconnect();
    this.#pair = pair;
    this.#tell = tell;
    this.#closed = false;
  }

  /** Nothing goes on until connect is called. */
  disconnect() {
    this.#tell = () => false;
    this.#taken.clear();
    this.#closed = true;
  }

  /** The other page is gone. */
  part() {
    this.disconnect();
    for (const transfer of this.#current)
      this.#end(transfer, 'failed', {type: 'stop_file', id: transfer.offer.id}, 'gone');
    this.#pair = null;
  }

  /** Ends everything, because an end broke the rules. Nothing more is taken on this connection. */
  breakOff() {
    this.#closed = true;
    for (const transfer of this.#current)
      this.#end(transfer, 'failed', {type: 'stop_file', id: transfer.offer.id}, 'broken');
  }

  /** @param {Pair} pair @param {OfferFile} offer */
  #offered(pair, offer) {
    const {id} = offer;
    const known = this.#current.find((transfer) => transfer.offer.id === id);
    const answered = pair.answers.get(id);
    const before = known?.offer ?? answered?.offer;
    const ofOwnKind = id % 2 === (pair.polite ? 0 : 1);
    if (ofOwnKind || (before && !isSame(before, offer))) this.#options.onviolation();
    else if (answered) this.#tell(answered.answer);
    else if (known) this.#ask(known);
    else if (id <= pair.fileSeen) this.#tell({type: 'refuse', id});
    else this.#add(pair, offer);
  }

  /** @param {Pair} pair @param {OfferFile} offer */
  #add(pair, offer) {
    pair.fileSeen = offer.id;
    const {nextKey, digest, store, onchange, onviolation} = this.#options;
    if (this.#closed || !digest) {
      const answer = {type: /** @type {const} */ ('refuse'), id: offer.id};
      this.#remember(offer, answer);
      this.#tell(answer);
      return;
    }
    if (this.#current.length >= MAX_FILES) {
      onviolation();
      return;
    }
    const name = cleanName(offer.name);
    const transfer = newTransfer({key: nextKey(), own: false, offer, name, state: 'offered'});
    this.list.push(transfer);
    this.unread++;
    store.placeFor(offer.size).then(
      (place) => {
        transfer.place = place;
        onchange();
      },
      () => (transfer.place = 'none'),
    );
    onchange();
  }

  /** Asks for the bytes of a file that was taken, if it can be received now. @param {Transfer} transfer */
  #ask(transfer) {
    const {id} = transfer.offer;
    const receiving = this.#receiving.get(transfer);
    // While the hash is compared there is nothing to ask for.
    if (!receiving || receiving.complete || this.#taken.has(id)) return;
    const offset = receiving.rewind();
    if (!this.#tell({type: 'take', id, offset})) return;
    this.#taken.set(id, transfer);
    transfer.state = 'moving';
    transfer.bytes = offset;
  }

  /** @param {Transfer} transfer */
  #checkComplete(transfer) {
    if (!this.#receiving.get(transfer)?.complete || transfer.state !== 'moving') return;
    transfer.state = 'checking';
    this.#options.onchange();
  }

  /** @param {Transfer} transfer @param {import('./file_receiving.js').End} end @param {Blob|null} blob */
  #verdict(transfer, end, blob) {
    if (hasEnded(transfer)) return;
    const {id} = transfer.offer;
    if (end === 'storage') this.#end(transfer, 'failed', {type: 'stop_file', id}, 'storage');
    else if (end === 'bad') this.#end(transfer, 'failed', {type: 'file_bad', id}, 'damaged');
    else {
      transfer.blob = blob;
      transfer.state = 'done';
      this.unread++;
      this.#answer(transfer, {type: 'file_ok', id});
      this.#options.onchange();
    }
  }

  /**
   * @param {Transfer} transfer @param {'refused'|'stopped'|'failed'} state @param {Answer} answer
   * @param {Transfer['reason']} [reason] @param {boolean} [tell] whether the other end does not know
   */
  #end(transfer, state, answer, reason = '', tell = true) {
    endTransfer(transfer, state, reason);
    this.#receiving.get(transfer)?.discard();
    this.#receiving.delete(transfer);
    if (tell) this.#answer(transfer, answer);
    else this.#remember(transfer.offer, answer);
    this.#options.onchange();
  }

  /** @param {Transfer} transfer @param {Answer} answer */
  #answer({offer}, answer) {
    this.#remember(offer, answer);
    this.#tell(answer);
  }

  /** @param {OfferFile} offer @param {Answer} answer */
  #remember(offer, answer) {
    const {answers} = this.#pair ?? {};
    answers?.set(offer.id, {offer, answer});
    const [oldest = 0] = answers?.keys() ?? [];
    if (answers && answers.size > MAX_ANSWERS) answers.delete(oldest);
  }
}

/** @param {OfferFile} a @param {OfferFile} b */
const isSame = (a, b) => a.name === b.name && a.size === b.size && a.mime === b.mime;
