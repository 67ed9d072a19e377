/**
 * The languages of the page. Each is one module in i18n/, named by its BCP 47 tag, with the same keys as en.js. The
 * server lists them in the page, so that a further language needs nothing but its file.
 */

/** @typedef {typeof import('./i18n/en.js').default} Texts */
/** @typedef {keyof Texts} Key */
/** @typedef {Record<string, string|number>} Parameters */

/** The language of whoever prefers none that the page has. */
const FALLBACK = 'en';

/**
 * Returns the first language of a list that the page has texts in.
 * @param {readonly string[]} preferred BCP 47 tags, the most preferred first
 * @param {readonly string[]} languages that the page has @returns {string}
 */
export function chooseLanguage(preferred, languages) {
  for (const tag of preferred) {
    // As in RFC 4647, section 3.4: zh-Hant-TW, zh-Hant, zh.
    for (let range = tag.toLowerCase(); range; range = range.replace(/(^|-)[^-]*$/, '')) {
      const found = languages.find((language) => language.toLowerCase() === range);
      if (found) return found;
    }
  }
  return FALLBACK;
}

/** @param {string} language @returns {Promise<Texts>} */
export async function loadTexts(language) {
  const module = await import(`./i18n/${language}.js`);
  return module.default;
}

/** Returns a language's own name for itself. @param {string} language @returns {string} */
export const nameOf = (language) =>
  new Intl.DisplayNames([language], {type: 'language'}).of(language) ?? language;

/**
 * Returns a text with its `{parameters}` filled in. Numbers are written as the language writes them.
 * @param {Texts} texts @param {Key} key @param {Parameters} [parameters]
 */
export const format = (texts, key, parameters = {}) =>
  texts[key].replace(/\{(\w+)\}/g, (whole, name) => {
    const value = parameters[name] ?? whole;
    return typeof value === 'number' ? formatNumber(texts.htmlLang, value) : value;
  });

/** @param {string} language @param {number} value @param {Intl.NumberFormatOptions} [options] */
export const formatNumber = (language, value, options) =>
  new Intl.NumberFormat(language, options).format(value);

/**
 * Writes a duration like 4:05 or 1:04:05.
 * @param {string} language @param {number} ms
 */
export function formatDuration(language, ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const parts = h > 0 ? [h, m, s] : [m, s];
  return parts
    .map((part, i) =>
      formatNumber(language, part, {minimumIntegerDigits: i > 0 ? 2 : 1, useGrouping: false}),
    )
    .join(':');
}
