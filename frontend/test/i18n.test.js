import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {test} from 'node:test';
import {
  chooseLanguage,
  format,
  formatDuration,
  formatNumber,
  loadTexts,
  nameOf,
} from '../static/js/i18n.js';
import {PICTURE_COUNT} from '../static/js/safety.js';
import {PICTURES} from '../static/js/safety_pictures.js';
import {pictureNames} from '../static/js/ui/safety.js';

const root = new URL('../static/', import.meta.url);
const read = (name) => readFileSync(new URL(name, root), 'utf8');
const en = await loadTexts('en');
const zh = await loadTexts('zh');
const languages = await Promise.all(
  readdirSync(new URL('js/i18n/', root)).map(async (name) => {
    const language = name.replace(/\.js$/, '');
    return [language, await loadTexts(language)];
  }),
);
const pages = ['index.html', 'check.html'].map((name) =>
  read(name).replace(/<!--[\s\S]*?-->/g, ''),
);
const page = pages.join('\n');
const sources = ['js/', 'js/ui/', 'js/check/'].flatMap((folder) =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.js'))
    .map((name) => [folder + name, read(folder + name)]),
);

test('every language has the same texts with the same parameters', () => {
  const parameters = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const [language, texts] of languages) {
    assert.deepEqual(Object.keys(texts), Object.keys(en), language);
    for (const key of Object.keys(en)) {
      // A text may use {deviceIs} anywhere, but every language must use it.
      assert.deepEqual(parameters(texts[key]), parameters(en[key]), `${language}: ${key}`);
      assert.ok(texts[key].trim(), `${language}: ${key}`);
    }
  }
});

test('every language is a file named by its tag, and knows its own name', () => {
  assert.ok(languages.length >= 2);
  for (const [language, {htmlLang}] of languages) {
    assert.deepEqual(Intl.getCanonicalLocales(language), [language]);
    assert.equal(new Intl.Locale(htmlLang).language, new Intl.Locale(language).language);
    assert.notEqual(nameOf(language), language);
  }
  assert.deepEqual(['en', 'zh', 'de'].map(nameOf), ['English', '中文', 'Deutsch']);
});

test('every picture of the safety code has a name of its own, in every language', () => {
  assert.equal(new Set(PICTURES).size, PICTURE_COUNT);
  for (const [, texts] of languages)
    assert.equal(new Set(pictureNames(texts.safetyPictures)).size, PICTURE_COUNT);
});

test('Chinese texts have Chinese punctuation', () => {
  for (const [key, text] of Object.entries(zh)) {
    assert.doesNotMatch(text.replace(/https?:/g, ''), /[\u4e00-\u9fff][,:;?!()]/, key);
  }
});

test('the page names only texts that exist', () => {
  const named = [...page.matchAll(/data-t(?:-\w+)?="(\w+)"/g)].map(([, key]) => key);
  assert.ok(named.length > 40);
  for (const key of named) assert.ok(key in en, key);
});

test('every text is used', () => {
  const named = [...page.matchAll(/data-t(?:-\w+)?="\w+"/g)].map(String);
  const all = [...named, ...sources.map(([, source]) => source)].join('\n');
  const unused = Object.keys(en).filter((key) => !new RegExp(`['"]${key}['"]`).test(all));
  assert.deepEqual(unused, []);
});

test('the pages contain no texts', () => {
  for (const each of pages) containsNoTexts(each);
});

/** @param {string} page */
function containsNoTexts(page) {
  // What is shown where no module runs, or no style loads, is in all languages at once.
  const body = page
    .slice(page.indexOf('<body'))
    .replace(/<noscript>[\s\S]*?<\/noscript>/, '')
    .replace(/<div class="stuck">[\s\S]*?<\/div>/, '');
  const texts = [...body.matchAll(/>([^<]+)</g)].map(([, text]) => text.trim()).filter(Boolean);
  assert.deepEqual(texts, ['callbox']);
  const attributes = [...body.matchAll(/\s(?:aria-label|title|placeholder|alt)="[^"]*"/g)].map(
    String,
  );
  assert.deepEqual(attributes, []);
}

test('the modules in ui/ contain no texts', () => {
  for (const [name, source] of sources) {
    if (!/^js\/(ui|check)\//.test(name)) continue;
    const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    // A literal of several words, or in another script, is a text; selectors and class names are none.
    const literals = [...code.matchAll(/'([^'\n]*)'/g)].map(([, literal]) => literal);
    const texts = literals.filter((literal) => /^[A-Z][a-z]+ [a-z]|[\u4e00-\u9fff]/.test(literal));
    assert.deepEqual(texts, [], name);
  }
});

test('the first preferred language that the page has is chosen', () => {
  const choose = (...preferred) => chooseLanguage(preferred, ['en', 'pt-BR', 'zh']);
  assert.equal(choose('', 'fr', 'zh-TW', 'en'), 'zh');
  assert.equal(choose('en-GB', 'zh'), 'en');
  assert.equal(choose('ZH'), 'zh');
  assert.equal(choose('pt-br-x-test'), 'pt-BR');
  assert.equal(choose('pt', 'zhu', 'fr'), 'en');
  assert.equal(choose(), 'en');
  // The address may name anything.
  assert.equal(choose('../../x', '__proto__', '-', 'zh-'), 'zh');
});

test('parameters are filled in as plain text', () => {
  assert.equal(
    format(en, 'announceConnected', {name: '<b>$& {name}'}),
    'Connected to <b>$& {name}',
  );
  assert.equal(format(en, 'announceConnected'), 'Connected to {name}');
  assert.equal(format(en, 'deviceUnnamed', {number: 0}), 'Device 0');
});

test('numbers and durations are written as the language writes them', () => {
  assert.equal(format(en, 'deviceUnnamed', {number: 1234.5}), 'Device 1,234.5');
  assert.equal(format({...en, htmlLang: 'de'}, 'deviceUnnamed', {number: 0.5}), 'Device 0,5');
  assert.equal(formatNumber('de', 1.25, {maximumFractionDigits: 1}), '1,3');
  const times = [-1, 999, 65_000, 3_599_999, 3_600_000, 40_000_000].map((ms) =>
    formatDuration('en', ms),
  );
  assert.deepEqual(times, ['0:00', '0:00', '1:05', '59:59', '1:00:00', '11:06:40']);
  assert.equal(formatDuration('ar-EG', 65_000), '١:٠٥');
});
