import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {canCall} from '../static/js/support.js';
import {quiet} from './fakes.js';

const closed = [];

class Connection {
  localDescription = null;
  addTransceiver() {}
  async createOffer() {
    return {type: 'offer', sdp: 'v=0'};
  }
  async setLocalDescription() {
    this.localDescription = {type: 'offer', sdp: 'v=0'};
  }
  close() {
    closed.push(this);
  }
}

const rejects = async () => {
  throw new DOMException('', 'NotAllowedError');
};
const RTCRtpTransceiver = class {};
const works = {RTCPeerConnection: Connection, RTCRtpTransceiver};
/** @param {Record<string, unknown>} changes */
const but = (changes) => {
  const Changed = class extends Connection {};
  for (const [name, value] of Object.entries(changes))
    Object.defineProperty(Changed.prototype, name, {value});
  return {RTCPeerConnection: Changed, RTCRtpTransceiver};
};

beforeEach(() => mock.timers.enable({apis: ['setTimeout']}));
afterEach(() => mock.timers.reset());

test('a browser with WebRTC can call, and the test connection is closed', async () => {
  closed.length = 0;
  assert.equal(await canCall(works), true);
  assert.equal(closed.length, 1);
});

test('a browser without WebRTC, or with WebRTC disabled, cannot call', async () => {
  for (const [name, scope] of Object.entries({
    nothing: {},
    'no connection': {RTCRtpTransceiver},
    undefined: {RTCPeerConnection: undefined, RTCRtpTransceiver},
    null: {RTCPeerConnection: null, RTCRtpTransceiver},
    'no function': {RTCPeerConnection: {}, RTCRtpTransceiver},
    'no transceivers': {RTCPeerConnection: Connection},
    throws: {
      RTCPeerConnection: class {
        constructor() {
          throw new DOMException('', 'NotSupportedError');
        }
      },
      RTCRtpTransceiver,
    },
    'no addTransceiver': but({addTransceiver: undefined}),
    'no createOffer': but({createOffer: undefined}),
    'createOffer rejects': but({createOffer: rejects}),
    'an empty offer': but({createOffer: async () => ({type: 'offer', sdp: ''})}),
    'no offer': but({createOffer: async () => undefined}),
    'setLocalDescription rejects': but({setLocalDescription: rejects}),
    'nothing is set': but({setLocalDescription: async () => {}}),
  }))
    assert.equal(await canCall(scope), false, name);
});

test('a slow browser is assumed to support WebRTC', async () => {
  const answer = canCall(but({createOffer: () => new Promise(() => {})}));
  await quiet();
  mock.timers.tick(10_000);
  assert.equal(await answer, true);
});
