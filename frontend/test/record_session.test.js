import assert from 'node:assert/strict';
import {afterEach, beforeEach, test} from 'node:test';
import {initial} from '../static/js/machine.js';
import {FakeStream, FakeTrack, quiet} from './fakes.js';

/** What a session needs of a browser, as little as possible; `log` says in which order it was used. */
let log = [];
let waits = [];

class FakeContext {
  destination = {};
  sampleRate = 48_000;
  constructor() {
    this.node = {
      connect: (to) => to,
      disconnect: () => {},
      start: () => {},
      offset: {},
      gain: {},
      frequency: {},
    };
  }
  resume = async () => {};
  close = async () => log.push('context closed');
  createConstantSource = () => this.node;
  createGain = () => this.node;
  createOscillator = () => ({...this.node, start: () => log.push('tone')});
  createMediaStreamSource = (stream) => {
    const [{name}] = stream.getAudioTracks();
    return {
      connect: () => log.push(`mix ${name}`),
      disconnect: () => log.push(`unmix ${name}`),
    };
  };
  createMediaStreamDestination = () => ({stream: new FakeStream([new FakeTrack('audio')])});
}

class FakeRecorder extends EventTarget {
  static isTypeSupported = () => true;
  state = 'inactive';
  start() {
    this.state = 'recording';
    log.push('recording');
    this.dispatchEvent(new Event('start'));
  }
  stop() {
    this.state = 'inactive';
    this.dispatchEvent(new Event('stop'));
  }
}

class FakeWorker {
  /** @type {FakeWorker} */ static last;
  constructor() {
    FakeWorker.last = this;
  }
  postMessage() {}
  terminate() {}
}

const drawing = {drawImage() {}, fillRect() {}, beginPath() {}, arc() {}, fill() {}, fillText() {}};
const createElement = (name) => ({
  name,
  play: async () => {},
  getContext: () => drawing,
  captureStream: () => new FakeStream([new FakeTrack('video')]),
});

const FAKES = {
  AudioContext: FakeContext,
  MediaRecorder: FakeRecorder,
  MediaStream: FakeStream,
  Worker: FakeWorker,
  HTMLMediaElement: {HAVE_CURRENT_DATA: 2},
  document: {createElement},
  navigator: {},
  window: {},
  addEventListener: (type) => log.push(`on ${type}`),
  removeEventListener: (type) => log.push(`off ${type}`),
  setTimeout: (work) => (waits.push(work), 0),
};
let real;
beforeEach(() => {
  [log, waits] = [[], []];
  real = Object.getOwnPropertyDescriptors(globalThis);
  for (const [name, value] of Object.entries(FAKES))
    Object.defineProperty(globalThis, name, {value, configurable: true, writable: true});
});
afterEach(() => {
  for (const name of Object.keys(FAKES)) {
    if (real[name]) Object.defineProperty(globalThis, name, real[name]);
    else delete globalThis[name];
  }
});

const {Session} = await import('../static/js/record/session.js');
const named = (name) => Object.assign(new FakeTrack('audio'), {name});

/** A call with Bo, and this side's devices. */
function setUp() {
  const link = {
    toldRecording: false,
    main: new FakeStream([named('bo')]),
    shared: new FakeStream(),
    setTrack: async (_, track) => void log.push(track?.name ? 'microphone' : 'send tone'),
  };
  const facts = {peer: 'bo', connection: 'connected', ctl: true, gone: false, safety: {}};
  const call = {
    told: true,
    state: {...initial, phase: 'in', hasConnected: true, link: facts, peerName: 'Bo'},
    link,
    shown: link,
    tellRecording: async (on) => {
      log.push(on ? 'tell' : 'untell');
      link.toldRecording = on && call.told;
      return call.told;
    },
  };
  const media = {
    tracks: {audio: named('own'), video: null},
    screen: null,
    state: {video: false},
  };
  const session = new Session({call, media, now: () => 7, onchange: () => {}});
  return {call, media, link, session};
}

async function begin({session}) {
  session.click();
  await quiet();
  for (const work of waits.splice(0)) work();
  await quiet();
}

test('the other side is told and hears the tone, and then it is recorded', async () => {
  const all = setUp();
  await begin(all);
  assert.equal(all.session.phase, 'on');
  assert.deepEqual(
    log.filter((what) => !what.startsWith('on ') && !what.startsWith('mix')),
    ['tell', 'send tone', 'tone', 'microphone', 'recording'],
  );
  assert.ok(log.includes('mix own') && log.includes('mix bo') && log.includes('on beforeunload'));
  all.session.click();
  await quiet();
  assert.equal(all.session.phase, 'off');
  assert.deepEqual(log.slice(-1), ['untell']);
  assert.ok(log.includes('off beforeunload') && log.includes('context closed'));
});

test('a recording that the other side did not confirm never begins', async () => {
  const all = setUp();
  all.call.told = false;
  await begin(all);
  assert.deepEqual([all.session.phase, all.session.notice], ['off', 'refused']);
  assert.deepEqual(log, ['tell', 'untell']);
});

test('a file for the recording is asked for where there is no better place, and need not be given', async () => {
  const all = setUp();
  globalThis.window.showSaveFilePicker = async ({suggestedName, types}) => {
    log.push(suggestedName, JSON.stringify(types));
    throw new DOMException('no', 'AbortError');
  };
  await begin(all);
  delete globalThis.window.showSaveFilePicker;
  assert.deepEqual([all.session.phase, all.session.notice], ['off', '']);
  assert.match(log[0], /^callbox-[-\d]+\.webm$/);
  assert.deepEqual(log.slice(1), ['[{"accept":{"video/webm":[".webm"]}}]']);
});

test('another microphone is mixed in, and another page only once it was told', async () => {
  const all = setUp();
  await begin(all);
  log = [];
  all.media.tracks.audio = named('headset');
  all.session.update();
  assert.deepEqual(log, ['unmix own', 'mix headset']);
  log = [];
  const link = {...all.link, toldRecording: false, main: new FakeStream([named('bo again')])};
  all.call.shown = all.call.link = link;
  all.call.state.link = {...all.call.state.link, peer: 'bo2', ctl: false};
  all.session.update();
  assert.deepEqual([all.session.phase, ...log], ['on', 'unmix bo']);
  link.toldRecording = true;
  all.session.update();
  assert.equal(log.at(-1), 'mix bo again');
});

test('a recording whose clock cannot be loaded does not begin, and says so', async () => {
  const all = setUp();
  all.session.click();
  await quiet();
  assert.equal(all.session.phase, 'sounding');
  FakeWorker.last.onerror();
  for (const work of waits.splice(0)) work();
  await quiet();
  assert.deepEqual([all.session.phase, all.session.notice], ['off', 'impossible']);
  assert.deepEqual([log.includes('recording'), log.at(-1)], [false, 'microphone']);
});

test('a recording that is given up during the tone gives the microphone back before the next one sounds', async () => {
  const all = setUp();
  all.session.click();
  await quiet();
  all.session.click();
  all.session.click();
  await quiet();
  assert.deepEqual(
    log.filter((what) => !/^(on |mix |unmix )/.test(what)),
    [
      ...['tell', 'send tone', 'tone', 'untell', 'context closed', 'microphone'],
      ...['tell', 'send tone', 'tone'],
    ],
  );
  assert.equal(all.session.phase, 'sounding');
  for (const work of waits.splice(0)) work();
  await quiet();
  assert.deepEqual([all.session.phase, ...log.slice(-1)], ['on', 'recording']);
});

for (const [what, setTrack] of [
  ['fails', () => Promise.reject(new DOMException('closed', 'InvalidStateError'))],
  ['is still sent', async () => {}],
])
  test(`on a new connection nobody has heard a tone that ${what} on the one before`, async () => {
    const all = setUp();
    all.session.click();
    await quiet();
    all.link.setTrack = setTrack;
    all.call.link = {...all.link, toldRecording: false};
    for (const work of waits.splice(0)) work();
    await quiet();
    assert.deepEqual([all.session.phase, all.session.notice], ['off', 'refused']);
    assert.deepEqual([log.includes('recording'), log.includes('untell')], [false, true]);
  });

test('a recording that cannot be read now is kept; one that another tab has deleted is not', async () => {
  const {session} = setUp();
  for (const [name, left] of [
    ['NotReadableError', 1],
    ['NotFoundError', 0],
  ]) {
    const kept = {
      open: async () => {
        throw new DOMException('no', name);
      },
      remove: async () => void log.push(`remove ${name}`),
    };
    session.kept = [kept];
    const opened = await session.open(kept).catch((error) => error.name);
    assert.deepEqual([opened, session.kept.length], left ? [name, 1] : [null, 0]);
  }
  assert.deepEqual(log, ['remove NotFoundError']);
});

test('what was recorded is listed with the newest first, wherever it is', async () => {
  const names = ['2026-11-30T06-00-00.000Z.webm', '2026-11-30T08-00-00.000Z.webm'];
  const folder = {
    keys: async function* () {
      yield* names;
    },
    getFileHandle: async (name) => ({getFile: async () => new File([name], name)}),
  };
  globalThis.navigator.storage = {getDirectory: async () => ({getDirectoryHandle: () => folder})};
  globalThis.navigator.locks = {request: async (name, options, work) => work({})};
  const {session} = setUp();
  delete globalThis.navigator.storage;
  delete globalThis.navigator.locks;
  const at = (hour) => Date.parse(`2026-11-30T0${hour}:00:00Z`);
  session.kept = [{name: 'in memory', at: at(7)}];
  await session.load();
  assert.deepEqual(
    session.kept.map((kept) => kept.at),
    [at(8), at(7), at(6)],
  );
});

test('the recording ends with the call', async () => {
  const all = setUp();
  await begin(all);
  all.call.state = {...all.call.state, phase: 'ended', link: null};
  all.session.update();
  await quiet();
  assert.equal(all.session.phase, 'off');
});
