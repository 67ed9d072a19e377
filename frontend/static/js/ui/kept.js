import {formatDuration} from '../i18n.js';
import {SURE_DURATION} from '../timeouts.js';
import {cloneTemplate, element, find, findAll, setText, translate} from './dom.js';
import {download} from './download.js';
import {dateAndTime, fileSize} from './format.js';
/** @import {Model} from './dom.js' */
/** @import {Kept} from '../record/shelf.js' */

/** The recordings that the person can save or delete, on the screens before and after a call. */
export class KeptList {
  #box = element('[data-kept]');
  #list = element('[data-kept-list]');
  /** @type {Map<Kept, HTMLElement>} */ #rows = new Map();
  /** Which one is deleted with the next click. @type {Kept|null} */ #doomed = null;
  /** Until when, ms. */
  #doomedUntil = 0;
  /** @type {Model|null} */ #model = null;
  #language = '';

  constructor() {
    this.#list.addEventListener('focusout', () => this.#spare());
  }

  /** @param {Model} model */
  render(model) {
    const {recording, screen, language} = model;
    this.#model = model;
    if (model.now >= this.#doomedUntil) this.#doomed = null;
    const slot = findAll(`[data-for="${screen}"] [data-kept-slot]`, document)[0];
    const kept = recording?.kept ?? [];
    this.#box.hidden = !slot || kept.length === 0;
    if (slot && this.#box.parentElement !== slot) slot.append(this.#box);
    if (language !== this.#language) this.#clear();
    this.#language = language;
    for (const [one, row] of this.#rows) {
      if (kept.includes(one)) continue;
      row.remove();
      this.#rows.delete(one);
    }
    for (const one of kept) this.#show(this.#rows.get(one) ?? this.#add(one, model), one, model);
    this.#sort(kept);
  }

  /** Puts the rows in order, and leaves those where they are that need not move: one may have the focus. @param {Kept[]} kept */
  #sort(kept) {
    for (const [i, one] of kept.entries()) {
      const row = this.#rows.get(one);
      const there = this.#list.children[i];
      if (row && row !== there) this.#list.insertBefore(row, there ?? null);
    }
  }

  /** @param {string} action @param {HTMLElement} button */
  click(action, button) {
    const [kept] = [...this.#rows].find(([, row]) => row.contains(button)) ?? [];
    if (!kept) return;
    if (action === 'save-kept') void this.#save(kept);
    if (action === 'delete-kept') this.#delete(kept);
  }

  #clear() {
    this.#list.replaceChildren();
    this.#rows.clear();
  }

  /** @param {Kept} kept @param {Model} model */
  #add(kept, model) {
    const template = cloneTemplate('kept');
    translate(template, model.t);
    const row = /** @type {HTMLElement} */ (find('li', template));
    this.#list.append(row);
    this.#rows.set(kept, row);
    return row;
  }

  /** @param {HTMLElement} row @param {Kept} kept @param {Model} model */
  #show(row, kept, {language, t}) {
    const {at, duration, bytes, medium, saved} = kept;
    const when = dateAndTime(at);
    const parts = [duration > 0 ? formatDuration(language, duration) : '', fileSize(bytes)];
    if (saved) parts.push(t('keptSaved'));
    else if (medium === 'memory') parts.push(t('keptMemory'));
    setText(find('[data-kept-when]', row), when);
    setText(find('[data-kept-text]', row), parts.filter(Boolean).join(' · '));
    const [save, remove] = ['save-kept', 'delete-kept'].map((action) =>
      find(`[data-action="${action}"]`, row),
    );
    if (!save || !remove) return;
    save.hidden = medium === 'file';
    save.classList.toggle('primary', !saved);
    remove.hidden = medium === 'file';
    setText(find('span', remove), t(this.#doomed === kept ? 'keptDeleteSure' : 'keptDelete'));
    for (const button of [save, remove])
      button.setAttribute('aria-label', `${find('span', button).textContent}: ${when}`);
  }

  /** @param {Kept} kept */
  async #save(kept) {
    const {recording} = this.#model ?? {};
    try {
      const blob = await recording?.open(kept);
      if (!blob) return;
      download(kept.name, blob);
      await recording?.markSaved(kept);
    } catch (error) {
      console.warn('recording:', error); // It is offered again at the next visit.
    }
  }

  /** Forgets a first click after which the person has gone elsewhere. */
  #spare() {
    if (!this.#doomed) return;
    this.#doomed = null;
    if (this.#model) this.render(this.#model);
  }

  /** Deletes it with the second click: it cannot be brought back. @param {Kept} kept */
  #delete(kept) {
    if (this.#doomed !== kept) {
      this.#doomed = kept;
      this.#doomedUntil = performance.now() + SURE_DURATION;
      if (this.#model) this.render(this.#model);
      return;
    }
    this.#doomed = null;
    element('#kept-title').focus();
    void this.#model?.recording?.remove(kept);
  }
}
