import assert from 'node:assert/strict';
import {test} from 'node:test';
import {fingerprintsOf, onlyFingerprint} from '../static/js/fingerprints.js';
import {SafetyCheck} from '../static/js/safety_check.js';
import {FakeCertificate} from './fake_channel.js';

const hex = (certificate) =>
  certificate.getFingerprints()[0].value.replaceAll(':', '').toLowerCase();
const line = (certificate) => `a=fingerprint:sha-256 ${certificate.getFingerprints()[0].value}\r\n`;

/** A connection whose other end has proved to have this certificate. */
const pcTo = (certificate) => ({
  sctp: {transport: {getRemoteCertificates: () => [certificate.der]}},
});

/** One page. */
class Page {
  certificate = new FakeCertificate();
  findings = [];
  sent = [];
  check = new SafetyCheck((link, finding) => this.findings.push({link, ...finding}));

  get last() {
    return this.findings.at(-1);
  }

  start(link, other, fields = {}) {
    const {certificate} = this;
    const send = (message) => this.sent.push(message);
    this.check.start({
      link,
      pc: pcTo(other),
      certificate,
      room: 'r',
      polite: false,
      send,
      ...fields,
    });
  }
}

const idle = (...pages) => Promise.all(pages.map(({check}) => check.idle()));

/** Connects two pages and carries what they send. */
async function meet(ann, bo, link = 1, {swapped = false} = {}) {
  ann.start(link, bo.certificate, {polite: swapped});
  bo.start(link, ann.certificate, {polite: !swapped});
  await idle(ann, bo);
  while (ann.sent.length + bo.sent.length > 0) {
    for (const [from, to] of [
      [ann, bo],
      [bo, ann],
    ])
      for (const message of from.sent.splice(0)) to.check.receive(link, message);
    await idle(ann, bo);
  }
}

async function met() {
  const [ann, bo] = [new Page(), new Page()];
  await meet(ann, bo);
  return [ann, bo];
}

test('two pages find the same code', async () => {
  const [ann, bo] = await met();
  assert.equal(ann.last.status, 'code');
  assert.match(ann.last.code.digits, /^\d{6}$/);
  assert.deepEqual(ann.last.code, bo.last.code);
  assert.deepEqual([ann.last.verdict, ann.last.changed], ['', false]);
});

test('a new connection between the same two keeps code and verdict, whoever is polite now', async () => {
  const [ann, bo] = await met();
  const {code} = ann.last;
  ann.check.judge('match');
  assert.equal(ann.last.verdict, 'match');
  await meet(ann, bo, 2, {swapped: true});
  assert.deepEqual([ann.last.link, ann.last.code, ann.last.verdict], [2, code, 'match']);
  assert.deepEqual([bo.last.code, bo.last.verdict], [code, '']);
});

test('an exchange that was cut goes on with a new connection', async () => {
  for (const lost of ['commit', 'nonce', 'reveal']) {
    const [ann, bo] = [new Page(), new Page()];
    ann.start(1, bo.certificate);
    bo.start(1, ann.certificate, {polite: true});
    for (let i = 0; i < 3; i++) {
      await idle(ann, bo);
      for (const [from, to] of [
        [ann, bo],
        [bo, ann],
      ])
        for (const message of from.sent.splice(0))
          if (message.type !== lost) to.check.receive(1, message);
    }
    await idle(ann, bo);
    assert.equal(bo.last.status, 'checking');
    await meet(ann, bo, 2);
    assert.equal(ann.last.status, 'code');
    assert.deepEqual(ann.last.code, bo.last.code);
  }
});

test('another certificate takes code and verdict away, and gets fresh nonces', async () => {
  const [ann, bo] = await met();
  ann.check.judge('match');
  const eve = new Page();
  ann.start(2, eve.certificate);
  await idle(ann);
  const first = ann.sent.splice(0);
  assert.deepEqual([ann.last.status, ann.last.code, ann.last.verdict], ['checking', null, '']);
  assert.equal(ann.last.changed, true);
  // Back with the first one, there is what was there before.
  await meet(ann, bo, 3);
  assert.deepEqual([ann.last.verdict, ann.last.changed], ['match', false]);
  const third = new Page();
  ann.start(4, third.certificate);
  await idle(ann);
  assert.notDeepEqual(ann.sent, first);
});

test('another room gives another code, which is not a changed one', async () => {
  const [ann, bo] = await met();
  const {code} = ann.last;
  for (const page of [ann, bo]) page.check.reset();
  ann.start(2, bo.certificate, {room: 's'});
  await idle(ann);
  assert.deepEqual([ann.last.code, ann.last.changed], [null, false]);
  assert.notEqual(code, null);
});

test('a broken exchange is a warning for good, and its verdict is gone', async () => {
  const [ann, bo] = await met();
  ann.check.judge('match');
  ann.check.receive(1, {type: 'malformed', of: 'nonce', what: 'nonce'});
  await idle(ann);
  assert.deepEqual([ann.last.status, ann.last.code, ann.last.verdict], ['warning', null, '']);
  await meet(ann, bo, 2);
  assert.equal(ann.last.status, 'warning');
  ann.check.judge('match');
  assert.equal(ann.last.verdict, '');
});

test('messages of an earlier connection are not for this one', async () => {
  const [ann, bo] = await met();
  ann.start(2, bo.certificate);
  ann.check.receive(1, {type: 'reveal', nonce: '00'.repeat(32)});
  await idle(ann);
  assert.equal(ann.last.status, 'code');
});

test('a browser that does not tell the certificates cannot check', async () => {
  const page = new Page();
  page.start(1, page.certificate, {pc: {}, certificate: undefined});
  await idle(page);
  assert.deepEqual([page.last.status, page.last.reason], ['impossible', 'browser']);
});

test('the certificate that was proved counts, not the description', async () => {
  const [own, other, named] = [1, 2, 3].map(() => new FakeCertificate());
  const pc = {...pcTo(other), currentRemoteDescription: {sdp: line(named)}};
  assert.deepEqual(await fingerprintsOf(pc, own), {own: hex(own), other: hex(other)});
});

test('a description counts if it has only one fingerprint, a SHA-256', async () => {
  const [one, two] = [1, 2].map(() => new FakeCertificate());
  const other = 'a=fingerprint:sha-1 AA:BB\r\n';
  assert.equal(onlyFingerprint(`v=0\r\n${line(one)}m=audio\r\n${line(one)}`), hex(one));
  for (const sdp of [
    line(one) + line(two),
    line(two) + line(one),
    line(one) + other,
    other,
    'a=fingerprint:sha-256 AA:BB\r\n',
    '',
    undefined,
  ])
    assert.equal(onlyFingerprint(sdp), undefined, sdp);
  const pc = {
    currentLocalDescription: {sdp: line(one)},
    currentRemoteDescription: {sdp: line(two)},
  };
  assert.deepEqual(await fingerprintsOf(pc, undefined), {own: hex(one), other: hex(two)});
});
