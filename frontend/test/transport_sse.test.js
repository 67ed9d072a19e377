import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {EventParser, SSETransport} from '../static/js/transport_sse.js';
import {quiet} from './fakes.js';

/** The server's side of the HTTP requests that a page makes. */
class FakeHTTP {
  requests = [];
  streams = [];
  status = {};
  /** @type {(frame: any) => Response} */ answer = ({id}) => json({type: 'ack', id});
  #gate = null;

  fetch = async (url, {method, headers, body, signal, keepalive}) => {
    const path = url.replace('http://localhost/api/v1', '');
    this.requests.push({method, path, headers, body, keepalive});
    if (signal?.aborted) throw signal.reason;
    const status = this.status[path];
    if (status instanceof Response) return status;
    if (status) return new Response('<html>no</html>', {status});
    if (path === '/sessions') return json({session: 'secret'});
    if (path === '/events') return this.#stream(signal);
    await this.#gate;
    return this.answer(JSON.parse(body));
  };

  #stream(signal) {
    let controller;
    const body = new ReadableStream({start: (given) => (controller = given)});
    signal.addEventListener('abort', () => {
      try {
        controller.error(signal.reason);
      } catch {
        // It was over before.
      }
    });
    this.streams.push({
      says: (text) => controller.enqueue(new TextEncoder().encode(text)),
      ends: () => controller.close(),
    });
    return new Response(body);
  }

  of(path) {
    return this.requests.filter((request) => request.path === path);
  }

  /** Holds the replies to frames up until the function it gives is called. */
  hold() {
    let open;
    this.#gate = new Promise((resolve) => (open = resolve));
    return () => {
      this.#gate = null;
      open();
    };
  }
}

const json = (value, init) => new Response(JSON.stringify(value), init);

/** @param {FakeHTTP} [http] */
async function open(http = new FakeHTTP()) {
  const told = [];
  const transport = new SSETransport(
    'http://localhost/api/v1',
    {
      onopen: () => told.push('open'),
      ontext: (text) => told.push(text),
      onclose: (code, refusal) => told.push(refusal?.code ?? code),
    },
    http.fetch,
  );
  await quiet();
  return {http, told, transport};
}

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'Date']}));
afterEach(() => mock.timers.reset());

test('a session is created and its stream opened, with the secret in a header', async () => {
  const {http, told} = await open();
  assert.deepEqual(told, ['open']);
  const [session, events] = http.requests;
  assert.deepEqual([session.method, session.path, events.path], ['POST', '/sessions', '/events']);
  assert.equal(events.headers.Authorization, 'Bearer secret');
});

test('events and replies are delivered in order and whole, also across chunks', async () => {
  const {http, told, transport} = await open();
  const [stream] = http.streams;
  stream.says(': hello\n\nid: 1\ndata: {"type":"bye",');
  await quiet();
  stream.says('"name":"' + '静' + '"}\n\n');
  transport.send('{"type":"ice","id":4}');
  await quiet();
  assert.deepEqual(told.slice(1).sort(), ['{"type":"ack","id":4}', '{"type":"bye","name":"静"}']);
});

test('frames are sent one at a time, in order', async () => {
  const {http, transport} = await open();
  const release = http.hold();
  for (let id = 1; id <= 3; id++) transport.send(JSON.stringify({type: 'message', id}));
  await quiet();
  assert.equal(http.of('/frames').length, 1);
  release();
  await quiet(30);
  assert.deepEqual(
    http.of('/frames').map(({body}) => JSON.parse(body).id),
    [1, 2, 3],
  );
});

test('a stream that a proxy ended continues where it ended', async () => {
  const {http, told} = await open();
  http.streams[0].says('id: 7\ndata: {"type":"a"}\n\n');
  await quiet();
  mock.timers.tick(60_000);
  http.streams[0].ends();
  await quiet();
  assert.deepEqual(told, ['open', '{"type":"a"}']);
  assert.equal(http.of('/events')[1].headers['Last-Event-ID'], '7');
  http.streams[1].says('id: 8\ndata: {"type":"b"}\n\n');
  await quiet();
  assert.equal(told.at(-1), '{"type":"b"}');
  http.streams[1].ends(); // At once: that is no proxy's patience.
  await quiet();
  assert.equal(told.at(-1), 1006);
});

test('a stream that has gone silent is reopened', async () => {
  const {http, told, transport} = await open();
  transport.expectActivity(15);
  for (let i = 0; i < 3; i++) {
    mock.timers.tick(30_000);
    http.streams[0].says(':\n\n');
    await quiet();
  }
  assert.equal(http.streams.length, 1);
  mock.timers.tick(37_500);
  await quiet();
  assert.equal(http.streams.length, 2);
  assert.deepEqual(told, ['open']);
});

test("the server's close code is reported", async () => {
  const {http, told} = await open();
  http.streams[0].says('event: close\ndata: {"code":4001,"reason":"taken over"}\n\n');
  await quiet();
  assert.deepEqual(told, ['open', 4001]);
});

test('any other failure is a broken connection, reported once', async () => {
  for (const path of ['/sessions', '/events', '/frames']) {
    const http = new FakeHTTP();
    http.status[path] = path === '/frames' ? 401 : 502;
    const {told, transport} = await open(http);
    transport.send('{"type":"ice","id":1}');
    transport.send('{"type":"ice","id":2}');
    await quiet(20);
    assert.deepEqual(
      told.filter((word) => word !== 'open'),
      [1006],
      path,
    );
  }
});

test('a frame refused with 429 is sent again later; an error frame is a reply', async () => {
  const {http, told, transport} = await open();
  const answers = [
    new Response('slow down', {status: 429, headers: {'Retry-After': '3'}}),
    json({type: 'error', id: 1, code: 'too_large'}, {status: 413}),
  ];
  http.answer = () => answers.shift();
  transport.send('{"type":"message","id":1}');
  await quiet();
  mock.timers.tick(2999);
  await quiet();
  assert.equal(http.of('/frames').length, 1);
  mock.timers.tick(1);
  await quiet(20);
  assert.equal(http.of('/frames').length, 2);
  assert.equal(JSON.parse(told.at(-1)).code, 'too_large');
});

test('a frame that is too large fails, and the connection stays', async () => {
  const {http, told, transport} = await open();
  http.answer = () => json({code: 'too_large', message: 'no'}, {status: 413});
  transport.send('{"type":"message","id":5}');
  await quiet();
  const {type, id, code} = JSON.parse(told.at(-1));
  assert.deepEqual([type, id, code], ['error', 5, 'too_large']);
});

test('the request to leave outlives the page, and no callback follows', async () => {
  const {http, told, transport} = await open();
  assert.equal(await transport.leave(), true);
  const [, left] = http.of('/sessions');
  assert.deepEqual([left.method, left.keepalive], ['DELETE', true]);
  assert.equal(left.headers.Authorization, 'Bearer secret');
  assert.deepEqual(told, ['open']);
});

test('event streams are parsed as HTML says', () => {
  const parser = new EventParser();
  const stream =
    'id: 1\r\ndata: a\r\ndata:b\r\n\r\n: c\n\nevent: close\ndata\n\ndata:  d\n\nid: 9\n\n';
  const events = [...stream].flatMap((character) => parser.feed(character));
  assert.deepEqual(events, [
    {id: '1', type: '', data: 'a\nb'},
    {id: '', type: 'close', data: ''},
    {id: '', type: '', data: ' d'},
  ]);
  assert.deepEqual(new EventParser().feed(stream), events);
});

test('the refusal of a session is reported', async () => {
  for (const [status, code, told] of [
    [403, 'forbidden_origin', 'origin'],
    [421, 'misdirected', 'host'],
    [429, 'rate_limited', 'limited'],
    [503, 'closing', 1006],
    [502, 'none', 1006],
  ]) {
    const http = new FakeHTTP();
    http.status['/sessions'] = json({code, message: 'm'}, {status});
    assert.deepEqual((await open(http)).told, [told]);
  }
});
