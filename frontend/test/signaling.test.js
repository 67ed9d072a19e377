import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {reasonOfClose} from '../static/js/final.js';
import {joined} from './driver.js';
import {Client} from './client.js';

/** The close codes of a server, and which of them are final, as the Go tests read them. */
const closeCodes = JSON.parse(
  readFileSync(
    new URL('../../signaling/protocol/testdata/close_codes/close_codes.json', import.meta.url),
  ),
);

/** A message event. */
const message = (seq) => ({type: 'message', seq, from: 'pBo', data: seq});
const error = (code, fields = {}) => ({type: 'error', id: 1, code, message: '', ...fields});

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']}));
afterEach(() => mock.timers.reset());

test('joining connects, and sends name, token and a nonce', async () => {
  const client = await Client.joining({token: 'jwt'});
  assert.deepEqual(client.dialed, ['websocket']);
  client.opens();
  const [{nonce, ...join}] = client.sent;
  assert.deepEqual(join, {type: 'join', id: 1, room: 'lamp', name: 'Ann', token: 'jwt'});
  assert.match(nonce, /^[0-9a-f]{32}$/);
  client.says(joined());
  assert.deepEqual(client.told, ['joined']);
  assert.equal(client.signaling.info.phase, 'up');
});

test('requests wait for the join, and get the reply with their id', async () => {
  const client = await Client.joining();
  const first = client.signaling.request({type: 'ice'});
  client.opens();
  assert.equal(client.sent.length, 1);
  client.says(joined());
  const second = client.signaling.request({type: 'message', data: 1});
  assert.deepEqual(
    client.sent.slice(1).map(({type, id}) => [type, id]),
    [
      ['ice', 1],
      ['message', 2],
    ],
  );
  client.says({type: 'ack', id: 2});
  client.says({type: 'ice', id: 1, iceServers: [], iceTTL: 60});
  assert.deepEqual([(await first).type, (await second).type], ['ice', 'ack']);
});

test('a lost connection is reopened at once, and the session continues', async () => {
  const client = await Client.up();
  for (let seq = 1; seq <= 3; seq++) client.says(message(seq));
  const answered = client.signaling.request({type: 'message', data: 'a'});
  client.says({type: 'ack', id: 1});
  await answered;
  const open = client.signaling.request({type: 'message', data: 'b'});
  client.closes(1006);
  assert.deepEqual(client.told.slice(-1), ['down 1']);
  const held = client.signaling.request({type: 'message', data: 'c'});
  mock.timers.tick(0);
  client.opens();
  const [join] = client.sent;
  assert.deepEqual([join.resume, join.seq, join.room, join.name], ['token', 3, 'lamp', 'Ann']);
  client.says(joined({resumed: true}));
  assert.deepEqual(client.sent.slice(1), [
    {type: 'message', data: 'b', id: 2},
    {type: 'message', data: 'c', id: 3},
  ]);
  client.says(message(3));
  client.says(message(4));
  client.says({type: 'ack', id: 2});
  client.says({type: 'ack', id: 3});
  assert.deepEqual([(await open).type, (await held).type], ['ack', 'ack']);
  assert.deepEqual(client.told.slice(-2), ['joined', 'message 4']);
});

test('when the server has forgotten the session, requests are lost and ids begin at 1', async () => {
  const client = await Client.up();
  client.says(message(1));
  const pending = client.signaling.request({type: 'message', data: 'a'});
  client.closes(1006);
  mock.timers.tick(0);
  client.opens();
  client.says(joined({resumed: false, resume: 'token2'}));
  assert.equal((await pending).code, 'lost');
  void client.signaling.request({type: 'message', data: 'b'});
  assert.equal(client.sent.at(-1).id, 1);
  client.says(message(1));
  assert.deepEqual(client.told.slice(-2), ['joined', 'message 1']);
  client.closes(1006);
  mock.timers.tick(300);
  client.opens();
  assert.equal(client.sent[0].resume, 'token2');
  assert.equal(client.sent[0].seq, 1);
});

test('a refused resume becomes a plain join', async () => {
  const client = await Client.up();
  client.closes(1006);
  mock.timers.tick(0);
  client.opens();
  client.says(error('unauthorized'));
  const again = client.sent.at(-1);
  assert.deepEqual([again.type, again.resume, again.replace], ['join', undefined, undefined]);
  client.says(joined({peer: 'pAnn2'}));
  assert.equal(client.signaling.info.peer, 'pAnn2');
});

test('an error in reply to a join without "retry" ends the session, whatever its code', async () => {
  for (const [code, reason] of [
    ['unauthorized', 'unauthorized'],
    ['bad_request', 'bad_room'],
    ['bad_frame', 'bad_room'],
    ['too_large', 'refused'],
    ['already_joined', 'refused'],
    ['internal', 'refused'],
    ['a_code_of_tomorrow', 'refused'],
  ]) {
    const client = await Client.joining();
    client.opens();
    client.says(error(code));
    assert.deepEqual(client.told, [`end ${reason}`]);
    assert.ok(client.transport.closed);
    mock.timers.tick(600_000);
    assert.equal(client.dialed.length, 1);
  }
});

test('a join that was rate limited waits as long as the server says', async () => {
  const client = await Client.joining();
  client.opens();
  client.says(error('rate_limited', {retry: true, after: 8}));
  client.signaling.check(); // Does not cut the wait short.
  mock.timers.tick(3999);
  assert.equal(client.dialed.length, 1);
  mock.timers.tick(1);
  assert.equal(client.dialed.length, 2);
});

test('a closing server gets the time that it asks for', async () => {
  const client = await Client.up();
  mock.timers.tick(60_000 - 1);
  client.says({type: 'closing', after: 10});
  client.closes(1001);
  mock.timers.tick(4999);
  assert.equal(client.dialed.length, 1);
  mock.timers.tick(1);
  assert.equal(client.dialed.length, 2);
});

test('only after a final close code the page does not come back', async () => {
  const reasons = {1000: 'left', 1008: 'removed', 4001: 'replaced'};
  const ofBrowsers = [1002, 1006].map((code) => ({code, final: false}));
  for (const {code, final} of [...closeCodes, ...ofBrowsers]) {
    const client = await Client.up();
    client.closes(code);
    if (final) {
      assert.deepEqual(client.told.slice(-1), [`end ${reasons[code]}`]);
      mock.timers.tick(600_000);
      assert.equal(client.dialed.length, 1);
    } else {
      mock.timers.tick(0);
      assert.equal(client.dialed.length, 2);
      client.signaling.leave();
    }
  }
  const finalCodes = closeCodes.filter(({final}) => final).map(({code}) => code);
  for (let code = 1000; code < 5000; code++)
    assert.equal(reasonOfClose(code) !== null, finalCodes.includes(code), `${code}`);
});

test('events are confirmed within a second, or after 32 of them', async () => {
  const client = await Client.up();
  client.says(message(1));
  mock.timers.tick(999);
  assert.equal(client.sent.length, 1);
  mock.timers.tick(1);
  assert.deepEqual(client.sent.at(-1), {type: 'seen', seq: 1});
  for (let seq = 2; seq <= 33; seq++) client.says(message(seq));
  assert.deepEqual(client.sent.at(-1), {type: 'seen', seq: 33});
  mock.timers.tick(5000);
  assert.equal(client.sent.length, 3);
});

test('pings confirm events, refresh the token, and find a dead connection', async () => {
  const client = await Client.up();
  client.says(message(1));
  for (let i = 1; i <= 4; i++) {
    mock.timers.tick(15_000);
    const ping = client.sent.at(-1);
    assert.deepEqual(ping, {type: 'ping', id: i, seq: 1});
    client.says({type: 'pong', id: i, ...(i === 4 && {resume: 'token4'})});
  }
  mock.timers.tick(15_000);
  mock.timers.tick(9999);
  assert.equal(client.dialed.length, 1);
  mock.timers.tick(2);
  mock.timers.tick(2);
  assert.equal(client.dialed.length, 2);
  client.opens();
  assert.equal(client.sent[0].resume, 'token4');
});

test('a request without a reply for 10 s ends the connection', async () => {
  const client = await Client.up();
  void client.signaling.request({type: 'ice'});
  mock.timers.tick(9999);
  client.says(message(1));
  mock.timers.tick(9999);
  assert.equal(client.dialed.length, 1);
  mock.timers.tick(2);
  mock.timers.tick(2);
  assert.equal(client.dialed.length, 2);
});

test('an event is delivered once, and a missing one is requested again', async () => {
  const client = await Client.up();
  for (const seq of [1, 1, 2, 1]) client.says(message(seq));
  assert.deepEqual(client.told.slice(1), ['message 1', 'message 2']);
  client.says(message(4));
  mock.timers.tick(0);
  client.opens();
  assert.equal(client.sent[0].seq, 2);
});

test('events that overtake the reply to join are delivered after it', async () => {
  const client = await Client.joining();
  client.opens();
  client.says(message(1));
  client.says(joined());
  assert.deepEqual(client.told, ['joined', 'message 1']);
});

test('when the network is back, the connection is tested, or reopened at once', async () => {
  const client = await Client.up();
  client.signaling.check();
  assert.equal(client.sent.at(-1).type, 'ping');
  client.says({type: 'pong', id: 1});
  mock.timers.tick(4001);
  assert.equal(client.dialed.length, 1);
  client.signaling.check();
  mock.timers.tick(4001);
  assert.equal(client.dialed.length, 2);
  for (let i = 0; i < 8; i++) {
    client.closes(1006);
    mock.timers.tick(15_000);
  }
  const {length} = client.dialed;
  client.closes(1006);
  client.signaling.check();
  assert.equal(client.dialed.length, length + 1);
});

test('a full room is reported, and tried again only on demand', async () => {
  const client = await Client.joining();
  client.opens();
  client.says({type: 'full', id: 1});
  assert.deepEqual(client.told, ['full']);
  mock.timers.tick(60_000);
  assert.equal(client.dialed.length, 1);
  client.signaling.retryJoin();
  mock.timers.tick(15_000);
  assert.equal(client.dialed.length, 2);
});

test('a frame that is invalid or unknown is ignored, but counted', async (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  const client = await Client.up();
  for (const text of [
    '',
    '{',
    '[]',
    '{"type":"bye","seq":1}',
    '{"type":"new","seq":2}',
    '{"type":"new"}',
  ])
    client.transport.callbacks.ontext(text);
  client.says(message(3));
  client.says({type: 'closing', after: 0});
  assert.deepEqual(client.told.slice(-2), ['message 3', 'closing']);
  assert.equal(warn.mock.callCount(), 4);
  client.closes(1006);
  mock.timers.tick(1000);
  client.opens();
  assert.equal(client.sent[0].seq, 3);
});

test('an unknown frame with the id of a request is its reply', async () => {
  const client = await Client.up();
  const reply = client.signaling.request({type: 'ice'});
  client.says({type: 'new', id: 1});
  assert.equal((await reply).type, 'unknown');
});

test('a connection that has fallen silent is checked for as long as the caller says', async () => {
  const client = await Client.up();
  client.signaling.check(1000);
  assert.equal(client.sent.at(-1).type, 'ping');
  mock.timers.tick(999);
  assert.deepEqual(client.dialed, ['websocket']);
  mock.timers.tick(1);
  mock.timers.tick(0);
  assert.equal(client.dialed.length, 2);
});
