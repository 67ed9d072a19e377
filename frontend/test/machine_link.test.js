import assert from 'node:assert/strict';
import {test} from 'node:test';
import {initial} from '../static/js/machine.js';
import {awaitsServer} from '../static/js/machine_link.js';
import {Driver, joined} from './driver.js';

test('a negotiation that hangs is repeated after 6 s, and the link rebuilt after 12 s', () => {
  const driver = Driver.meeting();
  assert.equal(driver.timerMs('watchdog'), 6000);
  assert.deepEqual(driver.timer('watchdog'), ['resend', 'startTimer watchdog']);
  assert.equal(driver.timerMs('watchdog'), 6000);
  driver.timer('watchdog');
  const build = driver.last('build');
  assert.deepEqual([build.generation, build.askForOffer], [2, false]);
  assert.ok(driver.timers.has('watchdog'));
});

test('a polite side that rebuilds asks for an offer', () => {
  const driver = Driver.meeting(true);
  driver.timer('watchdog');
  driver.timer('watchdog');
  const build = driver.last('build');
  assert.deepEqual([build.generation, build.polite, build.askForOffer], [2, true, true]);
});

test('the watchdog stops once the negotiation is settled, and starts over with the next one', () => {
  const driver = Driver.meeting();
  driver.link({type: 'settled', settled: true});
  assert.ok(!driver.timers.has('watchdog'));
  driver.link({type: 'settled', settled: false});
  assert.ok(driver.timers.has('watchdog'));
  driver.timer('watchdog');
  driver.link({type: 'settled', settled: true});
  driver.link({type: 'settled', settled: false});
  assert.deepEqual(driver.timer('watchdog'), ['resend', 'startTimer watchdog']);
});

test('"disconnected" restarts ICE after a moment, on the impolite side first', () => {
  for (const [polite, ms] of [
    [false, 2000],
    [true, 3000],
  ]) {
    const driver = Driver.inCall(polite);
    const commands = driver.link({type: 'connection', state: 'disconnected'});
    assert.ok(!commands.includes('restartIce'));
    assert.equal(driver.timerMs('recovery'), ms);
    assert.ok(driver.timer('recovery').includes('restartIce'));
    assert.equal(driver.timerMs('restart'), 8000);
  }
});

test('"disconnected" that heals by itself changes nothing', () => {
  const driver = Driver.inCall();
  driver.link({type: 'connection', state: 'disconnected'});
  driver.link({type: 'connection', state: 'connected'});
  assert.ok(!driver.timers.has('recovery') && !driver.timers.has('giveUp'));
  assert.equal(driver.screen, 'call');
});

test('"failed" restarts ICE at once, and rebuilds the link after three restarts', () => {
  const driver = Driver.inCall();
  assert.ok(driver.link({type: 'connection', state: 'failed'}).includes('restartIce'));
  assert.ok(driver.timer('restart').includes('restartIce'));
  assert.ok(driver.timer('restart').includes('restartIce'));
  const commands = driver.timer('restart');
  assert.ok(commands.includes('build') && !commands.includes('restartIce'));
  assert.equal(driver.last('build').generation, 2);
  assert.equal(driver.screen, 'call');
});

test('a new connection that has failed waits for candidates of the other side before it restarts ICE', () => {
  const driver = Driver.meeting();
  assert.ok(!driver.link({type: 'connection', state: 'failed'}).includes('restartIce'));
  assert.equal(driver.timerMs('recovery'), 2000);
  driver.link({type: 'connection', state: 'connecting'});
  assert.equal(driver.timerMs('recovery'), 15_000);
  driver.link({type: 'connection', state: 'failed'});
  assert.ok(driver.timer('recovery').includes('restartIce'));
});

test('a link whose DTLS has failed is rebuilt: no ICE restart mends it', () => {
  const driver = Driver.inCall();
  const commands = driver.link({type: 'connection', state: 'failed', dtlsFailed: true});
  assert.ok(!commands.includes('build') && !commands.includes('restartIce'));
  assert.ok(driver.last('checkServer').ms < driver.timerMs('restart'));
  assert.ok(driver.timer('restart').includes('build'));
  assert.deepEqual([driver.last('build').generation, driver.state.link.dtlsFailed], [2, false]);
});

test('a link whose DTLS has failed while the server is away is rebuilt when it is back', () => {
  const driver = Driver.inCall();
  driver.does({type: 'down', tries: 1});
  const commands = driver.link({type: 'connection', state: 'failed', dtlsFailed: true});
  assert.ok(!commands.includes('build'));
  assert.ok(driver.frame(joined({resumed: true})).includes('build'));
});

test('a link whose DTLS has failed is not rebuilt while there is no network', () => {
  const driver = Driver.inCall();
  driver.link({type: 'connection', state: 'failed', dtlsFailed: true});
  driver.does({type: 'down', tries: 1});
  assert.ok(!driver.timer('restart').includes('build'));
  assert.ok(driver.frame(joined({resumed: true})).includes('build'));
});

test('from the second rebuild on only relayed paths are tried', () => {
  const driver = Driver.inCall();
  const rebuild = () => {
    driver.link({type: 'connection', state: 'failed'});
    if (driver.timers.has('recovery')) driver.timer('recovery'); // a connection that is new
    for (let i = 0; i < 3; i++) driver.timer('restart');
    return driver.last('build').relay;
  };
  assert.deepEqual([rebuild(), rebuild()], [false, true]);
});

test("the page's option allows relayed paths only from the start", () => {
  const driver = Driver.joining({...initial, relay: true});
  driver.frame(joined({peers: [{peer: 'pBo', name: '', polite: true}]}));
  assert.equal(driver.last('build').relay, true);
});

test('without servers no link is limited to relayed paths', () => {
  const driver = Driver.joining();
  driver.frame(joined({iceServers: [], peers: [{peer: 'pBo', name: '', polite: false}]}));
  for (let i = 0; i < 3; i++) {
    driver.link({type: 'connection', state: 'failed'});
    driver.timer('recovery');
    for (let j = 0; j < 3; j++) driver.timer('restart');
  }
  assert.equal(driver.last('build').relay, false);
});

test('a call that does not connect for two minutes ends, and says why', () => {
  const driver = Driver.meeting();
  assert.equal(driver.timerMs('giveUp'), 120_000);
  driver.link({type: 'connection', state: 'failed'});
  driver.timer('giveUp');
  assert.deepEqual([driver.screen, driver.state.reason], ['ended', 'unreachable']);
});

test('the two minutes begin once, with the first failure', () => {
  const driver = Driver.inCall();
  assert.ok(driver.link({type: 'connection', state: 'disconnected'}).includes('startTimer giveUp'));
  assert.ok(!driver.link({type: 'connection', state: 'failed'}).includes('startTimer giveUp'));
});

test('a stalled link restarts ICE once each time', () => {
  const driver = Driver.inCall();
  assert.deepEqual(driver.link({type: 'stalled', stalled: true}), ['restartIce']);
  assert.deepEqual(driver.link({type: 'stalled', stalled: true}), []);
  assert.equal(driver.state.link.stalled, true);
  assert.deepEqual(driver.link({type: 'stalled', stalled: false}), []);
  assert.deepEqual(driver.link({type: 'stalled', stalled: true}), ['restartIce']);
});

test('when the network is back, the server is checked and ICE restarted at once', () => {
  const driver = Driver.inCall();
  assert.deepEqual(driver.does({type: 'online'}), ['checkServer']);
  driver.link({type: 'connection', state: 'disconnected'});
  assert.ok(driver.does({type: 'online'}).includes('restartIce'));
  driver.does({type: 'down', tries: 1});
  assert.deepEqual(driver.does({type: 'online'}), ['checkServer']);
});

test('events of an old link are ignored', () => {
  const driver = Driver.meeting();
  driver.timer('watchdog');
  driver.timer('watchdog');
  const {state} = driver;
  assert.deepEqual(driver.does({type: 'connection', link: 1, state: 'connected'}), []);
  assert.equal(driver.state, state);
});

test('each type of candidate is noted once', () => {
  const driver = Driver.meeting();
  for (const candidate of ['host', 'host', 'relay', null])
    driver.link({type: 'gathered', candidate});
  assert.deepEqual(driver.state.link.gathered, ['host', 'relay']);
  assert.equal(driver.state.link.gatheringDone, true);
});

test('the user waits for the server to enter, and while a connection is being made or has stopped', () => {
  const entering = Driver.joining();
  assert.equal(awaitsServer(entering.state), true);
  entering.frame(joined());
  assert.equal(awaitsServer(entering.state), false); // There is nobody to connect to yet.
  assert.equal(awaitsServer(Driver.meeting().state), true);
  const driver = Driver.inCall();
  const waits = (event) => {
    driver.link(event);
    return awaitsServer(driver.state);
  };
  assert.equal(awaitsServer(driver.state), false);
  assert.equal(waits({type: 'stalled', stalled: true}), true);
  assert.equal(waits({type: 'stalled', stalled: false}), false);
  assert.equal(waits({type: 'connection', state: 'disconnected'}), true);
  assert.equal(waits({type: 'connection', state: 'connected'}), false);
});

test('a connection that is silent has the one to the server checked, quickly', () => {
  const driver = Driver.inCall();
  assert.deepEqual(driver.link({type: 'silent'}), ['checkServer']);
  assert.deepEqual(driver.last('checkServer'), {type: 'checkServer', ms: 1000});
});
