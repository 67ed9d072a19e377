import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {FakeStream, FakeTrack, FakeWebSocket, quiet, until} from './fakes.js';
import {STATS_INTERVAL} from '../static/js/timeouts.js';
import {Room} from './room.js';
import {Side, connected} from './sides.js';
import {mockTimers} from './timers.js';

beforeEach(() => {
  FakeWebSocket.all = [];
  mockTimers();
});
afterEach(async () => {
  await quiet(120); // Whatever is under way must not begin timers that are none of the test's.
  mock.timers.reset();
});

const safetyOf = ({call}) => call.state.link.safety;
const haveCode = (...sides) => until(() => sides.every((side) => safetyOf(side)?.code));
const share = (side) => side.media.onscreen(new FakeStream([new FakeTrack('video')]));
const told = ({pc}, type) => pc.channels[0].sent.filter((message) => message.type === type);

/** Connects two pages, one of which does not know the data channel. */
async function withForeign() {
  const room = new Room();
  const [ann, bo] = [new Side('Ann'), new Side('Bo')];
  room.passes = (_, data) => {
    delete data.ctl;
    delete data.n;
    return true;
  };
  await ann.join(room);
  await bo.join(room);
  await quiet(60);
  for (const {pc} of [ann, bo]) pc.becomes('connected');
  await quiet(60);
  return {room, ann, bo};
}

test('two pages have the same code, and what one says of it is for itself', async () => {
  const {ann, bo} = await connected();
  await haveCode(ann, bo);
  assert.equal(safetyOf(ann).status, 'code');
  assert.deepEqual(safetyOf(ann).code, safetyOf(bo).code);
  ann.call.dispatch({type: 'compared', verdict: 'match'});
  assert.deepEqual([safetyOf(ann).verdict, safetyOf(bo).verdict], ['match', '']);
});

test('a rebuilt connection keeps code and verdict; a reloaded page has another code', async () => {
  const {room, ann, bo} = await connected();
  await haveCode(ann, bo);
  const {code} = safetyOf(ann);
  ann.call.dispatch({type: 'compared', verdict: 'match'});
  const data = {call: 2, renegotiate: true};
  ann.call.dispatch({type: 'frame', frame: {type: 'message', seq: 99, from: bo.peer, data}});
  await quiet(80);
  assert.deepEqual([safetyOf(ann).code, safetyOf(ann).verdict], [null, '']);
  for (const {pc} of [ann, bo]) pc.becomes('connected');
  await haveCode(ann, bo);
  assert.equal(ann.call.state.link.generation, 2);
  assert.deepEqual([safetyOf(ann).code, safetyOf(ann).verdict], [code, 'match']);

  bo.call.goAway();
  const back = new Side('Bo');
  await back.join(room);
  await quiet(60);
  for (const {pc} of [ann, back]) pc.becomes('connected');
  await haveCode(ann, back);
  assert.notDeepEqual(safetyOf(ann).code, code);
  assert.deepEqual(safetyOf(ann).code, safetyOf(back).code);
  assert.deepEqual([safetyOf(ann).verdict, safetyOf(ann).changed], ['', true]);
  assert.equal(safetyOf(back).changed, false);
});

test('what is switched on goes over the data channel', async () => {
  const {ann, bo} = await connected();
  await quiet(40);
  share(ann);
  await quiet(80);
  ann.media.state = {audio: false, video: true, screen: true};
  ann.call.sendState();
  await quiet();
  assert.deepEqual(bo.call.state.remote, {...ann.media.state, recording: false, held: false});
  assert.deepEqual(told(ann, 'state').at(-1), {
    type: 'state',
    ...ann.media.state,
    recording: false,
    held: false,
    mids: {screen: ann.pc.getTransceivers()[2].mid},
  });
});

test('a first screen share and an ICE restart need no server', async () => {
  for (const away of ['ann', 'bo', 'both']) {
    FakeWebSocket.all = [];
    const all = await connected();
    const {room, ann, bo} = all;
    await quiet(40);
    if (away === 'both') room.restart();
    else room.cut(all[away].peer);
    await quiet();
    for (const [from, to] of [
      [ann, bo],
      [bo, ann],
    ]) {
      share(from);
      await quiet(80);
      assert.equal(to.call.link.shared.getTracks().length, 1, away);
      const {ufrag} = from.pc;
      from.pc.restartIce();
      await quiet(80);
      assert.notEqual(from.pc.ufrag, ufrag);
      assert.equal(to.pc.candidates.at(-2).usernameFragment, from.pc.ufrag);
      assert.ok(from.call.state.link.settled && to.call.state.link.settled);
    }
    // Back at the server, what it delivers late is not taken again.
    const before = [ann, bo].map(({pc}) => [pc, pc.ufrag, pc.candidates.length]);
    mock.timers.tick(1000);
    await quiet(4);
    room.accept();
    await quiet(120);
    assert.deepEqual(
      [ann, bo].map(({pc}) => [pc, pc.ufrag, pc.candidates.length]),
      before,
      away,
    );
    for (const side of [ann, bo]) {
      assert.equal(side.call.state.signaling, 'up');
      assert.equal(side.call.state.link.settled, true);
      assert.equal(side.call.link.shared.getTracks().length, 1);
    }
  }
});

test('a server that confirms nothing delays a screen by a second', async () => {
  const {room, ann, bo} = await connected();
  await quiet(40);
  room.deaf = true;
  share(ann);
  await quiet(80);
  assert.equal(bo.call.link.shared.getTracks().length, 0);
  for (let i = 0; i < 2; i++) {
    mock.timers.tick(1000);
    await quiet(80);
  }
  assert.equal(bo.call.link.shared.getTracks().length, 1);
  assert.equal(ann.call.state.link.settled, true);
});

test('a foreign end calls as before: nothing is sent over the channel, and the page says why', async () => {
  const {ann, bo} = await withForeign();
  assert.deepEqual([ann.screen, bo.screen], ['call', 'call']);
  assert.deepEqual(ann.pc.channels[0].sent, []);
  assert.deepEqual(bo.pc.channels, []); // The polite side makes none for an end that does not know them.
  ann.media.state = {audio: false, video: true, screen: false};
  ann.call.sendState();
  await quiet();
  assert.deepEqual(bo.call.state.remote, {...ann.media.state, recording: false, held: false});
  mock.timers.tick(10_000);
  const {status, reason} = safetyOf(ann);
  assert.deepEqual([status, reason], ['impossible', 'foreign']);
  ann.call.dispatch({type: 'leave'});
  await quiet(20);
  assert.deepEqual([bo.screen, bo.call.state.notice], ['waiting', 'left']);
});

test('the channel ends for an end that says too much, and the call goes on', async () => {
  const {ann, bo} = await connected();
  await haveCode(ann, bo);
  const {code} = safetyOf(ann);
  const [channel] = bo.pc.channels;
  for (let i = 0; i < 300; i++) channel.send('{"type":"wave"}');
  await quiet(20);
  assert.deepEqual([ann.call.state.link.ctl, bo.call.state.link.ctl], [false, false]);
  assert.deepEqual([ann.screen, safetyOf(ann).code], ['call', code]);
  ann.media.state = {audio: false, video: false, screen: false};
  ann.call.sendState();
  await quiet();
  assert.deepEqual(bo.call.state.remote, {...ann.media.state, recording: false, held: false}); // by signaling, as before
});

test('whoever leaves while the server is away has left at once', async () => {
  const {room, ann, bo} = await connected();
  await quiet(40);
  room.restart();
  await quiet();
  ann.call.dispatch({type: 'leave'});
  await quiet(20);
  assert.deepEqual([bo.screen, bo.call.state.notice], ['waiting', 'left']);
});

test('all connections of a page have its certificate, until it expires', async () => {
  const {ann} = await connected();
  assert.deepEqual(ann.pc.configuration.certificates, [ann.certificate]);
  ann.certificate.expires = Date.now() - 1;
  const data = {call: 2, renegotiate: true};
  const from = ann.call.state.link.peer;
  ann.call.dispatch({type: 'frame', frame: {type: 'message', seq: 99, from, data}});
  assert.equal('certificates' in ann.pc.configuration, false);
});

test('the other side learns that this one records, and a new page of it does, too', async () => {
  const {room, ann, bo} = await connected();
  await haveCode(ann, bo);
  const confirmed = ann.call.tellRecording(true);
  await quiet();
  assert.equal(bo.call.state.remote.recording, true);
  assert.equal(await confirmed, true);
  assert.equal(ann.call.link.toldRecording, true);

  bo.call.goAway();
  const back = new Side('Bo');
  await back.join(room);
  await quiet(60);
  assert.equal(ann.call.link.toldRecording, false);
  for (const {pc} of [ann, back]) pc.becomes('connected');
  await quiet(60);
  assert.equal(back.call.state.remote.recording, true);
  assert.equal(ann.call.link.toldRecording, true);
  void ann.call.tellRecording(false);
  await quiet();
  assert.equal(back.call.state.remote.recording, false);
});

test('who does not answer, or has another program, does not know of a recording', async () => {
  const {ann, bo} = await connected();
  await haveCode(ann, bo);
  ann.pc.passes = () => false;
  const confirmed = ann.call.tellRecording(true);
  for (let i = 0; i < 10; i++) {
    mock.timers.tick(1000);
    await quiet(2);
  }
  assert.equal(await confirmed, false);

  FakeWebSocket.all = [];
  const foreign = await withForeign();
  assert.equal(await foreign.ann.call.tellRecording(true), false);
});

test('without the data channel the server tells of a recording, unless the other side is away', async () => {
  const {room, ann, bo} = await connected();
  await haveCode(ann, bo);
  ann.pc.channels[0].close();
  await quiet(20);
  assert.equal(await ann.call.tellRecording(true), true);
  await quiet();
  assert.equal(bo.call.state.remote.recording, true);
  assert.equal(ann.call.link.toldRecording, true);
  const away = {type: 'away', seq: 99, peer: bo.peer};
  ann.call.dispatch({type: 'frame', frame: away});
  assert.equal(await ann.call.tellRecording(true), false);
  room.deaf = true;
  assert.equal(await Promise.race([ann.call.tellRecording(true), quiet(40)]), undefined);
});

test('a side that has switched everything off is silent, and the path is not taken to be broken', async () => {
  const {ann, bo} = await connected();
  await quiet(40);
  const received = {id: 'in', type: 'inbound-rtp', kind: 'audio', packetsReceived: 50};
  ann.pc.getStats = async () => new Map([['in', received]]);
  const seconds = async (count) => {
    for (let i = 0; i < count; i++) {
      mock.timers.tick(STATS_INTERVAL);
      await quiet(40);
    }
    return [ann.call.state.link.stalled, ann.call.link.quality.value];
  };
  bo.media.state = {audio: false, video: false, screen: false};
  bo.call.sendState();
  await quiet(40);
  assert.deepEqual(await seconds(6), [false, 'good']);
  bo.media.state = {...bo.media.state, audio: true};
  bo.call.sendState();
  await quiet(40);
  assert.deepEqual(await seconds(6), [true, 'lost']);
});
