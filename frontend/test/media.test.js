import assert from 'node:assert/strict';
import {test} from 'node:test';
import {fail, setup} from './fake_devices.js';
import {quiet} from './fakes.js';

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
  assert.deepEqual(media.wereOn, ['audio', 'video']);
  assert.ok(shared.every(({readyState}) => readyState === 'ended'));
  assert.equal(media.state.capture, 'idle');
});

test('what is released is remembered as it was', async () => {
  const {media} = setup();
  await media.start();
  await media.setAudio(false);
  media.stop();
  assert.deepEqual(media.wereOn, ['video']);
  await media.start(media.wereOn);
  assert.deepEqual([media.state.audio, media.state.video], [false, true]);
  await media.setVideo(false);
  media.stop();
  assert.deepEqual(media.wereOn, []);
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

test('what is switched off is off at once, also while the browser still asks the user', async () => {
  const {media, devices} = setup();
  await media.start(['audio']);
  let answer = () => {};
  devices.getUserMedia = () => new Promise((_, reject) => (answer = reject));
  const camera = media.setVideo(true);
  await quiet();
  const off = media.setAudio(false);
  assert.deepEqual([media.tracks.audio.enabled, media.state.audio], [false, false]);
  answer(new DOMException('', 'NotAllowedError'));
  await Promise.all([camera, off]);
  assert.deepEqual([media.tracks.audio.enabled, media.state.audio], [false, false]);
});

test('a screen that is chosen after the call, or beside another one, is not shared', async () => {
  const {media, devices} = setup();
  const chosen = [];
  const open = devices.getDisplayMedia.bind(devices);
  devices.getDisplayMedia = async (constraints) => {
    const stream = await open(constraints);
    chosen.push(...stream.getTracks());
    return stream;
  };
  const live = () => chosen.filter(({readyState}) => readyState === 'live').length;
  const late = media.startScreen();
  media.stop();
  assert.equal(await late, 'cancelled');
  assert.deepEqual([media.state.screen, media.screen, live()], [false, null, 0]);
  const twice = [media.startScreen(), media.startScreen()];
  assert.deepEqual(await Promise.all(twice), ['shared', 'cancelled']);
  assert.equal(live(), 2);
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
