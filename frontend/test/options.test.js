import assert from 'node:assert/strict';
import {test} from 'node:test';
import {filterServers, pageOptions} from '../static/js/options.js';

test('the options are read from the address', () => {
  const options = pageOptions(new URLSearchParams('ice=relay&turn=tls&lang=zh&debug=1'));
  assert.deepEqual(options, {relay: true, turn: 'tls', lang: 'zh', debug: true});
  const none = pageOptions(new URLSearchParams(''));
  assert.deepEqual(none, {relay: false, turn: '', lang: '', debug: false});
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
