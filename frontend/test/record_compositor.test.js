import assert from 'node:assert/strict';
import {test} from 'node:test';
import {FakeStream, FakeTrack} from './fakes.js';

/** A device that takes some time for each picture. */
function setUp(t) {
  let now = 0;
  let pictures = 0;
  t.mock.method(performance, 'now', () => now);
  const drawImage = () => {};
  const fillRect = () => {
    now += 5;
    pictures++;
  };
  const context = {drawImage, fillRect, beginPath() {}, arc() {}, fill() {}, fillText() {}};
  globalThis.HTMLMediaElement = {HAVE_CURRENT_DATA: 2};
  globalThis.document = {
    createElement: () => ({
      getContext: () => context,
      captureStream: () => new FakeStream([new FakeTrack('video')]),
    }),
  };
  const answers = [];
  const clock = {postMessage: (message) => answers.push(message), terminate() {}};
  return {clock, answers, pictures: () => pictures, passes: (ms) => (now += ms)};
}

const {Compositor} = await import('../static/js/record/compositor.js');

test('every tick draws a picture, and is answered', (t) => {
  const {clock, answers, pictures, passes} = setUp(t);
  const compositor = new Compositor(clock, () => {});
  for (let i = 0; i < 10; i++) {
    clock.onmessage();
    passes(35);
  }
  assert.equal(pictures(), 10);
  passes(10); // The next tick comes early.
  clock.onmessage();
  assert.equal(pictures(), 11);
  clock.onmessage();
  assert.equal(pictures(), 11);
  assert.deepEqual(answers, [40, ...Array(12).fill(null)]);
  compositor.stop();
});

test('a page that does not answer gets no more ticks until it does', async (t) => {
  let listen;
  const ticks = [];
  Object.assign(globalThis, {
    addEventListener: (_, listener) => (listen = listener),
    postMessage: (message) => ticks.push(message),
  });
  t.mock.timers.enable({apis: ['setInterval']});
  await import('../static/js/record/tick_worker.js');
  listen({data: 40});
  t.mock.timers.tick(39);
  assert.equal(ticks.length, 0);
  t.mock.timers.tick(400);
  assert.equal(ticks.length, 1);
  for (let i = 0; i < 10; i++) {
    listen({data: null});
    t.mock.timers.tick(40);
  }
  assert.equal(ticks.length, 11);
});
