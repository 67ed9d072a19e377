/** Mixes the sounds of a call into one, for the recording, and makes the tone that announces it. */

const TONE = Object.freeze({hz: 880, level: 0.2, ms: 500});
/** How long a browser may take to start. Without a sound card, Firefox never does. */
const START_TIMEOUT = 1000;

export class Mixer {
  #context = new AudioContext();
  /** Aborts with the mixer: a tone that sounds ends at once. */
  #end = new AbortController();
  #mix = this.#context.createMediaStreamDestination();
  /** @type {Map<MediaStreamTrack, AudioNode>} */ #sources = new Map();

  constructor() {
    // Without any sound there would be a gap in the recording.
    const silence = this.#context.createConstantSource();
    silence.offset.value = 0;
    silence.connect(this.#mix);
    silence.start();
  }

  /** @returns {MediaStreamTrack} */
  get track() {
    return /** @type {MediaStreamTrack} */ (this.#mix.stream.getAudioTracks()[0]);
  }

  /** Mixes these tracks from now on. @param {readonly (MediaStreamTrack|null|undefined)[]} tracks */
  set(tracks) {
    const wanted = new Set(tracks.filter((track) => track?.readyState === 'live'));
    for (const [track, node] of this.#sources) {
      if (wanted.has(track)) continue;
      node.disconnect();
      this.#sources.delete(track);
    }
    for (const track of wanted) {
      if (!track || this.#sources.has(track)) continue;
      const node = this.#context.createMediaStreamSource(new MediaStream([track]));
      node.connect(this.#mix);
      this.#sources.set(track, node);
    }
  }

  /** Plays the tone here, and gives it to a function that sends it instead of the microphone. @param {(track: MediaStreamTrack|null) => Promise<void>} send null = the microphone again */
  async announce(send) {
    const context = this.#context;
    const {signal} = this.#end;
    const ended = new Promise((resolve) => signal.addEventListener('abort', resolve));
    const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await Promise.race([context.resume(), wait(START_TIMEOUT), ended]);
    if (signal.aborted) return;
    const sent = context.createMediaStreamDestination();
    const gain = context.createGain();
    const oscillator = context.createOscillator();
    oscillator.frequency.value = TONE.hz;
    gain.gain.value = TONE.level;
    oscillator.connect(gain).connect(sent);
    gain.connect(context.destination);
    const [track = null] = sent.stream.getAudioTracks();
    try {
      await send(track);
      oscillator.start();
      await Promise.race([wait(TONE.ms), ended]);
    } finally {
      oscillator.disconnect();
      await send(null);
      track?.stop();
    }
  }

  stop() {
    this.#end.abort();
    this.set([]);
    void this.#context.close();
  }
}
