import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {bannerOf} from '../static/js/screens.js';
import {FakeStream, FakeTrack, FakeWebSocket, quiet} from './fakes.js';
import {Room} from './room.js';
import {Side, connected} from './sides.js';
import {mockTimers} from './timers.js';

beforeEach(() => {
  FakeWebSocket.all = [];
  mockTimers();
});
afterEach(() => mock.timers.reset());

test('two pages connect: the first one offers, and each sends its tracks', async () => {
  const {room, ann, bo} = await connected();
  assert.deepEqual([ann.screen, bo.screen, ann.arrivals, bo.arrivals], ['call', 'call', 1, 0]);
  for (const side of [ann, bo]) {
    const transceivers = side.pc.getTransceivers();
    assert.deepEqual(
      transceivers.map(({sender}) => sender.track),
      [side.media.tracks.audio, side.media.tracks.video],
    );
    assert.ok(transceivers.every(({direction}) => direction === 'sendrecv'));
    assert.equal(side.call.link.main.getTracks().length, 2);
    assert.equal(side.call.state.link.settled, true);
  }
  assert.deepEqual([ann.call.state.peerName, bo.call.state.peerName], ['Bo', 'Ann']);
  assert.deepEqual(
    room.reports.map(({event}) => event),
    ['connected', 'connected'],
  );
  assert.deepEqual(Object.keys(room.reports[0].data), ['setup_ms', 'path', 'protocol']);
  assert.deepEqual(ann.pc.configuration.iceServers, [{urls: ['stun:192.0.2.1']}]);
});

test('the other side learns of a muted microphone and a camera that is off', async () => {
  const {ann, bo} = await connected();
  ann.media.state = {audio: false, video: true, screen: false};
  ann.call.sendState();
  await quiet();
  assert.deepEqual(bo.call.state.remote, {...ann.media.state, recording: false, held: false});
});

test('a screen gets its own m-lines once, and the camera keeps its own', async () => {
  const {ann, bo} = await connected();
  const screen = () => new FakeStream([new FakeTrack('video'), new FakeTrack('audio')]);
  for (const side of [ann, bo]) {
    for (const stream of [screen(), null, screen()]) {
      side.media.onscreen(stream);
      await quiet(60);
    }
  }
  assert.equal(ann.pc.getTransceivers().length, 6);
  for (const side of [ann, bo]) {
    assert.equal(side.call.state.link.settled, true);
    assert.equal(side.call.link.shared.getTracks().length, 2);
    assert.equal(side.call.link.main.getTracks().length, 2);
    assert.equal(
      side.pc.getTransceivers().filter(({sender}) => sender.track === side.media.tracks.video)
        .length,
      1,
    );
  }
});

test('another camera needs no negotiation', async () => {
  const {ann} = await connected();
  let offers = 0;
  ann.pc.addEventListener('signalingstatechange', () => offers++);
  const track = (ann.media.tracks.video = new FakeTrack('video'));
  ann.media.ontrack('video', track);
  await quiet();
  assert.equal(ann.pc.getTransceivers()[1].sender.track, track);
  assert.equal(offers, 0);
});

test('the watchdog repeats a first offer that was lost', async () => {
  const room = new Room();
  const [ann, bo] = [new Side('Ann'), new Side('Bo')];
  let lost = 0;
  room.passes = (_, {description}) => !(description && lost++ === 0);
  await ann.join(room);
  await bo.join(room);
  await quiet(60);
  assert.equal(ann.call.state.link.settled, false);
  mock.timers.tick(6000);
  await quiet(60);
  assert.deepEqual([ann.call.state.link.settled, bo.call.state.link.settled], [true, true]);
  assert.equal(ann.call.state.link.generation, 1);
});

test('both sides rebuild under the next generation when no description gets through', async () => {
  const room = new Room();
  const [ann, bo] = [new Side('Ann'), new Side('Bo')];
  room.passes = (_, {description}) => !description;
  await ann.join(room);
  await bo.join(room);
  const first = ann.pc;
  mock.timers.tick(6000);
  await quiet(20);
  room.passes = () => true;
  mock.timers.tick(6000);
  await quiet(80);
  assert.ok(ann.call.state.link.generation >= 2);
  assert.equal(ann.call.state.link.generation, bo.call.state.link.generation);
  assert.equal(first.connectionState, 'closed');
  assert.deepEqual([ann.call.state.link.settled, bo.call.state.link.settled], [true, true]);
});

test('a failed connection refreshes the servers, and then restarts ICE', async () => {
  const {ann} = await connected();
  const {pc} = ann;
  pc.becomes('failed');
  await quiet(40);
  assert.deepEqual(pc.configuration.iceServers, [{urls: ['stun:192.0.2.9']}]);
  assert.equal(pc.restarts, 1);
  assert.equal(ann.call.state.link.settled, true);
});

test('a connection whose DTLS has failed is rebuilt by both sides', async () => {
  const {ann, bo} = await connected();
  const {pc} = bo;
  pc.dtls = 'failed';
  pc.becomes('failed');
  await quiet(20); // The server answers.
  mock.timers.tick(1200);
  await quiet(80);
  assert.deepEqual([pc.restarts, pc.connectionState], [0, 'closed']);
  for (const side of [ann, bo]) {
    const {generation, settled} = side.call.state.link;
    assert.deepEqual([generation, settled], [2, true]);
  }
});

test('leaving tells the other side, and stops everything', async () => {
  const {ann, bo} = await connected();
  const {pc} = ann;
  ann.call.dispatch({type: 'leave'});
  await quiet(20);
  assert.deepEqual([ann.screen, bo.screen, bo.call.state.notice], ['ended', 'waiting', 'left']);
  assert.equal(pc.connectionState, 'closed');
  mock.timers.tick(300_000);
  await quiet(20);
  assert.equal(FakeWebSocket.all.length, 0);
  assert.equal(bo.screen, 'waiting');
});

test('a page that is reloaded in a call leaves at once, and the other side waits for it', async () => {
  const {room, ann, bo} = await connected();
  ann.call.goAway();
  await quiet(20);
  assert.deepEqual([bo.screen, bannerOf(bo.call.state, 0)], ['call', 'bannerPeerLeaving']);
  const back = new Side('Ann');
  await back.join(room);
  await quiet(60);
  assert.equal(bo.screen, 'call');
  for (const {pc} of [back, bo]) pc.becomes('connected');
  await quiet(20);
  assert.deepEqual([back.screen, bo.screen], ['call', 'call']);
  assert.equal(bannerOf(bo.call.state, 0), '');
});

test('a page that was closed in a call has left after four seconds', async () => {
  const {ann, bo} = await connected();
  ann.call.goAway();
  await quiet(20);
  mock.timers.tick(3999);
  assert.equal(bo.screen, 'call');
  mock.timers.tick(1);
  assert.deepEqual([bo.screen, bo.call.state.notice], ['waiting', 'left']);
});
