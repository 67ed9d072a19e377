import assert from 'node:assert/strict';
import {test} from 'node:test';
import {decodeCallData} from '../static/js/messages.js';
import {Negotiation} from '../static/js/negotiation.js';
import {FakePeerConnection, quiet} from './fakes.js';

/** Two ends, and a wire on which a test can drop or delay messages. */
class Wire {
  errors = [];
  log = [];
  /** @type {(from: string, data: any) => boolean} says what gets through */
  passes = () => true;

  constructor() {
    this.impolite = this.#end('impolite', false);
    this.polite = this.#end('polite', true);
  }

  #end(name, polite) {
    const pc = new FakePeerConnection();
    const negotiation = new Negotiation({
      pc,
      polite,
      send: (data) => {
        const copy = JSON.parse(JSON.stringify({call: 1, ...data}));
        this.log.push([
          name,
          copy.description?.type ?? (copy.renegotiate ? 'renegotiate' : 'candidate'),
        ]);
        if (this.passes(name, copy))
          setImmediate(() => this.#other(name).receive(decodeCallData(copy)));
      },
      prepareAnswer: async () => {},
      onerror: (error) => this.errors.push(error),
    });
    return {pc, negotiation};
  }

  #other(name) {
    return (name === 'polite' ? this.impolite : this.polite).negotiation;
  }

  count(name, what) {
    return this.log.filter(([from, type]) => from === name && type === what).length;
  }

  assertDone(lines) {
    assert.deepEqual(this.errors, []);
    for (const {pc, negotiation} of [this.impolite, this.polite]) {
      assert.equal(pc.signalingState, 'stable');
      assert.ok(negotiation.settled);
      assert.equal(pc.getTransceivers().length, lines);
    }
  }
}

async function connectedWire() {
  const wire = new Wire();
  for (const kind of ['audio', 'video']) wire.impolite.pc.addTransceiver(kind);
  await quiet();
  wire.assertDone(2);
  return wire;
}

test('the impolite side offers, the polite one answers, candidates arrive', async () => {
  const wire = await connectedWire();
  assert.equal(wire.count('impolite', 'offer'), 1);
  assert.equal(wire.count('polite', 'offer'), 0);
  assert.equal(wire.count('polite', 'answer'), 1);
  for (const {pc} of [wire.impolite, wire.polite]) {
    assert.deepEqual(
      pc.candidates.map((candidate) => candidate?.candidate ?? null),
      ['host', 'srflx', null],
    );
  }
});

test('the polite side makes no offer before the first negotiation is done', async () => {
  const wire = new Wire();
  wire.polite.pc.addTransceiver('video');
  await quiet();
  assert.deepEqual(wire.log, []);
  wire.impolite.pc.addTransceiver('audio');
  await quiet(40);
  wire.assertDone(2);
  assert.equal(wire.count('polite', 'offer'), 1);
});

test('both offer at once: the polite side yields, and both changes arrive', async () => {
  const wire = await connectedWire();
  wire.impolite.pc.addTransceiver('video');
  wire.polite.pc.addTransceiver('audio');
  await quiet(40);
  wire.assertDone(4);
  assert.equal(wire.count('polite', 'offer'), 2); // The one that was ignored, and the one that was not.
  assert.equal(wire.count('impolite', 'answer'), 1);
});

test('both restart ICE at once and end up settled', async () => {
  const wire = await connectedWire();
  wire.impolite.pc.restartIce();
  wire.polite.pc.restartIce();
  await quiet(60);
  wire.assertDone(2);
});

test('many changes on both sides, with any of them delayed, end up settled and equal', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    let state = seed;
    const random = (n) => (state = (state * 48271) % 2147483647) % n;
    const wire = await connectedWire();
    let lines = 2;
    for (let i = 0; i < 6; i++) {
      const side = random(2) ? wire.impolite : wire.polite;
      if (random(3)) {
        side.pc.addTransceiver(random(2) ? 'audio' : 'video');
        lines++;
      } else {
        side.pc.restartIce();
      }
      await quiet(random(9));
    }
    await quiet(150);
    wire.assertDone(lines);
  }
});

test('a lost offer in a glare hangs until it is repeated', async () => {
  const wire = await connectedWire();
  let lost = 0;
  wire.passes = (from, {description}) =>
    !(from === 'impolite' && description?.type === 'offer' && lost++ === 0);
  wire.impolite.pc.addTransceiver('video');
  wire.polite.pc.addTransceiver('audio');
  await quiet(40);
  assert.equal(wire.impolite.pc.signalingState, 'have-local-offer');
  assert.equal(wire.polite.pc.signalingState, 'have-local-offer');
  assert.ok(!wire.impolite.negotiation.settled);
  wire.polite.negotiation.resend(); // Ignored once more.
  await quiet(40);
  assert.ok(!wire.polite.negotiation.settled);
  wire.impolite.negotiation.resend();
  await quiet(60);
  wire.assertDone(4);
});

test('a repeated offer gets another answer', async () => {
  const wire = new Wire();
  let lost = 0;
  wire.passes = (_, {description}) => !(description?.type === 'answer' && lost++ === 0);
  wire.impolite.pc.addTransceiver('audio');
  await quiet();
  assert.ok(wire.polite.negotiation.settled);
  assert.ok(!wire.impolite.negotiation.settled);
  wire.impolite.negotiation.resend();
  await quiet(40);
  wire.assertDone(1);
});

test('the second answer to a repeated offer is ignored', async () => {
  const wire = new Wire();
  wire.impolite.pc.addTransceiver('audio');
  await quiet(3);
  wire.impolite.negotiation.resend();
  await quiet(40);
  wire.assertDone(1);
  assert.equal(wire.count('polite', 'answer'), 2);
});

test('candidates that arrive before the description wait for it', async () => {
  const wire = new Wire();
  const held = [];
  wire.passes = (from, data) => {
    if (from !== 'impolite' || !data.description) return true;
    held.push(data);
    return false;
  };
  wire.impolite.pc.addTransceiver('audio');
  await quiet();
  assert.deepEqual(wire.polite.pc.candidates, []);
  wire.polite.negotiation.receive(decodeCallData(held[0]));
  await quiet();
  wire.assertDone(1);
  assert.equal(wire.polite.pc.candidates.length, 3);
});

test('the number of early candidates is limited', async () => {
  const wire = new Wire();
  const early = {kind: 'candidate', call: 1, candidate: null};
  for (let i = 0; i < 1000; i++) wire.polite.negotiation.receive(early);
  await wire.polite.negotiation.idle();
  wire.impolite.pc.addTransceiver('audio');
  await quiet(40);
  wire.assertDone(1);
  assert.ok(wire.polite.pc.candidates.length <= 256 + 3);
});

test('a peer that cannot offer asks for an offer', async () => {
  const wire = await connectedWire();
  wire.impolite.negotiation.receive({kind: 'renegotiate', call: 1});
  await quiet();
  wire.assertDone(2);
  assert.equal(wire.count('impolite', 'offer'), 2);
});

test('a polite peer without an offer asks for one, and sends nothing else', async () => {
  const wire = new Wire();
  wire.polite.negotiation.resend();
  assert.deepEqual(wire.log, [['polite', 'renegotiate']]);
});

test('an invalid description is reported, and the next one handled', async () => {
  const wire = new Wire();
  wire.polite.negotiation.receive({
    kind: 'description',
    call: 1,
    description: {type: 'offer', sdp: 'garbage'},
  });
  await quiet();
  assert.equal(wire.errors.length, 1);
});

test('a candidate of an ignored offer is no error; another invalid one is', async () => {
  const wire = await connectedWire();
  const bad = {kind: 'candidate', call: 1, candidate: {candidate: 'x', usernameFragment: 'none'}};
  wire.impolite.negotiation.ignoreOffer = true;
  wire.impolite.negotiation.receive(bad);
  await quiet();
  assert.equal(wire.errors.length, 0);
  wire.impolite.negotiation.ignoreOffer = false;
  wire.impolite.negotiation.receive(bad);
  await quiet();
  assert.equal(wire.errors.length, 1);
});

test('nothing happens on a closed connection', async () => {
  const wire = await connectedWire();
  wire.polite.pc.close();
  wire.polite.negotiation.receive({
    kind: 'description',
    call: 1,
    description: {type: 'offer', sdp: '{}'},
  });
  await quiet();
  assert.deepEqual(wire.errors, []);
});

test('a connection that is closed while an offer is being set gets no tracks for the answer', async () => {
  const pc = new FakePeerConnection();
  const set = pc.setRemoteDescription.bind(pc);
  pc.setRemoteDescription = async (description) => {
    await set(description);
    pc.close();
  };
  let prepared = 0;
  const errors = [];
  const negotiation = new Negotiation({
    pc,
    polite: true,
    send() {},
    prepareAnswer: async () => prepared++,
    onerror: (error) => errors.push(error),
  });
  const other = new FakePeerConnection();
  other.addTransceiver('video');
  await other.setLocalDescription();
  negotiation.receive({kind: 'description', call: 1, description: other.localDescription});
  await quiet();
  assert.deepEqual([pc.signalingState, prepared, errors], ['closed', 0, []]);
});

test('candidates are repeated until the connection is up', async () => {
  const wire = await connectedWire();
  const before = wire.count('impolite', 'candidate');
  const reclaim = () => wire.count('impolite', 'candidate') - before;
  wire.impolite.negotiation.resend();
  await quiet();
  assert.equal(reclaim(), 3);
  wire.impolite.pc.connectionState = 'connected';
  wire.impolite.negotiation.resend();
  await quiet();
  assert.equal(reclaim(), 3);
  assert.deepEqual(wire.errors, []);
});

test('candidates from before an ICE restart are not repeated', async () => {
  const wire = await connectedWire();
  wire.impolite.pc.restartIce();
  await quiet(40);
  const sent = [];
  wire.passes = (_, {candidate}) => sent.push(candidate) && false;
  wire.impolite.negotiation.resend();
  await quiet();
  const {ufrag} = wire.impolite.pc;
  assert.deepEqual(
    sent.map((candidate) => candidate?.usernameFragment ?? null),
    [ufrag, ufrag, null],
  );
});
