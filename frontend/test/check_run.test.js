import assert from 'node:assert/strict';
import {test} from 'node:test';
import {loadTexts} from '../static/js/i18n.js';
import {ROW_IDS, verdictOf} from '../static/js/check/rows.js';
import {Check} from '../static/js/check/run.js';
import {Clock, fakePeerConnection, fakeServer} from './check_fakes.js';

const texts = await loadTexts('en');
const STUN = ['stun:203.0.113.1:3478', 'stun:203.0.113.1:3479'];
const TURN = {
  udp: 'turn:203.0.113.1:3478?transport=udp',
  tcp: 'turn:203.0.113.1:3478?transport=tcp',
  tls: 'turns:call.example:443?transport=tcp',
};
const ANSWER = {
  iceServers: [{urls: [STUN[0]]}, {urls: Object.values(TURN), username: 'u', credential: 'c'}],
  iceTTL: 60,
  mapping: STUN,
  localAuthority: false,
};
const OUTSIDE = {address: '198.51.100.7', port: 0};
const OPEN = {
  stun: {[STUN[0]]: OUTSIDE, [STUN[1]]: OUTSIDE},
  turn: {[TURN.udp]: 0, [TURN.tcp]: 0, [TURN.tls]: 0},
};
const tracks = () => ({getTracks: () => [{stop: () => {}}]});

/** Runs a check in a network, and returns its rows and verdict. */
async function check({network = {}, server = {}, env = {}, withDevices = true} = {}) {
  const clock = new Clock();
  const fake = fakeServer({answer: ANSWER, ...server});
  const PeerConnection = fakePeerConnection({...OPEN, delay: 10, clock, ...network});
  let changes = 0;
  const run = new Check(
    {
      server: 'https://call.example',
      token: '',
      fetch: fake.fetch,
      WebSocket: fake.WebSocket,
      PeerConnection,
      canCall: async () => true,
      secure: true,
      devices: {getUserMedia: async () => tracks()},
      permission: async () => 'granted',
      now: clock.now,
      date: () => Date.now(),
      wait: clock.wait,
      ...env,
    },
    () => changes++,
  );
  await clock.until(run.run(withDevices));
  assert.ok(run.ended && changes > ROW_IDS.length);
  assert.equal(PeerConnection.open, 0, 'connections are left open');
  for (const id of ROW_IDS) {
    const {state, text, remedy} = run.rows[id];
    assert.ok(!['pending', 'running'].includes(state), `${id} is ${state}`);
    assert.ok(text && texts[text], `${id} has no text`);
    // Whatever fails says what to do.
    if (state === 'fail' || state === 'warn') assert.ok(texts[remedy], `${id} has no remedy`);
  }
  return {rows: run.rows, verdict: verdictOf(run.rows), requests: fake.requests};
}

const states = (rows) => Object.fromEntries(ROW_IDS.map((id) => [id, rows[id].state]));
const ALL_OK = Object.fromEntries(ROW_IDS.map((id) => [id, 'ok']));

test('everything works', async () => {
  const {rows, verdict, requests} = await check();
  assert.deepEqual(states(rows), ALL_OK);
  assert.equal(verdict.title, 'checkGood');
  assert.deepEqual(rows.udp.parameters, {rtt: 10, loss: 0});
  assert.equal(rows.mapping.text, 'checkMappingSame');
  assert.deepEqual(rows.mapping.parameters.address, '198.51.100.7');
  // One credential for each protocol, and the session over HTTP is given back.
  assert.equal(requests.filter(({path}) => path === 'POST /api/v1/check').length, 3);
  assert.ok(requests.some(({path}) => path === 'DELETE /api/v1/sessions'));
});

test('UDP is blocked', async () => {
  const network = {stun: {}, turn: {...OPEN.turn, [TURN.udp]: -1}};
  const {rows, verdict} = await check({network});
  assert.deepEqual(states(rows), {...ALL_OK, stun: 'fail', udp: 'fail', mapping: 'fail'});
  assert.equal(rows.mapping.text, 'checkMappingBlocked');
  assert.deepEqual([rows.udp.text, rows.udp.parameters.port], ['checkNoRelay', '3478']);
  assert.deepEqual([verdict.state, verdict.title], ['warn', 'checkSlow']);
});

test('no relay can be used', async () => {
  const network = {turn: {[TURN.udp]: 486, [TURN.tcp]: -1, [TURN.tls]: 401}};
  const {rows, verdict} = await check({network});
  assert.deepEqual(states(rows), {...ALL_OK, udp: 'fail', tcp: 'fail', tls: 'fail'});
  assert.deepEqual([rows.udp.text, rows.tcp.text], ['checkQuota', 'checkNoRelay']);
  assert.deepEqual([rows.tls.text, rows.tls.remedy], ['checkNoRelay', 'checkTlsDo']);
  assert.equal(verdict.title, 'checkDirectOnly');
});

test('a relay is opened and passes nothing on', async () => {
  for (const network of [{carries: false}, {loses: () => true}]) {
    const {rows, verdict} = await check({network});
    assert.deepEqual([rows.udp.state, rows.udp.text], ['fail', 'checkSilent']);
    assert.equal(verdict.title, 'checkDirectOnly');
  }
});

test('packets are lost', async () => {
  const {rows, verdict} = await check({network: {loses: (n) => n % 10 === 9}});
  assert.equal(rows.udp.state, 'warn');
  // A tenth there, and a tenth of the rest back.
  assert.ok(rows.udp.parameters.loss > 15 && rows.udp.parameters.loss < 22);
  assert.equal(verdict.title, 'checkLossy');
});

test('the authority is a local one', async () => {
  const {rows, verdict, requests} = await check({
    server: {answer: {...ANSWER, localAuthority: true}},
  });
  assert.deepEqual([rows.tls.state, rows.tls.text], ['skipped', 'checkTlsLocal']);
  assert.equal(rows.tls.remedy, 'checkTlsLocalDo');
  assert.equal(requests.filter(({path}) => path === 'POST /api/v1/check').length, 2);
  assert.equal(verdict.title, 'checkGood');
});

test('WebSockets are blocked', async () => {
  const {rows, verdict} = await check({server: {socket: false}});
  assert.deepEqual(states(rows), {...ALL_OK, websocket: 'warn'});
  assert.equal(verdict.text, 'checkGoodButText');
});

test('event streams are blocked', async () => {
  const {rows} = await check({server: {stream: false}});
  assert.deepEqual(states(rows), {...ALL_OK, fallback: 'warn'});
});

test('the server cannot be reached', async () => {
  const gone = {
    fetch: async () => {
      throw new TypeError('Failed to fetch');
    },
  };
  const {rows, verdict} = await check({server: {socket: false}, env: gone});
  assert.deepEqual([rows.websocket.state, rows.udp.text], ['fail', 'checkNotAsked']);
  assert.equal(verdict.title, 'checkNoServer');
});

test('the server refuses the check', async () => {
  const limited = {status: 429, headers: {'Retry-After': '10'}, body: {code: 'rate_limited'}};
  let {rows, verdict} = await check({server: {refusals: [limited]}});
  assert.deepEqual([rows.udp.text, rows.udp.parameters.seconds], ['checkLimited', 10]);
  assert.equal(verdict.text, 'checkLimitedText');
  // The first credential is enough for a result.
  ({rows, verdict} = await check({server: {refusals: [null, limited, limited]}}));
  assert.deepEqual([rows.udp.state, rows.tcp.text, rows.tls.text], ['ok', 'checkLimited', 'checkLimited']);
  assert.equal(verdict.title, 'checkGood');
  ({rows, verdict} = await check({server: {refusals: [{status: 401}]}}));
  assert.equal(verdict.text, 'checkUnauthorizedText');
  ({rows} = await check({server: {refusals: [{status: 503, body: {code: 'busy'}}]}}));
  assert.equal(rows.udp.text, 'checkBusy');
});

test('the token is shown where there is one', async () => {
  const {requests} = await check({env: {token: 'a.b.c'}});
  const asked = requests.find(({path}) => path === 'POST /api/v1/check');
  assert.equal(asked.headers.Authorization, 'Bearer a.b.c');
});

test('the server offers no relays, or only some', async () => {
  let {rows} = await check({server: {answer: {iceServers: [], mapping: []}}});
  for (const id of ['stun', 'udp', 'tcp', 'tls', 'mapping'])
    assert.deepEqual([rows[id].state, rows[id].text], ['skipped', 'checkNotOffered']);
  const iceServers = [{...ANSWER.iceServers[1], urls: [TURN.tcp]}];
  const {rows: some, verdict} = await check({server: {answer: {...ANSWER, iceServers}}});
  assert.deepEqual([some.udp.state, some.tcp.state, some.tls.state], ['skipped', 'ok', 'skipped']);
  assert.equal(verdict.title, 'checkSlow');
});

test('the browser cannot make calls', async () => {
  const {rows, verdict} = await check({env: {canCall: async () => false}});
  assert.equal(rows.udp.text, 'checkNoWebrtc');
  assert.equal(verdict.title, 'problemWebrtc');
});

test('the mapping of the NAT is told', async () => {
  const other = {address: '198.51.100.7', port: 4000};
  for (const [name, network, want] of [
    ['none', {stun: {[STUN[0]]: {address: '192.0.2.1', port: 0}, [STUN[1]]: {address: '192.0.2.1', port: 0}}}, 'checkMappingNone'],
    ['changing', {stun: {[STUN[0]]: {address: '198.51.100.7', port: 4001}, [STUN[1]]: other}}, 'checkMappingChanging'],
    ['changing, addresses hidden', {hides: true, stun: {[STUN[0]]: {address: '198.51.100.7', port: 4001}, [STUN[1]]: other}}, 'checkMappingChanging'],
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
  const refusing = (name, message = '') => () => {
    throw Object.assign(new Error(message), {name});
  };
  const only = (kind) => async ({audio, video}) => {
    if (audio && video) throw Object.assign(new Error(), {name: 'NotFoundError'});
    return (kind === 'audio' ? audio : video)
      ? tracks()
      : refusing('NotReadableError')();
  };
  for (const [getUserMedia, state, text, remedy] of [
    [only('audio'), 'warn', 'checkOnlyMicrophone', 'problemBusyDo'],
    [only('video'), 'warn', 'checkOnlyCamera', 'problemBusyDo'],
    [refusing('NotFoundError'), 'fail', 'checkNoDevices', 'checkDevicesDo'],
    [refusing('NotAllowedError'), 'fail', 'checkNoDevices', 'checkBlockedDo'],
    [refusing('NotAllowedError', 'denied by system'), 'fail', 'checkNoDevices', 'checkSystemDo'],
  ]) {
    const {rows} = await check({env: {devices: {getUserMedia: async (w) => getUserMedia(w)}}});
    assert.deepEqual([rows.devices.state, rows.devices.text, rows.devices.remedy], [state, text, remedy]);
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
