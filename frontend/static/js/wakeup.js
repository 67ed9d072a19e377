import {SLEEP_CHECK} from './timeouts.js';

/**
 * Calls `wake` when the connection to the server should be checked: the network is back, the page is visible again, or
 * the device has slept.
 * @param {() => void} wake @param {Window} [page] @param {() => number} [now] ms
 */
export function onWakeUp(wake, page = window, now = Date.now) {
  page.addEventListener('online', wake);
  page.addEventListener('pageshow', wake);
  page.document.addEventListener('resume', wake);
  page.document.addEventListener('visibilitychange', () => {
    if (!page.document.hidden) wake();
  });
  let before = now();
  setInterval(() => {
    const late = now() - before > SLEEP_CHECK.interval + SLEEP_CHECK.late;
    before = now();
    // Browsers also slow down the timers of a hidden page. One check more does no harm.
    if (late) wake();
  }, SLEEP_CHECK.interval);
}
