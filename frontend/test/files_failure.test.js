import assert from 'node:assert/strict';
import {mock, test} from 'node:test';
import {decodePiece} from '../static/js/file_pieces.js';
import {until} from './fakes.js';
import {End, connect, fileOf, pair} from './talk_ends.js';

const MIB = 1 << 20;
const ended = (end) =>
  until(() => ['done', 'refused', 'stopped', 'failed'].includes(end.transfer?.state));
const outcome = ({transfer: {state, reason}}) => [state, reason];

test('bytes that were changed on the way are not kept', async () => {
  const {ann, bo} = pair();
  ann.files.offer([fileOf(MIB + 9)]);
  const send = ann.channel.send.bind(ann.channel);
  ann.channel.send = (piece) => {
    if (decodePiece(piece.slice().buffer).offset === MIB) piece[12] ^= 1;
    send(piece);
  };
  await bo.takes();
  await ended(ann);
  assert.deepEqual(
    [outcome(ann), outcome(bo)],
    [
      ['failed', 'damaged'],
      ['failed', 'damaged'],
    ],
  );
  assert.equal(bo.transfer.blob, null);
  assert.equal(await bo.store.placeFor(100e6), 'memory'); // It takes no room any longer.
});

test('a file that changes while it is sent is stopped', async () => {
  mock.method(console, 'warn', () => {});
  const {ann, bo} = pair();
  const file = fileOf(2 * MIB);
  file.slice = () => {
    throw new DOMException('changed', 'NotReadableError');
  };
  ann.files.offer([file]);
  await bo.takes();
  await ended(bo);
  assert.deepEqual(
    [outcome(ann), outcome(bo)],
    [
      ['failed', 'unreadable'],
      ['stopped', 'there'],
    ],
  );
  mock.restoreAll();
});

test('a file that cannot be kept is stopped', async () => {
  mock.method(console, 'warn', () => {});
  for (const fault of ['create', 'write', 'finish']) {
    const {ann, bo} = pair();
    const create = bo.store.create.bind(bo.store);
    bo.store.create = async (size) => {
      const fail = async () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
      return fault === 'create' ? fail() : {...(await create(size)), [fault]: fail};
    };
    ann.files.offer([fileOf(MIB + 1)]);
    await bo.takes();
    await ended(ann);
    await ended(bo);
    assert.deepEqual(
      [outcome(ann), outcome(bo)],
      [
        ['stopped', 'there'],
        ['failed', 'storage'],
      ],
      fault,
    );
  }
  mock.restoreAll();
});

test('a file that is too large for the memory cannot be taken', async () => {
  const {ann, bo} = pair();
  ann.says({type: 'offer_file', id: 1, name: 'big', size: 100e6 + 1, mime: ''});
  await until(() => bo.transfer?.place);
  assert.equal(bo.transfer.place, 'none');
  await bo.files.take(bo.transfer.key);
  assert.deepEqual([bo.transfer.state, bo.sent], ['offered', []]);
});

test('a page that cannot hash takes no files, and sends none', async () => {
  const {ann, bo} = pair();
  const insecure = new End(true);
  const {Conversation} = await import('../static/js/conversation.js');
  insecure.conversation = new Conversation({
    digest: undefined,
    store: insecure.store,
    now: () => 0,
    onchange: () => {},
  });
  connect(ann, insecure, 'a i');
  assert.deepEqual([insecure.files.open, insecure.files.offer([fileOf(1)])], [false, 0]);
  ann.files.offer([fileOf(1)]);
  await ended(ann);
  assert.deepEqual([outcome(ann), insecure.files.list], [['refused', ''], []]);
  assert.ok(bo);
});
