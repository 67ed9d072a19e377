import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Client} from './client.js';
import {joined} from './driver.js';
import {quiet} from './fakes.js';

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']}));
afterEach(() => mock.timers.reset());

test('a reloaded page takes its old seat once', async () => {
  const seat = {claim: async () => 'old', keep() {}, forget() {}, release() {}};
  const client = await Client.joining({}, seat);
  client.opens();
  assert.equal(client.sent[0].replace, 'old');
  client.closes(1006); // The reply was lost, so the join is repeated.
  mock.timers.tick(0);
  client.opens();
  assert.equal(client.sent[0].replace, 'old');
  client.says(joined());
  client.closes(1006);
  mock.timers.tick(300);
  client.opens();
  assert.deepEqual([client.sent[0].replace, client.sent[0].resume], [undefined, 'token']);
});

test('the nonce stays the same until the next join', async () => {
  const client = await Client.joining();
  const nonces = [];
  for (let i = 0; i < 2; i++) {
    client.opens();
    nonces.push(client.sent[0].nonce);
    client.closes(1006);
    mock.timers.tick(1000);
  }
  await client.join();
  client.opens();
  nonces.push(client.sent[0].nonce);
  assert.equal(nonces[0], nonces[1]);
  assert.notEqual(nonces[1], nonces[2]);
});

test('leaving tells the server, forgets the seat, and stops everything', async () => {
  const done = [];
  const note = (word) => () => done.push(word);
  const seat = {claim: async () => '', keep() {}, forget: note('forget'), release: note('release')};
  for (const [reload, word] of [
    [false, 'forget'],
    [true, 'release'],
  ]) {
    const client = await Client.up(seat);
    const pending = client.signaling.request({type: 'ice'});
    client.signaling.leave(reload);
    assert.ok(client.transport.left);
    assert.equal((await pending).code, 'lost');
    assert.deepEqual(done.splice(0), [word]);
    client.transport.callbacks.onclose(1006);
    mock.timers.tick(600_000);
    assert.equal(client.dialed.length, 1);
  }
});

test('leaving while the server cannot be told keeps the seat, so that whoever rejoins takes it', async () => {
  const done = [];
  const note = (word) => () => done.push(word);
  const seat = {claim: async () => '', keep() {}, forget: note('forget'), release: note('release')};
  const client = await Client.up(seat);
  client.closes(1006);
  client.signaling.leave();
  assert.deepEqual(done, ['release']);
});

test('leaving before the seat is claimed opens no connection', async () => {
  const client = new Client({claim: () => quiet(3).then(() => ''), release() {}, forget() {}});
  const entering = client.join();
  client.signaling.leave();
  await entering;
  assert.deepEqual(client.dialed, []);
});
