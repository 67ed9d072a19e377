import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Backoff} from '../static/js/backoff.js';

const take = (backoff, n) => Array.from({length: n}, () => backoff.next().ms);

test('the first wait is 0, and the bound of the next ones doubles up to fifteen seconds', () => {
  const longest = new Backoff(() => 1);
  assert.deepEqual(take(longest, 9), [0, 300, 600, 1200, 2400, 4800, 9600, 15_000, 15_000]);
  assert.equal(longest.tries, 9);
  const shortest = new Backoff(() => 0);
  assert.deepEqual(take(shortest, 9), Array(9).fill(0));
});

test('while somebody waits for the server, no bound is above two seconds', () => {
  let urgent = true;
  const backoff = new Backoff(
    () => 1,
    () => urgent,
  );
  assert.deepEqual(take(backoff, 7), [0, 300, 600, 1200, 2000, 2000, 2000]);
  urgent = false;
  assert.deepEqual(take(backoff, 1), [15_000]);
});

test('a connection that lasted starts the backoff over', () => {
  const backoff = new Backoff(() => 1);
  take(backoff, 5);
  backoff.resetTries();
  assert.deepEqual(take(backoff, 2), [0, 300]);
});

test('a wait that the server asks for counts once, also after a connection that lasted', () => {
  const backoff = new Backoff(() => 0.5);
  backoff.require(5);
  backoff.resetTries();
  assert.deepEqual(backoff.next(), {ms: 2500, required: true});
  assert.deepEqual(backoff.next(), {ms: 150, required: false});
  backoff.require(5);
  backoff.reset();
  assert.deepEqual(backoff.next(), {ms: 0, required: false});
});
