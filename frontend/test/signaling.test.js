import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Signaling} from '../static/js/signaling.js';
import {FakeWebSocket, quiet} from './fakes.js';

/** A connection and what it told. */
function connection() {
  const told = [];
  const signaling = new Signaling({
    url: 'ws://localhost/ws',
    WebSocket: FakeWebSocket,
    onopen: () => told.push('open'),
    onframe: (frame) => told.push(frame.type),
    onclose: (code) => told.push(code),
  });
  signaling.connect();
  return {signaling, told, socket: FakeWebSocket.last};
}

function open() {
  const opened = connection();
  opened.socket.serverOpens();
  return opened;
}

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'setInterval']}));
afterEach(() => mock.timers.reset());

test('the subprotocol is offered, and opening is told', () => {
  const {socket, told} = open();
  assert.deepEqual([socket.url, socket.protocol], ['ws://localhost/ws', 'callbox.v1']);
  assert.deepEqual(told, ['open']);
});

test('a request gets the reply that has its id', async () => {
  const {signaling, socket} = open();
  const first = signaling.request({type: 'ice'});
  const second = signaling.request({type: 'message', data: 1});
  const [{id: one}, {id: two}] = socket.sent;
  assert.ok(one >= 1 && two > one);
  socket.serverSends({type: 'ack', id: two});
  socket.serverSends({type: 'ice', id: one, iceServers: [], iceTTL: 60});
  assert.equal((await first).type, 'ice');
  assert.equal((await second).type, 'ack');
});

test('events and notices are told in order, replies are not', () => {
  const {signaling, socket, told} = open();
  void signaling.request({type: 'leave'});
  socket.serverSends({type: 'other_joined', seq: 1, peer: 'p', name: '', polite: true});
  socket.serverSends({type: 'left', id: 1});
  socket.serverSends({type: 'bye', seq: 2, peer: 'p', reason: 'left'});
  socket.serverSends({type: 'closing', after: 3});
  assert.deepEqual(told, ['open', 'other_joined', 'bye', 'closing']);
});

test('a frame that cannot be read harms nothing', (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  const {socket, told} = open();
  for (const frame of ['', '{', '[]', '{"type":"bye"}']) socket.serverSends(frame);
  socket.serverSends({type: 'closing', after: 0});
  assert.deepEqual(told, ['open', 'closing']);
  assert.equal(warn.mock.callCount(), 4);
});

test('requests without a connection, and those it took with it, end as unknown', async () => {
  const {signaling, socket, told} = open();
  const pending = signaling.request({type: 'ice'});
  socket.serverCloses(1006);
  assert.equal((await pending).code, 'unknown');
  assert.equal((await signaling.request({type: 'ice'})).code, 'unknown');
  assert.deepEqual(told, ['open', 1006]);
});

test('a reply that does not come is not waited for', async () => {
  const {signaling} = open();
  const pending = signaling.request({type: 'ice'});
  mock.timers.tick(10_000);
  assert.equal((await pending).code, 'unknown');
});

test('what the server wants later is repeated later, under a new id, three times', async () => {
  const {signaling, socket} = open();
  const pending = signaling.request({type: 'message', data: 1});
  for (let i = 1; i <= 4; i++) {
    assert.equal(socket.sent.length, i);
    socket.serverSends({
      type: 'error',
      id: i,
      code: 'rate_limited',
      message: '',
      retry: true,
      after: 2,
    });
    await quiet(2);
    mock.timers.tick(1999);
    await quiet(2);
    assert.equal(socket.sent.length, i);
    mock.timers.tick(1);
    await quiet(2);
  }
  assert.equal((await pending).code, 'rate_limited');
  assert.deepEqual(
    socket.sent.map(({id}) => id),
    [1, 2, 3, 4],
  );
});

test('a connection that does not open in time is given up', () => {
  const {socket, told} = connection();
  mock.timers.tick(9999);
  assert.deepEqual(told, []);
  mock.timers.tick(1);
  assert.deepEqual(told, [4000]);
  assert.equal(socket.readyState, 3);
});

test('a server that has gone silent is noticed, a slow page is not', () => {
  const {signaling, socket, told} = open();
  signaling.keepAlive(15);
  for (let i = 0; i < 10; i++) {
    mock.timers.tick(15_000);
    socket.serverSends({type: 'pong', id: i + 1});
  }
  assert.deepEqual(told, ['open']);
  assert.equal(socket.sent.filter(({type}) => type === 'ping').length, 10);
  mock.timers.tick(30_000);
  assert.deepEqual(told, ['open']);
  mock.timers.tick(15_000);
  assert.deepEqual(told, ['open', 4000]);
});

test('closing is silent, and the old socket has no say after the new one is there', () => {
  const {signaling, socket, told} = open();
  signaling.connect();
  socket.onclose?.({code: 1006});
  socket.onmessage?.({data: '{"type":"closing","after":1}'});
  FakeWebSocket.last.serverOpens();
  signaling.close();
  FakeWebSocket.last.onclose?.({code: 1000});
  mock.timers.tick(60_000);
  assert.deepEqual(told, ['open', 'open']);
  assert.equal(FakeWebSocket.last.closedWith, 1000);
});

test('a page that goes away says goodbye without waiting', () => {
  const {signaling, socket} = open();
  signaling.leave();
  assert.deepEqual(socket.sent, [{type: 'leave'}]);
});
