import assert from 'node:assert/strict';
import {test} from 'node:test';
import {DEFAULTS, Settings, soundConstraints} from '../static/js/settings.js';

function setup(store = {}) {
  const settings = new Settings(
    (key) => store[key] ?? '',
    (key, value) => (store[key] = value),
  );
  const changed = [];
  settings.onchange = (name) => changed.push(name);
  return {settings, store, changed};
}

test('settings are remembered, and have defaults', () => {
  const {settings, store, changed} = setup();
  assert.deepEqual(settings.values, DEFAULTS);
  settings.set('mirror', false);
  settings.set('letters', true);
  settings.set('corner', 'top-left');
  settings.set('letters', true); // nothing new
  assert.deepEqual(changed, ['mirror', 'letters', 'corner']);
  const next = setup(store).settings.values;
  assert.deepEqual(next, {...DEFAULTS, mirror: false, letters: true, corner: 'top-left'});
});

test('what somebody else has stored does no harm', () => {
  const {settings} = setup({'settings.corner': '__proto__', 'settings.echo': 'yes'});
  assert.equal(settings.values.corner, DEFAULTS.corner);
  assert.equal(settings.values.echo, false);
});

test('music is not processed, whatever the other switches say', () => {
  const voice = {echoCancellation: true, noiseSuppression: false, autoGainControl: true};
  assert.deepEqual(soundConstraints({...DEFAULTS, noise: false}), voice);
  const music = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
  assert.deepEqual(soundConstraints({...DEFAULTS, music: true}), {
    ...music,
    channelCount: {ideal: 2},
  });
});
