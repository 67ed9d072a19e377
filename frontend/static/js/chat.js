import {cleanText, lengthOf, MAX_TEXT} from './chat_text.js';
/** @import {Chat as ChatMessage, CtlMessage, Got} from './ctl_messages.js' */
/** @import {Pair} from './conversation.js' */

/**
 * The texts of a call, without touching the page. They go over the data channel `ctl`, are confirmed by the other end,
 * and are sent again when the connection was rebuilt (docs/call.md). They last as long as the call.
 */

/**
 * @typedef {object} Entry
 * @property {number} key unique, in the order of time
 * @property {'own'|'other'|'newcomer'} from newcomer = no text: another page has joined
 * @property {number} id
 * @property {string} text
 * @property {number} at ms since 1970, by the clock of this end
 * @property {''|'waiting'|'sent'|'delivered'|'failed'} state of an own text
 */

/**
 * @typedef {object} Options
 * @property {() => number} nextKey
 * @property {() => number} nextID
 * @property {() => number} now ms since 1970
 * @property {() => void} onchange
 */

/** Texts that are kept, and own ones that may wait for their confirmation. */
const MAX_ENTRIES = 500;
const MAX_PENDING = 50;

/** @param {Entry} entry */
const isPending = ({state}) => state === 'waiting' || state === 'sent';

export class Chat {
  /** @type {Options} */ #options;
  /** @type {Pair|null} */ #pair = null;
  /** @type {(message: CtlMessage) => boolean} */ #tell = () => false;
  /** The oldest first. A text that changes gets a new object. @type {readonly Entry[]} */ entries =
    [];
  /** How many texts of the other side were not read. */
  unread = 0;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** Whether a text can be given to this chat now: to be sent at once or as soon as the connection is back. */
  get accepts() {
    return this.#pair !== null && this.entries.filter(isPending).length < MAX_PENDING;
  }

  /** Sends a text, and reports whether it took it. @param {string} typed */
  say(typed) {
    const text = cleanText(typed);
    if (text === '' || lengthOf(text) > MAX_TEXT || !this.accepts) return false;
    const {nextID, now} = this.#options;
    const entry = this.#add({from: 'own', id: nextID(), text, at: now(), state: 'waiting'});
    this.#transmit(entry);
    this.#options.onchange();
    return true;
  }

  /** Sends a text anew that was not delivered. @param {number} key */
  sayAgain(key) {
    const entry = this.entries.find((candidate) => candidate.key === key);
    if (entry?.state !== 'failed' || !this.say(entry.text)) return;
    this.entries = this.entries.filter((other) => other !== entry);
    this.#options.onchange();
  }

  /** @param {ChatMessage|Got} message */
  receive(message) {
    const pair = this.#pair;
    if (!pair) return;
    if (message.type === 'got') {
      this.#confirm(message.id);
      return;
    }
    this.#tell({type: 'got', id: message.id});
    if (message.id <= pair.chatSeen) return; // shown already
    pair.chatSeen = message.id;
    if (message.text.trim() === '') return;
    const {id, text} = message;
    this.#add({from: 'other', id, text, at: this.#options.now(), state: ''});
    this.unread++;
    this.#options.onchange();
  }

  /** The person has seen everything. */
  read() {
    this.unread = 0;
  }

  /**
   * Continues with a page over a connection whose channel has just opened.
   * @param {Pair} pair @param {(message: CtlMessage) => boolean} tell
   */
  connect(pair, tell) {
    this.#pair = pair;
    this.#tell = tell;
    for (const entry of this.entries) if (isPending(entry)) this.#transmit(entry);
    this.#options.onchange();
  }

  /** Ends the chat with a page that is gone. Unconfirmed texts fail: the next page may belong to somebody else. */
  part() {
    this.#pair = null;
    this.#tell = () => false;
    for (const entry of this.entries) if (isPending(entry)) this.#replace(entry, 'failed');
    this.#options.onchange();
  }

  /** Notes that another page has joined, if there is something that it does not know. */
  noteNewcomer() {
    if (this.entries.length > 0)
      this.#add({from: 'newcomer', id: 0, text: '', at: this.#options.now(), state: ''});
  }

  /** Forgets everything. */
  clear() {
    this.part();
    this.entries = [];
    this.unread = 0;
  }

  /** @param {Omit<Entry, 'key'>} fields @returns {Entry} */
  #add(fields) {
    const entry = {...fields, key: this.#options.nextKey()};
    const oldest = this.entries.find((candidate) => !isPending(candidate));
    const kept =
      this.entries.length < MAX_ENTRIES
        ? this.entries
        : this.entries.filter((other) => other !== oldest);
    this.entries = [...kept, entry];
    return entry;
  }

  /** @param {Entry} entry */
  #transmit(entry) {
    const {id, text, at} = entry;
    const sent = this.#tell({type: 'chat', id, text, at});
    this.#replace(entry, sent ? 'sent' : 'waiting');
  }

  /** @param {number} id */
  #confirm(id) {
    const entry = this.entries.find((own) => own.from === 'own' && own.id === id);
    if (!entry || !isPending(entry)) return;
    this.#replace(entry, 'delivered');
    this.#options.onchange();
  }

  /** @param {Entry} entry @param {Entry['state']} state */
  #replace(entry, state) {
    this.entries = this.entries.map((other) => (other === entry ? {...entry, state} : other));
  }
}
