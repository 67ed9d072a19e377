import assert from 'node:assert/strict';
import {test} from 'node:test';
import {SHORTCUTS, actionOf} from '../static/js/keys.js';

const press = (key, more = {}) => ({
  key,
  code: /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : '',
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  isComposing: false,
  ...more,
});

test('Ctrl and Cmd with D and E are for microphone and camera', () => {
  for (const held of [{ctrlKey: true}, {metaKey: true}]) {
    assert.equal(actionOf(press('d', held), false), 'mute');
    assert.equal(actionOf(press('e', held), false), 'camera');
    assert.equal(actionOf(press('D', held), false), 'mute'); // with caps lock
    for (const other of ['altKey', 'shiftKey', 'isComposing'])
      assert.equal(actionOf(press('d', {...held, [other]: true}), true), null, other);
    assert.equal(actionOf(press('m', held), true), null);
  }
});

test('single letters do something only when they are switched on', () => {
  for (const {action, letter} of SHORTCUTS.filter((shortcut) => shortcut.letter)) {
    assert.equal(actionOf(press(letter), false), null);
    assert.equal(actionOf(press(letter), true), action);
    assert.equal(actionOf(press(letter.toUpperCase(), {shiftKey: true}), true), null);
  }
  assert.equal(actionOf(press('d'), true), null);
  assert.equal(actionOf(press('Enter', {code: 'Enter'}), true), null);
});

test('the list opens with a question mark, wherever that is on the keyboard', () => {
  assert.equal(actionOf(press('?', {code: 'Slash', shiftKey: true}), false), 'keys');
  assert.equal(actionOf(press('?', {code: 'KeyM'}), false), 'keys');
  assert.equal(actionOf(press('?', {ctrlKey: true}), true), null);
});

test('a keyboard for another script has the same keys', () => {
  assert.equal(actionOf({...press('в'), code: 'KeyD', ctrlKey: true}, false), 'mute');
  // Where the letters are elsewhere, what is printed on the key counts.
  assert.equal(actionOf({...press('e'), code: 'KeyD', ctrlKey: true}, false), 'camera');
});

test('no key does two things', () => {
  for (const property of ['action', 'key', 'letter', 'symbol']) {
    const used = SHORTCUTS.map((shortcut) => shortcut[property]).filter(Boolean);
    assert.equal(new Set(used).size, used.length, property);
  }
});
