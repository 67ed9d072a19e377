import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {FakePeerConnection, FakeWebSocket, quiet} from './fakes.js';
import {Room} from './room.js';
import {Side} from './sides.js';
import {mockTimers} from './timers.js';

beforeEach(() => {
  FakeWebSocket.all = [];
  mockTimers();
});
afterEach(() => mock.timers.reset());

class Throws {
  constructor() {
    throw new DOMException('', 'NotSupportedError');
  }
}

/** Fails for the first peer in the room, which adds its transceivers when the link is made. */
class NoTransceivers extends FakePeerConnection {
  addTransceiver() {
    throw new TypeError('no transceivers');
  }
}

/** Fails later, when a description is made. */
class NoDescriptions extends FakePeerConnection {
  async setLocalDescription() {
    throw new DOMException('', 'NotSupportedError');
  }
}

for (const [Broken, place] of [
  [Throws, 'first'],
  [Throws, 'second'],
  [NoTransceivers, 'first'],
  [NoDescriptions, 'first'],
  [NoDescriptions, 'second'],
]) {
  test(`WebRTC fails after the join (${Broken.name}, ${place} there): the seat is left`, async () => {
    const room = new Room();
    const [ann, bo] = [new Side('Ann', Broken), new Side('Bo')];
    for (const side of place === 'first' ? [ann, bo] : [bo, ann]) await side.join(room);
    await quiet(60);
    assert.deepEqual([ann.screen, ann.call.state.reason], ['ended', 'unsupported']);
    assert.deepEqual([bo.screen, bo.call.state.notice], ['waiting', 'left']);
    assert.equal(room.seats.size, 1);
  });
}
