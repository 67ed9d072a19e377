// Records the pauses of the other side's picture, and the ICE restarts of this side, by the clock of the machine.
// first is when the first picture of the current stream came, last when the newest one did.
window.recovery = {pauses: [], restarts: [], frames: 0, first: 0, last: 0};
const restart = RTCPeerConnection.prototype.restartIce;
RTCPeerConnection.prototype.restartIce = function () {
  recovery.restarts.push(Date.now());
  restart.call(this);
};
addEventListener('DOMContentLoaded', () => {
  const video = document.querySelector('[data-video="remote"]');
  let shown = 0;
  // The time of the video goes on while the picture stands still.
  setInterval(() => {
    const {totalVideoFrames} = video.getVideoPlaybackQuality();
    if (totalVideoFrames === shown) return;
    if (totalVideoFrames < shown) recovery.first = 0; // Another stream begins.
    shown = totalVideoFrames;
    if (shown === 0) return;
    const now = Date.now();
    if (recovery.last && now - recovery.last > PAUSE) recovery.pauses.push([recovery.last, now]);
    recovery.first ||= now;
    recovery.last = now;
    recovery.frames++;
  }, 20);
  if (sessionStorage.getItem('joins')) join();
});
// Clicks on Join as soon as the page can be joined with, the camera running.
function join() {
  const button = document.querySelector('[data-prejoin] [data-action="join"]');
  if (document.querySelector('[data-video="preview"]').videoWidth > 0 && button.checkVisibility() && !button.disabled)
    button.click();
  else requestAnimationFrame(join);
}
