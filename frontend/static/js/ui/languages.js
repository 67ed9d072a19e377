import {nameOf} from '../i18n.js';
import {elements} from './dom.js';

/** The languages that the page has texts in, which the server lists. */
export const LANGUAGES = (document.documentElement.dataset.languages ?? '').split(' ');

/** @returns {HTMLSelectElement[]} */
const menus = () => elements('[data-language]');

/** Fills the menus of languages. @param {(language: string) => void} onselect */
export function buildLanguageMenus(onselect) {
  for (const menu of menus()) {
    for (const language of LANGUAGES) {
      const option = new Option(nameOf(language), language);
      option.lang = language;
      menu.append(option);
    }
    menu.addEventListener('change', () => onselect(menu.value));
  }
}

/** @param {string} language that the page is in */
export function showLanguage(language) {
  for (const menu of menus()) menu.value = language;
}
