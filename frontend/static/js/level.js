import {CHIME_DURATION, LEVEL_INTERVAL} from './timeouts.js';

/** @returns {typeof AudioContext|undefined} */
const audioContext = () => globalThis.AudioContext;

/** Measures how loud a microphone is, from 0 to 1. */
export class LevelMeter {
  /** @type {AudioContext|null} */ #context = null;
  /** @type {MediaStreamTrack|null} */ #track = null;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #timer;

  /**
   * Measures another track; null ends the measurement.
   * @param {MediaStreamTrack|null} track @param {(level: number) => void} onlevel
   */
  follow(track, onlevel) {
    if (track === this.#track) return;
    this.stop();
    const Context = audioContext();
    if (!track || !Context) return;
    this.#track = track;
    const context = (this.#context = new Context());
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      if (context.state === 'suspended') void context.resume();
      analyser.getFloatTimeDomainData(samples);
      onlevel(loudness(samples));
    }, LEVEL_INTERVAL);
  }

  stop() {
    clearInterval(this.#timer);
    void this.#context?.close();
    this.#context = this.#track = null;
  }
}

/** Maps the root mean square, from -60 dB to -10 dB, to 0 to 1. @param {Float32Array} samples */
export function loudness(samples) {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  if (power === 0) return 0;
  return Math.min(1, Math.max(0, (10 * Math.log10(power) + 60) / 50));
}

/**
 * Plays a short chime, on the selected speaker where the browser can.
 * @param {string} [speaker] device id @returns {Promise<boolean>} whether it was played
 */
export async function chime(speaker = '') {
  const Context = audioContext();
  if (!Context) return false;
  const context = new Context();
  const destination = context.createMediaStreamDestination();
  [523.25, 659.25, 783.99].forEach((frequency, i) =>
    tone(context, destination, frequency, i * 0.16),
  );
  const audio = new Audio();
  audio.srcObject = destination.stream;
  try {
    if (speaker && 'setSinkId' in audio) await audio.setSinkId(speaker);
    await audio.play();
    await new Promise((resolve) => setTimeout(resolve, CHIME_DURATION));
    return true;
  } catch {
    return false; // There is no speaker, or no click on this page yet.
  } finally {
    await context.close();
  }
}

/** @param {AudioContext} context @param {AudioNode} to @param {number} frequency @param {number} delay s */
function tone(context, to, frequency, delay) {
  const at = context.currentTime + delay;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.25, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
  oscillator.connect(gain).connect(to);
  oscillator.start(at);
  oscillator.stop(at + 0.65);
}
