import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Hearing} from '../static/js/hearing.js';
import {LevelMeter, chime, loudness} from '../static/js/level.js';
import {FakeStream, FakeTrack, quiet} from './fakes.js';

test('after 5 s without a voice the user is told, and as soon as there is one', () => {
  const hearing = new Hearing();
  hearing.reset(1000);
  hearing.add(0.2, 2000); // as loud as a quiet room
  assert.equal(hearing.at(5999), 'unknown');
  assert.equal(hearing.at(6000), 'silent');
  hearing.add(0.5, 7000);
  assert.equal(hearing.at(7000), 'heard');
  assert.equal(hearing.at(11_999), 'heard');
  assert.equal(hearing.at(12_000), 'silent');
  hearing.reset(13_000);
  assert.equal(hearing.at(13_000), 'unknown');
});

test('loudness is 0 in silence, 1 at full volume, and grows with decibels between', () => {
  const at = (amplitude) => loudness(new Float32Array(64).fill(amplitude));
  assert.deepEqual([at(0), at(0.0005), at(1)], [0, 0, 1]);
  assert.equal(at(10 ** (-35 / 20)).toFixed(3), '0.500');
});

/** The parts of Web Audio that the page uses. */
class FakeAudioContext {
  static all = [];
  state = 'suspended';
  currentTime = 0;
  destination = {};
  notes = 0;

  constructor() {
    FakeAudioContext.all.push(this);
  }

  async resume() {
    this.state = 'running';
  }

  async close() {
    this.state = 'closed';
  }

  createAnalyser() {
    return {fftSize: 0, getFloatTimeDomainData: (samples) => samples.fill(1)};
  }

  createMediaStreamSource(stream) {
    this.source = stream;
    return {connect() {}};
  }

  createMediaStreamDestination() {
    return {stream: new FakeStream([new FakeTrack('audio')])};
  }

  createOscillator() {
    return {
      frequency: {},
      connect: (next) => next,
      start: () => this.notes++,
      stop() {},
    };
  }

  createGain() {
    const gain = {};
    for (const name of [
      'setValueAtTime',
      'linearRampToValueAtTime',
      'exponentialRampToValueAtTime',
    ])
      gain[name] = () => {};
    return {gain, connect: (next) => next};
  }
}

class FakeAudio {
  static last;
  static plays = async () => {};
  sinkId = '';

  constructor() {
    FakeAudio.last = this;
  }

  async setSinkId(id) {
    if (id === 'gone') throw new DOMException('', 'NotFoundError');
    this.sinkId = id;
  }

  play() {
    return FakeAudio.plays();
  }
}

const fakes = {AudioContext: FakeAudioContext, Audio: FakeAudio, MediaStream: FakeStream};

beforeEach(() => {
  mock.timers.enable({apis: ['setTimeout', 'setInterval']});
  FakeAudioContext.all = [];
  FakeAudio.plays = async () => {};
  Object.assign(globalThis, fakes);
});
afterEach(() => {
  mock.timers.reset();
  for (const name of Object.keys(fakes)) delete globalThis[name];
});

test('a microphone is measured until another one is, or none', async () => {
  const meter = new LevelMeter();
  const levels = [];
  const [one, two] = [new FakeTrack('audio'), new FakeTrack('audio')];
  meter.follow(one, (level) => levels.push(level));
  meter.follow(one, () => assert.fail('it is measured already'));
  mock.timers.tick(66);
  await quiet();
  assert.deepEqual([levels, FakeAudioContext.all[0].state], [[1], 'running']);
  meter.follow(two, (level) => levels.push(-level));
  mock.timers.tick(66);
  assert.deepEqual(levels, [1, -1]);
  meter.follow(null, () => {});
  mock.timers.tick(660);
  await quiet();
  assert.equal(levels.length, 2);
  assert.deepEqual(
    FakeAudioContext.all.map(({state, source}) => [state, source.getTracks()[0]]),
    [
      ['closed', one],
      ['closed', two],
    ],
  );
});

test('the speaker test sounds on the chosen speaker, and says whether it could', async () => {
  const sounds = async (speaker) => {
    const played = chime(speaker);
    await quiet();
    mock.timers.tick(1200);
    return played;
  };
  assert.equal(await sounds('out1'), true);
  assert.deepEqual([FakeAudio.last.sinkId, FakeAudioContext.all[0].notes], ['out1', 3]);
  assert.equal(await sounds(''), true);
  assert.equal(FakeAudio.last.sinkId, '');
  assert.equal(await sounds('gone'), false);
  FakeAudio.plays = async () => {
    throw new DOMException('', 'NotAllowedError');
  };
  assert.equal(await sounds('out1'), false);
  assert.ok(FakeAudioContext.all.every(({state}) => state === 'closed'));
  delete globalThis.AudioContext;
  assert.equal(await sounds('out1'), false);
});
