import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Shelf, fileNameOf} from '../static/js/record/shelf.js';
import {fileSink, memorySink} from '../static/js/record/sinks.js';

const bytes = (...values) => Uint8Array.from(values);
const contentOf = async (blob) => [...new Uint8Array(await blob.arrayBuffer())];
const isFull = ({name}) => name === 'QuotaExceededError';

/** The private file system of a page, and the worker that writes to it. */
class Disk {
  /** @type {Map<string, {bytes: number[], lastModified: number}>} */ files = new Map();
  space = 1e9;
  locks = new Set();
  now = Date.parse('2026-11-30T06:12:44.123Z');
  workers = [];

  #missing(name) {
    if (!this.files.has(name)) throw new DOMException(name, 'NotFoundError');
  }

  folder = {
    keys: async function* () {
      yield* [...this.files.keys()];
    }.bind(this),
    getFileHandle: async (name, {create = false} = {}) => {
      if (create) this.files.set(name, {bytes: [], lastModified: this.now});
      this.#missing(name);
      return {
        getFile: async () => {
          this.#missing(name);
          const {bytes: content, lastModified} = this.files.get(name);
          return new File([Uint8Array.from(content)], name, {lastModified});
        },
      };
    },
    removeEntry: async (name) => {
      this.#missing(name);
      this.files.delete(name);
    },
  };

  storage = {
    estimate: async () => ({quota: this.space, usage: 0}),
    getDirectory: async () => ({
      getDirectoryHandle: async () => {
        if (this.files.size === 0) throw new DOMException('none', 'NotFoundError');
        return this.folder;
      },
    }),
  };

  lockManager = {
    request: async (name, options, work = options) => {
      if (this.locks.has(name)) return work(null);
      this.locks.add(name);
      try {
        return await work({});
      } finally {
        this.locks.delete(name);
      }
    },
  };

  /** Does what write_worker.js does. */
  startWorker = () => {
    let file;
    const worker = {
      terminated: false,
      terminate: () => (worker.terminated = true),
      postMessage: async ({operation, name, writes = []}) => {
        await null;
        if (this.refuses) worker.onmessage({data: 'SecurityError'});
        if (operation === 'open')
          this.files.set(name, (file = {bytes: [], lastModified: this.now}));
        for (const {position, bytes: content} of writes)
          file.bytes.splice(position, content.length, ...content);
        worker.onmessage({data: file.bytes.length > this.space ? 'QuotaExceededError' : null});
      },
    };
    this.workers.push(worker);
    return worker;
  };

  shelf = new Shelf({
    storage: this.storage,
    locks: this.lockManager,
    startWorker: this.startWorker,
    now: () => this.now,
  });
}

test('a recording is on the shelf when it is complete, with size and time', async () => {
  const disk = new Disk();
  const sink = await disk.shelf.create(disk.now, 'webm');
  assert.equal(sink.medium, 'disk');
  await sink.write([{position: 0, bytes: bytes(1, 2, 3)}]);
  await sink.write([
    {position: 3, bytes: bytes(4)},
    {position: 1, bytes: bytes(9)},
  ]);
  assert.deepEqual(await disk.shelf.list(), []); // It is being written, perhaps by another tab.
  assert.deepEqual(await contentOf(await sink.close()), [1, 9, 3, 4]);
  const [kept, ...more] = await disk.shelf.list();
  assert.deepEqual(more, []);
  assert.deepEqual([kept.at, kept.bytes, kept.saved, kept.medium], [disk.now, 4, false, 'disk']);
  assert.match(kept.name, /^callbox-2026-11-(29|30)-\d{6}\.webm$/);
  assert.deepEqual(await contentOf(await kept.open()), [1, 9, 3, 4]);
  assert.ok(disk.workers.every(({terminated}) => terminated));
  assert.equal(disk.locks.size, 0);
  await kept.remove();
  assert.deepEqual([...disk.files], []);
});

test('what a page leaves that was killed is found, unless nothing was recorded', async () => {
  const disk = new Disk();
  const killed = await disk.shelf.create(disk.now, 'webm');
  await killed.write([{position: 0, bytes: bytes(7)}]);
  await disk.shelf.create(disk.now + 1000, 'webm');
  disk.locks.clear(); // as the browser does
  disk.files.set('notes.txt', {bytes: [1], lastModified: 0});
  const list = await disk.shelf.list();
  assert.deepEqual(
    list.map(({at}) => at),
    [disk.now],
  );
  assert.equal(disk.files.size, 2); // The empty one is gone.
});

test('a saved recording is not offered again, and removed an hour later', async () => {
  const disk = new Disk();
  const sink = await disk.shelf.create(disk.now, 'webm');
  await sink.write([{position: 0, bytes: bytes(7)}]);
  await sink.close();
  const [kept] = await disk.shelf.list();
  await kept.markSaved();
  assert.deepEqual(await disk.shelf.list(), []);
  assert.equal(disk.files.size, 2);
  disk.now += 3601e3;
  assert.deepEqual(await disk.shelf.list(), []);
  assert.equal(disk.files.size, 0);
});

test('a recording that is given up leaves nothing', async () => {
  const disk = new Disk();
  const sink = await disk.shelf.create(disk.now, 'webm');
  await sink.discard();
  assert.deepEqual([disk.files.size, disk.locks.size], [0, 0]);
});

test('without a file system, its permission or space there is no shelf', async () => {
  const full = new Disk();
  full.space = 1000;
  const refusing = new Disk();
  refusing.refuses = true; // as in a private window of Firefox
  const without = new Shelf({storage: undefined, locks: undefined, now: () => 0});
  for (const shelf of [full.shelf, refusing.shelf, without]) {
    assert.equal(await shelf.create(0, 'webm'), null);
    assert.deepEqual(await shelf.list(), []);
  }
  assert.equal(refusing.locks.size, 0);
});

test('where the worker cannot be loaded there is no shelf', async () => {
  const disk = new Disk();
  const startWorker = () => {
    const worker = disk.startWorker();
    let failed = false;
    // It tells so once, and answers nothing.
    worker.postMessage = async () => {
      await null;
      if (!failed) worker.onerror();
      failed = true;
    };
    return worker;
  };
  const {storage, lockManager: locks} = disk;
  const shelf = new Shelf({storage, locks, startWorker, now: () => 0});
  const never = new Promise((resolve) => setTimeout(resolve, 1000, 'never'));
  assert.equal(await Promise.race([shelf.create(0, 'webm'), never]), null);
  assert.deepEqual([disk.locks.size, disk.workers[0].terminated], [0, true]);
});

test('a full disk fails as such', async () => {
  const disk = new Disk();
  const sink = await disk.shelf.create(disk.now, 'webm');
  disk.space = 2;
  await assert.rejects(sink.write([{position: 0, bytes: bytes(1, 2, 3)}]), isFull);
});

test('memory takes so much and no more, and lets the header be corrected', async () => {
  const sink = memorySink('video/webm', 6);
  await sink.write([{position: 0, bytes: bytes(1, 2, 3)}]);
  await sink.write([
    {position: 3, bytes: bytes(4, 5)},
    {position: 1, bytes: bytes(8)},
  ]);
  await assert.rejects(sink.write([{position: 5, bytes: bytes(6, 7)}]), isFull);
  const blob = await sink.close();
  assert.deepEqual([await contentOf(blob), blob.type], [[1, 8, 3, 4, 5], 'video/webm']);
});

test('a file that the person has chosen is written in place', async () => {
  const written = [];
  const handle = {
    createWritable: async () => ({
      write: async (part) => void written.push([part.type, part.position, ...part.data]),
      close: async () => void written.push('close'),
      abort: async () => void written.push('abort'),
    }),
    getFile: async () => new File([], 'mine.webm'),
  };
  const sink = await fileSink(handle);
  await sink.write([{position: 3, bytes: bytes(4)}]);
  assert.equal((await sink.close()).name, 'mine.webm');
  await (await fileSink(handle)).discard();
  assert.deepEqual(written, [['write', 3, 4], 'close', 'abort']);
});

test('the name of a recording says when it began, and nothing else', () => {
  const at = new Date(2026, 10, 3, 4, 5, 6).getTime();
  assert.equal(fileNameOf(at, 'webm'), 'callbox-2026-11-03-040506.webm');
});
