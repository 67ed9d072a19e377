import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Arrival} from '../static/js/arrival.js';

/** @param {string} permission of the page */
function setup(permission, hidden = true) {
  const seen = {chimes: 0, focused: 0, asked: 0};
  class FakeNotification {
    static permission = permission;
    static async requestPermission() {
      seen.asked++;
      FakeNotification.permission = 'granted';
    }
    static shown = [];
    constructor(title, options) {
      if (permission === 'broken') throw new TypeError('Illegal constructor');
      FakeNotification.shown.push(Object.assign(this, {title, ...options}));
    }
    close() {
      this.closed = true;
    }
  }
  const arrival = new Arrival({
    isHidden: () => hidden,
    chime: async () => ++seen.chimes > 0,
    Notification: permission === 'none' ? undefined : FakeNotification,
    focus: () => seen.focused++,
  });
  return {arrival, seen, shown: FakeNotification.shown};
}

beforeEach(() => mock.timers.enable({apis: ['setTimeout']}));
afterEach(() => mock.timers.reset());

const ALL = {chime: true, notify: true};

test('who looks elsewhere gets a sound, and a notification if that was allowed before', () => {
  const {arrival, seen, shown} = setup('granted');
  arrival.announce(ALL, 'Bo has joined', 'Click');
  mock.timers.tick(500);
  assert.deepEqual([seen.chimes, seen.asked, shown.length], [1, 0, 1]);
  assert.deepEqual(
    [shown[0].title, shown[0].body, shown[0].silent],
    ['Bo has joined', 'Click', true],
  );
  shown[0].onclick();
  assert.deepEqual([seen.focused, shown[0].closed], [1, true]);
});

test('nobody is asked unless they want to be', async () => {
  const {arrival, seen, shown} = setup('default');
  arrival.announce(ALL, 'a', 'b');
  assert.deepEqual([seen.asked, shown.length], [0, 0]);
  await arrival.askPermission();
  assert.deepEqual([seen.asked, arrival.permission], [1, 'granted']);
  await arrival.askPermission();
  assert.equal(seen.asked, 1);
});

test('sound and notification can be switched off', () => {
  const {arrival, seen, shown} = setup('granted');
  arrival.announce({chime: false, notify: false}, 'a', 'b');
  assert.deepEqual([seen.chimes, shown.length], [0, 0]);
});

test('there is no notification in sight of the page, or where the browser has none', () => {
  for (const [permission, hidden] of [
    ['granted', false],
    ['denied', true],
    ['none', true],
    ['broken', true],
  ]) {
    const {arrival, seen, shown} = setup(permission, hidden);
    arrival.announce(ALL, 'a', 'b');
    mock.timers.tick(500);
    assert.deepEqual([seen.chimes, shown.length], [1, 0], permission);
  }
  assert.equal(setup('none').arrival.permission, '');
});

test('a notification goes when the person comes back, and a second one takes its place', () => {
  const {arrival, shown} = setup('granted');
  arrival.announce(ALL, 'a', 'b');
  arrival.announce(ALL, 'c', 'd');
  assert.deepEqual(
    shown.map(({closed = false}) => closed),
    [true, false],
  );
  arrival.dismiss();
  arrival.dismiss();
  assert.equal(shown[1].closed, true);
});
