import {FRAME_TIMEOUT} from '../timeouts.js';

/**
 * Returns a function that has the work done once, soon, however often it is called until then: in the next frame but one,
 * since a click is handled together with the next one, and what follows from it comes first.
 * @param {() => void} work
 */
export function oncePerFrame(work) {
  let frame = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ let timer;
  const run = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = 0;
    work();
  };
  return () => {
    if (document.hidden) return run(); // Such a page has no frames.
    if (frame) return;
    frame = requestAnimationFrame(() => (frame = requestAnimationFrame(run)));
    timer = setTimeout(run, FRAME_TIMEOUT); // Nor has one that is out of sight in another page.
  };
}
