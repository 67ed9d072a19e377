import assert from 'node:assert/strict';
import {afterEach, beforeEach, test} from 'node:test';
import {FileStore, MAX_MEMORY} from '../static/js/file_store.js';

/** A file of the page's own file system. */
class FakeFile {
  bytes = new Uint8Array(0);

  async createWritable() {
    const written = new Map();
    return {
      write: async ({position, data}) => void written.set(position, data.slice()),
      abort: async () => written.clear(),
      close: async () => {
        const parts = [...written].sort(([a], [b]) => a - b).map(([, data]) => data);
        this.bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      },
    };
  }

  async getFile() {
    return new Blob([this.bytes], {type: 'text/html'}); // as if by the name
  }
}

class FakeFolder {
  entries = new Map();

  async #get(name, create, make) {
    if (!this.entries.has(name)) {
      if (!create) throw new DOMException('none', 'NotFoundError');
      this.entries.set(name, make());
    }
    return this.entries.get(name);
  }

  getDirectoryHandle = (name, {create}) => this.#get(name, create, () => new FakeFolder());
  getFileHandle = (name, {create}) => this.#get(name, create, () => new FakeFile());

  async removeEntry(name) {
    if (!this.entries.delete(name)) throw new DOMException('none', 'NotFoundError');
  }

  async *keys() {
    yield* [...this.entries.keys()];
  }
}

/** The locks of an origin: those that other pages hold are given. */
const locksOf = (held) => ({
  request: async (name, {ifAvailable}, work) => {
    if (ifAvailable) return work(held.includes(name) ? null : {});
    held.push(name);
    return work({});
  },
});

const storageOf = (root, quota = 1e9) => ({
  getDirectory: async () => root,
  estimate: async () => ({quota, usage: 0}),
});

const BYTES = Uint8Array.of(1, 2, 3);

beforeEach(() => (globalThis.FileSystemFileHandle = FakeFile));
afterEach(() => delete globalThis.FileSystemFileHandle);

test('files are kept on disk, in blocks at their place', async () => {
  const root = new FakeFolder();
  const store = new FileStore(storageOf(root), locksOf([]));
  assert.equal(await store.placeFor(500e6), 'disk');
  const sink = await store.create(6);
  await sink.write(3, BYTES);
  await sink.write(0, BYTES);
  await sink.write(3, Uint8Array.of(7, 8, 9)); // the same block again, after a reconnect
  const blob = await sink.finish();
  assert.deepEqual([...new Uint8Array(await blob.arrayBuffer())], [1, 2, 3, 7, 8, 9]);
  assert.equal(blob.type, 'application/octet-stream');
  await store.clear();
  assert.equal(root.entries.size, 0);
});

test('what is discarded is removed', async () => {
  const root = new FakeFolder();
  const store = new FileStore(storageOf(root), locksOf([]));
  const sink = await store.create(3);
  const [folder] = root.entries.values();
  assert.equal(folder.entries.size, 1);
  await sink.discard();
  await sink.discard();
  assert.equal(folder.entries.size, 0);
});

test('the files of pages that are gone are removed, those of others are not', async () => {
  const root = new FakeFolder();
  for (const name of ['received-gone', 'received-open', 'something-else'])
    root.entries.set(name, new FakeFolder());
  const store = new FileStore(storageOf(root), locksOf(['received-open']));
  await store.sweep();
  assert.deepEqual([...root.entries.keys()], ['received-open', 'something-else']);
  await store.placeFor(1);
  await store.sweep();
  assert.equal(root.entries.size, 3); // its own, too
});

test('a disk without room takes nothing', async () => {
  const store = new FileStore(storageOf(new FakeFolder(), 1000), locksOf([]));
  assert.equal(await store.placeFor(1001), 'none');
  assert.equal(await store.placeFor(1000), 'disk');
  await assert.rejects(store.create(1001));
});

test('without a file system there is memory, with a limit for all files', async () => {
  const denied = {getDirectory: () => Promise.reject(new DOMException('no', 'SecurityError'))};
  for (const storage of [undefined, {}, denied]) {
    const store = new FileStore(storage, locksOf([]));
    assert.equal(await store.placeFor(MAX_MEMORY), 'memory');
    assert.equal(await store.placeFor(MAX_MEMORY + 1), 'none');
    const sink = await store.create(MAX_MEMORY - 3);
    assert.equal(await store.placeFor(4), 'none');
    const other = await store.create(3);
    await other.write(0, BYTES);
    const blob = await other.finish();
    assert.deepEqual([blob.size, blob.type], [3, 'application/octet-stream']);
    await sink.discard();
    await sink.discard();
    assert.equal(await store.placeFor(MAX_MEMORY - 3), 'memory');
    await other.discard();
    await store.clear();
    assert.equal(await store.placeFor(MAX_MEMORY), 'memory');
  }
});

test('a browser that cannot write to its file system uses memory', async () => {
  globalThis.FileSystemFileHandle = class {};
  const store = new FileStore(storageOf(new FakeFolder()), locksOf([]));
  assert.equal(await store.placeFor(1), 'memory');
});
