import assert from 'node:assert/strict';
import {test} from 'node:test';
import {CallSession} from '../static/js/media_session.js';

test('the controls of the browser work during a call, and only then', () => {
  const handlers = new Map();
  const active = [];
  const session = {
    setActionHandler(action, handler) {
      if (action === 'enterpictureinpicture') throw new TypeError('unknown');
      handlers.set(action, handler);
    },
    setMicrophoneActive: (on) => void active.push(['microphone', on]),
    setCameraActive: async (on) => void active.push(['camera', on]),
  };
  const done = [];
  const call = new CallSession(session, {
    togglemicrophone: () => done.push('mute'),
    togglecamera: () => done.push('camera'),
    hangup: () => done.push('leave'),
    enterpictureinpicture: () => done.push('picture'),
  });
  call.update(false, {audio: true, video: true});
  assert.deepEqual([handlers.size, active], [0, []]);
  call.update(true, {audio: false, video: true});
  for (const handler of handlers.values()) handler();
  assert.deepEqual(done, ['mute', 'camera', 'leave']);
  assert.deepEqual(active, [
    ['microphone', false],
    ['camera', true],
  ]);
  call.update(false, {audio: false, video: false});
  assert.deepEqual([...handlers.values()], [null, null, null]);
});

test('a browser without them does not mind', () => {
  new CallSession(undefined, {}).update(true, {audio: true, video: true});
  new CallSession({setActionHandler() {}}, {hangup() {}}).update(true, {audio: true, video: true});
});
