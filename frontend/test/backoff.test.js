import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Backoff} from '../static/js/backoff.js';

const take = (backoff, n) => Array.from({length: n}, () => backoff.next().ms);

test('at once, and then up to twice as long each time, up to fifteen seconds', () => {
  const longest = new Backoff(() => 1);
  assert.deepEqual(take(longest, 9), [0, 300, 600, 1200, 2400, 4800, 9600, 15_000, 15_000]);
  assert.equal(longest.tries, 9);
  const shortest = new Backoff(() => 0);
  assert.deepEqual(take(shortest, 9), Array(9).fill(0));
});

test('what worked for a while begins anew', () => {
  const backoff = new Backoff(() => 1);
  take(backoff, 5);
  backoff.resetTries();
  assert.deepEqual(take(backoff, 2), [0, 300]);
});

test("the server's word counts once, also for who had been steady", () => {
  const backoff = new Backoff(() => 0.5);
  backoff.require(5);
  backoff.resetTries();
  assert.deepEqual(backoff.next(), {ms: 2500, required: true});
  assert.deepEqual(backoff.next(), {ms: 150, required: false});
  backoff.require(5);
  backoff.reset();
  assert.deepEqual(backoff.next(), {ms: 0, required: false});
});
