// Records when the person clicks on Join, and when the page shows the other peer's first frame, with nothing over it.
window.watched = {click: 0};
addEventListener('click', ({target, timeStamp}) => {
  if (!target.closest('[data-action="join"]') || watched.click) return;
  watched.click = timeStamp;
  performance.mark('bench-click');
}, true);
watched.frame = new Promise((resolve) => {
  addEventListener('DOMContentLoaded', () => {
    const video = document.querySelector('[data-video="remote"]');
    const look = () => {
      const {x, y, width, height} = video.getBoundingClientRect();
      // Browsers also call back for a video that is hidden.
      if (document.elementFromPoint(x + width / 2, y + height / 2) !== video) {
        video.requestVideoFrameCallback(look);
        return;
      }
      performance.mark('bench-frame');
      resolve(performance.now());
    };
    video?.requestVideoFrameCallback(look);
  });
});
