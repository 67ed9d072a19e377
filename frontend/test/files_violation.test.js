import assert from 'node:assert/strict';
import {mock, test} from 'node:test';
import {encodePiece} from '../static/js/file_pieces.js';
import {quiet, until} from './fakes.js';
import {connect, fileOf, pair} from './talk_ends.js';

const MIB = 1 << 20;

/** What an end may do that does not keep to the rules: each breaks them. */
const violations = {
  'bytes of a file that was never offered': ({ann}) =>
    ann.channel.send(encodePiece(9, 0, new Uint8Array(1))),
  'bytes of a file that was not taken': async ({ann, bo}) => {
    ann.says({type: 'offer_file', id: 9, name: 'x', size: 5, mime: ''});
    await until(() => bo.files.list.length === 2);
    ann.channel.send(encodePiece(9, 0, new Uint8Array(1)));
  },
  'bytes out of order': ({ann, id}) => ann.channel.send(encodePiece(id, MIB, new Uint8Array(1))),
  'bytes again': ({ann, id}) => {
    ann.channel.send(encodePiece(id, 0, new Uint8Array(9)));
    ann.channel.send(encodePiece(id, 0, new Uint8Array(9)));
  },
  'bytes beyond the size': ({ann, id}) => {
    for (let at = 0; at <= 2 * MIB; at += 16_000)
      ann.channel.send(encodePiece(id, at, new Uint8Array(16_000)));
  },
  'text on the channel': ({ann}) => ann.channel.other.receives('text'),
  'a piece without content': ({ann}) => ann.channel.other.receives(new ArrayBuffer(12)),
  'a piece that is too long': ({ann}) => ann.channel.other.receives(new ArrayBuffer(16_385)),
  'five files': ({ann}) => {
    for (const id of [11, 13, 15, 17])
      ann.says({type: 'offer_file', id, name: 'x', size: 5, mime: ''});
  },
  'an id of the other kind': ({ann}) =>
    ann.says({type: 'offer_file', id: 12, name: 'x', size: 5, mime: ''}),
  'an offer that changes': ({ann, id}) =>
    ann.says({type: 'offer_file', id, name: 'x', size: 2 * MIB + 1, mime: ''}),
};

for (const [name, act] of Object.entries(violations)) {
  test(`${name}: the channel ends, and nothing else`, async () => {
    mock.method(console, 'warn', () => {});
    const {ann, bo} = pair();
    ann.says({type: 'offer_file', id: 1, name: 'x', size: 2 * MIB, mime: ''});
    await bo.takes();
    bo.files.offer([fileOf(3)]);
    await quiet();
    await act({ann, bo, id: 1});
    await until(() => bo.channel.readyState === 'closed');
    assert.ok(bo.files.list.every(({state, reason}) => state === 'failed' && reason === 'broken'));
    assert.ok(bo.types.filter((type) => type === 'stop_file').length >= 2);
    bo.sent = [];
    ann.says({type: 'offer_file', id: 31, name: 'x', size: 5, mime: ''});
    await until(() => bo.sent.length > 0);
    assert.deepEqual(bo.sent, [{type: 'refuse', id: 31}]);
    assert.equal(bo.files.open, false);
    ann.says({type: 'chat', id: 33, text: 'still here', at: 1});
    await until(() => bo.conversation.chat.entries.length > 0);
    // A new connection begins anew.
    connect(ann, bo);
    assert.equal(bo.files.open, true);
    mock.restoreAll();
  });
}
