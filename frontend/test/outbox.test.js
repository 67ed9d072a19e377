import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Outbox} from '../static/js/outbox.js';

const ack = (id) => ({type: 'ack', id});
const later = (id, code = 'queue_full') => ({
  ...{type: 'error', id, code, message: '', retry: true, after: 1},
});

/** Lists the requests that may be sent now, as data and id. */
function all(outbox, now = 0) {
  const sent = [];
  for (let next = outbox.next(now); typeof next === 'object' && next; next = outbox.next(now))
    sent.push(`${next.data}${next.id}`);
  return sent;
}

function filled(...data) {
  const outbox = new Outbox();
  const replies = [];
  for (const one of data)
    void outbox
      .add({type: 'message', data: one})
      .then(({type, code}) => replies.push(one + (code ?? type)));
  return {outbox, replies};
}

test('requests get their ids when they are sent, in order', () => {
  const {outbox} = filled('a', 'b');
  assert.deepEqual(all(outbox), ['a1', 'b2']);
  assert.deepEqual(all(outbox), []);
  assert.equal(outbox.nextID(), 3);
  void outbox.add({data: 'c'});
  assert.deepEqual(all(outbox), ['c4']);
  assert.equal(outbox.unanswered, 3);
});

test('the next connection repeats requests with the same ids, before new ones', () => {
  const {outbox} = filled('a', 'b', 'c');
  all(outbox);
  outbox.handleReply(ack(2), 0);
  void outbox.add({data: 'd'});
  outbox.requeue();
  assert.deepEqual(all(outbox), ['a1', 'c3', 'd4']);
});

test('a deferred request is repeated later, with a new id, and before those after it', async () => {
  const {outbox, replies} = filled('a', 'b');
  all(outbox);
  outbox.handleReply(later(1), 1000);
  outbox.handleReply(later(2), 1000);
  void outbox.add({data: 'c'});
  assert.equal(outbox.next(1000), 2000);
  assert.equal(outbox.next(1999), 2000);
  assert.deepEqual(all(outbox, 2000), ['a3', 'b4', 'c5']);
  outbox.handleReply(ack(3), 2000);
  await null;
  await null;
  assert.deepEqual(replies, ['aack']);
});

test('a request answered with "unknown" is repeated with the same id', () => {
  const {outbox} = filled('a');
  all(outbox);
  outbox.handleReply(later(1, 'unknown'), 0);
  assert.equal(outbox.next(0), 1000);
  assert.deepEqual(all(outbox, 1000), ['a1']);
});

test('a request is deferred 30 times at most', async () => {
  const {outbox, replies} = filled('a');
  for (let i = 0; i < 31; i++) {
    const [, id] = /a(\d+)/.exec(all(outbox, i * 1000)[0]);
    outbox.handleReply(later(Number(id)), (i - 1) * 1000);
  }
  await null;
  await null;
  assert.deepEqual(replies, ['aqueue_full']);
});

test('an error without "retry" is a reply', async () => {
  const {outbox, replies} = filled('a');
  all(outbox);
  outbox.handleReply(
    {type: 'error', id: 1, code: 'no_such_peer', message: '', retry: false, after: 0},
    0,
  );
  await null;
  await null;
  assert.deepEqual(replies, ['ano_such_peer']);
});

test('the requests without a reply, and the requests in all, are limited', async () => {
  const outbox = new Outbox();
  for (let i = 0; i < 256; i++) void outbox.add({data: i});
  assert.equal(all(outbox).length, 24);
  outbox.handleReply(ack(1), 0);
  assert.equal(all(outbox).length, 1);
  for (let i = 0; i < 1; i++) void outbox.add({data: 'x'});
  assert.equal((await outbox.add({data: 'y'})).code, 'queue_full');
});

test('a lost session fails all requests, and ids begin at 1', async () => {
  const {outbox, replies} = filled('a', 'b');
  all(outbox);
  outbox.reset();
  await null;
  await null;
  assert.deepEqual(replies, ['alost', 'blost']);
  outbox.handleReply(ack(1), 0);
  void outbox.add({data: 'c'});
  assert.deepEqual(all(outbox), ['c1']);
});

test('when a frame was too large, the largest request fails', async () => {
  const {outbox, replies} = filled('a', 'bb'.repeat(40_000), 'c');
  all(outbox);
  outbox.failLargest();
  outbox.requeue();
  await null;
  await null;
  assert.deepEqual(all(outbox), ['a1', 'c3']);
  assert.match(replies[0], /too_large$/);
  new Outbox().failLargest();
});
