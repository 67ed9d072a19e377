import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Client} from './client.js';
import {joined} from './driver.js';

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']}));
afterEach(() => mock.timers.reset());

const refused = (code, after = 20) => ({code, after});

/** Two WebSockets fail, and the HTTP response is a refusal. */
async function refusedClient(code, client = new Client()) {
  await client.join();
  for (let i = 0; i < 2; i++) {
    client.closes(1006);
    mock.timers.tick(1000);
  }
  client.closes(1006, refused(code));
  return client;
}

test('a server that does not accept this page is not tried again', async () => {
  for (const code of ['origin', 'host']) {
    const client = await refusedClient(code);
    assert.equal(client.told.at(-1), `end ${code}`);
    const {length} = client.dialed;
    mock.timers.tick(600_000);
    assert.equal(client.dialed.length, length);
  }
});

test('a busy server is tried again when it says, and the page says so until then', async () => {
  for (const code of ['limited', 'busy']) {
    const client = await refusedClient(code);
    assert.equal(client.told.at(-1), `down 3 ${code}`);
    const {length} = client.dialed;
    client.signaling.check(); // The server asked for the wait, so it is not cut short.
    mock.timers.tick(9999);
    assert.equal(client.dialed.length, length);
    mock.timers.tick(1);
    assert.equal(client.dialed.length, length + 1);
    client.closes(1006); // A WebSocket does not say why.
    assert.equal(client.told.at(-1), `down 4 ${code}`);
    mock.timers.tick(15_000);
    client.opens();
    client.says(joined());
    client.closes(1006);
    assert.equal(client.told.at(-1), 'down 5');
  }
});

test('a refusal does not end a running call', async () => {
  const client = await Client.up();
  for (let i = 0; i < 3; i++) {
    client.closes(1006);
    mock.timers.tick(1000);
  }
  client.closes(1006, refused('origin'));
  assert.equal(client.dialed.at(-1), 'sse');
  assert.match(client.told.at(-1), /^down \d origin$/);
  mock.timers.tick(20_000);
  assert.equal(client.transport.closed, undefined);
});

test('rate limited joins are reported as such', async () => {
  const client = new Client();
  await client.join();
  client.opens();
  client.says({type: 'error', id: 1, code: 'rate_limited', message: '', retry: true, after: 3});
  assert.equal(client.told.at(-1), 'down 1 limited');
});
