import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {test} from 'node:test';
import {decodeCallData, decodeFrame} from '../static/js/messages.js';

const samples = new URL('../../signaling/protocol/testdata/', import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, samples), 'utf8'));
const names = (folder) =>
  readdirSync(new URL(folder, samples))
    .filter((name) => name.endsWith('.json') && name !== 'invalid.json')
    .map((name) => folder + name);

test("every sample of the server's frames is decoded", () => {
  const seen = new Set();
  for (const name of names('./')) {
    const {kind, frame} = read(name);
    if (kind === 'request') continue;
    const decoded = decodeFrame(JSON.stringify(frame));
    seen.add(decoded.type);
    assert.equal(decoded.type, frame.type, name);
    for (const [field, value] of Object.entries(decoded)) {
      if (field in frame && field !== 'peers')
        assert.deepEqual(value, frame[field], `${name}: ${field}`);
    }
  }
  assert.deepEqual([...seen].sort(), [
    'ack',
    'away',
    'back',
    'bye',
    'closing',
    'error',
    'full',
    'ice',
    'joined',
    'left',
    'message',
    'other_joined',
    'pong',
  ]);
});

test('"joined" has the peers, their politeness and the servers', () => {
  const joined = decodeFrame(JSON.stringify(read('joined.json').frame));
  assert.equal(joined.type, 'joined');
  assert.deepEqual(
    joined.peers.map(({name, polite}) => [name, polite]),
    [['Bo', true]],
  );
  assert.ok(joined.iceServers.some(({urls}) => urls.some((url) => url.startsWith('turn'))));
});

test('a resumed session, and a peer that is away, are recognized', () => {
  const resumed = decodeFrame(JSON.stringify(read('joined_resumed.json').frame));
  assert.deepEqual([resumed.resumed, resumed.peers[0].away], [true, true]);
  assert.ok(resumed.resume.length > 20);
  const first = decodeFrame(JSON.stringify({...read('joined.json').frame, resume: undefined}));
  assert.deepEqual([first.resumed, first.resume, first.peers[0].away], [false, '', false]);
  for (const [name, expected] of [
    ['back.json', true],
    ['back_reset.json', false],
  ])
    assert.equal(decodeFrame(JSON.stringify(read(name).frame)).resumed, expected);
});

test('every sample of a message between call clients is decoded', () => {
  for (const name of names('./data/')) {
    const {data} = read(name);
    const decoded = decodeCallData(data);
    assert.notEqual(decoded.kind, 'unknown', name);
    assert.equal(decoded.generation, data.call, name);
    if ('description' in data) assert.deepEqual(decoded.description, data.description);
    if ('candidate' in data) assert.deepEqual(decoded.candidate, data.candidate);
  }
});

test('what this page sends has the shape of the samples', () => {
  for (const data of [
    {call: 1, renegotiate: true},
    {call: 2, candidate: null},
    {call: 1, description: {type: 'offer', sdp: 'v=0'}},
    {call: 1, n: 7, ctl: 1, description: {type: 'answer', sdp: 'v=0'}},
    {call: 1, n: 8, candidate: null},
    {state: {audio: true, video: false, screen: false, recording: true}},
  ]) {
    const {kind, generation, ...decoded} = decodeCallData(data);
    if (kind === 'renegotiate') assert.equal(generation, data.call);
    else assert.deepEqual({...(generation && {call: generation}), ...decoded}, data);
  }
});

test('what other programs put into optional fields does no harm', () => {
  for (const value of [0, -1, 1.5, 2 ** 53, '1', true, null, {}]) {
    const data = {call: 1, renegotiate: true, n: value};
    assert.deepEqual(decodeCallData(data), {kind: 'renegotiate', generation: 1});
    const {ctl} = decodeCallData({call: 1, ctl: value, description: {type: 'offer', sdp: ''}});
    assert.equal(ctl, undefined);
  }
});

test('frames with a missing or wrong field are refused', () => {
  for (const json of [
    '',
    '[]',
    'null',
    '7',
    '{}',
    '{"type":7}',
    '{"type":"joined","id":1,"room":"r","peer":"p","ping":15}',
    '{"type":"joined","id":1,"room":"r","peer":"p","ping":15,"peers":[7]}',
    '{"type":"other_joined","seq":1}',
    '{"type":"bye","seq":1,"peer":"p"}',
    '{"type":"message","from":"p","data":1}',
    '{"type":"error","id":1}',
    '{"type":"away","seq":1}',
    '{"type":"back","peer":"p","resumed":true}',
  ]) {
    assert.throws(() => decodeFrame(json), json);
  }
});

test('unknown frames and fields are ignored', () => {
  assert.deepEqual(decodeFrame('{"type":"forward","seq":4}'), {type: 'unknown', id: 0, seq: 4});
  assert.deepEqual(decodeFrame('{"type":"toString","id":3}'), {type: 'unknown', id: 3});
  assert.equal(decodeFrame('{"type":"closing","after":5,"more":{}}').after, 5);
});

test('data of other clients is unknown, and never throws', () => {
  const strange = [
    undefined,
    null,
    7,
    'text',
    [],
    {},
    {call: '1', renegotiate: true},
    {call: 1},
    {call: 1, description: null},
    {call: 1, description: {type: 'rollback', sdp: ''}},
    {call: 1, description: {type: 'offer'}},
    {call: 1, candidate: 7},
    {call: 1, candidate: {sdpMid: '0'}},
    {call: 1, renegotiate: 1},
    {state: 7},
  ];
  for (const data of strange)
    assert.equal(decodeCallData(data).kind, 'unknown', JSON.stringify(data));
});
