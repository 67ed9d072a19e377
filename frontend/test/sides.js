import {mock} from 'node:test';
import {FIRST_FRAMES} from '../static/js/timeouts.js';
import {Call} from '../static/js/call.js';
import {screenOf} from '../static/js/screens.js';
import {Seat} from '../static/js/seat.js';
import {FakeCertificate} from './fake_channel.js';
import {FakePeerConnection, FakeStream, FakeTrack, FakeWebSocket, quiet} from './fakes.js';
import {Room} from './room.js';

globalThis.MediaStream = FakeStream;
globalThis.fetch = async () => ({ok: true}); // Modules are files here, which Node does not fetch.

/** One page in a call. */
export class Side {
  media = {
    tracks: {audio: new FakeTrack('audio'), video: new FakeTrack('video')},
    screen: null,
    state: {audio: true, video: true, screen: false},
    stop: async () => {},
  };
  sending = {music: false, saver: false};
  arrivals = 0;

  certificate = new FakeCertificate();

  constructor(name, RTCPeerConnection = FakePeerConnection, relay = false) {
    this.name = name;
    this.call = new Call({
      server: 'http://localhost',
      token: '',
      app: 'callbox test',
      certificate: this.certificate,
      seat: new Seat(),
      media: this.media,
      relay,
      turn: '',
      sending: () => this.sending,
      now: () => Date.now(),
      onchange: () => {},
      onarrival: () => this.arrivals++,
      WebSocket: FakeWebSocket,
      RTCPeerConnection,
    });
  }

  get screen() {
    return screenOf(this.call.state);
  }

  get peer() {
    return this.call.state.self;
  }

  get pc() {
    return this.call.link.pc;
  }

  async join(room) {
    this.call.dispatch({type: 'open', room: 'lamp'});
    this.call.dispatch({type: 'join', name: this.name});
    await quiet(2);
    room.accept();
    await quiet(20);
  }
}

/** Returns two pages that have joined. */
export async function two() {
  const room = new Room();
  const [ann, bo] = [new Side('Ann'), new Side('Bo')];
  await ann.join(room);
  await bo.join(room);
  await quiet(60);
  return {room, ann, bo};
}

export async function connected() {
  const all = await two();
  for (const {pc} of [all.ann, all.bo]) pc.becomes('connected');
  await quiet(20);
  mock.timers.tick(FIRST_FRAMES);
  await quiet(20);
  return all;
}
