import assert from 'node:assert/strict';
import {test} from 'node:test';
import {filterServers, pageOptions} from '../static/js/options.js';

const optionsOf = (query, embedded = false) => pageOptions(new URLSearchParams(query), embedded);
const NONE = {
  name: '',
  lang: '',
  relay: false,
  turn: '',
  debug: false,
  prejoin: true,
  camera: true,
};

test('the options are read from the address', () => {
  const query = 'ice=relay&turn=tls&lang=zh&debug=1&name=Ann+B';
  const all = {...NONE, relay: true, turn: 'tls', lang: 'zh', debug: true, name: 'Ann B'};
  assert.deepEqual(optionsOf(query), all);
  assert.deepEqual(optionsOf(query, true), all);
  assert.deepEqual(optionsOf(''), NONE);
});

test('only the page for frames can leave out the screen before the call, and the camera', () => {
  assert.deepEqual(optionsOf('prejoin=0&camera=0'), NONE);
  assert.deepEqual(optionsOf('prejoin=0&camera=0', true), {...NONE, prejoin: false, camera: false});
  assert.deepEqual(optionsOf('prejoin=1&camera=on', true), NONE);
});

test('a name from the address has what a typed one may have', () => {
  assert.equal(optionsOf('name=%20%00Ann%0A%1B%20').name, 'Ann');
  assert.equal(optionsOf(`name=${'😀'.repeat(70)}`).name, '😀'.repeat(64));
});

test('one protocol to the relay can be chosen', () => {
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
