import {FRAME_TIMEOUT} from '../timeouts.js';

/**
 * Has the work done in a task of its own when the browser has drawn a number of frames. What the work changes is drawn in
 * another task, so that neither keeps the person waiting for both.
 * @param {() => void} work @param {number} frames @returns {() => void} cancels it
 */
function afterFrames(work, frames) {
  let left = frames;
  let frame = requestAnimationFrame(next);
  // A page that is out of sight in another one has no frames.
  /** @type {ReturnType<typeof setTimeout>|undefined} */ let timer = setTimeout(run, FRAME_TIMEOUT);
  function next() {
    left--;
    if (left > 0) {
      frame = requestAnimationFrame(next);
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(run, 0);
  }
  function run() {
    cancelAnimationFrame(frame);
    timer = undefined;
    work();
  }
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
}

/**
 * Returns a function that has the work done once, soon, however often it is called until then: after the next frame but
 * one, since a click is handled together with the next one, and what follows from it comes first.
 * @param {() => void} work @param {() => number} [delay] for how long the work had better not be done yet (ms)
 */
export function oncePerFrame(work, delay = () => 0) {
  /** @type {(() => void)|null} */ let cancel = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ let timer;
  const run = () => {
    cancel?.();
    cancel = null;
    clearTimeout(timer);
    const ms = delay();
    if (ms > 0) timer = setTimeout(run, ms);
    else work();
  };
  return () => {
    if (document.hidden) return run(); // Such a page has no frames.
    cancel ??= afterFrames(run, 2);
  };
}

/**
 * Has the work done when everything that has changed so far is drawn: what needs the layout, such as moving the focus, would
 * have the browser lay the page out at once. Only the newest such work is done.
 */
export class AfterDrawing {
  #cancel = () => {};

  /** @param {() => void} work */
  run(work) {
    this.#cancel();
    if (document.hidden) return work();
    this.#cancel = afterFrames(work, 1);
  }
}
