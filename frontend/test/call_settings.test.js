import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {FakeTrack, FakeWebSocket, quiet} from './fakes.js';
import {connected} from './sides.js';
import {mockTimers} from './timers.js';

beforeEach(() => {
  FakeWebSocket.all = [];
  mockTimers();
});
afterEach(() => mock.timers.reset());

test('music is negotiated anew, whichever side switches it on or off', async () => {
  const {ann, bo} = await connected();
  for (const [side, music] of [
    [ann, true],
    [bo, true],
    [ann, false],
  ]) {
    const before = side.pc.remoteDescription;
    side.sending.music = music;
    side.call.adjust('music');
    await quiet(60);
    // It is the other side's description that says how this side may encode.
    assert.notEqual(side.pc.remoteDescription, before);
    assert.equal(side.call.state.link.settled, true);
  }
});

test('saving data needs no negotiation, and outlasts a change of the camera', async () => {
  const {ann} = await connected();
  const {sender} = ann.pc.getTransceivers()[1];
  let encoding = {};
  sender.getParameters = () => ({encodings: [{...encoding}]});
  sender.setParameters = async ({encodings}) => {
    [encoding] = encodings;
  };
  const before = ann.pc.localDescription;
  ann.call.link.level.first = false; // Those frames are smaller anyway.
  ann.sending.saver = true;
  ann.call.adjust('saver');
  await quiet();
  assert.deepEqual([encoding.maxBitrate, encoding.scaleResolutionDownBy], [250_000, 2.25]);
  const other = new FakeTrack('video', {width: 1920, height: 1080});
  ann.media.tracks.video = other;
  ann.media.ontrack('video', other);
  await quiet();
  assert.deepEqual([encoding.maxBitrate, encoding.scaleResolutionDownBy], [250_000, 3.375]);
  ann.sending.saver = false;
  ann.call.adjust('saver');
  await quiet();
  assert.deepEqual([encoding.maxBitrate, encoding.scaleResolutionDownBy], [1_500_000, 1]);
  assert.equal(ann.pc.localDescription, before);
});
