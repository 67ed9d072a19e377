// Records the pauses of the other side's picture, and the ICE restarts of this side, by the clock of the machine.
window.recovery = {pauses: [], restarts: [], frames: 0, last: 0};
const restart = RTCPeerConnection.prototype.restartIce;
RTCPeerConnection.prototype.restartIce = function () {
  recovery.restarts.push(Date.now());
  restart.call(this);
};
addEventListener('DOMContentLoaded', () => {
  const video = document.querySelector('[data-video="remote"]');
  const shown = () => {
    const now = Date.now();
    if (recovery.last && now - recovery.last > PAUSE) recovery.pauses.push([recovery.last, now]);
    recovery.last = now;
    recovery.frames++;
    video.requestVideoFrameCallback(shown);
  };
  video?.requestVideoFrameCallback(shown);
});
