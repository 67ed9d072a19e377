import assert from 'node:assert/strict';
import {test} from 'node:test';
import {quickCheck} from '../static/js/quick_check.js';
import {FakeWebSocket} from './fakes.js';

Object.assign(globalThis, {WebSocket: FakeWebSocket, isSecureContext: true, navigator: {}});

test('a server that does not even send the modules of the check has failed it, and is asked again', async (t) => {
  t.mock.method(console, 'warn', () => {});
  let reachable = false;
  t.mock.method(globalThis, 'fetch', async (url) => {
    if (!reachable || String(url).includes('/api/')) throw new TypeError('no network');
    return {ok: true};
  });
  const seen = [];
  const check = () => quickCheck('http://localhost', '', (ticks) => seen.push({...ticks}));
  await check();
  assert.deepEqual(seen.splice(0), [{server: 'failed', stun: 'off', relay: 'off'}]);
  reachable = true;
  await check();
  assert.deepEqual(seen, [
    {server: 'active', stun: 'active', relay: 'active'},
    {server: 'failed', stun: 'off', relay: 'off'},
  ]);
});
