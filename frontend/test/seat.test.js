import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Seat} from '../static/js/seat.js';
import {quiet} from './fakes.js';

/** sessionStorage of one tab. */
class FakeStorage {
  constructor(items = []) {
    this.items = new Map(items);
  }

  getItem(key) {
    return this.items.get(key) ?? null;
  }

  setItem(key, value) {
    this.items.set(key, value);
  }

  removeItem(key) {
    this.items.delete(key);
  }

  /** What a duplicated tab begins with. */
  copy() {
    return new FakeStorage(this.items);
  }
}

/** W3C Web Locks, as far as exclusive locks are concerned. */
class FakeLocks {
  held = new Map();

  async request(name, {ifAvailable, signal}, callback) {
    while (this.held.has(name)) {
      if (ifAvailable) return callback(null);
      const aborted = new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      );
      await Promise.race([this.held.get(name), aborted]);
    }
    const done = Promise.resolve(callback({name})).finally(() => this.held.delete(name));
    this.held.set(name, done);
    return done;
  }
}

async function sitting() {
  const [storage, locks] = [new FakeStorage(), new FakeLocks()];
  const seat = new Seat(storage, locks);
  seat.keep('lamp', 'pAnn', 'token');
  await quiet();
  return {storage, locks, seat};
}

test('a page knows that it was reloaded while it had a seat', async () => {
  const {storage, seat} = await sitting();
  const isKept = (room) => new Seat(storage).isKept(room);
  assert.deepEqual([isKept('lamp'), isKept('other')], [true, false]);
  seat.forget('lamp');
  assert.equal(isKept('lamp'), false);
  assert.equal(new Seat().isKept('lamp'), false);
});

test('a reloaded page claims the seat of the page before, in that room only', async () => {
  const {storage, locks, seat} = await sitting();
  seat.release();
  const after = new Seat(storage, locks);
  assert.equal(await after.claim('other'), '');
  assert.equal(await after.claim('lamp'), 'token');
});

test('the page before may take a moment to release the lock', async () => {
  const {storage, locks, seat} = await sitting();
  const claim = new Seat(storage, locks).claim('lamp');
  await quiet();
  seat.release();
  assert.equal(await claim, 'token');
});

test('a duplicated tab does not take the seat, unless the user says so', async () => {
  const {storage, locks, seat} = await sitting();
  const copy = new Seat(storage.copy(), locks);
  assert.equal(await copy.claim('lamp'), '');
  assert.equal(await copy.claim('lamp', true), 'token');
  assert.equal(await seat.claim('lamp'), 'token'); // The tab's own seat.
});

test('a duplicated tab does not get a new seat with the token of an old one', async () => {
  const {storage, locks, seat} = await sitting();
  const copy = storage.copy();
  seat.release();
  const reloaded = new Seat(storage, locks);
  await reloaded.claim('lamp');
  reloaded.keep('lamp', 'pAnn2', 'token2');
  await quiet();
  assert.equal(await new Seat(copy, locks).claim('lamp'), '');
});

test('a new token replaces the old one; a seat that was left is forgotten', async () => {
  const {storage, locks, seat} = await sitting();
  seat.keep('lamp', 'pAnn', 'token2');
  seat.keep('lamp', 'pAnn', '');
  assert.equal(await seat.claim('lamp'), 'token2');
  seat.forget('lamp');
  assert.equal(await new Seat(storage, locks).claim('lamp'), '');
  await quiet();
  assert.equal(locks.held.size, 0);
});

test('a lock that is granted late is kept, unless the seat was released before', async () => {
  for (const stays of [true, false]) {
    const locks = new FakeLocks();
    let open;
    locks.held.set('callbox.seat.pAnn', new Promise((resolve) => (open = resolve)));
    const seat = new Seat(new FakeStorage(), locks);
    seat.keep('lamp', 'pAnn', 'token');
    if (!stays) seat.release();
    locks.held.delete('callbox.seat.pAnn');
    open();
    await quiet();
    assert.equal(locks.held.has('callbox.seat.pAnn'), stays);
  }
});

test('the page works without storage, without locks, and with nonsense in storage', async () => {
  const bare = new Seat();
  bare.keep('lamp', 'pAnn', 'token');
  assert.equal(await bare.claim('lamp'), '');
  bare.forget('lamp');
  const unlocked = new Seat(new FakeStorage());
  unlocked.keep('lamp', 'pAnn', 'token');
  assert.equal(await unlocked.claim('lamp'), 'token');
  for (const text of ['', '{', 'null', '7', '{}', '{"peer":1,"resume":"x"}'])
    assert.equal(await new Seat(new FakeStorage([['callbox.seat.lamp', text]])).claim('lamp'), '');
  const forbidden = new Seat({
    getItem: () => assert.fail(),
    setItem: () => assert.fail(),
    removeItem: () => assert.fail(),
  });
  forbidden.keep('lamp', 'pAnn', 'token');
  forbidden.forget('lamp');
  assert.equal(await forbidden.claim('lamp'), '');
});
