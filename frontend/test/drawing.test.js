import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {FRAME_TIMEOUT} from '../static/js/timeouts.js';
import {AfterDrawing, oncePerFrame} from '../static/js/ui/drawing.js';

/** What the browser calls back with the next frame. @type {Map<number, () => void>} */
const due = new Map();
let page = {hidden: false};
let done = [];

beforeEach(() => {
  mock.timers.enable({apis: ['setTimeout']});
  page = {hidden: false};
  done = [];
  due.clear();
  let last = 0;
  Object.assign(globalThis, {
    document: page,
    requestAnimationFrame: (work) => due.set(++last, work) && last,
    cancelAnimationFrame: (frame) => due.delete(frame),
  });
});
afterEach(() => mock.timers.reset());

/** The browser draws a frame, and then does what has been put off until after it. */
function draw() {
  const works = [...due.values()];
  due.clear();
  for (const work of works) work();
  const during = done.length;
  mock.timers.tick(1);
  return during;
}

test('what has changed many times is rendered once, after the frame of the click and the next one', () => {
  const renderSoon = oncePerFrame(() => done.push('rendered'));
  renderSoon();
  renderSoon();
  draw();
  assert.deepEqual(done, []);
  renderSoon();
  assert.equal(draw(), 0, 'not in the task that draws');
  assert.deepEqual(done, ['rendered']);
  mock.timers.tick(FRAME_TIMEOUT);
  assert.equal(draw(), 1);
  renderSoon();
  draw();
  draw();
  assert.deepEqual(done, ['rendered', 'rendered']);
});

test('a page without frames is rendered as well, and one that is hidden at once', () => {
  const renderSoon = oncePerFrame(() => done.push('rendered'));
  renderSoon();
  mock.timers.tick(FRAME_TIMEOUT);
  assert.equal(done.length, 1);
  renderSoon();
  page.hidden = true;
  renderSoon();
  assert.equal(done.length, 2);
  mock.timers.tick(FRAME_TIMEOUT);
  draw();
  assert.equal(done.length, 2);
});

test('work that had better wait is done as soon as it may, or when its time has come', () => {
  let delay = 250;
  const renderSoon = oncePerFrame(
    () => done.push('rendered'),
    () => delay,
  );
  const pass = () => (draw(), draw(), done.length);
  renderSoon();
  assert.equal(pass(), 0);
  renderSoon();
  assert.equal(pass(), 0);
  delay = 0;
  renderSoon();
  assert.equal(pass(), 1);
  mock.timers.tick(300);
  assert.equal(done.length, 1);
  delay = 250;
  renderSoon();
  assert.equal(pass(), 1);
  delay = 0;
  mock.timers.tick(250);
  assert.equal(done.length, 2);
});

test('what needs the layout is done after the next frame, and only the newest of it', () => {
  const after = new AfterDrawing();
  after.run(() => done.push('first'));
  after.run(() => done.push('second'));
  assert.equal(draw(), 0);
  assert.deepEqual(done, ['second']);
  after.run(() => done.push('third'));
  page.hidden = true;
  after.run(() => done.push('fourth'));
  draw();
  mock.timers.tick(FRAME_TIMEOUT);
  assert.deepEqual(done, ['second', 'fourth']);
});
