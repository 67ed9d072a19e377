import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ROW_IDS} from '../static/js/check/rows.js';
import {ANSWER, check, OPEN, TURN} from './check_harness.js';

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
  const first = await check({server: {refusals: [limited]}});
  assert.deepEqual(first.rows.udp.parameters.seconds, 10);
  assert.equal(first.verdict.text, 'checkLimitedText');
  // The first credential is enough for a result.
  const {rows, verdict} = await check({server: {refusals: [null, limited, limited]}});
  assert.equal(rows.udp.state, 'ok');
  assert.deepEqual([rows.tcp.text, rows.tls.text], ['checkLimited', 'checkLimited']);
  assert.equal(verdict.title, 'checkGood');
  const unauthorized = await check({server: {refusals: [{status: 401}]}});
  assert.equal(unauthorized.verdict.text, 'checkUnauthorizedText');
  const busy = await check({server: {refusals: [{status: 503, body: {code: 'busy'}}]}});
  assert.equal(busy.rows.udp.text, 'checkBusy');
});

test('the token is shown where there is one', async () => {
  const {requests} = await check({env: {token: 'a.b.c'}});
  const asked = requests.find(({path}) => path === 'POST /api/v1/check');
  assert.equal(asked.headers.Authorization, 'Bearer a.b.c');
});

test('the server offers no relays, or only some', async () => {
  const {rows} = await check({server: {answer: {iceServers: [], mapping: []}}});
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
