import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {decodeCtl} from '../static/js/ctl_messages.js';
import {advance, begin, isSafetyMessage} from '../static/js/safety.js';

const {codes, exchanges} = JSON.parse(
  readFileSync(new URL('../../peer/ctl/testdata/safety.json', import.meta.url), 'utf8'),
);
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const A = '00'.repeat(32);
const B = 'ff'.repeat(32);

/** Begins one end of an exchange. */
const end = (fields) =>
  begin({room: 'r', own: A, other: B, polite: false, nonce: new Uint8Array(32), ...fields});

/** Returns both ends' exchanges after the three messages. */
async function meet(one, other) {
  const impolite = await end(one);
  const polite = await end({own: B, other: A, polite: true, ...other});
  const second = await advance(polite.exchange, impolite.reply);
  const third = await advance(impolite.exchange, second.reply);
  const last = await advance(second.exchange, third.reply);
  return [third.exchange, last.exchange];
}

test('both ends compute the codes of the samples', async () => {
  assert.ok(codes.length > 10);
  for (const sample of codes) {
    const [own, other] = sample.fingerprints;
    const ends = await meet(
      {room: sample.room, own, other, nonce: bytes(sample.impolite_nonce)},
      {room: sample.room, own: other, other: own, nonce: bytes(sample.polite_nonce)},
    );
    for (const exchange of ends) {
      assert.equal(exchange.hash, sample.commitment, sample.name);
      const {digits, pictures} = sample;
      assert.deepEqual(exchange.code, {digits, pictures}, sample.name);
    }
  }
});

test('every exchange of the samples goes as its steps say', async () => {
  assert.ok(exchanges.length > 10);
  for (const sample of exchanges) {
    const {room, polite, own_fingerprint: own, other_fingerprint: other} = sample;
    const first = await begin({room, polite, own, other, nonce: bytes(sample.own_nonce)});
    let {exchange} = first;
    for (const [i, step] of sample.steps.entries()) {
      let sent = exchange.last; // on a new connection
      if (step.receive) {
        const message = decodeCtl(JSON.stringify(step.receive));
        const turn = isSafetyMessage(message)
          ? await advance(exchange, message)
          : {exchange, reply: null};
        ({exchange} = turn);
        sent = turn.reply;
      }
      const name = `${sample.name}: step ${i}`;
      assert.deepEqual(sent, step.send, name);
      assert.equal(exchange.code?.digits ?? null, step.digits, name);
      assert.equal(exchange.broken, step.warning, name);
    }
  }
});

test('an exchange never changes in place', async () => {
  const {exchange, reply} = await end({polite: true});
  assert.equal(reply, null);
  const before = JSON.stringify(exchange);
  await advance(exchange, {type: 'commit', hash: A});
  await advance(exchange, {type: 'nonce', nonce: A});
  assert.equal(JSON.stringify(exchange), before);
});

test('whoever is in between has other certificates, and so another code', async () => {
  const nonces = [{nonce: new Uint8Array(32).fill(1)}, {nonce: new Uint8Array(32).fill(2)}];
  const [honest] = await meet(...nonces);
  const [attacked] = await meet({...nonces[0], other: 'aa'.repeat(32)}, nonces[1]);
  assert.notEqual(honest.code.digits, attacked.code.digits);
});
