import assert from 'node:assert/strict';
import {test} from 'node:test';
import {quickCheck} from '../static/js/check/quick.js';
import {ANSWER, check, environment, OUTSIDE, STUN, tracks} from './check_harness.js';

test('the mapping of the NAT is told', async () => {
  const other = {address: '198.51.100.7', port: 4000};
  for (const [name, network, want] of [
    [
      'none',
      {
        stun: {
          [STUN[0]]: {address: '192.0.2.1', port: 0},
          [STUN[1]]: {address: '192.0.2.1', port: 0},
        },
      },
      'checkMappingNone',
    ],
    [
      'changing',
      {stun: {[STUN[0]]: {address: '198.51.100.7', port: 4001}, [STUN[1]]: other}},
      'checkMappingChanging',
    ],
    [
      'changing, addresses hidden',
      {hides: true, stun: {[STUN[0]]: {address: '198.51.100.7', port: 4001}, [STUN[1]]: other}},
      'checkMappingChanging',
    ],
    ['addresses hidden', {hides: true}, 'checkMappingSame'],
    ['one port blocked', {stun: {[STUN[0]]: OUTSIDE}}, 'checkMappingUnknown'],
    ['both blocked, relay works', {stun: {}}, 'checkMappingUnknown'],
  ]) {
    const {rows} = await check({network});
    assert.equal(rows.mapping.text, want, name);
  }
  const {rows} = await check({server: {answer: {...ANSWER, mapping: []}}});
  assert.deepEqual([rows.mapping.text, rows.mapping.remedy], ['checkMappingUnknown', null]);
});

test('the clock is compared', async () => {
  for (const [off, text] of [
    [0, 'checkClockRight'],
    [25, 'checkClockRight'],
    [100, 'checkClockBehind'],
    [-100, 'checkClockAhead'],
  ]) {
    const {rows} = await check({server: {date: Date.now() + off * 1000}});
    assert.equal(rows.clock.text, text, `${off} s`);
    if (Math.abs(off) > 30) assert.ok(Math.abs(rows.clock.parameters.seconds - 100) <= 2);
  }
});

test('devices are opened one by one where not both can be', async () => {
  const refusing =
    (name, message = '') =>
    () => {
      throw Object.assign(new Error(message), {name});
    };
  const only =
    (kind) =>
    async ({audio, video}) => {
      if (audio && video) throw Object.assign(new Error(), {name: 'NotFoundError'});
      return (kind === 'audio' ? audio : video) ? tracks() : refusing('NotReadableError')();
    };
  for (const [getUserMedia, state, text, remedy] of [
    [only('audio'), 'warn', 'checkOnlyMicrophone', 'problemBusyDo'],
    [only('video'), 'warn', 'checkOnlyCamera', 'problemBusyDo'],
    [refusing('NotFoundError'), 'fail', 'checkNoDevices', 'checkDevicesDo'],
    [refusing('NotAllowedError'), 'fail', 'checkNoDevices', 'checkBlockedDo'],
    [refusing('NotAllowedError', 'denied by system'), 'fail', 'checkNoDevices', 'checkSystemDo'],
  ]) {
    const {rows} = await check({env: {devices: {getUserMedia: async (w) => getUserMedia(w)}}});
    assert.deepEqual(
      [rows.devices.state, rows.devices.text, rows.devices.remedy],
      [state, text, remedy],
    );
  }
  const {rows} = await check({env: {secure: false}});
  assert.equal(rows.devices.remedy, 'problemInsecureDo');
});

test('a refusal is not asked for again, and devices are closed', async () => {
  let asked = 0;
  let stopped = 0;
  await check({
    env: {
      devices: {
        getUserMedia: async () => {
          asked++;
          throw Object.assign(new Error(), {name: 'NotAllowedError'});
        },
      },
    },
  });
  assert.equal(asked, 1);
  const stream = {getTracks: () => [{stop: () => stopped++}, {stop: () => stopped++}]};
  await check({env: {devices: {getUserMedia: async () => stream}}});
  assert.equal(stopped, 2);
  const {rows} = await check({withDevices: false});
  assert.deepEqual([rows.devices.state, stopped], ['skipped', 2]);
});

test('the short form has a tick for the server, STUN and a relay', async () => {
  const DONE = {server: 'done', stun: 'done', relay: 'done'};
  for (const [more, want] of [
    [{}, DONE],
    [{network: {stun: {}}}, {...DONE, stun: 'failed'}],
    [{network: {turn: {}}}, {...DONE, relay: 'failed'}],
    [{server: {answer: {}}}, {...DONE, stun: 'off', relay: 'off'}],
    [{server: {refusals: [{status: 429}]}}, {...DONE, stun: 'off', relay: 'off'}],
    [{server: {refusals: [{status: 500}]}}, {server: 'failed', stun: 'off', relay: 'off'}],
  ]) {
    const {clock, env, PeerConnection} = environment(more);
    const seen = [];
    await clock.until(quickCheck(env, (ticks) => seen.push(ticks)));
    assert.deepEqual(seen[0], {server: 'active', stun: 'active', relay: 'active'});
    assert.deepEqual(seen.at(-1), want);
    assert.equal(PeerConnection.open, 0);
  }
});
