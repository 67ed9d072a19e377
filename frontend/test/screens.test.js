import assert from 'node:assert/strict';
import {test} from 'node:test';
import {initial} from '../static/js/machine.js';
import {bannerOf, drawingDelay, screenOf, stepsOf} from '../static/js/screens.js';
import {CHECKING, impossible} from '../static/js/safety_check.js';
import {DRAWING_DELAY} from '../static/js/timeouts.js';
import {endedTitle} from '../static/js/ui/ended.js';
import {lookOf} from '../static/js/ui/safety.js';
import {Driver, joined} from './driver.js';

const MEDIA = {capture: 'done', problems: [], hasAudio: true, hasVideo: true};
const states = (state, media = MEDIA) => stepsOf(state, media, null).map((step) => step.state);

test('the eight steps are in order, and recording is off as long as nobody records', () => {
  const steps = stepsOf(initial, MEDIA, null);
  assert.deepEqual(
    steps.map(({name}) => name),
    ['devices', 'capture', 'recording', 'signaling', 'peer', 'servers', 'candidates', 'connected'],
  );
  assert.equal(steps[2].state, 'off');
  for (const [phase, notice, kept, state] of [
    ['off', '', [], 'off'],
    ['asking', 'untold', [], 'off'],
    ['telling', '', [], 'active'],
    ['on', '', [], 'active'],
    ['off', '', [{}], 'done'],
    ['off', 'refused', [], 'failed'],
  ])
    assert.equal(stepsOf(initial, MEDIA, {phase, notice, kept})[2].state, state, phase + notice);
});

test('the page draws a new connection as soon as it has described itself, or after a moment', () => {
  const link = {gathered: [], gatheringDone: false};
  const fresh = {...initial, phase: 'in', link, peerJoinedAt: 5000};
  for (const [change, after, delay] of [
    [{}, 0, DRAWING_DELAY],
    [{}, 200, DRAWING_DELAY - 200],
    [{}, DRAWING_DELAY, 0],
    [{link: null}, 0, 0],
    [{link: {...link, gathered: ['host']}}, 0, 0],
    [{link: {...link, gatheringDone: true}}, 0, 0],
    [{hasConnected: true}, 0, 0],
    [{phase: 'ended'}, 0, 0],
  ])
    assert.equal(drawingDelay({...fresh, ...change}, 5000 + after), delay, JSON.stringify(change));
});

test('the steps become active one after the other', () => {
  const driver = new Driver();
  driver.does({type: 'open', room: 'lamp'});
  driver.does({type: 'join', name: ''});
  assert.deepEqual(states(driver.state), [
    'done',
    'done',
    'off',
    'active',
    'pending',
    'pending',
    'pending',
    'pending',
  ]);
  const meeting = Driver.meeting();
  assert.deepEqual(states(meeting.state), [
    'done',
    'done',
    'off',
    'done',
    'active',
    'active',
    'pending',
    'pending',
  ]);
  meeting.link({type: 'gathered', candidate: 'host'});
  assert.deepEqual(states(meeting.state).slice(4), ['active', 'active', 'active', 'pending']);
  meeting.link({type: 'gathered', candidate: 'relay'});
  meeting.link({type: 'settled', settled: true});
  assert.deepEqual(states(meeting.state).slice(4), ['done', 'done', 'active', 'active']);
  meeting.link({type: 'connection', state: 'connected'});
  assert.deepEqual(states(meeting.state), [
    'done',
    'done',
    'off',
    'done',
    'done',
    'done',
    'done',
    'done',
  ]);
});

test('a step that fails is shown as failed', () => {
  const both = {
    ...MEDIA,
    hasAudio: false,
    hasVideo: false,
    problems: [{kind: 'both', code: 'blocked'}],
  };
  assert.deepEqual(states(initial, both).slice(0, 2), ['failed', 'failed']);
  assert.deepEqual(states(initial, {...MEDIA, capture: 'idle'}).slice(0, 2), ['off', 'off']);
  assert.deepEqual(states(initial, {...MEDIA, capture: 'asking'}).slice(0, 2), [
    'active',
    'active',
  ]);
  const driver = Driver.meeting();
  driver.link({type: 'gathered', candidate: 'host'});
  driver.link({type: 'gathered', candidate: null});
  driver.link({type: 'connection', state: 'failed'});
  assert.deepEqual([states(driver.state)[5], states(driver.state)[7]], ['failed', 'failed']);
  driver.does({type: 'down', tries: 1});
  assert.equal(states(driver.state)[3], 'failed');
});

test('each phase has its screen', () => {
  assert.equal(screenOf(initial), 'home');
  assert.equal(Driver.waiting().screen, 'waiting');
  assert.equal(Driver.meeting().screen, 'connecting');
  assert.equal(Driver.inCall().screen, 'call');
});

test('the banner shows what matters most', () => {
  const driver = Driver.inCall();
  assert.equal(bannerOf(driver.state, driver.at), '');
  driver.at = 60_000;
  driver.frame({type: 'away', seq: 1, peer: 'pBo'});
  driver.at += 2999;
  assert.equal(bannerOf(driver.state, driver.at), ''); // Usually the peer is back by then.
  driver.at += 1;
  assert.equal(bannerOf(driver.state, driver.at), 'bannerPeerOffline');
  driver.frame({type: 'back', seq: 2, peer: 'pBo', resumed: true});
  assert.equal(bannerOf(driver.state, driver.at), '');
  driver.frame({type: 'bye', seq: 3, peer: 'pBo', reason: 'timeout'});
  assert.equal(bannerOf(driver.state, driver.at), 'bannerPeerOffline');
  driver.frame({type: 'closing', after: 1});
  assert.equal(bannerOf(driver.state, driver.at), 'bannerClosing');
  driver.link({type: 'stalled', stalled: true});
  assert.equal(bannerOf(driver.state, driver.at), 'bannerStalled');
  driver.link({type: 'connection', state: 'disconnected'});
  assert.equal(bannerOf(driver.state, driver.at), 'bannerReconnecting');
  driver.does({type: 'leave'});
  assert.equal(bannerOf(driver.state, driver.at), '');
});

test('the banner shows that the server refuses', () => {
  for (const [refusal, banner] of [
    ['limited', 'bannerLimited'],
    ['busy', 'bannerBusy'],
    ['origin', 'refusedTitle'],
    ['host', 'refusedTitle'],
    [null, 'bannerServerLost'],
  ]) {
    const driver = Driver.waiting();
    driver.does({type: 'down', tries: 2, refusal});
    assert.equal(bannerOf(driver.state, driver.at), banner);
  }
});

test('a refusal that only the operator can end, ends the call', () => {
  for (const reason of ['origin', 'host', 'unsupported']) {
    const driver = Driver.joining();
    driver.does({type: 'ended', reason});
    assert.deepEqual([driver.screen, driver.state.reason], ['ended', reason]);
  }
});

test('nothing but a person makes the safety code look compared', () => {
  const code = {...CHECKING, status: 'code', code: {digits: '056498', pictures: [1, 2, 3, 4]}};
  for (const [finding, look] of [
    [CHECKING, 'checking'],
    [code, 'code'],
    [{...code, changed: true}, 'changed'],
    [{...code, changed: true, verdict: 'match'}, 'match'],
    [{...code, verdict: 'differ'}, 'differ'],
    [{...CHECKING, status: 'warning'}, 'warning'],
    [impossible('foreign'), 'impossible'],
  ]) {
    const driver = Driver.inCall();
    driver.link({type: 'safety', finding});
    assert.equal(lookOf({screen: driver.screen, call: driver.state}), look);
  }
  const waiting = Driver.waiting();
  assert.equal(lookOf({screen: waiting.screen, call: waiting.state}), 'none');
});

test('the title of an ended call says whether this page was let in', () => {
  for (const [driver, reason, title] of [
    [Driver.joining(), 'unauthorized', 'deniedTitle'],
    [Driver.joining(), 'left', 'endedTitle'],
    [Driver.joining(), 'host', 'refusedTitle'],
    [Driver.inCall(), 'unauthorized', 'endedTitle'],
    [Driver.inCall(), 'removed', 'endedTitle'],
    [Driver.inCall(), 'replaced', 'elsewhereTitle'],
  ]) {
    driver.does({type: 'ended', reason});
    assert.equal(endedTitle(driver.state), title, reason);
  }
});

test('the banner for a server that is away differs before and after the first join', () => {
  for (const [driver, banner] of [
    [Driver.joining(), 'bannerServerDown'],
    [Driver.waiting(), 'bannerServerLost'],
  ]) {
    driver.does({type: 'down', tries: 1});
    assert.equal(bannerOf(driver.state, driver.at), ''); // It may be back in a moment.
    driver.does({type: 'down', tries: 2});
    assert.equal(bannerOf(driver.state, driver.at), banner);
    driver.frame(joined());
    assert.equal(bannerOf(driver.state, driver.at), '');
  }
});
