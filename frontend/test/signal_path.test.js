import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {SignalPath} from '../static/js/signal_path.js';
import {quiet} from './fakes.js';

beforeEach(() => mock.timers.enable({apis: ['setTimeout']}));
afterEach(() => mock.timers.reset());

/** A path whose server and channel the test plays. */
class Ends {
  signaled = [];
  told = [];
  open = true;
  replies = [];
  path = new SignalPath({
    generation: 3,
    signal: (data) => {
      this.signaled.push(data);
      return new Promise((resolve) => this.replies.push((type) => resolve({type})));
    },
    tell: (data) => this.open && this.told.push(data.n) > 0,
  });

  send(count = 1) {
    for (let i = 0; i < count; i++) this.path.send({candidate: null});
  }
}

test('messages are numbered, and descriptions carry the mark', () => {
  const ends = new Ends();
  ends.path.send({description: {type: 'offer', sdp: ''}});
  ends.path.send({renegotiate: true});
  assert.deepEqual(ends.signaled, [
    {call: 3, n: 1, description: {type: 'offer', sdp: ''}, ctl: 1},
    {call: 3, n: 2, renegotiate: true},
  ]);
  assert.deepEqual(ends.told, []);
});

test('what the server confirms in time goes no other way', async () => {
  const ends = new Ends();
  ends.send();
  ends.replies[0]('ack');
  await quiet();
  mock.timers.tick(1000);
  ends.path.away = true;
  assert.deepEqual(ends.told, []);
});

test('while signaling is away, all goes both ways, once each, and in order', async () => {
  const ends = new Ends();
  ends.send(2);
  ends.path.away = true;
  ends.send();
  ends.path.away = true;
  assert.deepEqual(ends.told, [1, 2, 3]);
  assert.equal(ends.signaled.length, 3);
  ends.path.away = false;
  ends.send();
  assert.deepEqual(ends.told, [1, 2, 3]);
});

test('what is not confirmed within a second, or refused, goes over the channel', async () => {
  const ends = new Ends();
  ends.send();
  mock.timers.tick(1000);
  assert.deepEqual(ends.told, [1]);
  ends.send();
  ends.replies[1]('error');
  await quiet();
  assert.deepEqual(ends.told, [1, 2]);
});

test('what waits for the channel goes when it opens', () => {
  const ends = new Ends();
  ends.open = false;
  ends.path.away = true;
  ends.send(2);
  ends.open = true;
  ends.path.retry();
  assert.deepEqual(ends.told, [1, 2]);
});

test('the number of messages kept is limited', () => {
  const ends = new Ends();
  ends.open = false;
  ends.send(1000);
  ends.open = true;
  ends.path.away = true;
  assert.deepEqual([ends.told.length, ends.told.at(-1)], [256, 1000]);
});

test('what comes both ways is taken once, and nothing older than what was taken', () => {
  const {path} = new Ends();
  const taken = [1, 2, 1, 3, 5, 4, 5, 6].filter((n) => path.takes({kind: 'renegotiate', n}));
  assert.deepEqual(taken, [1, 2, 3, 5, 6]);
  for (let i = 0; i < 2; i++) assert.ok(path.takes({kind: 'renegotiate'})); // from an older program
  path.resync();
  assert.ok(path.takes({kind: 'renegotiate', n: 1}));
});
