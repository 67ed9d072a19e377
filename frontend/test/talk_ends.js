import {Conversation} from '../static/js/conversation.js';
import {decodeCtl, encodeCtl} from '../static/js/ctl_messages.js';
import {FileStore} from '../static/js/file_store.js';
import {sha256} from '../static/js/safety.js';
import {until} from './fakes.js';

/** The channel for files of one end of a connection. What it buffers is delivered later, as in a browser. */
class Channel extends EventTarget {
  readyState = 'open';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  highest = 0;
  /** @type {Channel} */ other;
  pieces = [];
  #buffer = [];

  send(piece) {
    if (this.readyState !== 'open') throw new DOMException('not open', 'InvalidStateError');
    if (piece.length > 16_384) throw new RangeError('too long');
    this.pieces.push(piece);
    this.#buffer.push(piece);
    this.bufferedAmount += piece.length;
    this.highest = Math.max(this.highest, this.bufferedAmount);
    if (this.#buffer.length === 1) setImmediate(() => this.#deliver());
  }

  #deliver() {
    for (const piece of this.#buffer.splice(0, 32)) {
      const above = this.bufferedAmount > this.bufferedAmountLowThreshold;
      this.bufferedAmount -= piece.length;
      this.other.receives(piece.slice().buffer);
      if (above && this.bufferedAmount <= this.bufferedAmountLowThreshold)
        this.dispatchEvent(new Event('bufferedamountlow'));
    }
    if (this.#buffer.length > 0) setImmediate(() => this.#deliver());
  }

  receives(data) {
    if (this.readyState === 'open') this.dispatchEvent(Object.assign(new Event('message'), {data}));
  }

  /** Ends both ends. What is under way is lost. */
  close() {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    this.#buffer = [];
    setImmediate(() => {
      this.dispatchEvent(new Event('close'));
      this.other.close();
    });
  }
}

/** One page. */
export class End {
  sent = [];
  /** The type of messages that do not arrive. */
  loses = '';
  store = new FileStore(undefined, undefined);
  conversation = new Conversation({
    digest: sha256,
    store: this.store,
    now: () => Date.now(),
    onchange: () => {},
  });
  /** @type {Channel} */ channel;

  constructor(polite) {
    this.polite = polite;
  }

  get files() {
    return this.conversation.files;
  }

  /** The newest transfer. */
  get transfer() {
    return this.files.list.at(-1);
  }

  get types() {
    return this.sent.map(({type}) => type);
  }

  /** Takes what is offered. */
  async takes(count = 1) {
    const offered = () =>
      this.files.list.filter(({own, state, place}) => !own && state === 'offered' && place);
    await until(() => offered().length >= count);
    for (const {key} of offered()) await this.files.take(key);
  }

  /** Sends a message as an end could that breaks the rules. */
  says(message) {
    this.sent.push(message);
    const text = encodeCtl(message);
    const {other} = this;
    if (this.channel.readyState !== 'closed' || this.ctlOpen)
      setImmediate(() => other.conversation.receive(decodeCtl(text)));
  }

  async hash() {
    return Buffer.from(await sha256(await this.transfer.blob.arrayBuffer())).toString('hex');
  }
}

/** Connects two ends, or rebuilds their connection: what was under way is lost. */
export function connect(a, b, pages = 'a b') {
  const [x, y] = [new Channel(), new Channel()];
  [x.other, y.other] = [y, x];
  for (const [end, channel, other] of [
    [a, x, b],
    [b, y, a],
  ]) {
    if (end.channel) end.channel.readyState = 'closed';
    Object.assign(end, {channel, other, ctlOpen: true});
  }
  for (const end of [a, b]) {
    const {channel} = end;
    const tell = (message) => {
      if (channel !== end.channel || !end.ctlOpen) return false;
      end.sent.push(message);
      const text = encodeCtl(message);
      if (end.loses === message.type) return true;
      setImmediate(() => {
        if (channel === end.channel && end.ctlOpen) end.other.conversation.receive(decodeCtl(text));
      });
      return true;
    };
    end.conversation.connect({pages, polite: end.polite, tell, channel});
  }
}

/** Breaks the connection. */
export function cut(a, b) {
  for (const end of [a, b]) {
    end.ctlOpen = false;
    end.channel.readyState = 'closed';
  }
}

export function pair() {
  const [ann, bo] = [new End(false), new End(true)];
  connect(ann, bo);
  return {ann, bo};
}

/** Returns a file whose byte at i is i mod 251. */
export function fileOf(size, name = 'photo.jpg') {
  const content = Uint8Array.from({length: size}, (_, i) => i % 251);
  return Object.assign(new Blob([content], {type: 'image/jpeg'}), {name});
}
