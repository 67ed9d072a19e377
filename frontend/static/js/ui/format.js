/** Times and sizes as people write them in the language of the page. */

/** @type {Map<string, Intl.DateTimeFormat|Intl.NumberFormat>} */
const formats = new Map();

/** @template {Intl.DateTimeFormat|Intl.NumberFormat} T @param {string} name @param {(language: string) => T} make @returns {T} */
function formatOf(name, make) {
  const {lang} = document.documentElement;
  const key = `${lang} ${name}`;
  const format = /** @type {T|undefined} */ (formats.get(key)) ?? make(lang);
  formats.set(key, format);
  return format;
}

/** @param {number} ms since 1970 */
export const timeOfDay = (ms) =>
  formatOf(
    'time',
    (lang) => new Intl.DateTimeFormat(lang, {hour: '2-digit', minute: '2-digit'}),
  ).format(ms);

/** @param {number} ms since 1970 */
export const dateAndTime = (ms) =>
  formatOf(
    'date',
    (lang) => new Intl.DateTimeFormat(lang, {dateStyle: 'medium', timeStyle: 'short'}),
  ).format(ms);

const UNITS = Object.freeze(['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']);

/** @param {number} bytes */
export function fileSize(bytes) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const unit = UNITS[power] ?? 'byte';
  return formatOf(
    unit,
    (lang) =>
      new Intl.NumberFormat(lang, {
        style: 'unit',
        unit,
        unitDisplay: power === 0 ? 'long' : 'short',
        maximumFractionDigits: power > 1 ? 1 : 0,
      }),
  ).format(bytes / 1000 ** power);
}
