import {cleanText, lengthOf, MAX_TEXT} from '../chat_text.js';
import {reasonOf} from './chat_button.js';
import {element, peerName, setText} from './dom.js';
import {download} from './download.js';
import {FileDrop} from './file_drop.js';
import {Timeline} from './timeline.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */

/** The drawer with texts and files. In a small window it covers everything. */

const COVERS = '(width <= 720px) or (height <= 480px)';
/** Lines of the field for a text. */
const MAX_ROWS = 6;

export class ChatPanel {
  #panel = element('[data-chat]');
  #scroll = element('[data-chat-scroll]');
  #button = element('[data-action="chat"]');
  /** @type {HTMLTextAreaElement} */ #input = element('[data-composer] textarea');
  /** @type {HTMLInputElement} */ #picker = element('[data-attach]');
  #timeline = new Timeline(element('[data-timeline]'));
  #unsaved = new Timeline(element('[data-unsaved-list]'));
  #covers = matchMedia(COVERS);
  /** @type {Model|null} */ #model = null;
  #open = false;
  /** Whether the newest is in sight, and shall stay so. */
  #atEnd = true;
  /** What the last action came to. @type {() => string} */ #complaint = () => '';

  constructor() {
    element('[data-composer]').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#input.addEventListener('keydown', (event) => {
      // While a word is composed, as in Chinese, Enter accepts it.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.#input.addEventListener('input', () => this.#typing());
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing) return;
      event.preventDefault();
      this.toggle(false);
    });
    this.#picker.addEventListener('change', () => {
      this.#offer([...(this.#picker.files ?? [])]);
      this.#picker.value = ''; // The same file may be chosen again.
    });
    this.#scroll.addEventListener('scroll', () => {
      const {scrollTop, clientHeight, scrollHeight} = this.#scroll;
      this.#atEnd = scrollTop + clientHeight >= scrollHeight - 40;
    });
    new ResizeObserver(() => this.#followEnd()).observe(this.#scroll);
    this.#covers.addEventListener('change', () => this.#update());
    document.addEventListener('visibilitychange', () => this.#update());
    new FileDrop({
      accepts: () => this.#model?.screen === 'call' && this.#model.talk === 'open',
      text: () => this.#dropText(),
      onfiles: (files, folders) => {
        this.toggle(true);
        this.#offer(files, folders);
      },
    });
  }

  /** @param {boolean} [open] */
  toggle(open = !this.#open) {
    if (open === this.#open) return;
    this.#open = open;
    this.#update();
    if (!open) this.#button.focus();
    else if (this.#input.disabled || matchMedia('(pointer: coarse)').matches)
      element('#chat-title').focus(); // A field would bring up the keyboard.
    else this.#input.focus();
    this.#atEnd = true;
    this.#followEnd();
  }

  #followEnd() {
    if (this.#atEnd) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** @param {string} action @param {HTMLElement} button */
  click(action, button) {
    const key = Number(button.closest('[data-key]')?.getAttribute('data-key'));
    this.#clicks[action]?.(key);
  }

  /** @type {Record<string, (key: number) => void>} */
  #clicks = {
    'close-chat': () => this.toggle(false),
    attach: () => this.#picker.click(),
    'say-again': (key) => this.#model?.conversation?.chat.sayAgain(key),
    'take-file': (key) => void this.#model?.conversation?.files.take(key),
    'refuse-file': (key) => this.#model?.conversation?.files.stop(key),
    'stop-file': (key) => this.#model?.conversation?.files.stop(key),
    'file-again': (key) => this.#model?.conversation?.files.again(key),
    'save-file': (key) => {
      const file = this.#model?.conversation?.files.save(key);
      if (file) download(file.name, file.blob);
    },
  };

  #update() {
    if (this.#model) this.render(this.#model);
  }

  /** @param {Model} model */
  render(model) {
    this.#model = model;
    const {screen, conversation} = model;
    if (!['waiting', 'connecting', 'call'].includes(screen)) this.#open = false;
    this.#panel.hidden = !this.#open;
    this.#button.setAttribute('aria-expanded', String(this.#open));
    // What is covered cannot be reached either.
    for (const part of ['.topbar', '.panes', '.controls'])
      element(`.stage > ${part}`).inert = this.#open && this.#covers.matches;
    if (screen === 'ended') this.#renderUnsaved(model);
    // Nothing of a call that has ended stays in the page.
    if (conversation?.isEmpty) this.#timeline.clear();
    if (!this.#open) return;
    if (!document.hidden) conversation?.read();
    this.#renderTimeline(model);
    this.#renderComposer(model);
  }

  /** @param {Model} model */
  #renderTimeline(model) {
    const {conversation, t} = model;
    const height = this.#scroll.scrollHeight;
    this.#timeline.render(conversation?.timeline ?? [], model);
    const empty = conversation?.isEmpty ?? true;
    const text = empty && model.talk !== 'alone' ? t('chatEmpty', {name: peerName(model)}) : '';
    setText(element('[data-chat-empty]'), text);
    if (this.#scroll.scrollHeight !== height) this.#followEnd();
  }

  /** @param {Model} model */
  #renderComposer(model) {
    const {conversation, talk} = model;
    setText(element('[data-chat-note]'), reasonOf(model));
    const ready = conversation !== null && (talk === 'open' || talk === 'later');
    this.#input.disabled = !ready;
    const attach = /** @type {HTMLButtonElement} */ (element('[data-action="attach"]'));
    attach.disabled = !ready || talk !== 'open';
    const send = /** @type {HTMLButtonElement} */ (element('[data-action="send"]'));
    send.disabled = !ready;
    setText(element('[data-composer-error]'), this.#complaint());
  }

  #dropText() {
    const model = this.#model;
    return model ? model.t('fileDrop', {name: peerName(model)}) : '';
  }

  /** @param {Model} model */
  #renderUnsaved(model) {
    const received = (model.conversation?.files.list ?? []).filter(({blob}) => blob !== null);
    element('[data-unsaved]').hidden = received.length === 0;
    this.#unsaved.render(received, model);
  }

  #typing() {
    const {value} = this.#input;
    this.#input.rows = Math.min(MAX_ROWS, value.split('\n').length);
    const excess = lengthOf(cleanText(value)) - MAX_TEXT;
    this.#complain(excess > 0 ? 'chatTooLong' : null, {count: excess});
  }

  #send() {
    const chat = this.#model?.conversation?.chat;
    const text = cleanText(this.#input.value);
    if (!chat || text === '' || lengthOf(text) > MAX_TEXT) return;
    if (!chat.say(text)) {
      this.#complain('chatFull');
      return;
    }
    this.#input.value = '';
    this.#typing();
    this.#atEnd = true;
    this.#followEnd();
  }

  /** @param {readonly File[]} files @param {boolean} [folders] whether there were folders beside them */
  #offer(files, folders = false) {
    const all = this.#model?.conversation?.files;
    if (!all) return;
    const count = all.offer(files);
    if (!all.supported) this.#complain('fileInsecure');
    else if (!all.open) this.#complain('fileNotNow');
    else if (count < files.length) this.#complain('fileTooMany', {count});
    else this.#complain(folders ? 'fileFolder' : null);
  }

  /** @param {Key|null} key @param {Record<string, number>} [parameters] */
  #complain(key, parameters) {
    this.#complaint = () => (key ? (this.#model?.t(key, parameters) ?? '') : '');
    this.#update();
  }
}
