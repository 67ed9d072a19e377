import assert from 'node:assert/strict';
import {test} from 'node:test';
import {loadModule} from '../static/js/load.js';

const MODULE = new URL('https://callbox.example/assets/js/panel.js');

test('a module is imported only while the server can send it', async (t) => {
  let imports = 0;
  const load = () => loadModule(MODULE, async () => ++imports);
  let answer = () => Promise.reject(new TypeError('no network'));
  t.mock.method(globalThis, 'fetch', (url) => {
    assert.equal(url, MODULE);
    return answer();
  });
  await assert.rejects(load(), /no network/);
  answer = async () => ({ok: false, status: 404});
  await assert.rejects(load(), /panel\.js: 404/);
  assert.equal(imports, 0);
  answer = async () => ({ok: true});
  assert.equal(await load(), 1);
});
