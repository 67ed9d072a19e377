import assert from 'node:assert/strict';
import {test} from 'node:test';
import {LEVELS, PAUSED, VideoLevel, shape} from '../static/js/video_level.js';

const GOOD = {loss: 0, audioLoss: 0, rtt: 40, available: 2_000_000};
const LOSSY = {...GOOD, loss: 0.2, audioLoss: 0.2};

/** Feeds a second's figures each second, and records when the level changes. */
class Network {
  level = new VideoLevel();
  at = 0;
  /** @type {[number, number][]} seconds and level */ changes = [];

  lasts(seconds, sending) {
    for (let i = 0; i < seconds; i++) {
      this.at += 1000;
      if (this.level.add(sending, this.at)) this.changes.push([this.at / 1000, this.level.value]);
    }
    return this.level.value;
  }
}

test('a good network keeps the best video', () => {
  const network = new Network();
  assert.equal(network.lasts(600, GOOD), 0);
  assert.deepEqual(network.level.level, LEVELS[0]);
});

test('the first frames are small, until a second has passed and the estimate allows more', () => {
  const shaped = (level, saver = false) => {
    const encoding = {};
    const camera = {getSettings: () => ({width: 1280, height: 720})};
    shape(encoding, level.level, saver, camera, level.first);
    return 720 / encoding.scaleResolutionDownBy;
  };
  for (const [available, seconds] of [
    [2_000_000, 2],
    [null, 2],
    [300_000, 9],
  ]) {
    const network = new Network();
    assert.deepEqual([shaped(network.level), shaped(network.level, true)], [270, 270]);
    network.lasts(seconds - 1, {...GOOD, available});
    assert.equal(network.level.first, true);
    network.lasts(1, {...GOOD, available});
    assert.deepEqual(network.changes, [[seconds, 0]]);
    assert.deepEqual([shaped(network.level), shaped(network.level, true)], [720, 320]);
  }
});

test('nothing is judged before the estimate of the browser has settled', () => {
  const network = new Network();
  assert.equal(network.lasts(8, {...GOOD, available: 100_000}), 0);
});

test('the level falls step by step, and the video is paused last', () => {
  const network = new Network();
  network.lasts(10, GOOD);
  assert.equal(network.lasts(40, LOSSY), PAUSED);
  assert.deepEqual(network.changes, [
    [2, 0],
    [15, 1],
    [20, 2],
    [25, 3],
  ]);
  assert.deepEqual([network.level.paused, network.level.level], [true, null]);
});

test('each sign of a bad network counts, and a moment of it does not', () => {
  for (const bad of [{loss: 0.1}, {rtt: 900}, {available: 300_000}]) {
    const network = new Network();
    network.lasts(10, GOOD);
    for (let i = 0; i < 10; i++) {
      network.lasts(3, {...GOOD, ...bad});
      network.lasts(1, GOOD);
    }
    assert.equal(network.level.value, 0, JSON.stringify(bad));
    assert.ok(network.lasts(6, {...GOOD, ...bad}) > 0, JSON.stringify(bad));
  }
});

test('the video is not paused while the sound arrives', () => {
  const network = new Network();
  network.lasts(10, GOOD);
  assert.equal(network.lasts(120, {...GOOD, loss: 0.2, audioLoss: 0.02}), PAUSED - 1);
});

test('without an estimate, loss and round trip decide', () => {
  const network = new Network();
  network.lasts(10, {...GOOD, available: null});
  assert.equal(network.lasts(40, {...LOSSY, available: null}), PAUSED);
  assert.equal(network.lasts(100, {...GOOD, available: null}), 0);
});

test('it rises again once the network has been good for a while', () => {
  const network = new Network();
  network.lasts(10, GOOD);
  network.lasts(20, LOSSY);
  network.changes = [];
  assert.equal(network.lasts(19, GOOD), PAUSED);
  assert.equal(network.lasts(60, GOOD), 0);
  assert.deepEqual(
    network.changes.map(([, level]) => level),
    [2, 1, 0],
  );
});

test('a level that was too high waits longer each time', () => {
  const network = new Network();
  network.lasts(10, GOOD);
  for (let i = 0; i < 12; i++) {
    network.lasts(200, GOOD);
    network.lasts(5, LOSSY);
  }
  const tried = network.changes.filter(([, level]) => level === 0).map(([at]) => at);
  const waits = tried.slice(1).map((at, i) => at - tried[i]);
  assert.ok(waits.every((wait) => wait >= 15));
  const toggling = new Network();
  toggling.lasts(10, GOOD);
  for (let i = 0; i < 900; i++)
    toggling.lasts(1, toggling.level.value === 0 ? {...GOOD, available: 300_000} : GOOD);
  const raised = toggling.changes.filter(([, level]) => level === 0).map(([at]) => at);
  assert.ok(raised.length >= 3 && raised.length < 12, `raised at ${raised}`);
  assert.ok(raised.at(-1) - raised.at(-2) > 100, `raised at ${raised}`);
});

test('a person can insist on the video, and it falls again if that does not work', () => {
  const network = new Network();
  network.lasts(10, GOOD);
  network.lasts(20, LOSSY);
  network.level.insist(network.at);
  assert.equal(network.level.value, PAUSED - 1);
  assert.equal(network.lasts(8, LOSSY), PAUSED - 1);
  assert.equal(network.lasts(10, LOSSY), PAUSED);
  network.level.insist(network.at);
  assert.equal(network.lasts(30, GOOD), PAUSED - 2);
});

test('a picture that saves data is small, whichever way the camera is held', () => {
  const shaped = (level, saver, width, height) => {
    const encoding = {};
    shape(encoding, level, saver, {getSettings: () => ({width, height})});
    const {active, scaleResolutionDownBy, maxBitrate} = encoding;
    return [active, scaleResolutionDownBy, maxBitrate];
  };
  assert.deepEqual(shaped(LEVELS[0], false, 1280, 720), [true, 1, 1_500_000]);
  assert.deepEqual(shaped(LEVELS[0], true, 1280, 720), [true, 2.25, 250_000]);
  assert.deepEqual(shaped(LEVELS[0], true, 720, 1280), [true, 2.25, 250_000]);
  // A bad network counts for more, and a small picture is not enlarged.
  assert.deepEqual(shaped(LEVELS[2], true, 1280, 720), [true, 4, 150_000]);
  assert.deepEqual(shaped(LEVELS[0], true, 320, 240), [true, 1, 250_000]);
  assert.equal(shaped(null, true, 1280, 720)[0], false);
  const unknown = {};
  shape(unknown, LEVELS[0], true, null);
  assert.equal(unknown.scaleResolutionDownBy, 2.25);
});
