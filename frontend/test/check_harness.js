import assert from 'node:assert/strict';
import {loadTexts} from '../static/js/i18n.js';
import {ROW_IDS, verdictOf} from '../static/js/check/rows.js';
import {Check} from '../static/js/check/run.js';
import {Clock, fakePeerConnection, fakeServer} from './check_fakes.js';

const texts = await loadTexts('en');
export const STUN = ['stun:203.0.113.1:3478', 'stun:203.0.113.1:3479'];
export const TURN = {
  udp: 'turn:203.0.113.1:3478?transport=udp',
  tcp: 'turn:203.0.113.1:3478?transport=tcp',
  tls: 'turns:call.example:443?transport=tcp',
};
export const ANSWER = {
  iceServers: [{urls: [STUN[0]]}, {urls: Object.values(TURN), username: 'u', credential: 'c'}],
  iceTTL: 60,
  mapping: STUN,
  localAuthority: false,
};
export const OUTSIDE = {address: '198.51.100.7', port: 0};
export const OPEN = {
  stun: {[STUN[0]]: OUTSIDE, [STUN[1]]: OUTSIDE},
  turn: {[TURN.udp]: 0, [TURN.tcp]: 0, [TURN.tls]: 0},
};
export const tracks = () => ({getTracks: () => [{stop: () => {}}]});

/** Returns what a check needs, in a network. */
export function environment({network = {}, server = {}, env = {}} = {}) {
  const clock = new Clock();
  const fake = fakeServer({answer: ANSWER, ...server});
  const PeerConnection = fakePeerConnection({...OPEN, delay: 10, clock, ...network});
  const all = {
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
  };
  return {clock, fake, PeerConnection, env: all};
}

/** Runs a check in a network, and returns its rows and verdict. */
export async function check({withDevices = true, ...more} = {}) {
  const {clock, fake, PeerConnection, env} = environment(more);
  let changes = 0;
  const run = new Check(env, () => changes++);
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
