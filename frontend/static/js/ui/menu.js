import {element, findAll} from './dom.js';

/**
 * The menu behind the button "More", for what the bar has no room for. It follows the pattern "menu button" of the
 * W3C ARIA Authoring Practices. An entry is an element with role="menuitem" and data-action; the view carries it out.
 */
export class Menu {
  #box = element('[data-menu]');
  #button = element('[data-action="more"]');

  constructor() {
    this.#button.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
      event.preventDefault();
      this.#open();
      if (event.key === 'ArrowUp') this.#items.at(-1)?.focus();
    });
    this.#box.addEventListener('keydown', (event) => this.#key(event));
    // Runs before the view carries the entry out, so that a dialog returns the focus to the button, too.
    this.#box.addEventListener('click', ({target}) => {
      if (/** @type {Element} */ (target).closest('[role="menuitem"]')) this.#dismiss();
    });
    this.#box.addEventListener('focusout', ({relatedTarget}) => {
      if (relatedTarget && !this.#contains(relatedTarget)) this.close();
    });
    document.addEventListener('pointerdown', ({target}) => {
      if (target && !this.#contains(target)) this.close();
    });
  }

  /** The entries that can be chosen now. */
  get #items() {
    return findAll('[role="menuitem"]:not(:disabled)', this.#box).filter((item) =>
      item.checkVisibility(),
    );
  }

  toggle() {
    if (this.#box.hidden) this.#open();
    else this.#dismiss();
  }

  close() {
    this.#box.hidden = true;
    this.#button.setAttribute('aria-expanded', 'false');
  }

  #open() {
    this.#box.hidden = false;
    this.#button.setAttribute('aria-expanded', 'true');
    this.#items[0]?.focus();
  }

  /** Closes the menu, and returns the focus. */
  #dismiss() {
    this.close();
    this.#button.focus();
  }

  /** @param {EventTarget} target */
  #contains(target) {
    const node = /** @type {Node} */ (target);
    return this.#box.contains(node) || this.#button.contains(node);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const items = this.#items;
    const at = items.findIndex((item) => item === document.activeElement);
    const next = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1}[event.key];
    if (event.key === 'Escape') this.#dismiss();
    else if (next === undefined || at < 0) return;
    else items.at(next % items.length)?.focus();
    event.preventDefault();
  }
}
