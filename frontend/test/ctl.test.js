import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Ctl} from '../static/js/ctl.js';
import {FakePeerConnection, quiet} from './fakes.js';

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']}));
afterEach(() => mock.timers.reset());

/** One end of the channels. */
class End {
  messages = [];
  events = [];
  pc = new FakePeerConnection();
  ctl = new Ctl({
    pc: this.pc,
    hello: {app: 'test', features: [], name: 'Ann'},
    onopen: () => this.events.push('open'),
    onmessage: (message) => this.messages.push(message),
    onclose: () => this.events.push('close'),
  });

  get channel() {
    return this.pc.channels[0];
  }

  get sent() {
    return this.channel.sent;
  }

  receives(...messages) {
    for (const message of messages) this.channel.receives(JSON.stringify(message));
  }
}

const HELLO = {type: 'hello', v: 1, app: 'other', features: [], name: ''};
const BYE = {type: 'bye', final: true};

/** Returns an end whose channel is open. The other end is played by the test. */
function open() {
  const end = new End();
  end.ctl.create();
  end.channel.opens();
  return end;
}

/** Returns an end that has said hello to one that did, too. */
function ready() {
  const end = open();
  end.ctl.mark();
  end.receives(HELLO);
  return end;
}

test('both channels are negotiated, ordered and reliable, with the ids of the contract', () => {
  const {pc} = open();
  assert.deepEqual(
    pc.channels.map(({label, id, negotiated}) => ({label, id, negotiated})),
    [
      {label: 'ctl', id: 100, negotiated: true},
      {label: 'file', id: 101, negotiated: true},
    ],
  );
});

test('two ends say hello, and then talk', async () => {
  const [ann, bo] = [new End(), new End()];
  for (const [end, other] of [
    [ann, bo],
    [bo, ann],
  ]) {
    end.ctl.create();
    Object.defineProperty(end.pc, 'remote', {value: other.pc});
  }
  ann.ctl.mark();
  bo.ctl.mark();
  ann.channel.opens();
  await quiet();
  bo.channel.opens();
  await quiet();
  assert.deepEqual([ann.events, bo.events], [['open'], ['open']]);
  assert.ok(ann.ctl.send(BYE));
  await quiet();
  assert.deepEqual(bo.messages, [BYE]);
});

test('nothing is sent before the mark of the other end, and nothing of it heard', () => {
  const end = open();
  end.receives({type: 'wave'}, BYE);
  for (let i = 0; i < 300; i++) end.receives(BYE);
  end.pc.channels[1].opens();
  end.pc.channels[1].receives(new ArrayBuffer(1));
  assert.equal(end.pc.channels[1].readyState, 'open');
  assert.equal(end.ctl.send(BYE), false);
  assert.deepEqual([end.sent, end.messages, end.channel.readyState], [[], [], 'open']);
});

test('hello comes first, also when the other hello came before the mark', () => {
  const end = open();
  end.receives(HELLO);
  assert.equal(end.ctl.ready, false);
  end.ctl.mark();
  end.ctl.mark();
  assert.deepEqual([end.sent.length, end.sent[0].type, end.events], [1, 'hello', ['open']]);
});

test('without the hello of the other end the channel counts as absent', () => {
  const end = open();
  end.ctl.mark();
  end.receives(BYE);
  assert.deepEqual([end.ctl.ready, end.messages], [false, []]);
});

test('a message that is too large is not sent, and the channel stays', () => {
  const end = ready();
  mock.method(console, 'warn', () => {});
  assert.equal(end.ctl.send({type: 'signal', data: {x: 'x'.repeat(65_536)}}), false);
  assert.deepEqual([end.sent.length, end.events], [1, ['open']]);
  mock.restoreAll();
});

test('a message that is too large ends the channel', () => {
  for (const message of ['x'.repeat(65_537), '明'.repeat(30_000)]) {
    const end = ready();
    end.channel.receives(message);
    assert.deepEqual(end.events, ['open', 'close']);
    assert.ok(end.pc.channels.every(({readyState}) => readyState === 'closed'));
    assert.equal(end.pc.connectionState, 'new'); // The call goes on.
  }
});

test('more than 200 messages in a second end the channel', () => {
  const end = ready();
  for (let second = 0; second < 3; second++) {
    mock.timers.tick(1000);
    for (let i = 0; i < 200; i++) end.receives(BYE);
  }
  assert.equal(end.messages.length, 600);
  end.receives(BYE);
  assert.deepEqual([end.messages.length, end.events], [600, ['open', 'close']]);
});

test('unknown and malformed messages do no harm', () => {
  const end = ready();
  end.channel.receives(new ArrayBuffer(1));
  end.receives({type: 'wave'}, {type: 'bye', final: 7}, HELLO, 7);
  assert.deepEqual(
    end.messages.map(({type, of}) => [type, of]),
    [
      ['malformed', 'bye'],
      ['malformed', ''],
    ],
  );
  assert.equal(end.ctl.ready, true);
});

test('messages are sent slowly enough for the other end, in order, and their number is limited', () => {
  const end = ready();
  for (let n = 1; n <= 250; n++) end.ctl.send({type: 'got', id: n});
  const ids = () => end.sent.filter(({type}) => type === 'got').map(({id}) => id);
  assert.equal(ids().length, 100);
  mock.timers.tick(1000);
  assert.equal(ids().length, 200);
  mock.timers.tick(1000);
  assert.deepEqual(
    ids(),
    Array.from({length: 250}, (_, i) => i + 1),
  );
  for (let n = 0; n < 1000; n++) end.ctl.send(BYE);
  assert.deepEqual(end.events, ['open', 'close']);
});

test('a channel that does not get on holds messages back', () => {
  const end = ready();
  end.channel.bufferedAmount = 2 << 20;
  assert.ok(end.ctl.send(BYE));
  assert.equal(end.sent.length, 1);
  end.channel.bufferedAmount = 0;
  mock.timers.tick(1000);
  assert.equal(end.sent.length, 2);
});

test('a ping is answered once a second, and its own measures round trip and clock', () => {
  const end = ready();
  for (let n = 1; n <= 3; n++) end.receives({type: 'ping', n, t: 5});
  const pongs = () => end.sent.filter(({type}) => type === 'pong');
  assert.deepEqual(pongs(), [{type: 'pong', n: 1, t: 5, r: Date.now()}]);
  mock.timers.tick(5000);
  const ping = end.sent.at(-1);
  assert.deepEqual([ping.type, ping.n], ['ping', 1]);
  mock.timers.tick(40);
  end.receives({type: 'pong', n: 7, t: 0, r: 0}); // of none that was sent
  assert.equal(end.ctl.clock, null);
  end.receives({type: 'pong', n: 1, t: ping.t, r: ping.t + 1020});
  assert.deepEqual(end.ctl.clock, {rtt: 40, offset: 1000});
});

test('bytes of a file that nobody took end that channel only', () => {
  const end = ready();
  end.pc.channels[1].opens();
  end.pc.channels[1].receives(new ArrayBuffer(16));
  assert.deepEqual(
    end.pc.channels.map(({readyState}) => readyState),
    ['open', 'closed'],
  );
});

test('a channel that closes is not opened again', async () => {
  const end = ready();
  end.channel.close();
  await quiet();
  assert.deepEqual(end.events, ['open', 'close']);
  end.ctl.mark();
  assert.equal(end.ctl.send(BYE), false);
  mock.timers.tick(60_000);
  assert.equal(end.sent.length, 1);
});

test('what was sent is confirmed by the answer to a ping, which is repeated', async () => {
  const end = ready();
  const pings = () => end.sent.filter(({type}) => type === 'ping').map(({n}) => n);
  const answers = (n) => end.receives({type: 'pong', n, t: 0, r: 0});
  let confirmed = end.ctl.confirm();
  assert.deepEqual(pings(), [1]);
  answers(9); // never sent
  answers(1);
  assert.equal(await confirmed, true);

  confirmed = end.ctl.confirm();
  assert.deepEqual(pings(), [1]); // one a second at most
  mock.timers.tick(1000);
  await quiet();
  answers(1); // late, and of the ping before
  mock.timers.tick(2000);
  await quiet();
  assert.deepEqual(pings(), [1, 2, 3]);
  answers(2); // was sent after it, too
  answers(3);
  assert.equal(await confirmed, true);
});

test('an end that does not answer has not confirmed anything', async () => {
  for (const closes of [false, true]) {
    const end = ready();
    const confirmed = end.ctl.confirm();
    if (closes) end.channel.close();
    for (let i = 0; i < 10; i++) {
      mock.timers.tick(1000);
      await quiet(2);
    }
    assert.equal(await confirmed, false);
  }
});
