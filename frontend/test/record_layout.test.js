import assert from 'node:assert/strict';
import {test} from 'node:test';
import {SIZE, layoutOf} from '../static/js/record/layout.js';

const camera = {width: 640, height: 480};
const phone = {width: 480, height: 640};
const screen = {width: 1920, height: 1200};
const none = {shared: null, remote: null, self: null};

test('the other person fills the recording, all of the picture, and the own picture is a tile', () => {
  const [remote, self, ...more] = layoutOf({...none, remote: camera, self: phone});
  assert.deepEqual(more, []);
  assert.equal(remote.source, 'remote');
  assert.deepEqual(remote.from, {x: 0, y: 0, ...camera});
  assert.deepEqual(remote.to, {x: 160, y: 0, width: 960, height: 720});
  assert.deepEqual(self.to, {x: 1008, y: 560, width: 256, height: 144});
  assert.deepEqual(self.from, {x: 0, y: 185, width: 480, height: 270}); // the middle of it
});

test('a shared screen fills the recording, and both people are tiles', () => {
  const places = layoutOf({shared: screen, remote: camera, self: camera});
  assert.deepEqual(
    places.map(({source, to}) => [source, to.x, to.y]),
    [
      ['shared', 64, 0],
      ['self', 1008, 560],
      ['remote', 1008, 400],
    ],
  );
});

test('without a picture the other person still has the place, and a tile is left out', () => {
  assert.deepEqual(layoutOf(none), [
    {source: 'remote', box: {x: 0, y: 0, ...SIZE}, from: null, to: {x: 0, y: 0, ...SIZE}},
  ]);
  assert.deepEqual(
    layoutOf({...none, shared: screen, remote: camera}).map(({source}) => source),
    ['shared', 'remote'],
  );
});

/** Reports whether a lies in b. */
const isInside = (a, b) =>
  a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width && a.y + a.height <= b.y + b.height;

test('nothing is drawn outside the recording or stretched, whatever the sizes', () => {
  const sizes = [null, camera, phone, screen, {width: 1, height: 4000}, {width: 4000, height: 3}];
  for (const shared of sizes)
    for (const remote of sizes)
      for (const self of sizes)
        for (const {source, from, to, box} of layoutOf({shared, remote, self})) {
          assert.ok(isInside(to, box) && isInside(box, {x: 0, y: 0, ...SIZE}));
          if (!from) continue;
          assert.ok(isInside(from, {x: 0, y: 0, ...{shared, remote, self}[source]}));
          if (Math.min(to.width, to.height, from.width, from.height) < 100) continue; // rounded
          assert.ok(Math.abs(from.width / from.height / (to.width / to.height) - 1) < 0.02);
        }
});
