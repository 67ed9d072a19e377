import assert from 'node:assert/strict';
import {test} from 'node:test';
import {
  filterServers,
  pageOptions,
  parseRoom,
  pathOfRoom,
  roomOfPath,
  takeToken,
} from '../static/js/options.js';

test('a room is read from what people type and paste', () => {
  for (const [typed, room] of [
    ['quiet-river-lamp', 'quiet-river-lamp'],
    ['  Weekly call ', 'Weekly-call'],
    ['静静的河', '静静的河'],
    ['https://call.example/r/lamp', 'lamp'],
    ['call.example/r/lamp?lang=zh#x', 'lamp'],
    ['https://call.example/r/%E9%9D%99', '静'],
    ['e\u0301', '\u00e9'],
    ['a'.repeat(64), 'a'.repeat(64)],
    ['𠀀'.repeat(64), '𠀀'.repeat(64)],
    ['a'.repeat(65), ''],
    ['', ''],
    ['a/b', ''],
    ['.', ''],
    ['..', ''],
    ['a!', ''],
    ['https://call.example/r/%', ''],
    ['😀', ''],
  ]) {
    assert.equal(parseRoom(typed), room, typed);
  }
});

test('a room survives the way into the address and back', () => {
  for (const room of ['lamp', '静静的河', 'a.b_c-d', 'é']) {
    const {pathname} = new URL(pathOfRoom(room), 'http://localhost');
    assert.equal(roomOfPath(pathname), room);
  }
  for (const pathname of ['/', '/r/', '/r', '/x/lamp']) assert.equal(roomOfPath(pathname), '');
});

test('the address says how to call', () => {
  const options = pageOptions(new URLSearchParams('ice=relay&turn=tls&lang=zh&debug=1'));
  assert.deepEqual(options, {relay: true, turn: 'tls', lang: 'zh', debug: true});
  const none = pageOptions(new URLSearchParams(''));
  assert.deepEqual(none, {relay: false, turn: '', lang: '', debug: false});
});

test('one way to the relay can be chosen', () => {
  const servers = [
    {urls: ['stun:192.0.2.1:3478']},
    {
      urls: [
        'turn:192.0.2.1:3478?transport=udp',
        'turn:192.0.2.1:3478?transport=tcp',
        'turns:192.0.2.1:5349?transport=tcp',
      ],
      username: 'u',
      credential: 'c',
    },
    {urls: ['turn:192.0.2.2']},
  ];
  const turn = (protocol) =>
    filterServers(servers, protocol).flatMap(({urls}) =>
      urls.filter((url) => url.startsWith('turn')),
    );
  assert.deepEqual(turn('udp'), ['turn:192.0.2.1:3478?transport=udp', 'turn:192.0.2.2']);
  assert.deepEqual(turn('tcp'), ['turn:192.0.2.1:3478?transport=tcp']);
  assert.deepEqual(turn('tls'), ['turns:192.0.2.1:5349?transport=tcp']);
  assert.equal(filterServers(servers, 'tls')[1].credential, 'c');
  assert.equal(filterServers(servers, 'tls').length, 2);
  assert.equal(filterServers(servers, ''), servers);
});

test('the token is taken out of the address, and only it', () => {
  for (const [href, token, left] of [
    ['https://a.example/r/lamp', '', 'https://a.example/r/lamp'],
    ['https://a.example/r/lamp#token=a.b_c-d', 'a.b_c-d', 'https://a.example/r/lamp'],
    ['https://a.example/r/lamp#x=1&token=t', 't', 'https://a.example/r/lamp#x=1'],
    ['https://a.example/r/lamp?lang=zh&token=t', 't', 'https://a.example/r/lamp?lang=zh'],
    ['https://a.example/r/lamp?token=q#token=f', 'f', 'https://a.example/r/lamp'],
    ['https://a.example/#top', '', 'https://a.example/#top'],
  ]) {
    const url = new URL(href);
    assert.equal(takeToken(url), token);
    assert.equal(url.href.replace(/#$/, ''), left);
  }
});
