import assert from 'node:assert/strict';
import {test} from 'node:test';
import {WebmWriter, readDuration} from '../static/js/record/webm.js';

/** Builds an element. A size of null is unknown, as in what browsers record. */
function element(id, content, sizeBytes = 1) {
  const parts = content === null ? [] : [content].flat();
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const size = Buffer.alloc(sizeBytes);
  if (content === null) size.fill(0xff, 1)[0] = 0xff >> (sizeBytes - 1);
  else {
    size.writeUIntBE(body.length, Math.max(0, sizeBytes - 6), Math.min(6, sizeBytes));
    size[0] |= 0x100 >> sizeBytes;
  }
  return Buffer.concat([Buffer.from(id, 'hex'), size, body]);
}

const unknown = (id) => element(id, null, 8);
const uint = (value, bytes) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};
const ebml = element('1a45dfa3', [element('4282', Buffer.from('webm'))]);
const scale = (ns = 1e6) => element('2ad7b1', uint(ns, 3));
const apps = [element('4d80', Buffer.from('Test')), element('5741', Buffer.from('Test'))];
const info = (...more) => element('1549a966', [scale(), ...apps, ...more]);
const tracks = element('1654ae6b', Buffer.alloc(90), 2);
const cluster = (at) => Buffer.concat([unknown('1f43b675'), element('e7', uint(at, 3))]);

function block(track, offset, bytes = 300) {
  const content = Buffer.alloc(bytes, 0xa3);
  content[0] = 0x80 | track;
  content.writeInt16BE(offset, 1);
  return content;
}
const simple = (track, offset) => element('a3', block(track, offset), 2);
const grouped = (track, offset) =>
  element('a0', [element('a1', block(track, offset), 2), element('9b', uint(20, 1))], 4);

/** What a browser records: 3.2 s in two clusters. */
const recording = (head = info()) =>
  Buffer.concat([
    ebml,
    unknown('18538067'),
    head,
    tracks,
    cluster(0),
    simple(1, 0),
    simple(2, 7),
    grouped(1, 1990),
    cluster(2000),
    simple(1, 1200),
    simple(2, 1180),
  ]);

/** Writes bytes in pieces, as a disk would have them afterwards. */
function write(bytes, piece) {
  const writer = new WebmWriter();
  let file = Buffer.alloc(0);
  for (let at = 0; at < bytes.length; at += piece) {
    for (const write of writer.add(new Uint8Array(bytes.subarray(at, at + piece)))) {
      const end = write.position + write.bytes.length;
      if (end > file.length) file = Buffer.concat([file, Buffer.alloc(end - file.length)]);
      Buffer.from(write.bytes).copy(file, write.position);
    }
    if (file.length > 0) assert.equal(writer.size, file.length);
  }
  return {file, writer};
}

/** The duration in a file, found by searching for its element and not by the code under test. */
function durationIn(file) {
  const at = file.indexOf(Buffer.from('448988', 'hex'));
  return at < 0 ? null : file.readDoubleBE(at + 3);
}

test('the header gets a duration, whatever the pieces of the recording', () => {
  const bytes = recording();
  for (const piece of [1, 2, 7, 64, 299, 1000, bytes.length]) {
    const {file, writer} = write(bytes, piece);
    assert.equal(durationIn(file), 3200, `pieces of ${piece} bytes`);
    assert.equal(writer.duration, 3200);
    assert.equal(readDuration(new Uint8Array(file.subarray(0, 400))), 3200);
    // Everything else is as it was.
    const [at] = [file.indexOf(Buffer.from('1654ae6b', 'hex'))];
    assert.deepEqual(
      file.subarray(at),
      bytes.subarray(bytes.indexOf(Buffer.from('1654ae6b', 'hex'))),
    );
    assert.ok(file.includes(Buffer.concat([scale(), ...apps])));
  }
});

test('sizes of eight bytes are read exactly, as Firefox writes them', () => {
  const bytes = Buffer.concat([
    element('1a45dfa3', [element('4282', Buffer.from('webm'))], 8),
    unknown('18538067'),
    element('114d9b74', [], 8),
    element('1549a966', [scale(), element('4489', Buffer.alloc(8)), ...apps], 8),
    element('1654ae6b', Buffer.alloc(149), 8),
    cluster(0),
    element('a3', block(1, 0), 8),
    element('a3', block(2, 1234, 17_001), 8),
  ]);
  for (const piece of [1, 100, bytes.length])
    assert.equal(durationIn(write(bytes, piece).file), 1234);
});

test('a file that ends in the middle says how long it is', () => {
  const bytes = recording();
  const second = bytes.lastIndexOf(Buffer.from('1f43b675', 'hex'));
  assert.equal(durationIn(write(bytes.subarray(0, second), 100).file), 1990);
});

test('a duration that is there already is corrected in its place', () => {
  const double = Buffer.alloc(8);
  const single = Buffer.alloc(4);
  for (const [value, size] of [
    [double, 8],
    [single, 4],
  ]) {
    const bytes = recording(info(element('4489', value)));
    const {file} = write(bytes, 50);
    assert.equal(file.length, bytes.length);
    assert.equal(readDuration(new Uint8Array(file)), 3200, `${size} bytes`);
  }
});

test('nothing is inserted where positions would no longer be right', () => {
  const seekHead = element('114d9b74', Buffer.alloc(20));
  for (const bytes of [
    recording(Buffer.concat([seekHead, info()])),
    Buffer.concat([
      ebml,
      element('18538067', Buffer.concat([info(), tracks, cluster(0), simple(1, 40)]), 8),
    ]),
  ]) {
    const {file, writer} = write(bytes, 33);
    assert.deepEqual(file, bytes);
    assert.ok(writer.duration > 0); // It is known all the same.
  }
});

test('the unit of time is that of the file', () => {
  const bytes = recording(element('1549a966', [scale(500_000), ...apps]));
  const {file, writer} = write(bytes, 500);
  assert.equal(durationIn(file), 3200); // in units
  assert.equal(writer.duration, 1600);
  assert.equal(readDuration(new Uint8Array(file)), 1600);
});

test('what is not WebM has no duration', () => {
  for (const bytes of [
    [],
    [0x1a],
    [0, 0, 0, 24, 0x66, 0x74, 0x79, 0x70],
    recording().subarray(0, 40),
  ])
    assert.equal(readDuration(new Uint8Array(bytes)), 0);
  assert.throws(() => new WebmWriter().add(new Uint8Array([0, 0, 0, 24, 0x66])), RangeError);
});
