/**
 * The clock of a recording. In a hidden tab, browsers slow the timers of the page down, but not those of a worker.
 * A message says how many milliseconds are between two ticks.
 */
/** @type {ReturnType<typeof setInterval>|undefined} */ let timer;

addEventListener('message', ({data}) => {
  clearInterval(timer);
  timer = setInterval(() => postMessage(null), data);
});
