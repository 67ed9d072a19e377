import assert from 'node:assert/strict';
import {afterEach, test} from 'node:test';
import {keepToken, tabStorage, recall, remember} from '../static/js/storage.js';

const NAMES = ['localStorage', 'sessionStorage'];

afterEach(() => {
  for (const name of NAMES) delete globalThis[name];
});

/** @param {() => unknown} get */
const provide = (get) => {
  for (const name of NAMES) Object.defineProperty(globalThis, name, {get, configurable: true});
};

test('what was remembered is recalled', () => {
  const values = new Map();
  const storage = {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
  };
  provide(() => storage);
  remember('name', 'Ann');
  assert.equal(recall('name'), 'Ann');
  assert.equal(recall('other'), '');
  assert.equal(keepToken('jwt'), 'jwt');
  assert.equal(keepToken(''), 'jwt'); // as after a reload
});

test('where storage is forbidden, full or missing, nothing is remembered and nothing fails', () => {
  const forbidden = () => {
    throw new DOMException('', 'SecurityError');
  };
  for (const get of [forbidden, () => ({getItem: forbidden, setItem: forbidden}), () => null]) {
    provide(get);
    remember('name', 'Ann');
    assert.equal(recall('name'), '');
    assert.equal(keepToken('jwt'), 'jwt');
    assert.equal(keepToken(''), '');
    assert.doesNotThrow(tabStorage);
  }
});
