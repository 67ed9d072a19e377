import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {TransportChoice} from '../static/js/transport.js';
import {WebSocketTransport} from '../static/js/transport_websocket.js';
import {joined} from './driver.js';
import {FakeWebSocket} from './fakes.js';
import {Client} from './client.js';

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']}));
afterEach(() => mock.timers.reset());

function connection() {
  const told = [];
  const note = (word) => (value) => told.push([word, value].filter(Boolean).join(' '));
  const callbacks = {onopen: note('open'), ontext: note('text'), onclose: note('close')};
  const transport = new WebSocketTransport('ws://localhost/ws', callbacks, FakeWebSocket);
  return {transport, told, socket: FakeWebSocket.last};
}

test('a WebSocket offers the subprotocol, and carries texts', () => {
  const {transport, told, socket} = connection();
  assert.deepEqual([socket.url, socket.protocol], ['ws://localhost/ws', 'callbox.v1']);
  transport.send('{"type":"early"}'); // Dropped: the socket is not open.
  socket.serverOpens();
  transport.send('{"type":"ice"}');
  socket.serverSends('{}');
  socket.serverCloses(4002);
  assert.deepEqual(socket.sent, [{type: 'ice'}]);
  assert.deepEqual(
    told.map((word) => word.split(' ')[0]),
    ['open', 'text', 'close'],
  );
});

test('a WebSocket that the page closed calls no callback', () => {
  const {transport, told, socket} = connection();
  socket.serverOpens();
  transport.close();
  socket.onmessage?.({data: '{}'});
  socket.onclose?.({code: 1000});
  assert.deepEqual([told, socket.closedWith], [['open'], 1000]);
});

test('leaving a room resolves to whether the server has confirmed it', async (t) => {
  t.mock.timers.enable({apis: ['setTimeout']});
  const ends = {
    'it says so': [(socket) => socket.onmessage({data: '{"type":"left"}'}), true],
    'it closes': [(socket) => socket.onclose({code: 1006}), false],
    'it says nothing': [() => t.mock.timers.tick(3000), false],
  };
  for (const [name, [happens, want]] of Object.entries(ends)) {
    const {transport, told, socket} = connection();
    socket.serverOpens();
    const left = transport.leave();
    socket.onmessage({data: '{"type":"message","seq":1}'});
    assert.equal(socket.closedWith ?? null, null, name);
    happens(socket);
    assert.equal(await left, want, name);
    assert.deepEqual(
      [told, socket.sent, socket.closedWith],
      [['open'], [{type: 'leave'}], 1000],
      name,
    );
  }
});

test('SSE follows after two failures of WebSocket, or one timeout', () => {
  const refused = new TransportChoice();
  assert.equal(refused.next(), 'websocket');
  refused.failed('websocket', false);
  assert.equal(refused.next(), 'websocket');
  refused.failed('websocket', false);
  assert.equal(refused.next(), 'sse');
  const dark = new TransportChoice();
  dark.failed('websocket', true);
  assert.equal(dark.next(), 'sse');
});

test('where SSE was needed, WebSocket is tried once each time until it works', () => {
  const choice = new TransportChoice();
  choice.failed('websocket', true);
  choice.worked('sse');
  assert.equal(choice.next(), 'websocket');
  choice.failed('websocket', false);
  assert.equal(choice.next(), 'sse');
  choice.worked('sse');
  choice.worked('websocket');
  choice.failed('websocket', false);
  assert.equal(choice.next(), 'websocket');
});

test('when nothing works, the transports take turns', () => {
  const choice = new TransportChoice();
  const tried = [];
  for (let i = 0; i < 6; i++) {
    tried.push(choice.next());
    choice.failed(choice.next(), false);
  }
  const three = ['websocket', 'websocket', 'sse'];
  assert.deepEqual(tried, [...three, ...three]);
});

test('a session moves from one transport to the other, and back', async () => {
  const client = await Client.up();
  client.says({type: 'message', seq: 1, from: 'pBo', data: 1});
  client.closes(1006);
  for (let i = 0; i < 2; i++) {
    mock.timers.tick(1000);
    client.closes(1006);
  }
  mock.timers.tick(1000);
  assert.deepEqual(client.dialed, ['websocket', 'websocket', 'websocket', 'sse']);
  client.opens();
  assert.deepEqual([client.sent[0].resume, client.sent[0].seq], ['token', 1]);
  client.says(joined({resumed: true}));
  assert.deepEqual([client.signaling.info.transport, client.transport.watched], ['sse', 15]);
  client.closes(1006);
  mock.timers.tick(1000);
  assert.equal(client.dialed.at(-1), 'websocket');
  client.opens();
  client.says(joined({resumed: true}));
  assert.equal(client.signaling.info.transport, 'websocket');
});

test('a WebSocket that does not open, or opens and stays silent, is given up', async () => {
  for (const opens of [false, true]) {
    const client = await Client.joining();
    if (opens) client.opens();
    mock.timers.tick(opens ? 9999 : 5999);
    assert.equal(client.dialed.length, 1);
    mock.timers.tick(1);
    mock.timers.tick(1);
    assert.deepEqual(client.dialed, ['websocket', 'sse']);
    assert.deepEqual(client.told, ['down 1']);
  }
});
