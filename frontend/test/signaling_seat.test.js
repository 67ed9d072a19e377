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

test('leaving tells the server, and forgets the seat when it has confirmed that', async () => {
  const done = [];
  const note = (word) => () => done.push(word);
  const seat = {claim: async () => '', keep() {}, forget: note('forget'), release: note('release')};
  for (const reload of [false, true]) {
    const client = await Client.up(seat);
    const pending = client.signaling.request({type: 'ice'});
    client.signaling.leave(reload);
    assert.ok(client.transport.left);
    assert.equal(client.transport.closed ?? false, reload); // A page that goes away waits for nothing.
    assert.equal((await pending).code, 'lost');
    assert.deepEqual(done.splice(0), ['release']);
    client.transport.confirms(true);
    await quiet(1);
    assert.deepEqual(done.splice(0), reload ? [] : ['forget']);
    client.transport.callbacks.onclose(1006);
    mock.timers.tick(600_000);
    assert.equal(client.dialed.length, 1);
  }
});

test('a server that does not confirm that the user has left is told anew', async () => {
  const done = [];
  const note = (word) => () => done.push(word);
  const seat = {claim: async () => '', keep() {}, forget: note('forget'), release: note('release')};
  const client = await Client.up(seat);
  client.signaling.leave();
  client.transport.confirms(false); // The connection was dead, which the page did not know.
  await quiet(1);
  assert.equal(client.dialed.length, 2);
  client.opens();
  assert.deepEqual(client.sent, [{type: 'join', id: 1, room: 'lamp', resume: 'token', seq: 0}]);
  client.says(joined({resumed: true}));
  assert.ok(client.transport.left);
  assert.deepEqual(done, ['release', 'forget']);
});

test('a join meanwhile takes the seat, and nothing is told any more', async () => {
  const client = await Client.up();
  client.signaling.leave();
  const {transport} = client;
  await client.join();
  transport.confirms(false);
  await quiet(1);
  assert.equal(client.dialed.length, 2);
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

test('whoever leaves while the server cannot be told tells it as soon as it can be reached', async () => {
  const client = await Client.up();
  client.closes(1006);
  const pending = client.signaling.request({type: 'ice'});
  const told = client.told.length;
  client.signaling.leave();
  assert.equal((await pending).code, 'lost');
  const {transport} = client;
  client.closes(1006); // The server is still away.
  mock.timers.tick(3000);
  assert.ok(transport.closed);
  client.opens();
  assert.deepEqual(client.sent, [{type: 'join', id: 1, room: 'lamp', resume: 'token', seq: 0}]);
  client.says({type: 'closing', after: 1});
  assert.ok(!client.transport.left);
  client.says(joined({resumed: true}));
  assert.ok(client.transport.left);
  const dialed = client.dialed.length;
  mock.timers.tick(600_000);
  assert.deepEqual([client.told.length, client.dialed.length], [told, dialed]);
});

test('a server that stays away, or refuses, is not told', async () => {
  const away = await Client.up();
  away.closes(1006);
  away.signaling.leave();
  for (let i = 0; i < 20; i++) mock.timers.tick(3000);
  assert.equal(away.dialed.length, 11);
  assert.ok(away.transport.closed);

  const refused = await Client.up();
  refused.closes(1006);
  refused.signaling.leave();
  refused.opens();
  refused.says({type: 'error', id: 1, code: 'unauthorized', message: '', retry: false});
  assert.ok(refused.transport.closed);
  mock.timers.tick(600_000);
  assert.equal(refused.dialed.length, 2);
});

test('a join, and a page that goes away, take the place of what is still to be told', async () => {
  const client = await Client.up();
  client.closes(1006);
  client.signaling.leave();
  const {transport} = client;
  await client.join();
  assert.ok(transport.closed);
  assert.equal(client.dialed.length, 3);
  mock.timers.tick(3000);
  assert.equal(client.dialed.length, 3);
});

test('leaving before the seat is claimed opens no connection', async () => {
  const client = new Client({claim: () => quiet(3).then(() => ''), release() {}, forget() {}});
  const entering = client.join();
  client.signaling.leave();
  await entering;
  assert.deepEqual(client.dialed, []);
});
