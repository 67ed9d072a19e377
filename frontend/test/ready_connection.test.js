import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {FakeCertificate} from './fake_channel.js';
import {FakePeerConnection, FakeWebSocket, quiet} from './fakes.js';
import {ReadyConnection} from '../static/js/ready_connection.js';
import {Room} from './room.js';
import {Side} from './sides.js';
import {mockTimers} from './timers.js';

beforeEach(() => {
  FakeWebSocket.all = [];
  FakePeerConnection.all = [];
  mockTimers();
});
afterEach(() => mock.timers.reset());

const SERVERS = [{urls: ['turn:192.0.2.1']}];
const fixed = (policy = 'all', certificate = undefined) => ({policy, certificate});

test('a connection is made once, without servers, and gets them when it is taken', () => {
  const ready = new ReadyConnection(FakePeerConnection);
  const own = fixed('all', new FakeCertificate());
  ready.prepare(own);
  ready.prepare({...own});
  const [pc, ...more] = FakePeerConnection.all;
  assert.deepEqual([more, pc.configuration.iceServers], [[], []]);
  assert.equal(ready.take(own, SERVERS), pc);
  assert.deepEqual(pc.configuration, {
    iceServers: SERVERS,
    iceTransportPolicy: 'all',
    bundlePolicy: 'max-bundle',
    certificates: [own.certificate],
  });
  assert.notEqual(ready.take(own, SERVERS), pc);
});

test('one with another certificate or policy is replaced, whenever that is known', () => {
  for (const [before, after] of [
    [fixed('all', new FakeCertificate()), fixed()],
    [fixed('all'), fixed('relay')],
    [fixed('relay'), fixed('all')],
  ])
    for (const again of [false, true]) {
      const ready = new ReadyConnection(FakePeerConnection);
      ready.prepare(before);
      const first = FakePeerConnection.all.at(-1);
      if (again) ready.prepare(after);
      const taken = ready.take(after, SERVERS);
      assert.equal(first.connectionState, 'closed');
      assert.equal(taken.configuration.iceTransportPolicy, after.policy);
      assert.equal(taken.configuration.certificates?.[0], after.certificate);
      assert.equal(taken.connectionState, 'new');
    }
});

test('one that the browser has closed is replaced', () => {
  for (const again of [false, true]) {
    const ready = new ReadyConnection(FakePeerConnection);
    ready.prepare(fixed());
    const first = FakePeerConnection.all.at(-1);
    first.close();
    if (again) ready.prepare(fixed());
    const taken = ready.take(fixed(), SERVERS);
    assert.notEqual(taken, first);
    assert.equal(taken.connectionState, 'new');
  }
});

test('a browser without connections says so only to whoever takes one', () => {
  class Broken {
    constructor() {
      throw new Error('disabled');
    }
  }
  const ready = new ReadyConnection(Broken);
  ready.prepare(fixed());
  assert.throws(() => ready.take(fixed(), SERVERS), /disabled/);
});

test('before somebody comes, a page asks no server for a relay and gathers no candidate', async () => {
  const room = new Room();
  room.iceServers = SERVERS;
  const ann = new Side('Ann');
  ann.call.dispatch({type: 'open', room: 'lamp'});
  ann.call.prepare();
  const [socket] = FakeWebSocket.all;
  const [pc] = FakePeerConnection.all;
  const idle = () => {
    assert.deepEqual(FakePeerConnection.all, [pc]);
    assert.deepEqual([pc.localDescription, pc.configuration.iceServers], [null, []]);
  };
  idle();
  room.accept();
  ann.call.dispatch({type: 'join', name: 'Ann'});
  await quiet(20);
  assert.deepEqual(FakeWebSocket.all, [], 'the early connection carries the join');
  assert.equal(socket.closedWith, null);
  assert.equal(ann.screen, 'waiting');
  mock.timers.tick(120_000);
  idle();
  const bo = new Side('Bo');
  await bo.join(room);
  await quiet(60);
  assert.equal(ann.pc, pc);
  assert.deepEqual(pc.configuration.iceServers, SERVERS);
  assert.equal(ann.call.state.link.settled, true);
});

test('the address is hidden also if the user says so after the connection was made', async () => {
  const room = new Room();
  room.iceServers = SERVERS;
  const sent = [];
  room.passes = (from, data) => sent.push(data);
  const [ann, bo] = [new Side('Ann'), new Side('Bo')];
  for (const side of [ann, bo]) {
    side.call.dispatch({type: 'open', room: 'lamp'});
    side.call.prepare();
    side.call.dispatch({type: 'hideAddress', on: true});
    room.accept();
    side.call.dispatch({type: 'join', name: side.name});
    await quiet(20);
  }
  await quiet(60);
  const text = JSON.stringify(sent);
  for (const {pc} of [ann, bo]) assert.equal(pc.configuration.iceTransportPolicy, 'relay');
  assert.match(text, /"offer".*"answer"/);
  assert.doesNotMatch(text, /"candidate":\{/);
});

test('whoever waits again has another connection ready, and none after the call', async () => {
  const room = new Room();
  const [ann, bo] = [new Side('Ann'), new Side('Bo')];
  await ann.join(room);
  await bo.join(room);
  await quiet(60);
  const before = FakePeerConnection.all.length;
  bo.call.dispatch({type: 'leave'});
  await quiet(20);
  assert.equal(ann.screen, 'waiting');
  assert.equal(FakePeerConnection.all.length, before + 1);
  ann.call.dispatch({type: 'leave'});
  assert.ok(FakePeerConnection.all.every(({connectionState}) => connectionState === 'closed'));
});
