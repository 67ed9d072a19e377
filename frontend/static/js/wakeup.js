/** Milliseconds between two ticks, and how late one may be before the device must have slept. */
const TICK = 5000;
const LATE = 10_000;

/**
 * Tells when it is worth to look whether the server can be reached: the network is back, the page is
 * seen again, or the device has slept.
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
    const late = now() - before > TICK + LATE;
    before = now();
    // A browser slows the ticks of a hidden page down, too. Looking once more does no harm.
    if (late) wake();
  }, TICK);
}
