import assert from 'node:assert/strict';
import {test} from 'node:test';
import {FIGURES, History, SPAN, pointOf} from '../static/js/history.js';
import {heightOf, lineOf} from '../static/js/plot.js';

const point = (at, known = {}) => ({
  at,
  ...Object.fromEntries(FIGURES.map((figure) => [figure, null])),
  ...known,
});
const filled = (...points) => {
  const history = new History();
  for (const each of points) history.add(each);
  return history;
};

test('a point has every figure', () => {
  const sample = {at: 5, jitter: 2, pictureIn: {fps: 30}, pictureOut: {fps: 25}};
  const rates = {rtt: 40, lossIn: 0.1, lossOut: 0.2, bitrateIn: 100, bitrateOut: 200};
  assert.deepEqual(pointOf(sample, rates), {...rates, at: 5, jitter: 2, fpsIn: 30, fpsOut: 25});
  assert.deepEqual(Object.keys(pointOf(sample, rates)).sort(), ['at', ...FIGURES].sort());
});

test('the history has the last minute, however long the call is', () => {
  const history = new History();
  for (let at = 0; at <= 600_000; at += 1000) history.add(point(at));
  assert.equal(history.points.length, 61);
  assert.equal(history.points[0].at, 600_000 - SPAN);
  assert.equal(history.points.at(-1).at, 600_000);
  history.clear();
  assert.equal(history.points.length, 0);
});

test('the history is bounded, however fast points come', () => {
  const history = new History();
  for (let at = 0; at < 10_000; at++) history.add(point(at));
  assert.equal(history.points.length, 128);
  assert.equal(history.points.at(-1).at, 9999);
});

test('after a sleep, only the new point is left', () => {
  const history = filled(point(0), point(1000), point(3_600_000));
  assert.deepEqual(
    history.points.map(({at}) => at),
    [3_600_000],
  );
});

test('the range ignores what is not known', () => {
  const history = filled(point(0, {rtt: 40}), point(1000), point(2000, {rtt: 12}));
  assert.deepEqual(history.range('rtt'), {least: 12, most: 40});
  assert.equal(history.range('jitter'), null);
  assert.equal(new History().range('rtt'), null);
});

const SIZE = {width: 60, height: 10};

test('a line goes from a minute ago to now, the highest value at the top', () => {
  const points = [point(0, {rtt: 0}), point(2000, {rtt: 200}), point(4000, {rtt: 50})];
  assert.equal(lineOf(points, 'rtt', 4000, SIZE), 'M56 10h0L58 0L60 7.5');
  assert.equal(lineOf(points, 'rtt', SPAN, SIZE), 'M0 10h0L2 0L4 7.5');
});

test('a line has gaps where nothing is known, or the connection was away', () => {
  const points = [
    point(0, {fpsIn: 30}),
    point(1000),
    point(2000, {fpsIn: 15}),
    point(9000, {fpsIn: 15}),
  ];
  assert.equal(lineOf(points, 'fpsIn', SPAN, SIZE), 'M0 0h0M2 5h0M9 5h0');
  assert.equal(lineOf(points, 'rtt', SPAN, SIZE), '');
});

test('a line leaves out what is older than a minute', () => {
  const points = [point(0, {rtt: 10}), point(1000, {rtt: 20})];
  assert.equal(lineOf(points, 'rtt', SPAN + 500, SIZE), 'M0.5 8h0');
});

test('small values are drawn small', () => {
  assert.equal(heightOf([point(0, {rtt: 3})], 'rtt'), 100);
  assert.equal(heightOf([point(0, {rtt: 300}), point(1)], 'rtt'), 300);
  for (const figure of FIGURES) assert.ok(heightOf([], figure) > 0, figure);
});
