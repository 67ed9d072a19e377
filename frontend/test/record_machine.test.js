import assert from 'node:assert/strict';
import {test} from 'node:test';
import {canClick, initial, mayRecord, reduce} from '../static/js/record/machine.js';

const BO = {peer: 'bo', reach: 'page'};
const FOREIGN = {peer: 'cy', reach: 'person'};
const NOBODY = {peer: '', reach: 'nobody'};

/** Does one event after the other, and collects the commands. */
class Driver {
  state = initial;
  commands = [];

  does(...events) {
    for (const event of events) {
      const {state, commands} = reduce(this.state, {take: this.state.take, ...event});
      this.state = state;
      this.commands.push(...commands.map(({type}) => type));
    }
    return this;
  }

  get seen() {
    return [this.state.phase, this.state.notice, ...this.commands.splice(0)];
  }
}

const CLICK = {type: 'click'};
const meets = (other) => ({type: 'other', other});
const BEGUN = [
  CLICK,
  {type: 'opened', medium: 'disk'},
  {type: 'told', told: true},
  {type: 'sounded'},
  {type: 'begun', at: 5},
];
const recording = () => new Driver().does(meets(BO), ...BEGUN);

test('the other side is told and hears the tone before anything is recorded', () => {
  const driver = new Driver().does(meets(BO));
  const seen = BEGUN.map((event) => driver.does(event).seen.join(' '));
  assert.deepEqual(seen, ['opening  open', 'telling  tell', 'sounding  sound', 'on  begin', 'on ']);
  assert.equal(driver.state.begunAt, 5);
  assert.deepEqual(driver.does(CLICK).seen, ['saving', '', 'stop']);
  assert.equal(canClick(driver.state), false);
  assert.deepEqual(driver.does({type: 'saved'}).seen, ['off', '', 'untell']);
});

test('without the word of the other side nothing is recorded', () => {
  const driver = new Driver().does(meets(BO), CLICK, {type: 'opened', medium: 'disk'});
  driver.seen;
  assert.deepEqual(driver.does({type: 'told', told: false}).seen, [
    'off',
    'refused',
    'untell',
    'discard',
  ]);
});

test('with nobody there, or nobody known yet, the button does nothing', () => {
  for (const other of [NOBODY, {peer: 'bo', reach: 'later'}]) {
    const driver = new Driver().does(meets(other));
    assert.equal(canClick(driver.state), false);
    assert.deepEqual(driver.does(CLICK).seen, ['off', '']);
  }
});

test('an end that cannot be told takes a second click, for that end alone', () => {
  const driver = new Driver().does(meets(FOREIGN), CLICK);
  assert.deepEqual(driver.seen, ['asking', 'untold']);
  driver.does(CLICK, {type: 'opened', medium: 'disk'}, {type: 'told', told: false});
  assert.deepEqual(driver.seen, ['sounding', '', 'open', 'tell', 'sound']);
  assert.ok(mayRecord(driver.state, false));
  driver.does({type: 'sounded'}, meets({...FOREIGN, peer: 'di'}));
  assert.deepEqual(driver.seen, ['saving', 'stranger', 'begin', 'stop']);
  // The question is about this end.
  for (const other of [NOBODY, BO, {...FOREIGN, peer: 'di'}])
    assert.deepEqual(new Driver().does(meets(FOREIGN), CLICK, meets(other)).seen, ['off', '']);
  assert.deepEqual(new Driver().does(meets(FOREIGN), CLICK, {type: 'dismiss'}).seen, ['off', '']);
});

test('a newcomer is recorded once told, and one who cannot be told ends the recording', () => {
  const driver = recording();
  driver.seen;
  driver.does(meets({peer: 'bo2', reach: 'later'}));
  assert.deepEqual(driver.seen, ['on', '']);
  assert.deepEqual([mayRecord(driver.state, false), mayRecord(driver.state, true)], [false, true]);
  assert.deepEqual(driver.does(meets(FOREIGN)).seen, ['saving', 'stranger', 'stop']);
});

test('the recording ends with the call, and one that has not begun leaves nothing', () => {
  for (let done = 1; done <= BEGUN.length; done++) {
    const driver = new Driver().does(meets(BO), ...BEGUN.slice(0, done));
    const begun = driver.commands.includes('begin');
    driver.seen;
    const [phase, notice, ...commands] = driver.does(meets(NOBODY)).seen;
    assert.deepEqual([phase, notice], [begun ? 'saving' : 'off', '']);
    assert.equal(commands.at(-1), begun ? 'stop' : 'discard');
    assert.equal(commands.includes('untell'), done === 2 || done === 3);
  }
});

test('a recording that fails or fills the device says so, and keeps what there is', () => {
  const driver = recording();
  driver.seen;
  assert.deepEqual(driver.does({type: 'stopped', notice: 'full'}).seen, ['saving', 'full', 'stop']);
  const impossible = new Driver().does(meets(BO), CLICK, {type: 'stopped', notice: 'impossible'});
  assert.deepEqual(impossible.seen, ['off', 'impossible', 'open', 'discard']);
});

test('memory is said to be limited', () => {
  const driver = new Driver().does(meets(BO), CLICK, {type: 'opened', medium: 'memory'});
  assert.equal(driver.state.notice, 'memory');
});

test('what belongs to an earlier recording changes nothing', () => {
  const driver = new Driver().does(meets(BO), CLICK, CLICK, CLICK);
  const {state} = driver;
  driver.seen;
  for (const event of BEGUN.slice(1)) driver.does({...event, take: 1});
  assert.equal(driver.state, state);
});

const MANY = [
  ...BEGUN,
  {type: 'told', told: false},
  {type: 'stopped', notice: 'full'},
  {type: 'saved'},
  {type: 'dismiss'},
  ...[NOBODY, BO, FOREIGN, {peer: 'bo2', reach: 'later'}].map(meets),
];

/** The events with which a recording begins, again and again. */
const inOrder = (i) => BEGUN[i % 4];

test('in no order of events is anything recorded that the other side was not told or asked about', () => {
  let seed = 42;
  const random = (n) => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 16) % n;
  const begun = {told: 0, asked: 0};
  for (let walk = 0; walk < 2000; walk++) {
    const driver = new Driver();
    const [told, asked] = [new Set(), new Set()];
    for (let i = 0; i < 60; i++) {
      const event = i % 2 ? inOrder(i >> 1) : MANY[random(MANY.length)];
      const {phase, other, take} = driver.state;
      if (phase === 'telling' && event.told) told.add(take);
      if (phase === 'asking' && event.type === 'click') asked.add(take + 1 + other.peer);
      driver.does(event);
      if (!driver.commands.splice(0).includes('begin')) continue;
      const {trusted} = driver.state;
      begun[trusted ? 'asked' : 'told']++;
      assert.ok(trusted ? asked.has(take + trusted) : told.has(take));
    }
  }
  assert.ok(begun.told > 300 && begun.asked > 30, JSON.stringify(begun));
});
