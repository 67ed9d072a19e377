import assert from 'node:assert/strict';
import {test} from 'node:test';
import {otherCamera} from '../static/js/camera_flip.js';
import {DEVICES, FakeDevices, setup} from './fake_devices.js';
import {quiet} from './fakes.js';

/** A device with two cameras: those of a phone face in a direction. */
function twoCameras(faces) {
  const devices = new FakeDevices();
  devices.faces = faces;
  devices.list = [...DEVICES, {kind: 'videoinput', deviceId: 'cam2', label: 'Other'}];
  return setup({devices});
}

test('the other camera of a phone is the one that faces the other way', async () => {
  const {media, devices, store, sent} = twoCameras(true);
  await media.start();
  const front = media.tracks.video;
  await media.flip();
  assert.deepEqual([devices.asked.at(-1).video.facingMode], [{exact: 'environment'}]);
  assert.deepEqual(
    [front.readyState, media.state.mirror, media.state.video],
    ['ended', false, true],
  );
  // The old one is closed first, and the new one is sent in its place.
  assert.deepEqual(
    sent.slice(-2).map(([, track]) => track),
    [null, media.tracks.video],
  );
  assert.deepEqual([media.state.problems, store.videoinput], [[], undefined]);
  // It stays so when the camera was off.
  await media.setVideo(false);
  await media.setVideo(true);
  assert.equal(media.tracks.video.getSettings().facingMode, 'environment');
  await media.flip();
  assert.deepEqual(devices.asked.at(-1).video.facingMode, {exact: 'user'});
  assert.equal(media.state.mirror, true);
});

test('elsewhere it is the next one of the list, and is remembered', async () => {
  const {media, store} = twoCameras(false);
  await media.start();
  await media.flip();
  assert.equal(media.tracks.video.getSettings().deviceId, 'cam2');
  assert.deepEqual([store.videoinput, store['videoinput.label']], ['cam2', 'Other']);
  await media.flip();
  assert.equal(media.tracks.video.getSettings().deviceId, 'cam1');
});

test('a camera that cannot be turned to leaves the one before', async () => {
  for (const faces of [true, false]) {
    const {media, devices} = twoCameras(faces);
    await media.start();
    devices.fails = ({video}) =>
      video.facingMode?.exact === 'environment' || video.deviceId?.exact === 'cam2'
        ? new DOMException('', 'NotReadableError')
        : undefined;
    await media.flip();
    assert.deepEqual(media.state.problems, [{kind: 'video', code: 'busy'}]);
    assert.equal(media.tracks.video.getSettings().deviceId, 'cam1');
    assert.equal(media.state.video, true);
  }
});

test('a camera that is off or alone is not turned', async () => {
  const {media, devices} = twoCameras(true);
  await media.start();
  await media.setVideo(false);
  const {length} = devices.asked;
  await media.flip();
  assert.equal(devices.asked.length, length);
  assert.equal(otherCamera({deviceId: 'a'}, [{id: 'a', label: ''}]), null);
});

test('choosing a camera ends the turn', async () => {
  const {media, devices} = twoCameras(true);
  await media.start();
  await media.flip();
  await media.select('videoinput', 'cam2');
  const {facingMode, deviceId} = devices.asked.at(-1).video;
  assert.deepEqual([facingMode, deviceId], ['user', {exact: 'cam2'}]);
});

test('whoever is muted stays muted when the headset goes', async () => {
  const {media, devices} = setup();
  await media.start();
  await media.setAudio(false);
  media.tracks.audio.end();
  await quiet();
  assert.deepEqual([media.state.audio, devices.open], [false, ['video']]);
  await media.setAudio(true);
  assert.deepEqual([media.state.audio, devices.open], [true, ['video', 'audio']]);
});

test('a device that goes without a word is replaced, too', async () => {
  const {media, devices} = setup();
  await media.start();
  const track = media.tracks.audio;
  devices.list = DEVICES.filter(({deviceId}) => deviceId !== 'mic1');
  await devices.change();
  assert.equal(track.readyState, 'ended');
  assert.deepEqual(media.state.problems, [{kind: 'audio', code: 'gone'}]);
  assert.equal(media.state.audio, true);
});

test('another processing of the sound reopens the microphone, unless it is off', async () => {
  const sound = {noiseSuppression: true};
  const {media, devices} = setup({sound});
  await media.start();
  const [{audio}] = devices.asked;
  assert.equal(audio.noiseSuppression, true);
  sound.noiseSuppression = false;
  const before = media.tracks.audio;
  await media.reopenAudio();
  assert.equal(devices.asked.at(-1).audio.noiseSuppression, false);
  assert.deepEqual([before.readyState, media.state.audio], ['ended', true]);
  await media.setAudio(false);
  const {length} = devices.asked;
  await media.reopenAudio();
  assert.deepEqual([devices.asked.length, media.tracks.audio], [length, null]);
  await media.setAudio(true);
  assert.equal(media.state.audio, true);
});
