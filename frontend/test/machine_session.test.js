import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Driver, joined, offer, otherJoined} from './driver.js';

test('losing the server does not change a running call', () => {
  const driver = Driver.inCall();
  const {peer, link} = driver.state;
  assert.deepEqual(driver.does({type: 'down', tries: 1}), ['stopTimer servers']);
  assert.deepEqual([driver.state.peer, driver.state.link], [peer, link]);
  assert.deepEqual([driver.state.signaling, driver.screen], ['down', 'call']);
  assert.deepEqual(driver.frame(joined({resumed: true})), ['startTimer servers']);
  assert.deepEqual([driver.state.peer, driver.state.link], [peer, link]);
  assert.equal(driver.state.signaling, 'up');
});

test('two peers keep their connection when the server has forgotten them', () => {
  for (const peers of [[], [{peer: 'pBo', name: 'Bo', polite: false, away: true}]]) {
    const driver = Driver.inCall();
    driver.does({type: 'down', tries: 1});
    driver.frame(joined({peers}));
    if (peers.length === 0) driver.frame(otherJoined());
    assert.equal(driver.state.linkCount, 1);
    assert.equal(driver.state.peer.peer, 'pBo');
    assert.ok(driver.last('resend') && driver.last('sendState'));
    assert.equal(driver.last('restartIce'), undefined);
    assert.equal(driver.state.notice, '');
  }
});

test('under a new peer id the connection is rebuilt, and the old one shown until then', () => {
  const driver = Driver.inCall();
  driver.does({type: 'down', tries: 1});
  driver.frame(joined({peer: 'pAnn2', peers: [{peer: 'pBo', name: 'Bo', polite: true}]}));
  const build = driver.last('build');
  assert.deepEqual([build.keepPrevious, build.generation, build.askForOffer], [true, 1, false]);
  assert.equal(driver.screen, 'call');
});

test('a peer that is away is shown as such, and what it lost is repeated once it is back', () => {
  const driver = Driver.inCall();
  driver.frame({type: 'away', seq: 2, peer: 'pBo'});
  assert.equal(driver.state.peer.away, true);
  assert.deepEqual(driver.frame({type: 'back', seq: 3, peer: 'pBo', resumed: true}), []);
  assert.equal(driver.state.peer.away, false);
  driver.frame({type: 'away', seq: 4, peer: 'pBo'});
  const commands = driver.frame({type: 'back', seq: 5, peer: 'pBo', resumed: false});
  assert.deepEqual(commands, ['resend', 'sendState']);
  assert.equal(driver.state.linkCount, 1);
  for (const type of ['away', 'back'])
    assert.deepEqual(driver.frame({type, seq: 6, peer: 'pCy', resumed: false}), []);
  assert.equal(driver.state.peer.away, false);
});

test('a broken path is repaired once the server is back', () => {
  for (const resumed of [true, false]) {
    const driver = Driver.inCall();
    driver.does({type: 'down', tries: 1});
    driver.link({type: 'connection', state: 'failed'});
    assert.equal(driver.last('restartIce'), undefined);
    const peers = [{peer: 'pBo', name: 'Bo', polite: true, away: false}];
    const commands = driver.frame(joined({resumed, peers}));
    assert.ok(commands.includes('restartIce') && commands.includes('startTimer giveUp'));
  }
});

test('a connection that was being made is sought anew once the server has restarted', () => {
  const peers = [{peer: 'pBo', name: 'Bo', polite: true, away: false}];
  for (const {resumed, negotiated, restarts, ms} of [
    {resumed: false, negotiated: true, restarts: true, ms: undefined},
    {resumed: false, negotiated: false, restarts: false, ms: 4000},
    {resumed: true, negotiated: true, restarts: false, ms: 8000},
  ]) {
    const driver = Driver.meeting(true);
    if (negotiated) {
      driver.frame(offer('pBo', 1));
      driver.link({type: 'settled', settled: true});
    }
    driver.does({type: 'down', tries: 1});
    const commands = driver.frame(joined({resumed, peers}));
    assert.equal(commands.includes('restartIce'), restarts);
    assert.equal(driver.timerMs('recovery'), ms);
    assert.equal(driver.state.linkCount, 1);
  }
});

test('a peer that a restarted server does not know has time to come back', () => {
  const driver = Driver.meeting();
  driver.does({type: 'down', tries: 1});
  assert.ok(driver.frame(joined()).includes('startTimer recovery'));
  assert.deepEqual(driver.timer('watchdog'), ['startTimer watchdog']);
  assert.equal(driver.state.linkCount, 1);
  driver.timer('recovery');
  assert.deepEqual([driver.screen, driver.state.notice], ['waiting', 'timeout']);
});

test('the same two peers connect again under the next generation', () => {
  for (const polite of [true, false]) {
    const driver = Driver.inCall();
    driver.frame({type: 'bye', seq: 2, peer: 'pBo', reason: 'timeout'});
    driver.link({type: 'connection', state: 'failed'});
    driver.frame(otherJoined({polite}));
    const build = driver.last('build');
    assert.deepEqual([build.generation, build.askForOffer], [2, polite]);
  }
});

test('the closing notice lasts until the server is back', () => {
  const driver = Driver.inCall();
  assert.deepEqual(driver.frame({type: 'closing', after: 5}), []);
  assert.equal(driver.state.notice, 'closing');
  driver.does({type: 'down', tries: 1});
  driver.frame(joined({resumed: true}));
  assert.equal(driver.state.notice, '');
});

test('a final answer of the server ends the call, and says why', () => {
  for (const reason of ['removed', 'replaced', 'unauthorized', 'bad_room', 'refused']) {
    const driver = Driver.inCall();
    const commands = driver.does({type: 'ended', reason});
    assert.deepEqual([driver.screen, driver.state.reason], ['ended', reason]);
    assert.deepEqual(driver.timers, new Set());
    assert.ok(commands.includes('closeLink') && commands.includes('releaseMedia'));
  }
});

test('a call that continues in another tab can be reclaimed', () => {
  const driver = Driver.inCall();
  driver.does({type: 'ended', reason: 'replaced'});
  driver.does({type: 'rejoin'});
  const [command] = driver.run({type: 'join', name: 'Ann'});
  assert.deepEqual(command, {type: 'joinRoom', room: 'lamp', name: 'Ann', reclaim: true});
  driver.frame(joined());
  driver.does({type: 'leave'});
  driver.does({type: 'rejoin'});
  assert.equal(driver.run({type: 'join', name: 'Ann'})[0].reclaim, false);
});

test('a running call tries again to join when others took its seat', () => {
  const driver = Driver.inCall();
  driver.does({type: 'down', tries: 1});
  assert.deepEqual(driver.frame({type: 'full', id: 1}), ['retryJoin']);
  assert.equal(driver.screen, 'call');
  assert.deepEqual(driver.link({type: 'stalled', stalled: true}), ['checkServer']);
  driver.frame({type: 'full', id: 1});
  assert.equal(driver.screen, 'full');
});

test('when the server is back, the polite side lets the other one restart ICE', () => {
  for (const polite of [true, false]) {
    for (const broken of [
      {type: 'stalled', stalled: true},
      {type: 'connection', state: 'disconnected'},
    ]) {
      const driver = Driver.inCall(polite);
      driver.does({type: 'down', tries: 1});
      driver.link(broken);
      driver.frame(joined({peers: [{peer: 'pBo', name: 'Bo', polite, away: false}]}));
      assert.equal(driver.last('restartIce').giveWay ?? false, polite, broken.type);
    }
  }
});

test('a path that breaks while the server is away has the server checked at once', () => {
  const driver = Driver.inCall();
  driver.does({type: 'down', tries: 5});
  assert.ok(driver.link({type: 'connection', state: 'disconnected'}).includes('checkServer'));
  driver.frame(joined({resumed: true}));
  assert.ok(!driver.link({type: 'connection', state: 'failed'}).includes('checkServer'));
});

test('a call is not given up while the server is away or the device sleeps', () => {
  const driver = Driver.inCall();
  driver.link({type: 'connection', state: 'failed'});
  driver.does({type: 'down', tries: 1});
  assert.deepEqual(driver.timer('giveUp'), ['startTimer giveUp']);
  driver.frame(joined({resumed: true}));
  driver.timer('giveUp');
  assert.equal(driver.state.reason, 'unreachable');
});
