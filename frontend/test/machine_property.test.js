import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Driver, joined, offer, otherJoined} from './driver.js';

const PEERS = ['pBo', 'pCy'];
const TIMERS = [
  'watchdog',
  'recovery',
  'restart',
  'safety',
  'successor',
  'giveUp',
  'servers',
  'next',
];
const CONNECTIONS = ['connecting', 'connected', 'disconnected', 'failed'];

/** Park and Miller's generator: the same sequence for the same seed. */
function generator(seed) {
  let state = seed;
  return (n) => (state = (state * 48271) % 2147483647) % n;
}

/** @param {(n: number) => number} random */
function happening(random, driver) {
  const one = (list) => list[random(list.length)];
  const peer = one(PEERS);
  const link = Math.max(0, driver.state.linkCount - random(2));
  const polite = random(2) === 0;
  const events = [
    {type: 'open', room: random(2) ? 'lamp' : ''},
    {type: 'join', name: 'Ann'},
    {type: 'rejoin'},
    {type: 'down', tries: 1 + random(4)},
    {type: 'down', tries: 1 + random(4)},
    {type: 'online'},
    {type: 'timer', name: one(TIMERS)},
    {type: 'timer', name: one(TIMERS)},
    {
      type: 'frame',
      frame: joined({
        peer: one(['pAnn', 'pAnn', 'pAnn', 'pDi']),
        resumed: random(2) === 0,
        peers: random(2) ? [{peer, name: '', polite, away: random(2) === 0}] : [],
      }),
    },
    {type: 'frame', frame: {type: 'away', seq: 1, peer}},
    {type: 'frame', frame: {type: 'back', seq: 1, peer, resumed: random(2) === 0}},
    {type: 'frame', frame: otherJoined({peer, polite})},
    {
      type: 'frame',
      frame: {type: 'bye', seq: 1, peer, reason: one(['left', 'timeout', 'replaced'])},
    },
    {type: 'frame', frame: offer(peer, random(5))},
    {
      type: 'frame',
      frame: {type: 'message', seq: 1, from: peer, data: {call: random(4), renegotiate: true}},
    },
    {type: 'frame', frame: {type: 'message', seq: 1, from: peer, data: {busy: true}}},
    {type: 'frame', frame: {type: 'closing', after: random(6)}},
    {type: 'connection', link, state: 'failed', dtlsFailed: true},
    {type: 'connection', link, state: one(CONNECTIONS)},
    {type: 'connection', link, state: one(CONNECTIONS)},
    {type: 'settled', link, settled: random(2) === 0},
    {type: 'stalled', link, stalled: random(2) === 0},
    {type: 'gathered', link, candidate: one(['host', 'srflx', 'relay', null])},
    {type: 'ctl', link, open: random(3) > 0},
    {type: 'told', link, message: {type: 'bye', final: random(2) === 0}},
    {
      type: 'told',
      link,
      message: {type: 'signal', data: {call: 1 + random(3), renegotiate: true}},
    },
  ];
  if (random(40) === 0) return {type: 'leave'};
  if (random(60) === 0) return {type: 'frame', frame: {type: 'full', id: 1}};
  if (random(80) === 0)
    return {type: 'ended', reason: one(['removed', 'replaced', 'unauthorized'])};
  return one(events);
}

/** Checks the invariants of every state. @returns {string[]} those that do not hold */
function faults({state, timers}) {
  if (state.phase !== 'in') {
    const running = TIMERS.filter((name) => timers.has(name)).map((name) => `${name} runs`);
    return [...running, ...(state.link || state.peer ? ['somebody is left behind'] : [])];
  }
  const found = [];
  // Whatever is broken has a timer that handles it.
  if (state.signaling === 'off') found.push('in a room without a server');
  if (state.peer && state.peer.peer !== state.link?.peer) found.push('a peer without a link');
  return [...found, ...linkFaults(state, timers)];
}

function linkFaults({link, signaling, peer}, timers) {
  if (!link) return [];
  const found = [];
  const end = link.gone ? 'successor' : 'giveUp';
  if ((link.gone || link.connection !== 'connected') && !timers.has(end))
    found.push('it may hang for ever');
  const negotiating = !link.settled && signaling === 'up' && peer !== null;
  if (negotiating && !timers.has('watchdog')) found.push('no watchdog');
  if (link.restarts > 3) found.push('restarts without end');
  return found;
}

/** Reports whether an event can happen: only a running timer fires, and frames need a connection. */
function possible({state, timers}, {type, name, frame}) {
  if (type === 'timer') return timers.delete(name);
  if (type === 'down') return state.phase === 'in';
  if (type === 'told') return state.link?.ctl === true;
  if (type !== 'frame') return true;
  const joining = ['connecting', 'down'].includes(state.signaling);
  // A session that was never joined cannot be resumed.
  if (frame.type === 'joined')
    return joining && (!frame.resumed || (state.self !== '' && frame.peer === state.self));
  return frame.type === 'full' ? joining : state.signaling === 'up';
}

test('no order of events makes the call hang or leaves anything behind', () => {
  for (let seed = 1; seed <= 400; seed++) {
    const random = generator(seed * 7919);
    const driver = new Driver();
    driver.does({type: 'open', room: 'lamp'});
    for (let i = 0; i < 120; i++) {
      const event = happening(random, driver);
      if (!possible(driver, event)) continue;
      const before = driver.state;
      driver.does(event);
      const told = JSON.stringify({seed, event, before, after: driver.state});
      assert.deepEqual(faults(driver), [], told);
    }
  }
});

test('two peers on a working network always end up connected', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = generator(seed * 104729);
    const driver = Driver.waiting();
    for (let i = 0; i < 40; i++) {
      const event = happening(random, driver);
      if (['leave', 'open', 'rejoin', 'join', 'down', 'ended'].includes(event.type) || event.frame)
        continue;
      if (event.type === 'timer' && (event.name === 'giveUp' || !driver.timers.delete(event.name)))
        continue;
      driver.does(event);
    }
    driver.frame(otherJoined({peer: `pBo${seed}`}));
    if (driver.state.peer?.peer !== `pBo${seed}`) continue;
    driver.link({type: 'settled', settled: true});
    driver.link({type: 'connection', state: 'connected'});
    assert.equal(driver.screen, 'call');
    for (const name of ['servers', 'safety']) driver.timers.delete(name);
    assert.deepEqual([...driver.timers], []);
  }
});
