import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {test} from 'node:test';

const folder = new URL('../static/css/', import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), 'utf8');

test('no other style sheet has rules for what is in the picture in picture alone', () => {
  const own = [...read('picture.css').matchAll(/^\.([\w-]+)/gm)].map(([, name]) => name);
  assert.ok(own.length > 0);
  for (const sheet of readdirSync(folder).filter((name) => name !== 'picture.css')) {
    for (const name of own)
      assert.doesNotMatch(read(sheet), new RegExp(`\\.${name}(?![\\w-])`), `${sheet}: .${name}`);
  }
});
