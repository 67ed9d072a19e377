import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Client} from './client.js';
import {joined, otherJoined} from './driver.js';

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']}));
afterEach(() => mock.timers.reset());

test('a connection opened early says nothing until the user joins, and then carries the join', async () => {
  const client = new Client();
  client.signaling.prepare();
  client.signaling.prepare();
  assert.deepEqual(client.dialed, ['websocket']);
  client.opens();
  assert.deepEqual(client.sent, []);
  await client.join();
  assert.deepEqual(client.dialed, ['websocket']);
  assert.equal(client.sent[0].type, 'join');
  client.says(joined());
  assert.deepEqual(client.told, ['joined']);
});

test('one that is not open yet carries the join as soon as it is', async () => {
  const client = new Client();
  client.signaling.prepare();
  await client.join();
  assert.deepEqual(client.sent, []);
  client.opens();
  assert.equal(client.sent[0].type, 'join');
});

test('without a join it is closed before the server does it, and opened again at the next sign', async () => {
  const client = new Client();
  client.signaling.prepare();
  client.opens();
  const {transport: first} = client;
  mock.timers.tick(7999);
  assert.equal(first.closed, undefined);
  mock.timers.tick(1);
  assert.equal(first.closed, true);
  assert.deepEqual(client.dialed, ['websocket']); // Nothing is opened without a sign.
  client.signaling.prepare();
  client.opens();
  await client.join();
  assert.notEqual(client.transport, first);
  assert.deepEqual([first.sent.length, client.sent.length], [0, 1]);
});

test('one that is too old is not taken, although its timer is late', async () => {
  const client = new Client();
  client.signaling.prepare();
  client.opens();
  const {transport: first} = client;
  mock.timers.setTime(Date.now() + 9000); // asleep
  await client.join();
  assert.equal(first.closed, true);
  assert.equal(client.dialed.length, 2);
});

test('a server that closes it while the join is under way has not removed anybody', async () => {
  const client = new Client();
  client.signaling.prepare();
  client.opens();
  await client.join();
  client.closes(1008);
  assert.deepEqual([client.dialed.length, client.told], [2, []]);
  client.opens();
  client.closes(1008);
  assert.deepEqual(client.told, ['end removed']);
});

test('what a connection brought that broke before the reply to its join is not delivered', async () => {
  const client = new Client();
  client.signaling.prepare();
  client.opens();
  await client.join();
  client.says(otherJoined({peer: 'pGone'}));
  client.closes(1006);
  client.opens();
  client.says(joined());
  client.says(otherJoined());
  assert.deepEqual(client.told, ['joined', 'other_joined']);
  assert.equal(client.frames.at(-1).peer, 'pBo');
});

test('a server that cannot be reached is not tried again with every sign', async () => {
  const client = new Client();
  client.signaling.prepare();
  client.closes(1006);
  for (let i = 0; i < 10; i++) client.signaling.prepare();
  assert.equal(client.dialed.length, 1);
  mock.timers.tick(8000);
  client.signaling.prepare();
  assert.equal(client.dialed.length, 2);
  client.closes(1006);
  await client.join(); // This is no sign, but a wish.
  assert.equal(client.dialed.length, 3);
});

test('a page that goes away closes it', () => {
  const client = new Client();
  client.signaling.prepare();
  client.signaling.leave(true);
  assert.equal(client.transport.closed, true);
});

test('nothing is opened early in a room', async () => {
  const client = await Client.up();
  client.signaling.prepare();
  assert.equal(client.dialed.length, 1);
});
