/**
 * The clock of a recording. In a hidden tab, browsers slow the timers of the page down, but not those of a worker.
 * A message with a number says how many milliseconds are between two ticks; any other one answers a tick. What a busy
 * page has not answered is not followed by another one: ticks that pile up would leave it no time for anything else.
 */
/** @type {ReturnType<typeof setInterval>|undefined} */ let timer;
let answered = true;

function tick() {
  if (!answered) return;
  answered = false;
  postMessage(null);
}

addEventListener('message', ({data}) => {
  if (typeof data !== 'number') {
    answered = true;
    return;
  }
  clearInterval(timer);
  timer = setInterval(tick, data);
});
