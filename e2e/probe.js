// Observes the picture and sound that an RTCPeerConnection receives: the tracks of
// its receivers, not what the page does with them. Defines window.probe.
(() => {
  const MARK = 40; // no codec changes a colour value by as much
  const seen = {
    samples: 0, changes: 0, width: 0, height: 0, colour: [0, 0, 0],
    codes: 0, firstNumber: -1, lastNumber: -1, steps: 0, backwards: 0,
    toneHz: 0, toneDB: -999, fault: '',
  };
  const FFT = 16384, spectrum = new Float32Array(FFT / 2);
  let video, previous, timer;
  const canvas = (width, height) => {
    const c = document.createElement('canvas');
    c.width = width;
    c.height = height;
    return c.getContext('2d', {willReadFrequently: true});
  };
  const small = canvas(32, 24), code = canvas(256, 96);

  // The barcode of the headless peer: 16 blocks of 16 pixels in a row, 6 rows,
  // number (32 bits), clock (48 bits) and CRC-16/CCITT-FALSE of both.
  function readNumber() {
    code.drawImage(video, 0, 0, 256, 96, 0, 0, 256, 96);
    const pixels = code.getImageData(0, 0, 256, 96).data;
    const bytes = new Uint8Array(12);
    for (let i = 0; i < 96; i++) {
      const at = 4 * ((16 * (i >> 4) + 8) * 256 + 16 * (i & 15) + 8);
      if (pixels[at] > 127) bytes[i >> 3] |= 0x80 >> (i & 7);
    }
    let crc = 0xffff;
    for (const byte of bytes.subarray(0, 10)) {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
    }
    return crc === (bytes[10] << 8 | bytes[11]) ? new DataView(bytes.buffer).getUint32(0) : -1;
  }

  function look() {
    if (video.videoWidth === 0 || video.readyState < 2) return;
    seen.samples++;
    seen.width = video.videoWidth;
    seen.height = video.videoHeight;
    small.drawImage(video, 0, 0, 32, 24);
    const pixels = small.getImageData(0, 0, 32, 24).data;
    const sum = [0, 0, 0];
    for (let y = 6; y < 12; y++) for (let x = 8; x < 24; x++) for (let k = 0; k < 3; k++) sum[k] += pixels[4 * (32 * y + x) + k];
    seen.colour = sum.map((s) => s / 96);
    if (!previous || pixels.some((p, i) => Math.abs(p - previous[i]) > MARK)) {
      if (previous) seen.changes++;
      previous = pixels;
    }
    const number = readNumber();
    if (number < 0) return;
    seen.codes++;
    if (seen.firstNumber < 0) seen.firstNumber = number;
    else if (number > seen.lastNumber) seen.steps++;
    else if (number < seen.lastNumber) seen.backwards++;
    seen.lastNumber = number;
  }

  function hear(frequencies, context) {
    frequencies.getFloatFrequencyData(spectrum);
    let peak = 2; // lower frequencies are taken for direct current
    for (let i = 3; i < spectrum.length; i++) if (spectrum[i] > spectrum[peak]) peak = i;
    if (spectrum[peak] > seen.toneDB) {
      seen.toneDB = spectrum[peak];
      seen.toneHz = peak * context.sampleRate / frequencies.fftSize;
    }
  }

  const analyserOf = (context) => new AnalyserNode(context, {fftSize: FFT, smoothingTimeConstant: 0});

  // Firefox keeps an AudioContext suspended on a machine without a sound card.
  // On such a machine, the sound is recorded, decoded and analysed in pieces.
  async function record(track) {
    const pieces = [];
    const recorder = new MediaRecorder(new MediaStream([track]));
    recorder.ondataavailable = ({data}) => pieces.push(data);
    const stopped = new Promise((done) => { recorder.onstop = done; });
    recorder.start();
    setTimeout(() => recorder.stop(), 800);
    await stopped;
    const recorded = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await new Blob(pieces).arrayBuffer());
    for (let end = FFT; end <= recorded.length; end += FFT / 4) {
      const offline = new OfflineAudioContext(1, end, 48000), frequencies = analyserOf(offline);
      const source = new AudioBufferSourceNode(offline, {buffer: recorded});
      source.connect(frequencies).connect(offline.destination);
      source.start();
      await offline.startRendering();
      hear(frequencies, offline);
    }
  }

  async function listen(track) {
    const context = new AudioContext();
    await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 500))]);
    if (context.state === 'running') {
      const frequencies = analyserOf(context);
      context.createMediaStreamSource(new MediaStream([track])).connect(frequencies);
      setInterval(() => hear(frequencies, context), 30);
      return;
    }
    while (track.readyState === 'live') await record(track);
  }

  async function stats(pc) {
    const entries = [...(await pc.getStats()).values()];
    const by = (id) => entries.find((e) => e.id === id) ?? {};
    const transport = entries.find((e) => e.type === 'transport' && e.selectedCandidatePairId);
    const pair = transport ? by(transport.selectedCandidatePairId)
      : entries.find((e) => e.type === 'candidate-pair' && e.nominated && e.state === 'succeeded') ?? {};
    const local = by(pair.localCandidateId), remote = by(pair.remoteCandidateId);
    const rtp = (type, kind) => entries.filter((e) => e.type === type && (!kind || e.kind === kind));
    const sum = (list, field) => list.reduce((total, e) => total + (e[field] ?? 0), 0);
    const codec = (kind) => by(rtp('inbound-rtp', kind)[0]?.codecId).mimeType ?? '';
    return {
      connection: pc.connectionState,
      local: local.candidateType ?? '', remote: remote.candidateType ?? '',
      relayProtocol: local.relayProtocol ?? '',
      relayed: local.candidateType === 'relay' ? `${local.address}:${local.port}` : '',
      sent: sum(rtp('outbound-rtp'), 'bytesSent'), received: sum(rtp('inbound-rtp'), 'bytesReceived'),
      framesEncoded: sum(rtp('outbound-rtp', 'video'), 'framesEncoded'),
      framesDecoded: sum(rtp('inbound-rtp', 'video'), 'framesDecoded'),
      audioCodec: codec('audio'), videoCodec: codec('video'),
    };
  }

  let watched;
  window.probe = {
    // Starts to observe a connection. It may be called again, with the same
    // connection or a new one.
    async watch(pc) {
      if (watched === pc) return true;
      const tracks = pc.getReceivers().map((r) => r.track).filter((t) => t && !t.muted);
      if (new Set(tracks.map((t) => t.kind)).size < 2) return false;
      watched = pc;
      video?.remove();
      video = document.createElement('video');
      video.muted = video.autoplay = video.playsInline = true;
      Object.assign(video.style, {position: 'fixed', right: 0, top: 0, width: '2px', height: '2px', pointerEvents: 'none'});
      video.srcObject = new MediaStream(tracks);
      document.body.append(video);
      void video.play();
      clearInterval(timer);
      timer = setInterval(look, 30);
      void listen(tracks.find((t) => t.kind === 'audio')).catch((e) => { seen.fault = String(e); });
      return true;
    },
    async read(pc) {
      const level = Number.isFinite(seen.toneDB) ? seen.toneDB : -999;
      return {...seen, toneDB: level, ...(await stats(pc))};
    },
    // Forgets what was observed so far.
    reset() {
      Object.assign(seen, {samples: 0, changes: 0, codes: 0, firstNumber: -1, lastNumber: -1, steps: 0, backwards: 0, toneHz: 0, toneDB: -999});
    },
  };
})()
