window.watched = {join: 0, frame: 0};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (JSON.parse(data).type === 'join') watched.join = performance.now();
  return send.call(this, data);
};
addEventListener('DOMContentLoaded', () => {
  document.querySelector('[data-video="remote"]')?.requestVideoFrameCallback(() => {
    watched.frame = performance.now();
  });
});
