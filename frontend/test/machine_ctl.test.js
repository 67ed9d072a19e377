import assert from 'node:assert/strict';
import {test} from 'node:test';
import {CHECKING} from '../static/js/safety_check.js';
import {bannerOf} from '../static/js/screens.js';
import {Driver, offer, otherJoined} from './driver.js';

const CODE = {...CHECKING, status: 'code', code: {digits: '056498', pictures: [36, 19, 63, 53]}};

/** Returns a call whose data channel is open. */
function withCtl(polite) {
  const driver = Driver.inCall(polite);
  driver.link({type: 'ctl', open: true});
  return driver;
}

const told = (driver, message) => driver.link({type: 'told', message});

test('when the data channel opens, the safety code is checked and the state sent that way', () => {
  const driver = Driver.inCall();
  assert.deepEqual(driver.link({type: 'ctl', open: true}), [
    'checkSafety',
    'openTalk',
    'sendState',
  ]);
  assert.deepEqual(driver.link({type: 'ctl', open: false}), ['sendState']);
});

test('the state comes over the data channel once there is one', () => {
  const driver = withCtl();
  const state = {audio: false, video: true, screen: false, recording: true, held: true};
  told(driver, {type: 'state', ...state, mids: {}});
  assert.deepEqual(driver.state.remote, state);
  const late = {state: {audio: true, video: false, screen: true}};
  driver.frame({type: 'message', seq: 9, from: 'pBo', data: late});
  assert.deepEqual(driver.state.remote, state);
});

test('descriptions and candidates come over the data channel, also while the server is away', () => {
  const driver = withCtl();
  driver.does({type: 'down', tries: 1});
  const {data} = offer('pBo', 1);
  assert.deepEqual(told(driver, {type: 'signal', data}), ['deliver']);
  assert.deepEqual(driver.last('deliver').data.description, data.description);
  for (const other of [{...data, call: 2}, {state: {audio: true}}, {what: 'ever'}])
    assert.deepEqual(told(driver, {type: 'signal', data: other}), []);
});

test('messages that this page has no use for change nothing', () => {
  const driver = withCtl();
  const {state} = driver;
  for (const message of [
    {type: 'chat', id: 1, text: 'hello', at: 1},
    {type: 'got', id: 1},
    {type: 'malformed', of: 'state', what: 'audio'},
  ])
    assert.deepEqual(told(driver, message), []);
  assert.equal(driver.state, state);
});

test('a negotiation that hangs while the server is away is repeated over the data channel', () => {
  const driver = withCtl();
  driver.does({type: 'down', tries: 1});
  driver.link({type: 'settled', settled: false});
  for (let i = 0; i < 3; i++)
    assert.deepEqual(driver.timer('watchdog'), ['resend', 'startTimer watchdog']);
});

test('whoever hangs up has left at once, whatever the server says', () => {
  const driver = withCtl();
  driver.does({type: 'down', tries: 1});
  assert.ok(told(driver, {type: 'bye', final: true}).includes('closeLink'));
  assert.deepEqual([driver.screen, driver.state.notice], ['waiting', 'left']);
  assert.deepEqual([...driver.timers], []);
});

test('a page that goes has four seconds to come back', () => {
  const driver = withCtl();
  told(driver, {type: 'bye', final: false});
  assert.deepEqual(
    [driver.screen, bannerOf(driver.state, 0), driver.timerMs('successor')],
    ['call', 'bannerPeerLeaving', 4000],
  );
  // What the browser notices of the closed connection is no reason to repair it.
  assert.deepEqual(driver.link({type: 'ctl', open: false}), []);
  assert.deepEqual(driver.link({type: 'connection', state: 'disconnected'}), []);
  assert.deepEqual(driver.frame({type: 'bye', seq: 2, peer: 'pBo', reason: 'left'}), []);
  assert.ok(driver.timer('successor').includes('closeLink'));
  assert.deepEqual([driver.screen, driver.state.notice], ['waiting', 'left']);
});

test('its successor gets a new connection, whatever its peer id, and the last picture stays', () => {
  for (const peer of ['pBo', 'pBo2']) {
    const driver = withCtl();
    told(driver, {type: 'bye', final: false});
    driver.frame(otherJoined({peer}));
    const {keepPrevious, generation} = driver.last('build');
    assert.deepEqual([keepPrevious, generation], [true, peer === 'pBo' ? 2 : 1]);
    assert.equal(driver.screen, 'call');
    assert.ok(!driver.timers.has('successor'));
  }
});

test('a goodbye that came by the server alone may be a reload, if the other side knows better ways', () => {
  const bye = {type: 'bye', seq: 2, peer: 'pBo', reason: 'left'};
  const driver = withCtl();
  driver.frame(bye);
  assert.equal(driver.screen, 'call');
  told(driver, {type: 'bye', final: true});
  assert.equal(driver.screen, 'waiting');
  const foreign = Driver.inCall();
  foreign.frame(bye);
  assert.equal(foreign.screen, 'waiting');
});

test('leaving says goodbye for good, moving to another tab does not', () => {
  for (const [event, final] of [
    [{type: 'leave'}, true],
    [{type: 'ended', reason: 'replaced'}, false],
  ]) {
    const driver = withCtl();
    const commands = driver.does(event);
    assert.ok(commands.indexOf('sayBye') < commands.indexOf('closeLink'));
    assert.equal(driver.last('sayBye').final, final);
  }
});

test('ten seconds without a code are told, with the reason', () => {
  for (const [prepare, reason] of [
    [() => {}, 'foreign'],
    [
      (driver) => driver.frame({...offer('pBo', 1), data: {...offer('pBo', 1).data, ctl: 1}}),
      'silent',
    ],
    [(driver) => driver.link({type: 'ctl', open: true}), 'silent'],
  ]) {
    const driver = Driver.meeting(true);
    prepare(driver);
    driver.link({type: 'connection', state: 'connected'});
    assert.equal(driver.timerMs('safety'), 10_000);
    driver.timer('safety');
    const {status, reason: why} = driver.state.link.safety;
    assert.deepEqual([status, why], ['impossible', reason]);
  }
});

test('a code ends the wait for it, and may also come later', () => {
  const driver = withCtl();
  driver.link({type: 'safety', finding: CODE});
  assert.ok(!driver.timers.has('safety'));
  const late = withCtl();
  late.timer('safety');
  late.link({type: 'safety', finding: CODE});
  assert.equal(late.state.link.safety.code.digits, '056498');
});

test('a new connection has no code until it is found to be between the same two', () => {
  const driver = withCtl();
  driver.link({type: 'safety', finding: {...CODE, verdict: 'match'}});
  driver.frame(offer('pBo', 2));
  assert.deepEqual(driver.state.link.safety, CHECKING);
  driver.does({type: 'safety', link: 1, finding: CODE}); // of the old one
  assert.deepEqual(driver.state.link.safety, CHECKING);
});

test('only a code can be judged', () => {
  const driver = withCtl();
  assert.deepEqual(driver.does({type: 'compared', verdict: 'match'}), []);
  driver.link({type: 'safety', finding: CODE});
  assert.deepEqual(driver.run({type: 'compared', verdict: 'match'}), [
    {type: 'judge', verdict: 'match'},
  ]);
  assert.equal(driver.state.link.safety.verdict, ''); // The one who keeps the exchange says so.
});
