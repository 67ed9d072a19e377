import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {FakeStream, FakeTrack, FakeWebSocket, quiet} from './fakes.js';
import {Room} from './room.js';
import {Side, connected} from './sides.js';
import {mockTimers} from './timers.js';

beforeEach(() => {
  FakeWebSocket.all = [];
  mockTimers();
});
afterEach(() => mock.timers.reset());

/** Reconnects as fast as possible. */
async function reconnected(room) {
  await quiet(4);
  mock.timers.tick(1000);
  await quiet(4);
  room.accept();
  await quiet(80);
}

const held = ({ann, bo}, before) => {
  for (const [i, side] of [ann, bo].entries()) {
    assert.equal(side.pc, before[i].pc);
    assert.equal(side.peer, before[i].peer);
    assert.equal(side.screen, 'call');
    assert.equal(side.call.state.link.settled, true);
    assert.equal(side.pc.restarts, 0);
  }
};
const now = ({ann, bo}) => [ann, bo].map(({pc, peer}) => ({pc, peer}));

async function shares(from, to) {
  from.media.onscreen(new FakeStream([new FakeTrack('video')]));
  await quiet(80);
  assert.equal(to.call.link.shared.getTracks().length, 1);
  assert.equal(from.call.state.link.settled, true);
}

test('after a lost connection to the server nothing is rebuilt and nothing repeated', async () => {
  const all = await connected();
  const {room, ann, bo} = all;
  const before = now(all);
  room.cut(ann.peer);
  await quiet();
  assert.equal(ann.call.state.signaling, 'down');
  assert.equal(bo.call.state.peer.away, true);
  await reconnected(room);
  assert.equal(room.joins.at(-1).resume !== undefined, true);
  assert.deepEqual([ann.call.signaling.resumed, bo.call.signaling.joined], [1, 1]);
  assert.equal(bo.call.state.peer.away, false);
  held(all, before);
  await shares(ann, bo);
});

test('a screen shared while the server is away arrives once it is back', async () => {
  const all = await connected();
  const before = now(all);
  all.room.cut(all.ann.peer);
  all.ann.media.onscreen(new FakeStream([new FakeTrack('video')]));
  await quiet(40);
  await reconnected(all.room);
  assert.equal(all.bo.call.link.shared.getTracks().length, 1);
  held(all, before);
});

test('a call survives a killed server, and a screen can be shared afterwards', async () => {
  for (const first of ['ann', 'bo', 'both']) {
    FakeWebSocket.all = [];
    const all = await connected();
    const before = now(all);
    all.room.restart();
    if (first !== 'both') {
      // The other one comes back later.
      await quiet(4);
      mock.timers.tick(1);
      const [early, late] = first === 'ann' ? FakeWebSocket.all : FakeWebSocket.all.toReversed();
      FakeWebSocket.all = [early];
      all.room.accept();
      await quiet(60);
      FakeWebSocket.all = [late];
      all.room.accept();
      await quiet(60);
    } else await reconnected(all.room);
    held(all, before);
    await shares(all.ann, all.bo);
    await shares(all.bo, all.ann);
  }
});

test('a negotiation survives a killed server: what was lost is repeated', async () => {
  const room = new Room();
  const [ann, bo] = [new Side('Ann'), new Side('Bo')];
  room.passes = () => false; // Acknowledged, then lost with the server.
  await ann.join(room);
  await bo.join(room);
  await quiet(60);
  const {pc} = ann;
  room.passes = () => true;
  room.restart();
  await reconnected(room);
  assert.equal(ann.pc, pc);
  assert.deepEqual([ann.call.state.link.generation, bo.call.state.link.generation], [1, 1]);
  assert.deepEqual([ann.call.state.link.settled, bo.call.state.link.settled], [true, true]);
  assert.ok(ann.pc.candidates.length >= 2 && bo.pc.candidates.length >= 2);
});

test('with a broken path too, ICE is restarted once the server is back', async () => {
  const {room, ann, bo} = await connected();
  room.restart();
  for (const {pc} of [ann, bo]) pc.becomes('failed');
  await quiet(20);
  assert.equal(ann.pc.restarts, 0);
  await reconnected(room);
  assert.ok(ann.pc.restarts + bo.pc.restarts > 0);
  assert.deepEqual([ann.call.state.link.settled, bo.call.state.link.settled], [true, true]);
});

test("a call whose media flows survives the timeout of the other side's seat", async () => {
  const all = await connected();
  const {room, ann, bo} = all;
  const before = now(all);
  room.cut(bo.peer);
  room.expire(bo.peer);
  await quiet();
  assert.deepEqual([ann.screen, ann.call.state.notice], ['call', 'timeout']);
  await reconnected(room);
  held(all, before);
  await shares(ann, bo);
});

test('a side that was given up connects again under the next generation, whoever was first', async () => {
  for (const sleeper of ['ann', 'bo']) {
    const all = await connected();
    const {room} = all;
    const asleep = all[sleeper];
    const awake = sleeper === 'ann' ? all.bo : all.ann;
    const {peer, pc} = asleep;
    room.cut(peer);
    awake.pc.becomes('failed');
    room.expire(peer);
    await quiet(40);
    assert.equal(awake.screen, 'waiting');
    await reconnected(room);
    assert.equal(asleep.peer, peer);
    assert.notEqual(asleep.pc, pc);
    for (const side of [asleep, awake]) {
      assert.equal(side.call.state.link.generation, 2);
      assert.equal(side.call.state.link.settled, true);
      side.pc.becomes('connected');
    }
    await quiet(20);
    assert.deepEqual([all.ann.screen, all.bo.screen], ['call', 'call']);
  }
});
