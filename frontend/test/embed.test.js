import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Embedding, commandOf, newsBetween, targetsOf} from '../static/js/embed.js';
import {initial} from '../static/js/machine.js';

const SITE = 'https://shop.example';
const OTHER = 'https://help.example';
const ORIGINS = [SITE, OTHER];
const parent = {name: 'parent'};
const command = (name, more = {}) => ({
  source: parent,
  origin: SITE,
  data: {target: 'callbox', command: name},
  ...more,
});

test('the parent may switch off and hang up', () => {
  for (const name of ['mute', 'hide-camera', 'hang-up']) {
    assert.equal(commandOf(command(name), parent, ORIGINS), name);
    assert.equal(commandOf(command(name, {origin: OTHER}), parent, ORIGINS), name);
  }
});

test('nothing can be switched on, and nothing else be done', () => {
  for (const name of [
    'unmute',
    'show-camera',
    'join',
    'share',
    'constructor',
    '',
    1,
    null,
    ['mute'],
  ])
    assert.equal(commandOf(command(name), parent, ORIGINS), null, String(name));
  for (const data of [
    null,
    undefined,
    'mute',
    7,
    [],
    {command: 'mute'},
    {target: 'x', command: 'mute'},
  ])
    assert.equal(commandOf(command('mute', {data}), parent, ORIGINS), null);
});

test('nobody but the parent, of an origin of the flag, gives commands', () => {
  for (const origin of [
    'https://evil.example',
    'null',
    '',
    'http://shop.example',
    `${SITE}:8443`,
    '*',
  ])
    assert.equal(commandOf(command('mute', {origin}), parent, ORIGINS), null, origin);
  // The top window of a nested frame, a window that this one has opened, and a worker.
  for (const source of [{name: 'top'}, null, undefined])
    assert.equal(commandOf(command('mute', {source}), parent, ORIGINS), null);
});

test('events go to the origin of the parent, as far as the browser says it', () => {
  assert.deepEqual(targetsOf(ORIGINS, [OTHER, SITE]), [OTHER]);
  assert.deepEqual(targetsOf(ORIGINS, [undefined, SITE]), [SITE]);
  assert.deepEqual(targetsOf(ORIGINS, [undefined, '']), ORIGINS);
  assert.deepEqual(targetsOf(ORIGINS, ['https://evil.example', 'null', '*']), ORIGINS);
});

const link = {connection: 'connected'};
const waiting = {...initial, phase: 'in', self: 'p1', name: 'Ann', room: 'lamp'};
const inCall = {...waiting, link, hasConnected: true, peerName: 'Bo'};

/** Runs a call in an Embedding; returns what the parent has got. */
function told(...steps) {
  const got = [];
  const site = {postMessage: (data, origin) => got.push({data, origin})};
  const page = new EventTarget();
  const embedding = new Embedding(site, ORIGINS, [SITE], {}, page);
  for (const [state, quality = null] of steps) embedding.update(state, quality);
  return got;
}

test('a call is told in events without names, rooms and addresses', () => {
  const got = told(
    [initial],
    [{...initial, phase: 'prejoin'}],
    [{...waiting, self: ''}],
    [waiting],
    [waiting],
    [{...waiting, link: {connection: 'new'}}],
    [inCall, 'good'],
    [inCall, 'poor'],
    [{...inCall, link: {connection: 'disconnected'}}, 'poor'],
    [inCall, 'good'],
    [waiting],
    [inCall, 'good'],
    [{...inCall, phase: 'ended', reason: 'left'}],
  );
  assert.deepEqual(
    got.map(({data: {event, quality = '', reason = ''}}) => `${event} ${quality}${reason}`.trim()),
    ['joined', 'connected', 'quality good', 'quality poor', 'quality lost', 'quality good'].concat([
      'connected',
      'quality good',
      'left left',
    ]),
  );
  for (const {data, origin} of got) {
    assert.equal(data.source, 'callbox');
    assert.equal(origin, SITE);
  }
  assert.doesNotMatch(JSON.stringify(got), /Ann|Bo|lamp|p1|\*/);
});

test('an attempt that fails is told, too', () => {
  const joining = {...waiting, self: ''};
  assert.deepEqual(
    told([joining], [{...joining, phase: 'full'}]).map(({data}) => data),
    [{source: 'callbox', event: 'left', reason: 'full'}],
  );
  assert.deepEqual(newsBetween({inside: false}, {inside: false}), []);
});

test('a message runs the action of its command', () => {
  const done = [];
  const page = new EventTarget();
  const site = {postMessage() {}};
  new Embedding(site, ORIGINS, [], {mute: () => done.push('mute')}, page);
  page.dispatchEvent(Object.assign(new Event('message'), command('mute', {source: site})));
  page.dispatchEvent(Object.assign(new Event('message'), command('mute')));
  assert.deepEqual(done, ['mute']);
});
