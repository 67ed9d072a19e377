import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {hideAddress} from '../static/js/hidden_address.js';
import {initial} from '../static/js/machine.js';
import {lacksRelay} from '../static/js/screens.js';
import {endedTitle} from '../static/js/ui/ended.js';
import {Driver, joined, otherJoined} from './driver.js';
import {FakePeerConnection, FakeWebSocket, quiet} from './fakes.js';
import {Room} from './room.js';
import {Side} from './sides.js';
import {mockTimers} from './timers.js';

const candidate = (text) => ({candidate: {candidate: text, sdpMid: '0', usernameFragment: 'u'}});
const RELAY = 'candidate:1 1 udp 41885695 198.51.100.7 50000 typ relay';

test('only relayed candidates are sent, and without the address behind the relay', () => {
  for (const text of [
    'candidate:1 1 udp 2122260223 192.0.2.5 50000 typ host generation 0 ufrag u',
    'candidate:1 1 udp 1686052607 203.0.113.5 50000 typ srflx raddr 192.0.2.5 rport 50000',
    'candidate:1 1 tcp 1518280447 192.0.2.5 9 typ host tcptype active',
    'candidate:1 1 udp 1845501695 203.0.113.5 50000 typ prflx raddr 0.0.0.0 rport 0',
    'candidate:1 1 udp 1 host-typ-relay.local 50000 typ host',
  ])
    assert.equal(hideAddress(candidate(text)), null, text);
  assert.deepEqual(
    hideAddress(candidate(`${RELAY} raddr 203.0.113.5 rport 50000 generation 0`)),
    candidate(`${RELAY} raddr 0.0.0.0 rport 9 generation 0`),
  );
  assert.deepEqual(
    hideAddress(candidate(`${RELAY} raddr 2001:db8::5 rport 50000`)),
    candidate(`${RELAY} raddr :: rport 9`),
  );
  for (const other of [{candidate: null}, {renegotiate: true}, {description: null}])
    assert.equal(hideAddress(other), other);
});

test('a description loses what a candidate would', () => {
  const sdp = (...lines) => ['v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', ...lines, ''].join('\r\n');
  const host = 'a=candidate:1 1 udp 2122260223 192.0.2.5 50000 typ host';
  const description = {
    type: 'offer',
    sdp: sdp(host, `a=${RELAY} raddr 203.0.113.5 rport 50000`, 'a=mid:0'),
  };
  assert.deepEqual(hideAddress({description}), {
    description: {type: 'offer', sdp: sdp(`a=${RELAY} raddr 0.0.0.0 rport 9`, 'a=mid:0')},
  });
});

beforeEach(() => {
  FakeWebSocket.all = [];
  mockTimers();
});
afterEach(() => mock.timers.reset());

test('whoever hides the address uses relays from the first connection on, and sends no other candidate', async () => {
  const room = new Room();
  room.iceServers = [{urls: ['turn:192.0.2.1']}];
  const sent = {};
  room.passes = (from, data) => (sent[from] ??= []).push(data);
  const [ann, bo] = [new Side('Ann', FakePeerConnection, true), new Side('Bo')];
  await ann.join(room);
  await bo.join(room);
  await quiet(60);
  const candidatesOf = ({peer}) =>
    sent[peer].filter((data) => data.candidate).map((data) => data.candidate.candidate);
  assert.equal(ann.pc.configuration.iceTransportPolicy, 'relay');
  assert.equal(bo.pc.configuration.iceTransportPolicy, 'all');
  assert.deepEqual([candidatesOf(ann), candidatesOf(bo)], [[], ['host', 'srflx']]);
  assert.ok(sent[ann.peer].some((data) => data.description));
  // Also over the rebuilds, and after new servers.
  for (const side of [ann, bo]) side.pc.becomes('connected');
  await quiet(20);
  const {pc} = ann;
  for (let i = 0; i < 4; i++) {
    ann.pc.becomes('failed');
    await quiet(40);
    mock.timers.tick(8000);
    await quiet(40);
  }
  assert.notEqual(ann.pc, pc);
  assert.equal(ann.pc.configuration.iceTransportPolicy, 'relay');
  assert.equal(pc.configuration.iceTransportPolicy, 'relay');
  assert.deepEqual(candidatesOf(ann), []);
});

test('a server without a relay is said to have none, and nobody learns the address', () => {
  for (const iceServers of [[], [{urls: ['stun:192.0.2.1:3478']}]]) {
    const driver = Driver.joining({...initial, relay: true});
    const commands = driver.frame(
      joined({iceServers, peers: [{peer: 'pBo', name: '', polite: true}]}),
    );
    assert.ok(!commands.includes('build') && commands.includes('leaveRoom'));
    assert.deepEqual([driver.screen, endedTitle(driver.state)], ['ended', 'noRelayTitle']);
    // The user may join without hiding the address.
    driver.does({type: 'rejoin'});
    driver.does({type: 'hideAddress', on: false});
    driver.does({type: 'join', name: 'Ann'});
    driver.frame(joined({iceServers}));
    assert.equal(driver.screen, 'waiting');
  }
});

test('a call goes on if a server that is back has no relay any more', () => {
  const driver = Driver.joining({...initial, relay: true});
  driver.frame(joined());
  driver.frame(otherJoined());
  driver.link({type: 'connection', state: 'connected'});
  driver.frame(joined({iceServers: [], peers: [{peer: 'pBo', name: '', polite: false}]}));
  assert.equal(driver.screen, 'call');
});

test('a relay that does not answer is told while the page still tries', () => {
  const driver = Driver.joining({...initial, relay: true});
  driver.frame(joined());
  assert.equal(lacksRelay(driver.state), false);
  driver.frame(otherJoined());
  assert.equal(lacksRelay(driver.state), false);
  driver.link({type: 'gathered', candidate: null});
  assert.equal(lacksRelay(driver.state), true);
  driver.link({type: 'gathered', candidate: 'relay'});
  assert.equal(lacksRelay(driver.state), false);
  const open = Driver.meeting();
  open.link({type: 'gathered', candidate: null});
  assert.equal(lacksRelay(open.state), false);
});

test('hiding the address is chosen before a call, and kept for the next', () => {
  const driver = new Driver();
  driver.does({type: 'open', room: 'lamp'});
  driver.does({type: 'hideAddress', on: true});
  driver.does({type: 'join', name: 'Ann'});
  driver.does({type: 'hideAddress', on: false});
  assert.equal(driver.state.relay, true);
  driver.does({type: 'leave'});
  driver.does({type: 'rejoin'});
  assert.equal(driver.state.relay, true);
  driver.does({type: 'open', room: 'river'});
  assert.equal(driver.state.relay, true);
});
