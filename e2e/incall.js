// Gives a page two cameras and two microphones, which a test can unplug, and counts what it negotiates. The test
// fills in the colours of the cameras.
(() => {
  const {mediaDevices} = navigator;
  if (!mediaDevices) return; // about:blank

  window.negotiated = 0;
  for (const name of ['setLocalDescription', 'setRemoteDescription']) {
    const real = RTCPeerConnection.prototype[name];
    RTCPeerConnection.prototype[name] = function (...parameters) {
      window.negotiated++;
      return real.apply(this, parameters);
    };
  }

  window.chimes = 0;
  const RealAudio = window.Audio;
  window.Audio = function () {
    window.chimes++;
    return new RealAudio();
  };

  window.asked = 0;
  window.notifications = [];
  window.Notification = class {
    static permission = 'granted';
    static async requestPermission() {
      window.asked++;
      return 'granted';
    }
    constructor(title, options) {
      window.notifications.push({title, ...options});
    }
    close() {}
  };

  const FRONT = 'rgb(COLOUR)', REAR = 'rgb(OTHER)';
  const devices = [
    {kind: 'videoinput', deviceId: 'front', groupId: '', label: 'Front camera'},
    {kind: 'videoinput', deviceId: 'rear', groupId: '', label: 'Rear camera'},
    {kind: 'audioinput', deviceId: 'headset', groupId: '', label: 'Headset'},
    {kind: 'audioinput', deviceId: 'built-in', groupId: '', label: 'Built-in microphone'},
  ];
  /** All tracks that the page was given. */
  const opened = [];
  window.live = (kind) => opened.filter((track) => track.kind === kind && track.readyState === 'live');

  const realMedia = mediaDevices.getUserMedia.bind(mediaDevices);
  const present = (kind) => devices.filter((device) => device.kind === kind);
  let asking = 0;

  function paint(colour) {
    const canvas = document.createElement('canvas');
    canvas.width = 320;
    canvas.height = 240;
    const context = canvas.getContext('2d');
    let step = 0;
    setInterval(() => {
      context.fillStyle = colour;
      context.fillRect(0, 0, 320, 240);
      context.fillStyle = '#fff';
      context.fillRect(16 * (step++ % 20), 208, 16, 32);
    }, 50);
    return canvas.captureStream(20).getVideoTracks()[0];
  }

  // Two channels, of which only the left one sounds.
  function leftTone() {
    const context = new AudioContext();
    const out = new MediaStreamAudioDestinationNode(context, {channelCount: 2});
    const merger = new ChannelMergerNode(context, {numberOfInputs: 2});
    const tone = new OscillatorNode(context, {frequency: 500});
    tone.connect(merger, 0, 0);
    merger.connect(out);
    tone.start();
    return out.stream.getAudioTracks()[0];
  }

  async function open(kind, wanted) {
    const {deviceId, facingMode} = wanted;
    const all = present(kind);
    const id = deviceId?.exact ?? {user: 'front', environment: 'rear'}[facingMode?.exact];
    const device = id ? all.find((each) => each.deviceId === id) : all[0];
    if (!device) throw new DOMException('', id ? 'OverconstrainedError' : 'NotFoundError');
    const busy = opened.find((track) => track.kind === kind.slice(0, 5) && track.readyState === 'live');
    if (busy) throw new DOMException('', 'NotReadableError'); // as on a phone
    const isRear = device.deviceId === 'rear';
    const track = kind === 'videoinput' ? paint(isRear ? REAR : FRONT)
      : wanted.channelCount ? leftTone() : (await realMedia({audio: true})).getAudioTracks()[0];
    const settings = {deviceId: device.deviceId, width: 320, height: 240};
    if (kind === 'videoinput') settings.facingMode = isRear ? 'environment' : 'user';
    track.getSettings = () => settings;
    opened.push(track);
    return track;
  }

  mediaDevices.getUserMedia = async ({audio, video}) => {
    if (++asking > 1) throw new Error('two requests at the same time');
    try {
      const stream = new MediaStream();
      if (audio) stream.addTrack(await open('audioinput', audio));
      if (video) stream.addTrack(await open('videoinput', video));
      return stream;
    } finally {
      asking--;
    }
  };
  mediaDevices.enumerateDevices = async () => devices.map((device) => ({...device}));

  // Takes a device away, as an operating system does.
  window.unplug = (id) => {
    const at = devices.findIndex(({deviceId}) => deviceId === id);
    devices.splice(at, 1);
    for (const track of opened) {
      if (track.readyState === 'ended' || track.getSettings().deviceId !== id) continue;
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }
    mediaDevices.dispatchEvent(new Event('devicechange'));
    return true;
  };
})();
