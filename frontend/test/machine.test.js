import assert from 'node:assert/strict';
import {test} from 'node:test';
import {initial, reduce} from '../static/js/machine.js';
import {Driver, joined, offer, otherJoined} from './driver.js';

test('opening a room shows prejoin, opening none shows home', () => {
  const driver = new Driver();
  driver.does({type: 'open', room: 'lamp'});
  assert.equal(driver.screen, 'prejoin');
  driver.does({type: 'open', room: ''});
  assert.equal(driver.screen, 'home');
});

test('joining enters the room, and waits if nobody is there', () => {
  const driver = new Driver();
  driver.does({type: 'open', room: 'lamp'});
  assert.deepEqual(driver.run({type: 'join', name: 'Ann'}), [
    {type: 'joinRoom', room: 'lamp', name: 'Ann', reclaim: false},
  ]);
  assert.equal(driver.screen, 'connecting');
  assert.deepEqual(driver.frame(joined()), ['startTimer servers']);
  assert.equal(driver.screen, 'waiting');
});

test('a test call ends with the bot, and shows no link to pass on before', () => {
  const driver = new Driver();
  driver.does({type: 'open', room: 'echo', test: true});
  driver.does({type: 'join', name: 'Ann'});
  driver.frame(joined());
  assert.equal(driver.screen, 'connecting');
  driver.frame(otherJoined({polite: false}));
  driver.frame({type: 'bye', peer: 'pBo', reason: 'timeout'});
  assert.equal(driver.state.phase, 'in');
  driver.frame(otherJoined({polite: false}));
  const commands = driver.frame({type: 'bye', peer: 'pBo', reason: 'left'});
  assert.deepEqual([driver.state.phase, driver.state.reason], ['ended', 'test']);
  assert.ok(commands.includes('leaveRoom') && commands.includes('releaseMedia'));
  driver.does({type: 'rejoin'});
  assert.deepEqual([driver.screen, driver.state.test], ['prejoin', true]);
  driver.does({type: 'open', room: 'lamp'});
  assert.equal(driver.state.test, false);
});

test('the peer that was there first is impolite, and plays a chime', () => {
  const driver = Driver.waiting();
  const commands = driver.frame(otherJoined({polite: false}));
  assert.ok(commands.includes('chime'));
  const build = driver.last('build');
  assert.deepEqual(
    [build.peer, build.polite, build.generation, build.askForOffer],
    ['pBo', false, 1, false],
  );
  assert.equal(driver.screen, 'connecting');
});

test('the newcomer is polite, and waits for the offer', () => {
  const driver = Driver.joining();
  driver.frame(joined({peers: [{peer: 'pBo', name: 'Bo', polite: true}]}));
  const build = driver.last('build');
  assert.deepEqual(
    [build.polite, build.askForOffer, build.keepPrevious, build.relay],
    [true, false, false, false],
  );
  assert.deepEqual(driver.frame(offer('pBo', 1)), ['deliver']);
});

test('the first connection shows the call screen, sends the state, and is reported once', () => {
  const driver = Driver.meeting();
  driver.at = 1500;
  const commands = driver.link({type: 'connection', state: 'connected'});
  for (const name of [
    'sendState',
    'report',
    'stopTimer giveUp',
    'stopTimer recovery',
    'closePrevious',
  ]) {
    assert.ok(commands.includes(name), name);
  }
  assert.equal(driver.last('report').setup, 1500);
  assert.equal(driver.screen, 'call');
  driver.link({type: 'connection', state: 'disconnected'});
  assert.ok(!driver.link({type: 'connection', state: 'connected'}).includes('report'));
});

test('a full room is shown and releases the devices; trying again begins at prejoin', () => {
  const driver = Driver.joining();
  assert.ok(driver.frame({type: 'full', id: 1}).includes('releaseMedia'));
  assert.equal(driver.screen, 'full');
  driver.does({type: 'rejoin'});
  assert.equal(driver.screen, 'prejoin');
  assert.equal(driver.state.room, 'lamp');
});

test('leaving leaves the room, closes the link and ends the call', () => {
  const driver = Driver.inCall();
  const commands = driver.does({type: 'leave'});
  for (const name of ['leaveRoom', 'closeLink', 'closePrevious', 'releaseMedia'])
    assert.ok(commands.includes(name));
  assert.equal(driver.screen, 'ended');
  assert.deepEqual(driver.timers, new Set());
});

test('when the other side leaves, the page waits again and says why', () => {
  const driver = Driver.inCall();
  const commands = driver.frame({type: 'bye', seq: 2, peer: 'pBo', reason: 'left'});
  assert.ok(commands.includes('closeLink'));
  assert.deepEqual(
    [driver.screen, driver.state.notice, driver.state.peerName],
    ['waiting', 'left', 'Bo'],
  );
  driver.frame(otherJoined({peer: 'pCy', name: 'Cy'}));
  assert.equal(driver.state.notice, '');
});

test("when the other side's seat times out, the call is shown until a new one is connected", () => {
  const driver = Driver.inCall();
  assert.deepEqual(driver.frame({type: 'bye', seq: 2, peer: 'pBo', reason: 'timeout'}), []);
  assert.equal(driver.screen, 'call');
  driver.frame(otherJoined({peer: 'pBo2', name: 'Bo'}));
  assert.equal(driver.last('build').keepPrevious, true);
  assert.equal(driver.last('build').generation, 1);
  assert.equal(driver.screen, 'call');
  assert.ok(driver.link({type: 'connection', state: 'connected'}).includes('closePrevious'));
  assert.equal(driver.screen, 'call');
});

test("when the other side's seat times out and the media breaks, the page waits", () => {
  const driver = Driver.inCall();
  driver.frame({type: 'bye', seq: 2, peer: 'pBo', reason: 'timeout'});
  driver.link({type: 'connection', state: 'failed'});
  assert.deepEqual([driver.screen, driver.state.notice], ['waiting', 'timeout']);
});

test("when the other side's seat times out before the call connects, the page waits", () => {
  const driver = Driver.meeting();
  driver.frame({type: 'bye', seq: 2, peer: 'pBo', reason: 'timeout'});
  assert.equal(driver.screen, 'waiting');
});

test('messages of older generations are dropped, a newer one rebuilds the link', () => {
  const driver = Driver.inCall();
  assert.deepEqual(driver.frame(offer('pBo', 0)), []);
  const commands = driver.frame(offer('pBo', 3));
  assert.ok(commands.indexOf('build') < commands.indexOf('deliver'));
  const build = driver.last('build');
  assert.deepEqual([build.generation, build.askForOffer, build.link], [3, false, 2]);
  assert.deepEqual(driver.frame(offer('pBo', 2)), []);
  assert.equal(driver.screen, 'call');
});

test('the state that the other side sends is kept until it leaves', () => {
  const driver = Driver.inCall();
  driver.frame({
    type: 'message',
    seq: 4,
    from: 'pBo',
    data: {state: {audio: false, video: true, screen: true}},
  });
  const said = {audio: false, video: true, screen: true, recording: false, held: false};
  assert.deepEqual(driver.state.remote, said);
  driver.frame({type: 'message', seq: 5, from: 'pBo', data: {strange: 1}});
  driver.frame({type: 'bye', seq: 6, peer: 'pBo', reason: 'left'});
  driver.frame(otherJoined());
  assert.deepEqual(driver.state.remote, initial.remote);
});

test('the servers are refreshed before they expire', () => {
  const driver = Driver.waiting();
  assert.equal(driver.timerMs('servers'), 480_000);
  assert.deepEqual(driver.timer('servers'), ['refreshServers']);
  const iceServers = [{urls: ['stun:192.0.2.1']}];
  const commands = driver.frame({type: 'ice', id: 4, iceServers, iceTTL: 300});
  assert.deepEqual(commands, ['servers', 'startTimer servers']);
  assert.equal(driver.timerMs('servers'), 240_000);
  assert.deepEqual(driver.state.iceServers, iceServers);
});

test('the reducer never changes a state in place', () => {
  const driver = Driver.inCall();
  const frozen = JSON.stringify(driver.state);
  const before = driver.state;
  reduce(before, {type: 'leave', at: 0});
  reduce(before, {type: 'down', tries: 1, at: 0});
  reduce(before, {type: 'connection', link: 1, state: 'failed', at: 0});
  assert.equal(JSON.stringify(before), frozen);
});
