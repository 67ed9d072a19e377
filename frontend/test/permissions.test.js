import assert from 'node:assert/strict';
import {test} from 'node:test';
import {onGranted, permissionOf} from '../static/js/permissions.js';

/** Replaces what the browser says. @param {(name: string) => any} query */
const provide = (query) =>
  Object.defineProperty(globalThis, 'navigator', {
    value: query && {permissions: {query: async ({name}) => query(name)}},
    configurable: true,
  });

test('what the browser does not say is unknown', async () => {
  provide((name) => {
    if (name === 'camera') throw new TypeError('camera is not a permission');
    return {state: 'denied'};
  });
  assert.deepEqual(
    [await permissionOf('camera'), await permissionOf('microphone')],
    ['', 'denied'],
  );
  provide(undefined);
  assert.equal(await permissionOf('camera'), '');
});

test('a permission that the user gives in the settings is noticed, and no other change is', async () => {
  const statuses = {};
  provide((name) => (statuses[name] ??= Object.assign(new EventTarget(), {state: 'denied'})));
  let granted = 0;
  await onGranted(() => granted++);
  const becomes = (name, state) => {
    statuses[name].state = state;
    statuses[name].dispatchEvent(new Event('change'));
  };
  becomes('camera', 'prompt');
  assert.equal(granted, 0);
  becomes('camera', 'granted');
  becomes('microphone', 'granted');
  assert.equal(granted, 2);
});
