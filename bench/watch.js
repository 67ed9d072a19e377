// Records when the person clicks on Join, and when the page shows the other peer's first frame.
window.watched = {click: 0};
addEventListener('click', ({target, timeStamp}) => {
  if (!target.closest('[data-action="join"]') || watched.click) return;
  watched.click = timeStamp;
  performance.mark('bench-click');
}, true);
watched.frame = new Promise((resolve) => {
  addEventListener('DOMContentLoaded', () => {
    document.querySelector('[data-video="remote"]')?.requestVideoFrameCallback(() => {
      performance.mark('bench-frame');
      resolve(performance.now());
    });
  });
});
