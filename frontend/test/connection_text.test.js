import assert from 'node:assert/strict';
import {test} from 'node:test';
import {detailsOf} from '../static/js/connection_details.js';
import {factsOf, newestOf, rangeOf, reportOf} from '../static/js/connection_text.js';
import {FIGURES, History} from '../static/js/history.js';
import {format, loadTexts} from '../static/js/i18n.js';
import {sampleOf} from '../static/js/stats.js';

const texts = {en: await loadTexts('en'), zh: await loadTexts('zh')};

/** Statistics as Chromium gives them in a relayed call. */
const ENTRIES = [
  {
    type: 'transport',
    id: 'T',
    selectedCandidatePairId: 'P',
    tlsVersion: 'FEFC',
    dtlsCipher: 'TLS_AES_128_GCM_SHA256',
    srtpCipher: 'AEAD_AES_128_GCM',
  },
  {
    type: 'candidate-pair',
    id: 'P',
    localCandidateId: 'L',
    remoteCandidateId: 'R',
    currentRoundTripTime: 0.042,
    availableOutgoingBitrate: 2_345_678,
  },
  {
    type: 'local-candidate',
    id: 'L',
    candidateType: 'relay',
    relayProtocol: 'tls',
    address: '203.0.113.77',
    url: 'turns:203.0.113.77:443',
  },
  {type: 'remote-candidate', id: 'R', candidateType: 'prflx', address: '2001:db8::77'},
  {type: 'codec', id: 'CA', mimeType: 'audio/opus'},
  {type: 'codec', id: 'CV', mimeType: 'video/VP8'},
  {type: 'inbound-rtp', id: 'IV', kind: 'video', codecId: 'CV', packetsReceived: 9},
  {type: 'inbound-rtp', id: 'IA', kind: 'audio', codecId: 'CA', packetsReceived: 9},
  {
    type: 'outbound-rtp',
    id: 'OV',
    kind: 'video',
    codecId: 'CV',
    packetsSent: 9,
    targetBitrate: 1_000_000,
    qualityLimitationReason: 'bandwidth',
    framesPerSecond: 30,
    frameWidth: 640,
    frameHeight: 360,
  },
  {
    type: 'outbound-rtp',
    id: 'OA',
    kind: 'audio',
    codecId: 'CA',
    packetsSent: 9,
    targetBitrate: 32_000,
  },
  // A screen that is no longer shared.
  {type: 'outbound-rtp', id: 'OS', kind: 'video', codecId: 'CA', packetsSent: 0},
];

const point = (at, rtt) => ({
  at,
  ...Object.fromEntries(FIGURES.map((figure) => [figure, null])),
  rtt,
  lossIn: 0.0123,
  bitrateIn: 1_500_000,
});

function connectionOf(entries, language = 'en') {
  const history = new History();
  for (const [at, rtt] of [12, 45.4, 30].entries()) history.add(point(at * 1000, rtt));
  return {
    summary: 'Connection: Good.',
    history,
    sample: sampleOf(entries, 0),
    entries,
    duration: 65_000,
    language,
    t: (key, parameters) => format(texts[language], key, parameters),
  };
}

test('the details name path, codecs, target and encryption', () => {
  assert.deepEqual(detailsOf(ENTRIES), {
    local: {type: 'relay', address: '203.0.113.77', relayProtocol: 'tls'},
    remote: {type: 'prflx', address: '2001:db8::77', relayProtocol: ''},
    codecsIn: ['opus', 'VP8'],
    codecsOut: ['opus', 'VP8'],
    target: 1_032_000,
    limit: 'bandwidth',
    encryption: {dtls: '1.3', cipher: 'TLS_AES_128_GCM_SHA256', srtp: 'AEAD_AES_128_GCM'},
  });
});

test('a browser that says nothing is no fault', () => {
  const nothing = detailsOf([]);
  assert.deepEqual(
    [nothing.local, nothing.remote, nothing.target, nothing.encryption],
    [null, null, null, null],
  );
  assert.deepEqual([...nothing.codecsIn, ...nothing.codecsOut], []);
  assert.equal(detailsOf([{type: 'transport', id: 'T'}]).encryption, null);
  const older = detailsOf([{type: 'transport', id: 'T', tlsVersion: '0303', srtpCipher: 'X'}]);
  assert.deepEqual(older.encryption, {dtls: '', cipher: '', srtp: 'X'});
});

test('figures have units, and a range over the last minute', () => {
  const connection = connectionOf(ENTRIES);
  assert.equal(newestOf('rtt', connection), '30 ms');
  assert.equal(rangeOf('rtt', connection), '12 to 45 ms');
  assert.equal(newestOf('lossIn', connection), '1.2%');
  assert.equal(newestOf('bitrateIn', connection), '1.50 Mbit/s');
  assert.equal(newestOf('jitter', connection), '–');
  assert.equal(rangeOf('jitter', connection), '–');
  assert.equal(newestOf('rtt', {...connection, history: new History()}), '–');
  assert.equal(rangeOf('rtt', connectionOf(ENTRIES, 'zh')), '12 至 45 毫秒');
});

test('every fact is in words', () => {
  const facts = Object.fromEntries(factsOf(connectionOf(ENTRIES)));
  assert.deepEqual(facts, {
    'This device': 'a relay server, over TLS (relay)',
    'Other side': 'an address found while connecting (prflx)',
    'Video received': '–',
    'Video sent': '640 × 360, 30 fps',
    Codecs: 'opus + VP8 received, opus + VP8 sent',
    'Target rate': '1.03 Mbit/s',
    'Network allows about': '2.35 Mbit/s',
    Encryption: 'DTLS 1.3, SRTP AEAD_AES_128_GCM, TLS_AES_128_GCM_SHA256',
  });
  const unknown = Object.fromEntries(factsOf(connectionOf([])));
  assert.equal(unknown['This device'], '–');
  const chromium = [{type: 'transport', id: 'T', tlsVersion: 'FEFD', srtpCipher: 'SRTP_AES128'}];
  const {Encryption} = Object.fromEntries(factsOf(connectionOf(chromium)));
  assert.equal(Encryption, 'DTLS 1.2, SRTP_AES128');
  const sent = factsOf(connectionOf(ENTRIES, 'zh')).find(([name]) => name === '发送的视频');
  assert.equal(sent[1], '640 × 360，30 帧/秒');
  assert.equal(unknown.Encryption, 'yes, but this browser does not say which');
});

test('the report has every figure and fact, and no complete address', () => {
  const environment = {
    time: new Date(Date.UTC(2026, 10, 30, 8, 5)),
    version: '1.2.3',
    browser: 'Browser/1.0',
  };
  for (const language of ['en', 'zh']) {
    const connection = connectionOf(ENTRIES, language);
    const report = reportOf(connection, environment);
    assert.doesNotMatch(report, /203\.0\.113\.77|db8::77|undefined|null|NaN|\{/);
    for (const [name, text] of factsOf(connection)) assert.ok(report.includes(`${name}: ${text}`));
    for (const expected of ['1.2.3', '2026-11-30T08:05Z', 'Browser/1.0', '1:05', '203.0.x.x'])
      assert.ok(report.includes(expected), expected);
    for (const figure of FIGURES) assert.ok(report.includes(newestOf(figure, connection)), figure);
  }
});
