import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Media} from '../static/js/media.js';
import {FakeStream, FakeTrack, quiet, until} from './fakes.js';

const DEVICES = [
  {kind: 'audioinput', deviceId: 'mic1', label: 'Headset'},
  {kind: 'audioinput', deviceId: 'mic2', label: ''},
  {kind: 'videoinput', deviceId: 'cam1', label: 'Camera'},
  {kind: 'audiooutput', deviceId: 'out1', label: 'Speaker'},
  {kind: 'videoinput', deviceId: '', label: ''}, // As before any permission.
];

/** A browser's devices. A test can make some of them fail. */
class FakeDevices extends EventTarget {
  asked = [];
  list = DEVICES;
  listed = 0;
  live = new Set();
  /** @type {(constraints: any) => Error|undefined} */ fails = () => undefined;

  async getUserMedia(constraints) {
    this.asked.push(constraints);
    const error = this.fails(constraints);
    if (error) throw error;
    const tracks = ['audio', 'video']
      .filter((kind) => constraints[kind])
      .map((kind) => {
        const deviceId = constraints[kind].deviceId?.exact ?? (kind === 'audio' ? 'mic1' : 'cam1');
        return new FakeTrack(kind, {deviceId, facingMode: kind === 'video' ? 'user' : undefined});
      });
    for (const track of tracks) this.live.add(track);
    return new FakeStream(tracks);
  }

  async getDisplayMedia(constraints) {
    this.asked.push(constraints);
    const error = this.fails(constraints);
    if (error) throw error;
    return new FakeStream([new FakeTrack('video'), new FakeTrack('audio')]);
  }

  async enumerateDevices() {
    this.listed++;
    return this.list;
  }

  /** Tells the page of a change, and waits until it has looked. */
  async change() {
    const {listed} = this;
    this.dispatchEvent(new Event('devicechange'));
    await until(() => this.listed > listed);
    await quiet();
  }

  get open() {
    return [...this.live].filter(({readyState}) => readyState === 'live').map(({kind}) => kind);
  }
}

function setup({
  permission = '',
  remembered = {},
  secure = true,
  devices = new FakeDevices(),
} = {}) {
  const store = {...remembered};
  const media = new Media({
    devices,
    secure,
    permission: async (name) => (typeof permission === 'string' ? permission : permission(name)),
    recall: (key) => store[key] ?? '',
    remember: (key, value) => (store[key] = value),
  });
  const sent = [];
  media.ontrack = (kind, track) => sent.push([kind, track]);
  return {media, devices, store, sent};
}

const fail =
  (name, message = '') =>
  () =>
    new DOMException(message, name);

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

test('the chosen device is used, and another one if it is gone, which the user is told', async () => {
  const {media, devices} = setup({remembered: {audioinput: 'mic2'}});
  await media.start();
  assert.deepEqual(devices.asked[0].audio.deviceId, {exact: 'mic2'});
  assert.equal(media.state.selected.audioinput, 'mic2');
  assert.deepEqual(media.state.problems, []);

  const other = setup({remembered: {videoinput: 'sold', audioinput: 'mic2'}});
  other.devices.fails = ({video}) =>
    video.deviceId?.exact === 'sold' ? new DOMException('', 'OverconstrainedError') : undefined;
  await other.media.start();
  // What can be kept of the choice is kept.
  assert.deepEqual(other.devices.asked[1].audio.deviceId, {ideal: 'mic2'});
  assert.deepEqual(other.media.state.problems, [{kind: 'video', code: 'switched'}]);
  assert.deepEqual(
    [other.media.state.video, other.media.state.selected.videoinput],
    [true, 'cam1'],
  );
  assert.equal(other.store.videoinput, 'sold'); // It may be back next time.
  other.media.dismiss();
  assert.deepEqual(other.media.state.problems, []);
});

test('a chosen device whose id has changed is found by its label', async () => {
  const remembered = {audioinput: 'old', 'audioinput.label': 'Headset'};
  const {media, devices, store} = setup({remembered});
  await media.start();
  // The browser showed the label at once, because the page may use the devices.
  assert.deepEqual(
    devices.asked.map(({audio}) => audio.deviceId),
    [{exact: 'mic1'}],
  );
  assert.deepEqual([store.audioinput, media.state.problems], ['mic1', []]);
});

test('a chosen device is found by its label also where the labels are hidden at first', async () => {
  const devices = new FakeDevices();
  devices.list = [];
  devices.fails = ({audio}) => {
    const id = audio?.deviceId?.exact;
    if (id && !DEVICES.some(({deviceId}) => deviceId === id))
      return new DOMException('', 'OverconstrainedError');
    devices.list = DEVICES.map((device) =>
      device.deviceId === 'mic2' ? {...device, label: 'Desk'} : device,
    );
    return undefined;
  };
  const remembered = {audioinput: 'old', 'audioinput.label': 'Desk'};
  const {media, store} = setup({remembered, devices});
  await media.start();
  assert.equal(media.tracks.audio.getSettings().deviceId, 'mic2');
  assert.deepEqual([store.audioinput, media.state.problems], ['mic2', []]);
  assert.deepEqual(devices.open, ['video', 'audio']); // The first microphone was closed.
});

test('the speaker is the chosen one while it is there', async () => {
  const {media, devices} = setup({remembered: {audiooutput: 'out2'}});
  await media.start();
  assert.equal(media.state.selected.audiooutput, '');
  await media.select('audiooutput', 'out1');
  assert.equal(media.state.selected.audiooutput, 'out1');
  devices.list = DEVICES.filter(({kind}) => kind !== 'audiooutput');
  await devices.change();
  assert.deepEqual([media.state.selected.audiooutput, media.state.devices.audiooutput], ['', []]);
  devices.list = DEVICES;
  await devices.change();
  assert.equal(media.state.selected.audiooutput, 'out1');
});

test('several changes of the devices are one, and the pickers show what is there', async (t) => {
  t.mock.timers.enable({apis: ['setTimeout']});
  const {media, devices} = setup();
  await media.start();
  devices.listed = 0;
  devices.list = [...DEVICES, {kind: 'videoinput', deviceId: 'cam2', label: 'New'}];
  for (let i = 0; i < 3; i++) {
    devices.dispatchEvent(new Event('devicechange'));
    t.mock.timers.tick(200);
  }
  assert.equal(devices.listed, 0);
  t.mock.timers.tick(100);
  await quiet();
  assert.equal(devices.listed, 1);
  assert.deepEqual(media.state.devices.videoinput.at(-1), {id: 'cam2', label: 'New'});
});

test('a device that is chosen while it is off stays off, and is the one that is switched on', async () => {
  const {media, devices} = setup();
  await media.start();
  await media.setAudio(false);
  await media.select('audioinput', 'mic2');
  assert.deepEqual([media.state.audio, devices.open], [false, ['video']]);
  await media.setAudio(true);
  assert.equal(media.tracks.audio.getSettings().deviceId, 'mic2');
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

test('mute keeps the track and disables it', async () => {
  const {media} = setup();
  await media.start();
  const track = media.tracks.audio;
  await media.setAudio(false);
  assert.deepEqual([track.enabled, track.readyState, media.state.audio], [false, 'live', false]);
  await media.setAudio(true);
  assert.deepEqual([track.enabled, media.state.audio, media.tracks.audio], [true, true, track]);
});

test('a camera that is switched off sends black at once, and is released soon after', async (t) => {
  t.mock.timers.enable({apis: ['setTimeout']});
  const {media, devices, sent} = setup();
  await media.start();
  const track = media.tracks.video;
  await media.setVideo(false);
  assert.deepEqual([track.enabled, track.readyState], [false, 'live']);
  t.mock.timers.tick(2000);
  assert.equal(track.readyState, 'ended');
  assert.deepEqual(sent.at(-1), ['video', null]);
  await media.setVideo(true);
  assert.deepEqual([media.state.video, devices.open], [true, ['audio', 'video']]);
  assert.notEqual(media.tracks.video, track);
});

test('a camera that is soon switched on again is not reopened', async (t) => {
  t.mock.timers.enable({apis: ['setTimeout']});
  const {media} = setup();
  await media.start();
  const track = media.tracks.video;
  await media.setVideo(false);
  t.mock.timers.tick(1000);
  await media.setVideo(true);
  t.mock.timers.tick(5000);
  assert.deepEqual([media.tracks.video, track.enabled, track.readyState], [track, true, 'live']);
});

test('selecting a device closes the old one first, and is remembered', async () => {
  const {media, devices, store} = setup();
  await media.start();
  const old = media.tracks.audio;
  devices.fails = () =>
    old.readyState === 'live' ? new DOMException('', 'NotReadableError') : undefined;
  await media.select('audioinput', 'mic2');
  assert.deepEqual(media.state.problems, []);
  assert.deepEqual([media.state.selected.audioinput, store.audioinput], ['mic2', 'mic2']);
  assert.equal(media.tracks.audio.getSettings().deviceId, 'mic2');
});

test('a device that cannot be opened restores the old one, and reports why', async () => {
  const {media, devices} = setup();
  await media.start();
  devices.fails = ({audio}) =>
    audio?.deviceId?.exact === 'mic2' ? new DOMException('', 'NotReadableError') : undefined;
  await media.select('audioinput', 'mic2');
  assert.deepEqual(media.state.problems, [{kind: 'audio', code: 'busy'}]);
  assert.equal(media.tracks.audio.getSettings().deviceId, 'mic1');
});

test('a device that is unplugged is replaced, and reported', async () => {
  const {media} = setup();
  await media.start();
  const track = media.tracks.audio;
  track.end();
  await quiet();
  assert.notEqual(media.tracks.audio, track);
  assert.deepEqual(media.state.problems, [{kind: 'audio', code: 'gone'}]);
});

test('getUserMedia runs once at a time', async () => {
  const {media, devices} = setup();
  let running = 0;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    assert.equal(++running, 1);
    await quiet(3);
    running--;
    return real(constraints);
  };
  await Promise.all([
    media.start(),
    media.select('audioinput', 'mic2'),
    media.setVideo(false),
    media.start(),
  ]);
});

test('stopping releases everything', async () => {
  const {media, devices} = setup();
  await media.start();
  await media.startScreen();
  const shared = media.screen.getTracks();
  media.stop();
  assert.deepEqual(devices.open, []);
  assert.ok(shared.every(({readyState}) => readyState === 'ended'));
  assert.equal(media.state.capture, 'idle');
});

test('a screen is shared with its sound until the browser or the user stops it', async () => {
  const {media} = setup();
  const seen = [];
  media.onscreen = (stream) => seen.push(stream?.getTracks().length ?? 0);
  assert.equal(await media.startScreen(), 'shared');
  assert.deepEqual(
    [media.state.screen, media.screen.getVideoTracks()[0].contentHint],
    [true, 'detail'],
  );
  media.screen.getVideoTracks()[0].end();
  assert.deepEqual([media.state.screen, media.screen, seen], [false, null, [2, 0]]);
});

test('cancelling the choice of a screen is no failure; a screen that cannot be opened is', async () => {
  const {media, devices} = setup();
  devices.fails = fail('NotAllowedError', 'Permission denied');
  assert.equal(await media.startScreen(), 'cancelled');
  devices.fails = fail('NotAllowedError', 'Permission denied by system');
  assert.equal(await media.startScreen(), 'failed');
  devices.fails = fail('NotReadableError');
  assert.equal(await media.startScreen(), 'failed');
  assert.equal(media.state.screen, false);
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
