import assert from 'node:assert/strict';
import {test} from 'node:test';
import {onWakeUp} from '../static/js/wakeup.js';

function page(t) {
  t.mock.timers.enable({apis: ['setInterval', 'Date']});
  const window = Object.assign(new EventTarget(), {
    document: Object.assign(new EventTarget(), {hidden: false}),
  });
  let woken = 0;
  let slept = 0;
  onWakeUp(
    () => woken++,
    window,
    () => Date.now() + slept,
  );
  return {window, woken: () => woken, sleep: (ms) => (slept += ms)};
}

test("the network's return and a visible page trigger a check", (t) => {
  const {window, woken} = page(t);
  window.dispatchEvent(new Event('online'));
  window.dispatchEvent(new Event('pageshow'));
  window.document.dispatchEvent(new Event('resume'));
  window.document.dispatchEvent(new Event('visibilitychange'));
  assert.equal(woken(), 4);
  window.document.hidden = true;
  window.document.dispatchEvent(new Event('visibilitychange'));
  assert.equal(woken(), 4);
});

test('a clock that has jumped means that the device has slept', (t) => {
  const {woken, sleep} = page(t);
  for (let i = 0; i < 10; i++) t.mock.timers.tick(5000);
  assert.equal(woken(), 0);
  sleep(60_000);
  t.mock.timers.tick(5000);
  assert.equal(woken(), 1);
  t.mock.timers.tick(5000);
  assert.equal(woken(), 1);
});
