import assert from 'node:assert/strict';
import {test} from 'node:test';
import {QualityMeter, ratesOf, sampleOf} from '../static/js/stats.js';

const pair = (local, remote, extra = {}) => [
  {type: 'transport', id: 'T', selectedCandidatePairId: 'P'},
  {
    type: 'candidate-pair',
    id: 'P',
    localCandidateId: 'L',
    remoteCandidateId: 'R',
    currentRoundTripTime: 0.042,
    ...extra,
  },
  {type: 'local-candidate', id: 'L', ...local},
  {type: 'remote-candidate', id: 'R', ...remote},
];
const media = (received, lost = 0, bytes = received * 100) => [
  {
    type: 'inbound-rtp',
    id: 'V',
    kind: 'video',
    packetsReceived: received,
    packetsLost: lost,
    bytesReceived: bytes,
    frameWidth: 640,
    frameHeight: 360,
    framesPerSecond: 30,
  },
];
const sample = (entries, at = 0) => sampleOf(entries, at);

test('the path is direct when neither end is relayed', () => {
  for (const [local, remote] of [
    ['host', 'host'],
    ['srflx', 'prflx'],
    ['host', 'srflx'],
  ]) {
    const {path} = sample(pair({candidateType: local, protocol: 'udp'}, {candidateType: remote}));
    assert.deepEqual(path, {kind: 'direct', local, remote, protocol: 'udp'});
  }
});

test('the path is relayed when either end is, with the protocol to the relay', () => {
  for (const protocol of ['udp', 'tcp', 'tls']) {
    const {path} = sample(
      pair(
        {candidateType: 'relay', protocol: 'udp', relayProtocol: protocol},
        {candidateType: 'host'},
      ),
    );
    assert.deepEqual([path.kind, path.protocol], ['relayed', protocol]);
  }
  const {path} = sample(pair({candidateType: 'host', protocol: 'udp'}, {candidateType: 'relay'}));
  assert.deepEqual([path.kind, path.protocol], ['relayed', 'udp']);
});

test('without a transport entry the nominated pair counts', () => {
  const [, ...entries] = pair(
    {candidateType: 'host', protocol: 'tcp'},
    {candidateType: 'host'},
    {nominated: true, state: 'succeeded'},
  );
  entries.unshift({type: 'candidate-pair', id: 'Q', nominated: false, state: 'succeeded'});
  assert.equal(sample(entries).path.protocol, 'tcp');
  assert.equal(sample([]).path, null);
});

test('rates are differences between two samples', () => {
  const before = sample(
    [...media(1000, 10), ...pair({candidateType: 'host'}, {candidateType: 'host'})],
    1000,
  );
  const after = sample(
    [...media(1090, 20), ...pair({candidateType: 'host'}, {candidateType: 'host'})],
    2000,
  );
  const rates = ratesOf(before, after);
  assert.equal(rates.loss, 0.1);
  assert.equal(rates.bitrateIn, 72_000);
  assert.equal(rates.rtt, 42);
  assert.equal(rates.silent, false);
  assert.deepEqual(after.pictureIn, {width: 640, height: 360, fps: 30});
  assert.deepEqual(after.pictureOut, {width: 0, height: 0, fps: 0});
});

test("the other side's losses count, and counters that start over do not", () => {
  const before = sample(media(1000), 0);
  const after = sample(
    [...media(10), {type: 'remote-inbound-rtp', id: 'X', fractionLost: 0.25}],
    1000,
  );
  const rates = ratesOf(before, after);
  assert.deepEqual([rates.loss, rates.lossIn, rates.lossOut], [0.25, 0, 0.25]);
  assert.equal(rates.bitrateIn, 0);
});

test('media is silent when it arrived before and no longer does', () => {
  assert.equal(ratesOf(sample(media(0)), sample(media(0), 1000)).silent, false);
  assert.equal(ratesOf(sample(media(5)), sample(media(5), 1000)).silent, true);
});

test('what is sent, and the jitter of the sound, are known', () => {
  const sent = (bytes) => [
    {type: 'outbound-rtp', id: 'A', kind: 'audio', bytesSent: bytes},
    {type: 'outbound-rtp', id: 'B', kind: 'video', bytesSent: 0, framesPerSecond: 0, frameWidth: 9},
    {
      type: 'outbound-rtp',
      id: 'C',
      kind: 'video',
      bytesSent: bytes,
      framesPerSecond: 24,
      frameWidth: 1280,
      frameHeight: 720,
    },
    {type: 'inbound-rtp', id: 'D', kind: 'video', jitter: 0.5},
    {type: 'inbound-rtp', id: 'E', kind: 'audio', jitter: 0.0125},
  ];
  const [before, after] = [sample(sent(1000), 0), sample(sent(2000), 500)];
  assert.equal(ratesOf(before, after).bitrateOut, 32_000);
  assert.deepEqual(after.pictureOut, {width: 1280, height: 720, fps: 24});
  assert.equal(after.jitter, 12.5);
  assert.equal(sample([]).jitter, null);
});

const GOOD = {loss: 0, rtt: 20, silent: false};
const FAIR = {...GOOD, loss: 0.03};
const POOR = {...GOOD, rtt: 900};
const LOST = {...GOOD, silent: true};

test('the quality follows the figures slowly', () => {
  const meter = new QualityMeter();
  const run = (rates, from, to) => {
    let value;
    for (let at = from; at <= to; at += 1000) value = meter.add(rates, at);
    return value;
  };
  assert.equal(run(GOOD, 0, 2000), 'good');
  assert.equal(run(POOR, 3000, 5000), 'good');
  assert.equal(run(POOR, 6000, 6000), 'poor');
  assert.equal(run(FAIR, 7000, 14_000), 'poor');
  assert.equal(run(FAIR, 15_000, 15_000), 'fair');
  assert.equal(run(LOST, 16_000, 17_000), 'fair');
  assert.equal(run(LOST, 18_000, 18_000), 'lost');
  assert.equal(run(GOOD, 19_000, 19_000), 'good');
});

test('figures that change every second do not change the quality', () => {
  const meter = new QualityMeter();
  for (let at = 0; at < 60_000; at += 1000) meter.add(at % 2000 ? POOR : GOOD, at);
  assert.equal(meter.value, 'good');
});
