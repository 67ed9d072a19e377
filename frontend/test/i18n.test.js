import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {test} from 'node:test';
import {chooseLanguage, format, loadTexts} from '../static/js/i18n.js';
import {PICTURE_COUNT} from '../static/js/safety.js';
import {PICTURES} from '../static/js/safety_pictures.js';
import {pictureNames} from '../static/js/ui/safety.js';

const root = new URL('../static/', import.meta.url);
const read = (name) => readFileSync(new URL(name, root), 'utf8');
const en = await loadTexts('en');
const zh = await loadTexts('zh');
const page = read('index.html').replace(/<!--[\s\S]*?-->/g, '');
const sources = ['js/', 'js/ui/'].flatMap((folder) =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.js'))
    .map((name) => [folder + name, read(folder + name)]),
);

test('both languages have the same texts with the same parameters', () => {
  assert.deepEqual(Object.keys(zh), Object.keys(en));
  const parameters = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(en)) {
    // A text may use {deviceIs} anywhere, but both languages must use it.
    assert.deepEqual(parameters(zh[key]), parameters(en[key]), key);
    assert.ok(en[key].trim() && zh[key].trim(), key);
  }
});

test('every picture of the safety code has a name of its own, in both languages', () => {
  assert.equal(new Set(PICTURES).size, PICTURE_COUNT);
  for (const texts of [en, zh])
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

test('the page contains no texts', () => {
  const body = page.slice(page.indexOf('<body')).replace(/<noscript>[\s\S]*?<\/noscript>/, '');
  const texts = [...body.matchAll(/>([^<]+)</g)].map(([, text]) => text.trim()).filter(Boolean);
  assert.deepEqual(texts, ['callbox']);
  const attributes = [...body.matchAll(/\s(?:aria-label|title|placeholder|alt)="[^"]*"/g)].map(
    String,
  );
  assert.deepEqual(attributes, []);
});

test('the modules in ui/ contain no texts', () => {
  for (const [name, source] of sources) {
    if (!name.startsWith('js/ui/')) continue;
    const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    // A literal of several words, or in another script, is a text; selectors and class names are none.
    const literals = [...code.matchAll(/'([^'\n]*)'/g)].map(([, literal]) => literal);
    const texts = literals.filter(
      (literal) => /^[A-Z][a-z]+ [a-z]|[\u4e00-\u9fff]/.test(literal) && literal !== '中文',
    );
    assert.deepEqual(texts, [], name);
  }
});

test('the first preferred language that the page has is chosen', () => {
  assert.equal(chooseLanguage(['', 'fr', 'zh-TW', 'en']), 'zh');
  assert.equal(chooseLanguage(['en-GB', 'zh']), 'en');
  assert.equal(chooseLanguage(['ZH']), 'zh');
  assert.equal(chooseLanguage(['zhu', 'fr']), 'en');
  assert.equal(chooseLanguage([]), 'en');
});

test('parameters are filled in as plain text', () => {
  assert.equal(
    format(en, 'announceConnected', {name: '<b>$& {name}'}),
    'Connected to <b>$& {name}',
  );
  assert.equal(format(en, 'announceConnected'), 'Connected to {name}');
  assert.equal(format(en, 'deviceUnnamed', {number: 0}), 'Device 0');
});
