import {FIRST_FRAMES} from '../static/js/timeouts.js';
import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {talkOf} from '../static/js/screens.js';
import {Talk} from '../static/js/talk.js';
import {FakeWebSocket, quiet, until} from './fakes.js';
import {Side, connected} from './sides.js';
import {fileOf} from './talk_ends.js';
import {mockTimers} from './timers.js';

beforeEach(() => {
  FakeWebSocket.all = [];
  mockTimers();
});
afterEach(async () => {
  await quiet(120); // Whatever is under way must not begin timers that are none of the test's.
  mock.timers.reset();
});

const chatOf = ({call}) => call.conversation.chat;
const textsOf = (side) => chatOf(side).entries.map(({from, text, state}) => [from, text, state]);
const transferOf = ({call}) => call.conversation.files.list.at(-1);
const canTalk = (...sides) => until(() => sides.every(({call}) => call.conversation?.chat.accepts));

/** Rebuilds the connection, as after a path that was lost. */
async function rebuild(ann, bo) {
  const data = {call: ann.call.state.link.generation + 1, renegotiate: true};
  ann.call.dispatch({type: 'frame', frame: {type: 'message', seq: 99, from: bo.peer, data}});
  await quiet(80);
  for (const {pc} of [ann, bo]) pc.becomes('connected');
}

test('texts go both ways, and the modules are loaded with the channel', async () => {
  const {ann, bo} = await connected();
  assert.equal(new Side('Cleo').call.conversation, null);
  await canTalk(ann, bo);
  assert.equal(talkOf(ann.call.state), 'open');
  chatOf(ann).say('hello');
  chatOf(bo).say('你好');
  await until(() => textsOf(ann).length === 2 && textsOf(bo).length === 2);
  await until(() => textsOf(ann).some(([, , state]) => state === 'delivered'));
  assert.deepEqual(
    textsOf(bo).find(([from]) => from === 'other'),
    ['other', 'hello', ''],
  );
  // Odd ids from the impolite end, even ones from the polite.
  const [own] = chatOf(ann).entries;
  assert.equal(own.id % 2, ann.call.state.link.polite ? 0 : 1);
});

test('on a rebuilt connection a text arrives once, and a file goes on', async () => {
  const {ann, bo} = await connected();
  await canTalk(ann, bo);
  const size = 3 * (1 << 20);
  ann.call.conversation.files.offer([fileOf(size)]);
  await until(() => transferOf(bo)?.place);
  // From the second block on nothing gets through, nor do confirmations.
  let passed = 0;
  ann.pc.passes = (data) => typeof data === 'string' || (passed += data.length) < 1.3 * (1 << 20);
  void bo.call.conversation.files.take(transferOf(bo).key);
  await until(() => transferOf(bo).bytes > 1 << 20);
  bo.pc.passes = (data) => !String(data).includes('"got"');
  chatOf(ann).say('once');
  await until(() => textsOf(bo).length === 1);
  assert.deepEqual(textsOf(ann), [['own', 'once', 'sent']]);

  await rebuild(ann, bo);
  await until(() => transferOf(bo).state === 'done' && transferOf(ann).state === 'done');
  await until(() => textsOf(ann)[0][2] === 'delivered');
  assert.deepEqual(textsOf(bo), [['other', 'once', '']]);
  const takes = bo.pc.channels[0].sent.filter(({type}) => type === 'take');
  assert.deepEqual(takes, [{type: 'take', id: transferOf(ann).offer.id, offset: 1 << 20}]);
  assert.equal(transferOf(bo).blob.size, size);
});

test('a page that was reloaded is another one: nothing is sent to it again', async () => {
  const {room, ann, bo} = await connected();
  await canTalk(ann, bo);
  bo.pc.passes = () => false;
  chatOf(ann).say('for the old page');
  ann.call.conversation.files.offer([fileOf(5)]);
  await quiet(20);
  bo.call.goAway();
  await quiet(20);
  assert.equal(talkOf(ann.call.state), 'later');
  const back = new Side('Bo');
  await back.join(room);
  await quiet(60);
  for (const {pc} of [ann, back]) pc.becomes('connected');
  await quiet(20);
  mock.timers.tick(FIRST_FRAMES);
  await canTalk(back);
  await until(() => textsOf(ann).length === 2);
  assert.deepEqual(textsOf(ann), [
    ['own', 'for the old page', 'failed'],
    ['newcomer', '', ''],
  ]);
  assert.deepEqual([transferOf(ann).state, transferOf(ann).reason], ['failed', 'gone']);
  chatOf(ann).say('for the new page');
  await until(() => textsOf(back).length === 1);
  assert.deepEqual(textsOf(back), [['other', 'for the new page', '']]);
  assert.equal(back.call.conversation.files.list.length, 0);
});

test('the chat is gone with the call, what was received is not', async () => {
  const {ann, bo} = await connected();
  await canTalk(ann, bo);
  chatOf(ann).say('hello');
  ann.call.conversation.files.offer([fileOf(5)]);
  await until(() => transferOf(bo)?.place);
  void bo.call.conversation.files.take(transferOf(bo).key);
  await until(() => transferOf(bo).state === 'done');
  bo.call.dispatch({type: 'leave'});
  await quiet(20);
  assert.deepEqual([textsOf(bo), transferOf(bo).blob.size], [[], 5]);
  assert.equal(talkOf(bo.call.state), 'alone');
  assert.equal(chatOf(ann).accepts, false);
  bo.call.dispatch({type: 'rejoin'});
  bo.call.dispatch({type: 'join', name: 'Bo'});
  await quiet(20);
  assert.equal(bo.call.conversation.isEmpty, true);
});

test('without the server the chat goes on', async () => {
  const {room, ann, bo} = await connected();
  await canTalk(ann, bo);
  room.restart();
  await quiet();
  chatOf(bo).say('still here');
  await until(() => textsOf(ann).length === 1);
});

test('modules that could not be fetched are fetched again with the next connection', async () => {
  mock.method(console, 'warn', () => {});
  let answer = () => Promise.reject(new TypeError('no network'));
  mock.method(globalThis, 'fetch', () => answer());
  const talk = new Talk(() => {});
  const link = {pc: {}, room: 'lamp', peers: 'a b', polite: true, channel: new EventTarget()};
  const opens = async (number) => {
    talk.open({...link, link: number, tell: () => true});
    await quiet();
    mock.timers.tick(FIRST_FRAMES);
    await talk.idle();
  };
  await opens(1);
  assert.deepEqual([talk.failed, talk.conversation], [true, null]);
  answer = async () => ({ok: true});
  await opens(2);
  assert.deepEqual([talk.failed, talk.conversation?.chat.accepts], [false, true]);
  mock.restoreAll();
});

test('a page whose modules the server no longer has says so, and calls', async () => {
  mock.method(console, 'warn', () => {});
  let changes = 0;
  const gone = () => Promise.reject(new TypeError('not found'));
  const talk = new Talk(() => changes++, gone);
  talk.open({link: 1, pc: {}, room: 'lamp', peers: 'a b', polite: true});
  talk.receive(1, {type: 'chat', id: 1, text: 'hello', at: 1});
  await talk.idle();
  mock.timers.tick(1000);
  assert.deepEqual([talk.failed, talk.conversation, changes], [true, null, 1]);
  mock.restoreAll();
});

test('why there is no chat', async () => {
  const {ann} = await connected();
  const {state} = ann.call;
  const link = (change) => talkOf({...state, link: {...state.link, ...change}});
  assert.equal(talkOf({...state, phase: 'ended'}), 'alone');
  assert.equal(talkOf({...state, link: null}), 'alone');
  assert.equal(link({ctl: false, ctlEnded: false}), 'opening');
  assert.equal(link({ctl: false, ctlEnded: true}), 'closed');
  const safety = {...state.link.safety, reason: 'foreign'};
  assert.equal(link({ctl: false, ctlEnded: false, safety}), 'foreign');
  assert.equal(link({connection: 'failed'}), 'later');
  assert.equal(link({gone: true}), 'later');
  await canTalk(ann);
});
