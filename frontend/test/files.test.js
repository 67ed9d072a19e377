import assert from 'node:assert/strict';
import {test} from 'node:test';
import {decodePiece} from '../static/js/file_pieces.js';
import {quiet, until} from './fakes.js';
import {End, connect, cut, fileOf, pair} from './talk_ends.js';

const MIB = 1 << 20;
const hashOf = async (file) =>
  Buffer.from(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())).toString('hex');
const ended = (end) =>
  until(() => ['done', 'refused', 'stopped', 'failed'].includes(end.transfer?.state));
const outcome = ({transfer: {state, reason}}) => [state, reason];

test('a file arrives as it was sent', async () => {
  for (const size of [0, 1, 16_372, MIB - 1, MIB, MIB + 1, 3 * MIB + 5]) {
    const {ann, bo} = pair();
    const file = fileOf(size);
    assert.equal(ann.files.offer([file]), 1);
    await bo.takes();
    await ended(ann);
    assert.deepEqual(
      [outcome(ann), outcome(bo)],
      [
        ['done', ''],
        ['done', ''],
      ],
      `${size} bytes`,
    );
    assert.equal(await bo.hash(), await hashOf(file));
    assert.equal(bo.transfer.blob.type, 'application/octet-stream');
    assert.deepEqual(ann.types, ['offer_file', 'file_end']);
    assert.deepEqual(bo.types, ['take', 'file_ok']);
    assert.ok(ann.channel.highest <= MIB);
    const {name, blob} = bo.files.save(bo.transfer.key);
    assert.deepEqual([name, blob.size, bo.transfer.saved], ['photo.jpg', size, true]);
  }
});

test('nothing is sent before the other person takes it, and nothing after they refuse', async () => {
  const {ann, bo} = pair();
  ann.files.offer([fileOf(5)]);
  await until(() => bo.transfer?.place);
  assert.deepEqual(
    [bo.transfer.state, bo.transfer.place, ann.channel.pieces],
    ['offered', 'memory', []],
  );
  assert.equal(bo.conversation.unread, 1);
  bo.files.stop(bo.transfer.key);
  await ended(ann);
  assert.deepEqual(
    [outcome(ann), outcome(bo)],
    [
      ['refused', ''],
      ['refused', ''],
    ],
  );
  assert.deepEqual([bo.types, ann.channel.pieces], [['refuse'], []]);
});

test('several files go at once in both directions; four are offered, the others wait', async () => {
  const {ann, bo} = pair();
  assert.equal(ann.files.offer(Array.from({length: 7}, (_, i) => fileOf(2 * MIB + i, `${i}`))), 7);
  assert.deepEqual(
    ann.files.list.map(({state}) => state),
    [...Array(4).fill('offered'), ...Array(3).fill('queued')],
  );
  bo.files.offer([fileOf(MIB, 'back')]);
  await ann.takes();
  await bo.takes(4);
  await bo.takes(3);
  const all = () => [...ann.files.list, ...bo.files.list];
  await until(() => all().length === 16 && all().every(({state}) => state === 'done'));
  assert.deepEqual(
    bo.files.list.filter(({own}) => !own).map(({name, size}) => [name, size]),
    Array.from({length: 7}, (_, i) => [`${i}`, 2 * MIB + i]),
  );
  const ids = ann.channel.pieces.map((piece) => decodePiece(piece.slice().buffer).id);
  assert.ok(ids.indexOf(5) < ids.lastIndexOf(3), 'the files take turns');
  assert.ok(ids.every((id) => id % 2 === 1)); // Ann is the impolite end.
  assert.equal(ann.files.list.find(({own}) => !own).offer.id % 2, 0);
});

test('a transfer that is cut goes on at the border of a block', async () => {
  const {ann, bo} = pair();
  const file = fileOf(5 * MIB + 7);
  ann.files.offer([file]);
  await bo.takes();
  for (const enough of [1.5 * MIB, 3.2 * MIB]) {
    await until(() => bo.transfer.bytes > enough);
    cut(ann, bo);
    await quiet(20);
    const before = bo.transfer.bytes;
    bo.sent = [];
    connect(ann, bo);
    await until(() => bo.sent.length > 0);
    assert.deepEqual(bo.sent[0], {type: 'take', id: 1, offset: Math.floor(before / MIB) * MIB});
    assert.ok(bo.sent[0].offset > 0);
  }
  await ended(ann);
  assert.deepEqual(
    [outcome(ann), outcome(bo)],
    [
      ['done', ''],
      ['done', ''],
    ],
  );
  assert.equal(await bo.hash(), await hashOf(file));
  assert.equal(ann.types.filter((type) => type === 'offer_file').length, 3);
});

test('an answer that was lost is given again', async () => {
  const take = (bo) => bo.files.take(bo.transfer.key);
  const stop = (bo) => bo.files.stop(bo.transfer.key);
  for (const [type, act, state] of [
    ['take', take, 'done'],
    ['file_ok', take, 'done'],
    ['refuse', stop, 'refused'],
    ['stop_file', (bo) => (void take(bo), stop(bo)), 'stopped'],
  ]) {
    const {ann, bo} = pair();
    ann.files.offer([fileOf(MIB)]);
    await until(() => bo.transfer?.place);
    bo.loses = type;
    void act(bo);
    await until(() => bo.types.includes(type));
    await quiet(50);
    assert.ok(['offered', 'checking'].includes(ann.transfer.state), type);
    bo.loses = '';
    connect(ann, bo);
    await ended(ann);
    assert.equal(ann.transfer.state, state);
  }
});

test('what was stopped while the connection was away is stopped at both ends', async () => {
  for (const who of ['ann', 'bo']) {
    const ends = pair();
    const {ann, bo} = ends;
    ann.files.offer([fileOf(3 * MIB)]);
    await bo.takes();
    await until(() => bo.transfer.bytes > MIB);
    cut(ann, bo);
    ends[who].files.stop(ends[who].transfer.key);
    connect(ann, bo);
    await until(() => ann.transfer.state === 'stopped' && bo.transfer.state === 'stopped');
    const other = who === 'ann' ? bo : ann;
    assert.deepEqual(
      [outcome(ends[who]), outcome(other)],
      [
        ['stopped', 'here'],
        ['stopped', 'there'],
      ],
    );
    // The next file goes as ever: nothing that was under way has broken a rule.
    ann.files.offer([fileOf(10)]);
    await bo.takes();
    await until(() => bo.transfer.state === 'done');
  }
});

test('stopping ends it at both ends, and what is under way does no harm', async () => {
  for (const who of ['ann', 'bo']) {
    const ends = pair();
    const {ann, bo} = ends;
    ann.files.offer([fileOf(4 * MIB)]);
    await bo.takes();
    await until(() => bo.transfer.bytes > MIB);
    ends[who].files.stop(ends[who].transfer.key);
    await until(() => ann.transfer.state === 'stopped' && bo.transfer.state === 'stopped');
    await quiet(100);
    assert.equal(bo.channel.readyState, 'open');
    assert.equal(bo.transfer.blob, null);
    ann.files.again(ann.transfer.key);
    assert.equal(ann.files.list.length, 1);
    await bo.takes();
    await until(() => bo.transfer.state === 'done');
  }
});

test('with another page, nothing goes on', async () => {
  const {ann, bo} = pair();
  ann.files.offer([fileOf(3 * MIB), fileOf(5)]);
  await bo.takes(2);
  await until(() => bo.files.list[0].bytes > 0);
  const cleo = new End(true);
  connect(ann, cleo, 'a c');
  await quiet(50);
  assert.deepEqual(ann.files.list.map(({state, reason}) => [state, reason]).at(0), [
    'failed',
    'gone',
  ]);
  assert.deepEqual([cleo.files.list, cleo.sent], [[], []]);
  ann.files.again(ann.files.list[0].key);
  await until(() => cleo.files.list.length === 1);
});

test('what does not fit is ignored', async () => {
  const {ann, bo} = pair();
  ann.files.offer([fileOf(3 * MIB)]);
  await bo.takes();
  await until(() => bo.transfer.bytes > 0);
  const {id} = ann.transfer.offer;
  bo.says({type: 'take', id, offset: 0});
  bo.says({type: 'file_ok', id});
  bo.says({type: 'file_bad', id});
  for (const other of [5, 8])
    for (const type of ['refuse', 'file_ok', 'file_bad', 'stop_file']) bo.says({type, id: other});
  ann.says({type: 'file_end', id: 7, sha256: '0'.repeat(64)});
  await ended(ann);
  assert.deepEqual(
    [outcome(ann), outcome(bo)],
    [
      ['done', ''],
      ['done', ''],
    ],
  );
});

test('an offset beyond what was sent stops the file', async () => {
  const {ann, bo} = pair();
  ann.files.offer([fileOf(3 * MIB)]);
  await quiet();
  bo.says({type: 'take', id: 1, offset: MIB});
  await ended(ann);
  assert.deepEqual([outcome(ann), ann.types.at(-1)], [['failed', 'broken'], 'stop_file']);
});

test('an old offer is refused, and the last four have their answers', async () => {
  const {ann, bo} = pair();
  for (let id = 1; id <= 11; id += 2) {
    ann.says({type: 'offer_file', id, name: 'x', size: 5, mime: ''});
    await until(() => bo.transfer?.offer.id === id);
    bo.files.stop(bo.transfer.key);
  }
  bo.sent = [];
  const count = bo.files.list.length;
  for (const id of [1, 3, 5, 11]) ann.says({type: 'offer_file', id, name: 'x', size: 5, mime: ''});
  await until(() => bo.sent.length === 4);
  assert.ok(bo.types.every((type) => type === 'refuse'));
  assert.equal(bo.files.list.length, count);
});

test('the list is limited, and keeps what was not saved', async () => {
  const {ann, bo} = pair();
  ann.says({type: 'offer_file', id: 1, name: 'kept', size: 0, mime: ''});
  await bo.takes();
  const {sha256: empty} = {sha256: await hashOf(new Blob([]))};
  ann.says({type: 'file_end', id: 1, sha256: empty});
  await until(() => bo.transfer.state === 'done');
  for (let id = 3; id <= 601; id += 2) {
    ann.says({type: 'offer_file', id, name: 'x', size: 5, mime: ''});
    ann.says({type: 'stop_file', id});
  }
  await until(() => bo.transfer.offer.id === 601);
  assert.equal(bo.files.list.length, 200);
  assert.equal(bo.files.list[0].name, 'kept');
});

test('another call begins with nothing', async () => {
  const {ann, bo} = pair();
  ann.files.offer([fileOf(50)]);
  await bo.takes();
  await ended(ann);
  bo.conversation.end();
  assert.equal(bo.files.list.length, 1); // It can still be saved.
  bo.conversation.clear();
  assert.deepEqual([bo.files.list, bo.conversation.unread], [[], 0]);
});
