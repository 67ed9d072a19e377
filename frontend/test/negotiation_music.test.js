import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Negotiation} from '../static/js/negotiation.js';
import {quiet} from './fakes.js';

const OPUS = 'a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1';
const MUSIC = `${OPUS};sprop-stereo=1\r\n`;

/** A connection that has descriptions only. `refuses` says what it does with one of its own that has been changed. */
function setup(refuses = () => {}) {
  const pc = Object.assign(new EventTarget(), {
    signalingState: 'stable',
    connectionState: 'connected',
    remoteDescription: null,
    localDescription: null,
    created: 0,
    async createOffer() {
      this.created++;
      return {type: 'offer', sdp: `${OPUS}\r\n`};
    },
    async createAnswer() {
      this.created++;
      return {type: 'answer', sdp: `${OPUS}\r\n`};
    },
    async setRemoteDescription(description) {
      this.remoteDescription = description;
      this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable';
    },
    async setLocalDescription(description) {
      if (description) refuses(this);
      const type = this.signalingState === 'stable' ? 'offer' : 'answer';
      this.localDescription = description ?? {type, sdp: `${OPUS}\r\n`};
      this.signalingState = type === 'offer' ? 'have-local-offer' : 'stable';
    },
  });
  const sent = [];
  const failures = [];
  const negotiation = new Negotiation({
    pc,
    polite: true,
    send: ({description}) => sent.push(description),
    prepareAnswer: async () => {},
    onerror: (error) => failures.push(error),
    onbroken: () => failures.push('broken'),
  });
  const receive = async (sdp, type = 'offer') => {
    negotiation.receive({kind: 'description', description: {type, sdp}});
    await quiet();
  };
  return {pc, sent, failures, negotiation, receive};
}

test('whoever is sent music plays both channels, in answers and in offers', async () => {
  const {pc, sent, negotiation, receive} = setup();
  await receive(`${OPUS}\r\n`);
  assert.equal(pc.created, 0); // The browser knows best.
  await receive(MUSIC);
  assert.match(sent.at(-1).sdp, /useinbandfec=1;stereo=1\r\n/);
  await negotiation.renegotiate();
  assert.deepEqual([sent.at(-1).type, pc.created], ['offer', 2]);
  assert.match(sent.at(-1).sdp, /stereo=1/);
});

test('a browser that refuses the change answers all the same', async () => {
  const {sent, failures, receive} = setup(() => {
    throw new DOMException('', 'InvalidModificationError');
  });
  await receive(MUSIC);
  assert.deepEqual([sent.at(-1).type, failures], ['answer', []]);
  assert.doesNotMatch(sent.at(-1).sdp, /stereo/);
});

test('an offer that is overtaken by one of the other side is not made', async () => {
  const {pc, sent, failures, negotiation, receive} = setup((connection) => {
    if (connection.signalingState !== 'stable') return;
    connection.signalingState = 'have-remote-offer';
    throw new DOMException('', 'InvalidStateError');
  });
  await receive(MUSIC);
  const {length} = sent;
  await negotiation.renegotiate();
  assert.deepEqual([sent.length, failures.length, pc.localDescription.type], [length, 1, 'answer']);
});

test('what is to be negotiated anew while something else is negotiated follows that', async () => {
  const {sent, failures, negotiation, receive} = setup();
  await receive(`${OPUS}\r\n`);
  const types = () => sent.map(({type}) => type);
  await negotiation.renegotiate();
  await negotiation.renegotiate();
  assert.deepEqual(types(), ['answer', 'offer']);
  await receive(`${OPUS}\r\n`, 'answer');
  assert.deepEqual(types(), ['answer', 'offer', 'offer']);
  await receive(`${OPUS}\r\n`, 'answer');
  assert.deepEqual([types().length, failures], [3, []]);
});
