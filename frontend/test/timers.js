import {mock} from 'node:test';

/**
 * Mocks the timers for a test. What earlier tests have left behind may finish during this one, and clear its timers: Node
 * would then remove others, which have the same places in the new queue. So only timers of this test can be cleared.
 */
export function mockTimers() {
  mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']});
  for (const kind of ['Timeout', 'Interval']) {
    const own = new WeakSet();
    const set = globalThis[`set${kind}`];
    const clear = globalThis[`clear${kind}`];
    replace(`set${kind}`, (...args) => {
      const timer = set(...args);
      own.add(timer);
      return timer;
    });
    replace(`clear${kind}`, (timer) => own.has(timer) && clear(timer));
  }
}

const replace = (name, value) =>
  Object.defineProperty(globalThis, name, {configurable: true, writable: true, value});
