// Observes recordings: when they begin and end at the page that records, and what the other page sees and hears of
// that. Runs before the page's own scripts.
(() => {
  const observed = {
    // When things happened, ms since 1970; 0 = never.
    asked: 0, begun: 0, ended: 0, marked: 0, heard: 0,
    // Bytes that the browser gave out, piece by piece.
    pieces: [],
    // Whether the data channel loses everything that this page says.
    mute: false,
    // Times at which the page was hidden.
    hidden: [],
  };
  Object.defineProperty(window, 'observed', {value: observed});

  const {start} = MediaRecorder.prototype;
  MediaRecorder.prototype.start = function (...options) {
    observed.asked ||= Date.now();
    observed.called = Date.now();
    this.addEventListener('start', () => { observed.begun = Date.now(); });
    this.addEventListener('stop', () => { observed.ended = Date.now(); });
    this.addEventListener('dataavailable', ({data}) => observed.pieces.push(data.size));
    return start.apply(this, options);
  };
  const {stop} = MediaRecorder.prototype;
  MediaRecorder.prototype.stop = function () {
    observed.stopped = Date.now();
    stop.call(this);
  };
  const {send} = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function (data) {
    if (!observed.mute) send.call(this, data);
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) observed.hidden.push(Date.now());
  });

  const marked = () => document.querySelector('[data-recording]')?.checkVisibility();
  setInterval(() => {
    if (marked()) observed.marked ||= Date.now();
  }, 5);

  // Notes when the other side sends that tone, and hardly anything else.
  observed.listen = (hz) => {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, {fftSize: 2048, smoothingTimeConstant: 0});
    const tracks = callbox.pc.getReceivers().map(({track}) => track).filter(({kind}) => kind === 'audio');
    context.createMediaStreamSource(new MediaStream(tracks)).connect(analyser);
    const spectrum = new Float32Array(analyser.frequencyBinCount);
    setInterval(() => {
      analyser.getFloatFrequencyData(spectrum);
      const peak = spectrum.indexOf(Math.max(...spectrum));
      const near = Math.abs((peak * context.sampleRate) / analyser.fftSize - hz) < 40;
      if (near && spectrum[peak] > -50) observed.heard ||= Date.now();
    }, 10);
    return context.state;
  };

  // Returns a part of a file in base64.
  observed.read = async (blob, from, to) => {
    const reader = new FileReader();
    const loaded = new Promise((resolve) => { reader.onload = resolve; });
    reader.readAsDataURL(blob.slice(from, to));
    await loaded;
    return reader.result.slice(reader.result.indexOf(',') + 1);
  };

  // Plays a file, and returns its duration, size and what the middle of it shows.
  observed.play = async (blob) => {
    const video = document.createElement('video');
    video.muted = true;
    video.src = URL.createObjectURL(blob);
    await new Promise((resolve, reject) => {
      video.onloadedmetadata = resolve;
      video.onerror = () => reject(new Error(video.error.message));
    });
    await video.play();
    await new Promise((resolve) => { video.ontimeupdate = () => video.currentTime > 1 && resolve(); });
    const result = {duration: video.duration, width: video.videoWidth, height: video.videoHeight, played: video.currentTime};
    video.pause();
    return result;
  };
})();
