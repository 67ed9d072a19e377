import assert from 'node:assert/strict';
import {beforeEach, test} from 'node:test';
import {WakeLock} from '../static/js/wakelock.js';
import {quiet} from './fakes.js';

const page = Object.assign(new EventTarget(), {hidden: false});
globalThis.document = page;
/** @type {{released: boolean, release(): Promise<void>}[]} */ let locks = [];
let refuses = false;

Object.defineProperty(globalThis, 'navigator', {
  configurable: true,
  value: {
    wakeLock: {
      async request() {
        await quiet(1);
        if (refuses) throw new DOMException('', 'NotAllowedError');
        const lock = {
          released: false,
          release: async () => {
            lock.released = true;
          },
        };
        locks.push(lock);
        return lock;
      },
    },
  },
});

const held = () => locks.filter(({released}) => !released).length;

function hide(hidden) {
  page.hidden = hidden;
  // As browsers do.
  if (hidden) for (const lock of locks) lock.released = true;
  page.dispatchEvent(new Event('visibilitychange'));
}

beforeEach(() => {
  locks = [];
  refuses = false;
  page.hidden = false;
});

test('the screen stays on as long as that is wanted and the page is seen', async () => {
  const lock = new WakeLock();
  lock.want(true);
  lock.want(true);
  await quiet();
  assert.equal(locks.length, 1);
  hide(true);
  await quiet();
  assert.deepEqual([held(), locks.length], [0, 1]);
  hide(false);
  await quiet();
  assert.deepEqual([held(), locks.length], [1, 2]);
  lock.want(false);
  await quiet();
  assert.equal(held(), 0);
});

test('what is wanted while the browser still answers counts', async () => {
  const lock = new WakeLock();
  lock.want(true);
  lock.want(false);
  await quiet();
  assert.equal(held(), 0);
  lock.want(true);
  lock.want(false);
  lock.want(true);
  await quiet();
  assert.equal(held(), 1);
  lock.want(false);
  await quiet();
});

test('a browser that refuses is not asked again and again', async () => {
  const lock = new WakeLock();
  refuses = true;
  lock.want(true);
  await quiet();
  refuses = false;
  await quiet();
  assert.equal(locks.length, 0);
  hide(false);
  await quiet();
  assert.equal(held(), 1);
  lock.want(false);
  await quiet();
});
