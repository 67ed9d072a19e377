import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {FILE_BLOCK} from '../static/js/ctl_messages.js';
import {cleanName, decodePiece, encodePiece, hashOfHashes} from '../static/js/file_pieces.js';
import {BlockReader} from '../static/js/file_sending.js';
import {sha256} from '../static/js/safety.js';

const samples = JSON.parse(
  readFileSync(new URL('../../peer/ctl/testdata/files.json', import.meta.url), 'utf8'),
);

const bytesOf = ({header, content}) =>
  Uint8Array.from([...Buffer.from(header, 'hex'), ...new Array(content).fill(0)]);

test('every sample of a piece is decoded as its file says, and encoded to itself', () => {
  assert.ok(samples.pieces.length >= 8);
  for (const sample of samples.pieces) {
    const bytes = bytesOf(sample);
    const piece = decodePiece(bytes.buffer);
    assert.equal(piece !== null, sample.valid, sample.name);
    if (!piece) continue;
    assert.deepEqual([piece.id, piece.offset], [sample.id, sample.offset], sample.name);
    assert.deepEqual(encodePiece(piece.id, piece.offset, piece.content), bytes, sample.name);
  }
});

test('what is no binary message is no piece', () => {
  for (const data of ['text', null, undefined, {}, new Blob([new Uint8Array(20)])])
    assert.equal(decodePiece(data), null);
});

test('the hash of a file is that of the samples', async () => {
  assert.ok(samples.hashes.length >= 8);
  for (const {size, sha256: want} of samples.hashes) {
    const content = Uint8Array.from({length: size}, (_, i) => i % 251);
    const reader = new BlockReader(new Blob([content]), sha256);
    for (let block; (block = await reader.next());) assert.ok(block.length <= FILE_BLOCK);
    assert.equal(await reader.hash(), want, `${size} bytes`);
  }
  assert.equal(await hashOfHashes([], sha256), samples.hashes[0].sha256);
});

test('a block that was read for a connection that is gone does not count', async () => {
  const content = Uint8Array.from({length: 3 * FILE_BLOCK}, (_, i) => i % 251);
  const reader = new BlockReader(new Blob([content]), sha256);
  await reader.next();
  await reader.next();
  const late = reader.next(); // of the third block, while the other end asks for the second
  reader.seek(FILE_BLOCK);
  const second = reader.next();
  await Promise.all([late, second]);
  assert.equal(reader.position, 2 * FILE_BLOCK);
  await reader.next();
  const whole = new BlockReader(new Blob([content]), sha256);
  while (await whole.next());
  assert.equal(await reader.hash(), await whole.hash());
});

test('a name is only a name', () => {
  for (const [name, want] of [
    ['photo.jpg', 'photo.jpg'],
    ['../../.ssh/authorized_keys', 'authorized_keys'],
    ['C:\\Windows\\evil.exe', 'evil.exe'],
    ['photo\u202egpj.exe', 'photogpj.exe'],
    ['\u2066a\u2069\u200f\u200e\u061c.txt', 'a.txt'],
    ['a\u0000b\nc\u0085.txt', 'abc.txt'],
    ['a\u200b\ufeff\u00ad.txt', 'a.txt'],
    ['照片 1.png', '照片 1.png'],
    ['👩‍💻.png', '👩‍💻.png'],
    ['a<b>:"c|d?*.txt', 'a_b___c_d__.txt'],
    ['name. . ', 'name'],
    ['', 'file'],
    ['..', 'file'],
    ['/', 'file'],
    ['\ud800', 'file'],
    ['x'.repeat(300), 'x'.repeat(255)],
  ])
    assert.equal(cleanName(name), want, JSON.stringify(name));
});
