import assert from 'node:assert/strict';
import {getEventListeners} from 'node:events';
import {test} from 'node:test';
import {capture} from '../static/js/capture.js';
import {Media} from '../static/js/media.js';
import {FakeDevices, fail, setup} from './fake_devices.js';
import {quiet} from './fakes.js';

test('camera and microphone are requested together, and then listed', async () => {
  const {media, devices, sent} = setup();
  await media.start();
  assert.equal(devices.asked.length, 1);
  const {state} = media;
  assert.deepEqual(
    [state.capture, state.audio, state.video, state.mirror],
    ['done', true, true, true],
  );
  assert.deepEqual(
    state.devices.audioinput.map(({id}) => id),
    ['mic1', 'mic2'],
  );
  assert.deepEqual(
    state.devices.videoinput.map(({id}) => id),
    ['cam1'],
  );
  assert.deepEqual(
    sent.map(([kind]) => kind),
    ['audio', 'video'],
  );
  assert.deepEqual(state.problems, []);
});

for (const [name, message, permission, code] of [
  ['NotAllowedError', 'Permission denied', 'denied', 'blocked'],
  ['NotAllowedError', '', '', 'blocked'],
  ['NotAllowedError', 'Permission dismissed', 'prompt', 'dismissed'],
  ['NotAllowedError', 'Permission denied by system', 'denied', 'system'],
  ['NotAllowedError', 'Disallowed by permissions policy', 'denied', 'embedded'],
  ['NotAllowedError', 'Permission denied', 'policy', 'embedded'],
  ['NotFoundError', 'Requested device not found', 'prompt', 'missing'],
  ['NotReadableError', 'Could not start video source', 'granted', 'busy'],
  ['AbortError', '', 'granted', 'busy'],
  ['OverconstrainedError', '', 'granted', 'missing'],
  ['SecurityError', '', '', 'embedded'],
  ['TypeError', '', '', 'insecure'],
  ['SomethingNewError', '', '', 'other'],
]) {
  test(`${name} ${message && `(${message}) `}is reported as ${code}, once`, async () => {
    const {media, devices} = setup({permission});
    devices.fails = fail(name, message);
    await media.start();
    assert.deepEqual(media.state.problems, [{kind: 'both', code}]);
    assert.deepEqual(
      [media.state.capture, media.state.audio, media.state.video],
      ['done', false, false],
    );
  });
}

test('after a refusal the user is not asked again', async () => {
  const {media, devices} = setup({permission: 'denied'});
  devices.fails = fail('NotAllowedError');
  await media.start();
  assert.equal(devices.asked.length, 1);
});

test('without a camera there is still sound, and vice versa', async () => {
  for (const [missing, left] of [
    ['video', 'audio'],
    ['audio', 'video'],
  ]) {
    const {media, devices} = setup();
    devices.fails = (constraints) =>
      constraints[missing] ? new DOMException('', 'NotFoundError') : undefined;
    await media.start();
    assert.deepEqual(media.state.problems, [{kind: missing, code: 'missing'}]);
    assert.equal(media.state[left], true);
    assert.equal(media.tracks[missing], null);
  }
});

test('two devices that fail for different reasons are two problems', async () => {
  const {media, devices} = setup();
  devices.fails = ({audio, video}) =>
    new DOMException('', video ? 'NotReadableError' : audio ? 'NotFoundError' : '');
  await media.start();
  assert.deepEqual(media.state.problems, [
    {kind: 'audio', code: 'missing'},
    {kind: 'video', code: 'busy'},
  ]);
});

test('a page that is not secure, or has no devices at all, reports it without asking', async () => {
  for (const [devices, secure, code] of [
    [new FakeDevices(), false, 'insecure'],
    [undefined, false, 'insecure'],
    [undefined, true, 'unsupported'],
    [Object.assign(new EventTarget(), {enumerateDevices: async () => []}), true, 'unsupported'],
  ]) {
    const media = new Media({
      devices,
      secure,
      permission: async () => '',
      recall: () => '',
      remember: () => {},
    });
    assert.equal(media.available, false);
    await media.start();
    assert.deepEqual(media.state.problems, [{kind: 'both', code}]);
  }
});

test('where one device is denied, the user is asked for the other alone', async () => {
  for (const [denied, left] of [
    ['camera', 'audio'],
    ['microphone', 'video'],
  ]) {
    const {media, devices} = setup({
      permission: (name) => (name === denied ? 'denied' : 'prompt'),
    });
    await media.start();
    assert.deepEqual(
      devices.asked.map(({audio, video}) => [Boolean(audio), Boolean(video)]),
      [[left === 'audio', left === 'video']],
    );
    assert.equal(media.state[left], true);
    const kind = left === 'audio' ? 'video' : 'audio';
    assert.deepEqual(media.state.problems, [{kind, code: 'blocked'}]);
  }
});

test('where the site around the frame passes one device on, the user is asked for that alone', async () => {
  for (const [denied, left] of [
    ['camera', 'audio'],
    ['microphone', 'video'],
  ]) {
    const {media, devices} = setup({
      permission: (name) => (name === denied ? 'policy' : 'prompt'),
    });
    await media.start();
    assert.deepEqual(
      devices.asked.map(({audio, video}) => [Boolean(audio), Boolean(video)]),
      [[left === 'audio', left === 'video']],
    );
    assert.equal(media.state[left], true);
    const kind = left === 'audio' ? 'video' : 'audio';
    assert.deepEqual(media.state.problems, [{kind, code: 'embedded'}]);
  }
});

test('devices are opened without a click only where nobody is asked', async () => {
  for (const [camera, microphone, asksNothing] of [
    ['granted', 'granted', true],
    ['denied', 'denied', true],
    ['denied', 'granted', true],
    ['granted', 'prompt', false],
    ['denied', 'prompt', false],
    ['', '', false],
  ]) {
    const {media} = setup({permission: (name) => (name === 'camera' ? camera : microphone)});
    assert.equal(await media.asksNothing(), asksNothing, `${camera}, ${microphone}`);
  }
});

test('a question that nobody answers does not hold up whoever does without devices', async () => {
  const {media, devices} = setup();
  const real = devices.getUserMedia.bind(devices);
  const answers = [];
  devices.getUserMedia = (constraints) =>
    new Promise((resolve) => answers.push(() => resolve(real(constraints))));
  void media.start();
  await quiet();
  assert.equal(media.state.capture, 'asking');
  media.stop();
  assert.equal(media.state.capture, 'idle');
  // The next request does not wait for the first one.
  const switchedOn = media.setAudio(true);
  await quiet();
  answers[1]();
  await switchedOn;
  assert.equal(media.state.audio, true);
  // What the user allows too late is closed again, and changes nothing.
  const {audio} = media.tracks;
  answers[0]();
  await quiet();
  assert.deepEqual([devices.open, media.state.capture], [['audio'], 'idle']);
  assert.equal(media.tracks.audio, audio);
});

test('what was opened of two devices is closed if nobody waits for the other', async () => {
  const {media, devices} = setup();
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (constraints) =>
    constraints.audio && constraints.video
      ? Promise.reject(new DOMException('', 'NotReadableError'))
      : constraints.audio
        ? real(constraints)
        : new Promise(() => {});
  void media.start();
  await quiet();
  assert.deepEqual(devices.open, ['audio']);
  media.stop();
  await quiet();
  assert.deepEqual(devices.open, []);
});

test('devices that are open leave no listener behind', async () => {
  const {signal} = new AbortController();
  for (const fails of [() => undefined, ({audio, video}) => audio && video && new Error()]) {
    const devices = Object.assign(new FakeDevices(), {fails});
    const request = {devices, idOf: () => '', facing: '', sound: {}, signal};
    const {tracks} = await capture({...request, permission: async () => ''}, ['audio', 'video']);
    assert.equal(tracks.length, 2);
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  }
});

test('the problem of one device does not hide that of the other', async () => {
  const {media, devices} = setup();
  devices.fails = fail('NotReadableError');
  await media.start();
  assert.deepEqual(media.state.problems, [{kind: 'both', code: 'busy'}]);
  devices.fails = ({video}) => (video ? new DOMException('', 'NotFoundError') : undefined);
  await media.setAudio(true);
  assert.deepEqual(media.state.problems, [{kind: 'video', code: 'busy'}]);
  await media.setVideo(true);
  assert.deepEqual(media.state.problems, [{kind: 'video', code: 'missing'}]);
});

test('if one camera is busy there is still sound, and another camera can be selected', async () => {
  const {media, devices} = setup();
  const busy = fail('NotReadableError');
  devices.fails = ({video}) => (video && video.deviceId?.exact !== 'cam2' ? busy() : undefined);
  await media.start();
  assert.deepEqual(media.state.problems, [{kind: 'video', code: 'busy'}]);
  assert.deepEqual([media.state.audio, media.state.video], [true, false]);
  await media.select('videoinput', 'cam2');
  await media.setVideo(true);
  assert.deepEqual([media.state.video, media.state.problems], [true, []]);
});
