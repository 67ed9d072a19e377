// Watches what a page holds on to, and what it receives. Runs before the page's own scripts.
(() => {
  const made = {connections: [], sockets: [], tracks: [], contexts: []};
  const keep = (name, list) => {
    const Real = window[name];
    if (!Real) return;
    window[name] = class extends Real {
      constructor(...parameters) {
        super(...parameters);
        list.push(this);
      }
    };
  };
  keep('RTCPeerConnection', made.connections);
  keep('WebSocket', made.sockets);
  keep('AudioContext', made.contexts);
  for (const name of ['getUserMedia', 'getDisplayMedia']) {
    const real = navigator.mediaDevices?.[name]?.bind(navigator.mediaDevices);
    if (!real) continue;
    navigator.mediaDevices[name] = async (wanted) => {
      const stream = await real(wanted);
      made.tracks.push(...stream.getTracks());
      return stream;
    };
  }

  const intervals = new Set();
  const {setInterval, clearInterval} = window;
  window.setInterval = (...parameters) => {
    const id = setInterval(...parameters);
    intervals.add(id);
    return id;
  };
  window.clearInterval = (id) => {
    intervals.delete(id);
    clearInterval(id);
  };

  // Listeners of what lives as long as the page. Those of other objects end with these.
  const listeners = new Map();
  const lasts = (target) =>
    target === window || target === navigator.mediaDevices || target === navigator.connection ||
    (target instanceof Node && target.isConnected) || target instanceof PermissionStatus;
  const {addEventListener, removeEventListener} = EventTarget.prototype;
  const keyOf = (type, options) => `${type} ${typeof options === 'object' ? !!options?.capture : !!options}`;
  const forget = (target, key, listener) => listeners.get(target)?.get(key)?.delete(listener);
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    const target = this ?? window;
    addEventListener.call(target, type, listener, options);
    if (!listener || !lasts(target) || options?.signal?.aborted) return;
    const key = keyOf(type, options);
    if (!listeners.has(target)) listeners.set(target, new Map());
    const keys = listeners.get(target);
    if (!keys.has(key)) keys.set(key, new Set());
    keys.get(key).add(listener);
    if (options?.once) addEventListener.call(target, type, () => forget(target, key, listener), {once: true});
    if (options?.signal) addEventListener.call(options.signal, 'abort', () => forget(target, key, listener), {once: true});
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    const target = this ?? window;
    removeEventListener.call(target, type, listener, options);
    forget(target, keyOf(type, options), listener);
  };

  // Returns how many have not ended, and forgets the others.
  const still = (list, ended) => {
    list.splice(0, list.length, ...list.filter((each) => !ended(each)));
    return list.length;
  };
  const received = async () => {
    const entries = [...(await callbox.pc.getStats()).values()];
    // The sound of a shared screen is another track.
    const of = (name, kind) => {
      const {srcObject} = document.querySelector(`[data-video="${name}"]`);
      const track = srcObject?.getTracks().find((each) => each.kind === kind);
      return entries.find(({type, trackIdentifier}) => type === 'inbound-rtp' && trackIdentifier === track?.id);
    };
    return {
      energy: of('remote', 'audio')?.totalAudioEnergy ?? 0,
      frames: of('remote', 'video')?.framesDecoded ?? 0,
      shared: of('shared', 'video')?.framesDecoded ?? 0,
    };
  };
  const canvas = document.createElement('canvas');
  canvas.width = 8;
  canvas.height = 6;
  const pixels = canvas.getContext('2d', {willReadFrequently: true});
  const colourOf = (video) => {
    if (!video.videoWidth) return [0, 0, 0];
    pixels.drawImage(video, 0, 0, 8, 6);
    return [...pixels.getImageData(4, 2, 1, 1).data.slice(0, 3)];
  };
  const visible = (selector) => document.querySelector(selector).checkVisibility();

  window.walk = {
    // What arrives within some moments. In Firefox, statistics of a connection that is closed meanwhile never come.
    flow() {
      const {screen, remote, media} = callbox.state;
      const late = new Promise((done) => setTimeout(done, 5000, {screen, remote, media, connection: 'no statistics'}));
      return Promise.race([walk.measured(), late]);
    },
    // The microphone is never silent for as long.
    async measured() {
      const {screen, remote, media} = callbox.state;
      const seen = {screen, remote, media, connection: callbox.pc?.connectionState ?? 'none'};
      if (seen.connection !== 'connected') return seen;
      const before = await received();
      await new Promise((done) => setTimeout(done, 400));
      if (callbox.pc?.connectionState !== 'connected') return seen;
      const after = await received();
      const {level} = await callbox.stats();
      return {
        ...seen,
        paused: level >= 3,
        energy: after.energy - before.energy,
        frames: after.frames - before.frames,
        shared: after.shared - before.shared,
        colour: colourOf(document.querySelector('[data-video="remote"]')),
        covered: visible('[data-cover="remote"]'),
        sharedVisible: visible('[data-pane="shared"]'),
        unsent: document.querySelectorAll('[data-entry="own"]:is([data-state="waiting"], [data-state="sent"])').length,
      };
    },
    // What the page has not let go.
    left() {
      let count = 0;
      for (const keys of listeners.values()) for (const set of keys.values()) count += set.size;
      return {
        connections: still(made.connections, ({connectionState}) => connectionState === 'closed'),
        sockets: still(made.sockets, ({readyState}) => readyState === WebSocket.CLOSED),
        tracks: still(made.tracks, ({readyState}) => readyState === 'ended'),
        contexts: still(made.contexts, ({state}) => state === 'closed'),
        intervals: intervals.size,
        listeners: count,
      };
    },
  };
})();
