/** @typedef {typeof import('./i18n/en.js').default} Texts */
/** @typedef {keyof Texts} Key */
/** @typedef {'en'|'zh'} Language */

/** @type {Readonly<Language[]>} */
export const LANGUAGES = ['en', 'zh'];

/** The value of <html lang> for each. */
export const HTML_LANG = Object.freeze({en: 'en', zh: 'zh-Hans'});

/**
 * Returns the first language of a list that the page has texts in.
 * @param {readonly string[]} preferred BCP 47 tags, the most preferred first @returns {Language}
 */
export function chooseLanguage(preferred) {
  for (const tag of preferred) {
    const found = LANGUAGES.find((language) => tag.toLowerCase().split('-')[0] === language);
    if (found) return found;
  }
  return 'en';
}

/** @param {Language} language @returns {Promise<Texts>} */
export async function loadTexts(language) {
  const module = language === 'zh' ? await import('./i18n/zh.js') : await import('./i18n/en.js');
  return /** @type {Texts} */ (module.default);
}

/**
 * Returns a text with its `{parameters}` filled in.
 * @param {Texts} texts @param {Key} key @param {Record<string, string|number>} [parameters]
 */
export const format = (texts, key, parameters = {}) =>
  texts[key].replace(/\{(\w+)\}/g, (whole, name) => String(parameters[name] ?? whole));
