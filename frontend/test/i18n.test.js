import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {test} from 'node:test';
import {chooseLanguage, format, loadTexts} from '../static/js/i18n.js';

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
    // {deviceIs} at the start of an English sentence may be dropped; none may be made up.
    assert.deepEqual(parameters(zh[key]), parameters(en[key]), key);
    assert.ok(en[key].trim() && zh[key].trim(), key);
  }
});

test('Chinese texts have Chinese punctuation', () => {
  for (const [key, text] of Object.entries(zh)) {
    assert.doesNotMatch(text.replace(/https?:/g, ''), /[\u4e00-\u9fff][,:;?!()]/, key);
  }
});

test('the page and its modules name no text that is not there', () => {
  const named = [...page.matchAll(/data-t(?:-\w+)?="(\w+)"/g)].map(([, key]) => key);
  assert.ok(named.length > 40);
  for (const key of named) assert.ok(key in en, key);
});

test('every text is used', () => {
  const all = page + sources.map(([, source]) => source).join('\n');
  const unused = Object.keys(en).filter((key) => !new RegExp(`['"]${key}['"]`).test(all));
  assert.deepEqual(unused, []);
});

test('the page has no text of its own', () => {
  const body = page.slice(page.indexOf('<body')).replace(/<noscript>[\s\S]*?<\/noscript>/, '');
  const texts = [...body.matchAll(/>([^<]+)</g)].map(([, text]) => text.trim()).filter(Boolean);
  assert.deepEqual(texts, ['callbox']);
  const attributes = [...body.matchAll(/\s(?:aria-label|title|placeholder|alt)="[^"]*"/g)].map(
    String,
  );
  assert.deepEqual(attributes, []);
});

test('modules that touch the page have no text of their own', () => {
  for (const [name, source] of sources) {
    if (!name.startsWith('js/ui/')) continue;
    const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    // A literal of several words, or in another script, is a text. Selectors and class names are not.
    const literals = [...code.matchAll(/'([^'\n]*)'/g)].map(([, literal]) => literal);
    const texts = literals.filter(
      (literal) => /^[A-Z][a-z]+ [a-z]|[\u4e00-\u9fff]/.test(literal) && literal !== '中文',
    );
    assert.deepEqual(texts, [], name);
  }
});

test('the first wanted language that there is gets chosen', () => {
  assert.equal(chooseLanguage(['', 'fr', 'zh-TW', 'en']), 'zh');
  assert.equal(chooseLanguage(['en-GB', 'zh']), 'en');
  assert.equal(chooseLanguage(['ZH']), 'zh');
  assert.equal(chooseLanguage(['zhu', 'fr']), 'en');
  assert.equal(chooseLanguage([]), 'en');
});

test('parameters are filled in, as text and nothing else', () => {
  assert.equal(
    format(en, 'announceConnected', {name: '<b>$& {name}'}),
    'Connected to <b>$& {name}',
  );
  assert.equal(format(en, 'announceConnected'), 'Connected to {name}');
  assert.equal(format(en, 'deviceUnnamed', {number: 0}), 'Device 0');
});
