import assert from 'node:assert/strict';
import {test} from 'node:test';
import {DEVICES, FakeDevices, setup} from './fake_devices.js';
import {quiet} from './fakes.js';

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

test('where the browser asks for the speaker, what the user chooses there is used', async () => {
  const {media, devices, store} = setup();
  assert.equal(media.asksForSpeaker, false);
  devices.list = DEVICES.filter(({kind}) => kind !== 'audiooutput'); // as Firefox does
  let answer = async () => {
    devices.list = DEVICES;
    return {kind: 'audiooutput', deviceId: 'out1', label: 'Speaker'};
  };
  devices.selectAudioOutput = () => answer();
  assert.equal(media.asksForSpeaker, true);
  await media.chooseSpeaker();
  assert.deepEqual(
    [media.state.selected.audiooutput, store['audiooutput.label']],
    ['out1', 'Speaker'],
  );
  answer = async () => {
    throw new DOMException('', 'NotAllowedError');
  };
  await media.chooseSpeaker();
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
