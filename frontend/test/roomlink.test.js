import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {pathOfRoom, readAddress, readRoom, takeToken, withoutFrame} from '../static/js/roomlink.js';

/** The command line is tested with the same samples. */
const samples = JSON.parse(
  readFileSync(new URL('../../internal/roomlink/testdata/links.json', import.meta.url)),
);
const HOST = 'https://call.example';

test('every sample leads to the room that was meant, or to its fault', () => {
  assert.ok(samples.length > 200);
  for (const {text, path, room = '', token = '', fault, letter = ''} of samples) {
    const link = path === undefined ? readRoom(text) : readAddress(new URL(HOST + path));
    const want = fault ? {code: fault, letter} : null;
    assert.deepEqual(link, {room, token, fault: want}, JSON.stringify(text ?? path));
  }
});

test('the path of a room leads back to the room, whatever sticks to it', () => {
  for (const room of ['lamp', 'x.', 'x..', '...', '.x', 'a.b', '_x-', '静静的河', 'é']) {
    for (const end of ['', '.', '...', ')', '/', '\u200b', '。明天', '%20']) {
      const url = new URL(`/${pathOfRoom(room)}${end}`, HOST);
      assert.equal(readAddress(url).room, room, url.href);
    }
  }
});

test('the home page is neither a room nor a fault', () => {
  for (const [path, base] of [
    ['/', '/'],
    ['/call/', '/call/'],
  ])
    assert.deepEqual(readAddress(new URL(path, HOST), base), {room: '', token: '', fault: null});
  assert.equal(readAddress(new URL('/', HOST), '/call/').fault.code, 'path');
});

test('only the token is removed from the address', () => {
  for (const [href, token, left] of [
    ['https://a.example/r/lamp', '', 'https://a.example/r/lamp'],
    ['https://a.example/r/lamp#token=a.b_c-d', 'a.b_c-d', 'https://a.example/r/lamp'],
    ['https://a.example/r/lamp#token=a.b_c-d.', 'a.b_c-d', 'https://a.example/r/lamp'],
    ['https://a.example/r/lamp#token=a.b%E3%80%82', 'a.b', 'https://a.example/r/lamp'],
    ['https://a.example/r/lamp%23token=a.b)', 'a.b', 'https://a.example/r/lamp'],
    ['https://a.example/r/lamp#x=1&token=t', 't', 'https://a.example/r/lamp#x=1'],
    ['https://a.example/r/lamp?lang=zh&token=t', 't', 'https://a.example/r/lamp?lang=zh'],
    ['https://a.example/r/lamp?token=q#token=f', 'f', 'https://a.example/r/lamp'],
    ['https://a.example/r/100%#token=t', 't', 'https://a.example/r/100%'],
    ['https://a.example/#top', '', 'https://a.example/#top'],
  ]) {
    const url = new URL(href);
    assert.equal(takeToken(url), token, href);
    assert.equal(url.href.replace(/#$/, ''), left);
  }
});

test('the page for frames is at the address of the room, but for one word', () => {
  for (const base of ['/', '/call/']) {
    const url = new URL(`${HOST}${base}${pathOfRoom('静河.', 'embed')}?lang=zh#token=t`);
    const room = withoutFrame(url, base);
    assert.equal(room.pathname, base + pathOfRoom('静河.'));
    assert.deepEqual(readAddress(room, base), {room: '静河.', token: 't', fault: null});
    // Nothing else changes: not a room of that name either.
    for (const path of ['', 'r/embed', 'r/lamp'])
      assert.equal(withoutFrame(new URL(HOST + base + path), base).href, HOST + base + path);
  }
});
