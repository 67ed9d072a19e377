import assert from 'node:assert/strict';
import {afterEach, beforeEach, test} from 'node:test';
import {Recorder, extensionOf, recordedType} from '../static/js/record/recorder.js';
import {quiet} from './fakes.js';

/** The browser's recorder; the test gives the data. */
class FakeMediaRecorder extends EventTarget {
  /** @type {FakeMediaRecorder} */ static last;
  static supported = (type) => type.startsWith('video/mp4');
  static isTypeSupported = (type) => FakeMediaRecorder.supported(type);
  state = 'inactive';

  constructor(stream, options) {
    super();
    Object.assign(this, {stream, options});
    FakeMediaRecorder.last = this;
  }

  start(slice) {
    this.slice = slice;
    this.state = 'recording';
    this.dispatchEvent(new Event('start'));
  }

  gives(...bytes) {
    const data = new Blob([Uint8Array.from(bytes)]);
    this.dispatchEvent(Object.assign(new Event('dataavailable'), {data}));
  }

  stop() {
    this.state = 'inactive';
    this.gives(9);
    this.dispatchEvent(new Event('stop'));
  }
}

const real = globalThis.MediaRecorder;
beforeEach(() => (globalThis.MediaRecorder = FakeMediaRecorder));
afterEach(() => (globalThis.MediaRecorder = real));

/** A sink that is as slow as the test wants. */
class Sink {
  written = [];
  events = [];
  fails = null;
  waits = Promise.resolve();

  write = async (writes) => {
    await this.waits;
    if (this.fails) throw this.fails;
    for (const {position, bytes} of writes) this.written.push([position, ...bytes]);
  };
  close = async () => (this.events.push('close'), 'the file');
  discard = async () => void this.events.push('discard');
}

function begin(sink = new Sink()) {
  const events = [];
  const recorder = new Recorder({
    stream: 'stream',
    type: recordedType(),
    sink,
    onbegin: () => events.push('begun'),
    onfailed: (notice) => events.push(notice),
  });
  recorder.begin();
  return {recorder, sink, events, browser: FakeMediaRecorder.last};
}

test('what the browser records is written in order, and complete before the file is closed', async () => {
  const {recorder, sink, events, browser} = begin();
  assert.deepEqual([browser.stream, browser.slice, events], ['stream', 1000, ['begun']]);
  assert.equal(browser.options.mimeType, 'video/mp4');
  let goOn;
  sink.waits = new Promise((resolve) => (goOn = resolve));
  browser.gives(1, 2);
  browser.gives(); // as some browsers do
  browser.gives(3);
  const stopped = recorder.stop();
  await quiet();
  assert.deepEqual(sink.events, []);
  goOn();
  assert.equal(await stopped, 'the file');
  assert.deepEqual(sink.written, [
    [0, 1, 2],
    [2, 3],
    [3, 9],
  ]);
});

test('a full disk ends the recording once, and what was written stays', async () => {
  const {recorder, sink, events, browser} = begin();
  browser.gives(1);
  await quiet();
  sink.fails = new DOMException('full', 'QuotaExceededError');
  browser.gives(2);
  browser.gives(3);
  await quiet();
  assert.deepEqual(events, ['begun', 'full']);
  sink.fails = null;
  assert.equal(await recorder.stop(), 'the file');
  assert.deepEqual(sink.written, [[0, 1]]);
});

test('an error of the browser or of the disk says that the recording is broken', async () => {
  const ofBrowser = begin();
  ofBrowser.browser.dispatchEvent(new Event('error'));
  const ofDisk = begin();
  ofDisk.sink.fails = new Error('gone');
  ofDisk.browser.gives(1);
  await quiet();
  for (const {events} of [ofBrowser, ofDisk]) assert.deepEqual(events, ['begun', 'broken']);
});

test('a recording without any data leaves nothing', async () => {
  const {recorder, sink, browser} = begin();
  browser.state = 'inactive'; // It has ended by itself.
  assert.equal(await recorder.stop(), null);
  assert.deepEqual(sink.events, ['discard']);
});

test('WebM is preferred, because it can be played if it ends in the middle', () => {
  assert.equal(extensionOf(recordedType()), 'mp4');
  FakeMediaRecorder.supported = () => true;
  assert.match(recordedType(), /^video\/webm/);
  assert.equal(extensionOf(recordedType()), 'webm');
  FakeMediaRecorder.supported = () => false;
  assert.equal(recordedType(), '');
});
