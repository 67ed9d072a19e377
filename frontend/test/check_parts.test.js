import assert from 'node:assert/strict';
import {test} from 'node:test';
import {format, loadTexts} from '../static/js/i18n.js';
import {Sender} from '../static/js/check/packets.js';
import {reportOf} from '../static/js/check/report.js';
import {maskAddresses} from '../static/js/mask.js';
import {newRows, row, ROW_IDS, verdictOf} from '../static/js/check/rows.js';
import {readAnswer} from '../static/js/check/server.js';

test('packets are counted once each', () => {
  const sender = new Sender();
  const packets = Array.from({length: 10}, (_, i) => sender.next(i * 20));
  assert.ok(!sender.complete);
  for (const i of [0, 1, 2, 2, 0, 4, 5, 6, 7]) sender.receive(packets[i], i * 20 + 30);
  for (const foreign of ['text', new ArrayBuffer(3), new Uint8Array(100), null])
    sender.receive(foreign, 0);
  const beyond = new ArrayBuffer(100);
  new DataView(beyond).setUint32(0, 4_000_000_000);
  sender.receive(beyond, 0);
  assert.deepEqual(sender.measured, {sent: 10, lost: 30, rtt: 15});
  sender.receive(packets[3], 1000);
  sender.receive(packets[8], 1000);
  assert.deepEqual([sender.complete, sender.measured.lost], [false, 10]);
  assert.deepEqual(new Sender().measured, {sent: 0, lost: 0, rtt: 0});
});

test('an answer is read, whatever it is', () => {
  const nothing = {iceServers: [], mapping: [], localAuthority: false};
  for (const body of [null, 1, 'x', [], {}, {iceServers: 'x', mapping: {}, localAuthority: 1}])
    assert.deepEqual(readAnswer(body), nothing);
  const read = readAnswer({
    iceServers: [
      {urls: ['stun:a:1', 'https://foe.example', 3, 'turn:a:1']},
      {urls: ['turns:a:1'], username: 'u', credential: 'c', extra: 1},
      null,
    ],
    mapping: ['stun:a:1', 'javascript:alert(1)'],
    localAuthority: true,
  });
  assert.deepEqual(read, {
    iceServers: [
      {urls: ['stun:a:1', 'turn:a:1']},
      {urls: ['turns:a:1'], username: 'u', credential: 'c'},
      {urls: []},
    ],
    mapping: ['stun:a:1'],
    localAuthority: true,
  });
  const many = Array.from({length: 1000}, () => 'stun:a:1');
  const long = readAnswer({iceServers: many.map(() => ({urls: many})), mapping: many});
  assert.deepEqual(
    [long.iceServers.length, long.iceServers[0].urls.length, long.mapping.length],
    [8, 8, 8],
  );
});

test('addresses are masked, and nothing else', () => {
  for (const [text, want] of [
    ['203.0.113.77', '203.0.x.x'],
    ['seen as 203.0.113.77:5000.', 'seen as 203.0.x.x:5000.'],
    ['地址 203.0.113.77，', '地址 203.0.x.x，'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:x'],
    ['[2001:db8::1]:3478', '[2001:db8:x]:3478'],
    ['::1', '::x'],
    ['at 12:04:05, 2026-11-29T23:19Z', 'at 12:04:05, 2026-11-29T23:19Z'],
    ['Chrome/156.0.0.0 Safari/537.36', 'Chrome/156.0.0.0 Safari/537.36'],
    ['STUN: 12 ms, 2.5%', 'STUN: 12 ms, 2.5%'],
  ])
    assert.equal(maskAddresses(text), want);
});

test('the report has every row in words, and no address', async () => {
  for (const language of ['en', 'zh']) {
    const texts = await loadTexts(language);
    const t = (key, parameters) => format(texts, key, parameters);
    const rows = newRows();
    for (const id of ROW_IDS) rows[id] = row('ok', 'checkAnswered', null, {ms: 5});
    rows.mapping = row('ok', 'checkMappingSame', null, {address: '203.0.113.77'});
    rows.tls = row('skipped');
    const report = reportOf(
      {
        rows,
        verdict: verdictOf(rows),
        time: new Date(0),
        browser: 'Browser/1.2.3.4',
        version: '1.0',
      },
      t,
    );
    assert.equal(report.split('\n').filter((line) => line.startsWith('[')).length, ROW_IDS.length);
    assert.ok(report.includes('203.0.x.x') && !report.includes('113.77'));
    assert.ok(report.includes('1970-01-01T00:00Z') && report.includes('Browser/1.2.3.4'));
    assert.doesNotMatch(report, /\{\w+\}|undefined|null/);
  }
});
