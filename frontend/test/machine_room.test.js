import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Driver, joined, offer, otherJoined} from './driver.js';
import {FakeWebSocket, quiet} from './fakes.js';
import {Room} from './room.js';
import {Side} from './sides.js';
import {mockTimers} from './timers.js';

const message = (from, data) => ({type: 'message', seq: 9, from, data});
const cy = {peer: 'pCy', name: 'Cy', polite: false, away: false};
const last = (driver, type) => driver.last(type);

test('a page in a call says busy to a further peer, and offers nothing', () => {
  const driver = Driver.inCall();
  assert.deepEqual(driver.frame(otherJoined({peer: 'pCy'})), ['sayBusy']);
  assert.equal(last(driver, 'sayBusy').to, 'pCy');
  assert.deepEqual(driver.frame(offer('pCy', 1)), ['sayBusy']);
  assert.deepEqual(driver.frame(message('pCy', {call: 1, candidate: null})), []);
  assert.deepEqual([driver.state.link.peer, driver.screen], ['pBo', 'call']);
});

test('whoever hears busy from everybody waits, and says why', () => {
  const driver = Driver.joining();
  const di = {...cy, peer: 'pDi', polite: true};
  driver.frame(joined({peers: [{...cy, polite: true}, di]}));
  assert.equal(driver.state.link.peer, 'pCy');
  assert.ok(driver.frame(message('pCy', {busy: true})).includes('closeLink'));
  driver.timer('next');
  assert.equal(driver.state.link.peer, 'pDi');
  driver.frame(message('pDi', {busy: true}));
  assert.deepEqual(driver.timer('next'), []);
  assert.deepEqual([driver.screen, driver.state.notice], ['waiting', 'busy']);
  assert.deepEqual(driver.timers, new Set(['servers']));
  driver.frame({type: 'bye', seq: 3, peer: 'pCy', reason: 'left'});
  assert.equal(driver.state.notice, 'busy');
  driver.frame({type: 'bye', seq: 4, peer: 'pDi', reason: 'left'});
  assert.equal(driver.state.notice, '');
});

test('busy means nothing from the other side of the call, or from nobody', () => {
  const driver = Driver.inCall();
  const {link} = driver.state;
  for (const from of ['pBo', 'pNobody'])
    assert.deepEqual(driver.frame(message(from, {busy: true})), []);
  assert.deepEqual(driver.state.link, link);
});

test('a first offer of somebody who came earlier goes before an attempt that has no answer', () => {
  const driver = Driver.joining();
  driver.frame(
    joined({
      peers: [
        {...cy, polite: true, away: true},
        {...cy, peer: 'pDi', polite: true},
      ],
    }),
  );
  assert.equal(driver.state.link.peer, 'pCy');
  driver.frame(message('pCy', {busy: true}));
  driver.timer('next');
  assert.equal(driver.state.link.peer, 'pDi');
  assert.ok(driver.frame(offer('pCy', 1)).includes('sayBusy'));
  assert.deepEqual([driver.state.link.peer, last(driver, 'sayBusy').to], ['pCy', 'pDi']);
  assert.equal(last(driver, 'deliver').data.kind, 'description');
  assert.deepEqual(driver.frame(offer('pDi', 1)), ['sayBusy']);
});

test('not more others are remembered than fit', () => {
  const driver = Driver.inCall();
  for (let i = 0; i < 100; i++) driver.frame(otherJoined({peer: `p${i}`}));
  assert.equal(driver.state.others.length, 64);
});

/** Three pages in a room for three. */
class Three {
  room = new Room(3);
  pages = ['Ann', 'Bo', 'Cy'].map((name) => new Side(name));
  /** @type {Set<Side>} */ inside = new Set();

  /** Lets a page join if it is outside, and leave otherwise. */
  async turn(page) {
    if (this.inside.delete(page)) page.call.dispatch({type: 'leave'});
    else {
      this.inside.add(page);
      await page.join(this.room);
    }
    await this.settle();
  }

  async settle() {
    for (let round = 0; round < 6; round++) {
      await quiet(60);
      for (const {call} of this.pages) {
        const {link} = call;
        if (link && call.state.link?.settled && link.pc.connectionState !== 'connected')
          link.pc.becomes('connected');
      }
      mock.timers.tick(1);
    }
  }

  check(where) {
    const inside = [...this.inside];
    const inCall = inside.filter(({screen}) => screen === 'call');
    assert.equal(inCall.length, inside.length > 1 ? 2 : 0, where);
    if (inCall.length === 2) {
      const [a, b] = inCall;
      assert.deepEqual([a.call.state.link.peer, b.call.state.link.peer], [b.peer, a.peer], where);
    }
    for (const page of inside.filter((one) => !inCall.includes(one))) {
      assert.equal(page.screen, 'waiting', where);
      assert.equal(page.call.state.notice === 'busy', inside.length === 3, where);
    }
  }
}

beforeEach(() => {
  FakeWebSocket.all = [];
  mockTimers();
});
afterEach(() => mock.timers.reset());

test('of three pages two are in a call, in whichever order they join and leave', async () => {
  const turns = 4; // after the first page has joined
  for (let order = 0; order < 3 ** turns; order++) {
    FakeWebSocket.all = [];
    const three = new Three();
    const done = [0];
    await three.turn(three.pages[0]);
    for (let rest = order, i = 0; i < turns; i++, rest = Math.floor(rest / 3)) {
      done.push(rest % 3);
      await three.turn(three.pages[rest % 3]);
      three.check(`turns ${done}`);
    }
    for (const {call} of three.pages) call.dispatch({type: 'leave'});
    await quiet(4);
  }
});
