// Replaces the camera in browsers that cannot play a file as one: a picture of one
// colour, which the test fills in, with a block that moves.
const painted = document.createElement('canvas');
painted.width = 320;
painted.height = 240;
const paint = painted.getContext('2d');
let step = 0;
setInterval(() => {
  paint.fillStyle = 'rgb(COLOUR)';
  paint.fillRect(0, 0, 320, 240);
  paint.fillStyle = '#fff';
  paint.fillRect(16 * (step++ % 20), 208, 16, 32);
}, 50);
const real = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (real) navigator.mediaDevices.getUserMedia = async ({audio, video} = {}) => {
  const stream = audio ? await real({audio}) : new MediaStream();
  if (video) stream.addTrack(painted.captureStream(20).getVideoTracks()[0]);
  return stream;
};
