import {partsOf} from '../chat_text.js';
import {cloneTemplate, find, peerName, setText, translate} from './dom.js';
import {timeOfDay} from './format.js';
import {renderTransfer} from './transfer.js';
/** @import {Model} from './dom.js' */
/** @import {Entry} from '../chat.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Transfer} from '../transfer.js' */

/** The list of texts and files. What others have sent gets into the page only as text. */

/** @type {Record<Entry['state'], Key|null>} */
const STATES = {
  '': null,
  waiting: 'chatWaiting',
  sent: 'chatSent',
  delivered: 'chatDelivered',
  failed: 'chatFailed',
};

/** @typedef {Entry|Transfer} Item */

/** @param {Item} item @returns {item is Transfer} */
const isTransfer = (item) => 'offer' in item;

export class Timeline {
  /** @type {HTMLElement} */ #list;
  /** @type {Map<number, HTMLElement>} */ #rows = new Map();
  #language = '';

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {readonly Item[]} items in the order of time @param {Model} model */
  render(items, model) {
    const language = model.language;
    if (language !== this.#language) this.clear();
    this.#language = language;
    const keys = new Set(items.map(({key}) => key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    const newest = items.findLast((item) => !isTransfer(item) && item.from === 'own');
    for (const item of items) {
      const row = this.#rows.get(item.key) ?? this.#add(item, model);
      if (isTransfer(item)) renderTransfer(row, item, model);
      else renderText(row, item, item === newest, model);
    }
  }

  clear() {
    this.#list.replaceChildren();
    this.#rows.clear();
  }

  /** @param {Item} item @param {Model} model */
  #add(item, model) {
    const newcomer = !isTransfer(item) && item.from === 'newcomer';
    const template = cloneTemplate(isTransfer(item) ? 'transfer' : newcomer ? 'newcomer' : 'text');
    translate(template, model.t);
    const row = /** @type {HTMLElement} */ (find('li', template));
    row.dataset.key = String(item.key);
    if (newcomer) setText(find('p', row), model.t('chatNewcomer', {name: peerName(model)}));
    else if (!isTransfer(item)) fillText(row, item);
    // Keys grow, so what is new comes last.
    this.#list.append(row);
    this.#rows.set(item.key, row);
    return row;
  }
}

/** @param {HTMLElement} row @param {Entry} entry */
function fillText(row, {text, at, from}) {
  row.dataset.entry = from;
  find('.bubble', row).append(
    ...partsOf(text).map(({text: shown, href}) => (href ? linkTo(shown, href) : shown)),
  );
  const time = /** @type {HTMLTimeElement} */ (find('time', row));
  time.dateTime = new Date(at).toISOString();
  time.textContent = timeOfDay(at);
}

/** @param {string} shown @param {string} href */
function linkTo(shown, href) {
  const link = document.createElement('a');
  Object.assign(link, {href, target: '_blank', rel: 'noopener noreferrer', dir: 'ltr'});
  link.textContent = shown;
  // What stands around it cannot reverse it.
  const isolated = document.createElement('bdi');
  isolated.append(link);
  return isolated;
}

/** @param {HTMLElement} row @param {Entry} entry @param {boolean} newest of this side @param {Model} model */
function renderText(row, {state, from}, newest, {t, talk}) {
  if (from === 'newcomer') return;
  row.dataset.state = state;
  const key = STATES[state];
  // A text that was delivered needs no remark, but for the newest.
  setText(find('[data-entry-state]', row), key && (newest || state !== 'delivered') ? t(key) : '');
  find('[data-action="say-again"]', row).hidden = state !== 'failed' || talk !== 'open';
}
