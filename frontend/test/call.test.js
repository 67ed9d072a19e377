import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Call} from '../static/js/call.js';
import {screenOf} from '../static/js/screens.js';
import {FakePeerConnection, FakeStream, FakeTrack, FakeWebSocket, quiet} from './fakes.js';

globalThis.MediaStream = FakeStream;

/** A signaling server for one room of two, as far as the page needs one. */
class Room {
  sockets = [];
  reports = [];
  /** @type {(from: string, data: any) => boolean} */ passes = () => true;
  #peers = 0;

  /** Every socket that was opened since the last time gets its server. */
  accept() {
    for (const socket of FakeWebSocket.all.splice(0)) {
      socket.send = (text) => setImmediate(() => this.#receive(socket, JSON.parse(text)));
      const close = socket.close.bind(socket);
      socket.close = (code) => {
        close(code);
        this.drop(socket, 'left');
      };
      socket.serverOpens();
    }
  }

  drop(socket, reason) {
    if (!this.sockets.includes(socket)) return;
    this.sockets = this.sockets.filter((other) => other !== socket);
    for (const other of this.sockets)
      other.serverSends({type: 'bye', seq: 1, peer: socket.peer, reason});
  }

  #receive(socket, frame) {
    const others = this.sockets.filter((other) => other !== socket);
    const {type, id} = frame;
    if (type === 'join') {
      Object.assign(socket, {peer: `p${++this.#peers}`, name: frame.name ?? ''});
      const peers = others.map(({peer, name}) => ({peer, name, away: false, polite: true}));
      const ice = {iceServers: [{urls: ['stun:192.0.2.1']}], iceTTL: 600};
      this.sockets.push(socket);
      socket.serverSends({
        type: 'joined',
        id,
        room: frame.room,
        peer: socket.peer,
        peers,
        ping: 15,
        ...ice,
      });
      for (const other of others) {
        other.serverSends({
          type: 'other_joined',
          seq: 1,
          peer: socket.peer,
          name: socket.name,
          polite: false,
        });
      }
    } else if (type === 'message') {
      const [other] = others.filter(({peer}) => peer === frame.to);
      if (other && this.passes(socket.peer, frame.data)) {
        other.serverSends({type: 'message', seq: 1, from: socket.peer, data: frame.data});
      }
      socket.serverSends({type: 'ack', id});
    } else if (type === 'report') {
      this.reports.push(frame);
      socket.serverSends({type: 'ack', id});
    } else if (type === 'ice') {
      socket.serverSends({type: 'ice', id, iceServers: [{urls: ['stun:192.0.2.9']}], iceTTL: 600});
    } else if (type === 'leave') {
      this.drop(socket, 'left');
    }
  }
}

class Side {
  media = {
    tracks: {audio: new FakeTrack('audio'), video: new FakeTrack('video')},
    screen: null,
    state: {audio: true, video: true, screen: false},
    stop: async () => {},
  };
  chimes = 0;

  constructor(name) {
    this.name = name;
    this.call = new Call({
      url: 'ws://localhost/ws',
      media: this.media,
      relay: false,
      turn: '',
      now: () => Date.now(),
      onchange: () => {},
      onchime: () => this.chimes++,
      WebSocket: FakeWebSocket,
      RTCPeerConnection: FakePeerConnection,
    });
  }

  get screen() {
    return screenOf(this.call.state);
  }

  get pc() {
    return this.call.link.pc;
  }

  async join(room) {
    this.call.dispatch({type: 'open', room: 'lamp'});
    this.call.dispatch({type: 'join', name: this.name});
    room.accept();
    await quiet(20);
    this.socket = room.sockets.at(-1);
  }
}

/** Two in a call. */
async function two() {
  const room = new Room();
  const [ann, bo] = [new Side('Ann'), new Side('Bo')];
  await ann.join(room);
  await bo.join(room);
  await quiet(60);
  return {room, ann, bo};
}

async function connected() {
  const all = await two();
  for (const {pc} of [all.ann, all.bo]) pc.becomes('connected');
  await quiet(20);
  return all;
}

beforeEach(() => {
  FakeWebSocket.all = [];
  mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']});
});
afterEach(() => mock.timers.reset());

test('two pages meet: the first offers, each sends what it has, both are told', async () => {
  const {room, ann, bo} = await connected();
  assert.deepEqual([ann.screen, bo.screen, ann.chimes, bo.chimes], ['call', 'call', 1, 0]);
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
  assert.deepEqual([ann.call.state.other, bo.call.state.other], ['Bo', 'Ann']);
  assert.deepEqual(
    room.reports.map(({event}) => event),
    ['connected', 'connected'],
  );
  assert.deepEqual(Object.keys(room.reports[0].data), ['setup_ms', 'path', 'protocol']);
  assert.deepEqual(ann.pc.configuration.iceServers, [{urls: ['stun:192.0.2.1']}]);
});

test('mute and camera off are told to the other side', async () => {
  const {ann, bo} = await connected();
  ann.media.state = {audio: false, video: true, screen: false};
  ann.call.sendState();
  await quiet();
  assert.deepEqual(bo.call.state.remote, {audio: false, video: true, screen: false});
});

test('a screen gets an m-line of its own, once, and the camera keeps its own', async () => {
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

test('the first offer is lost: the watchdog says it again', async () => {
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
  assert.equal(ann.call.state.link.call, 1);
});

test('no description gets through for long: both build anew, under the next number', async () => {
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
  assert.ok(ann.call.state.link.call >= 2);
  assert.equal(ann.call.state.link.call, bo.call.state.link.call);
  assert.equal(first.connectionState, 'closed');
  assert.deepEqual([ann.call.state.link.settled, bo.call.state.link.settled], [true, true]);
});

test('a failed connection asks for fresh servers, and then restarts ICE', async () => {
  const {ann} = await connected();
  const {pc} = ann;
  pc.becomes('failed');
  await quiet(40);
  assert.deepEqual(pc.configuration.iceServers, [{urls: ['stun:192.0.2.9']}]);
  assert.equal(pc.restarts, 1);
  assert.equal(ann.call.state.link.settled, true);
});

test('the server goes away: the old call runs on until a new one stands', async () => {
  const {room, ann, bo} = await connected();
  const before = [ann.pc, bo.pc];
  for (const {socket} of [ann, bo]) {
    room.sockets = [];
    socket.serverCloses(1006);
  }
  await quiet();
  assert.deepEqual([ann.screen, bo.screen], ['call', 'call']);
  mock.timers.tick(1000);
  room.accept();
  await quiet(80);
  for (const [i, side] of [ann, bo].entries()) {
    assert.notEqual(side.pc, before[i]);
    assert.equal(side.call.shown.pc, before[i]);
    assert.equal(before[i].connectionState, 'connected');
  }
  for (const {pc} of [ann, bo]) pc.becomes('connected');
  await quiet(20);
  for (const [i, side] of [ann, bo].entries()) {
    assert.equal(side.call.shown.pc, side.pc);
    assert.equal(before[i].connectionState, 'closed');
    assert.equal(side.screen, 'call');
  }
});

test('leaving tells the other side and leaves nothing running', async () => {
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
