import {SIZE, layoutOf} from './layout.js';
/** @import {Place, Source} from './layout.js' */

/** Draws the pictures of a call into one, for the recording. */

/** Pictures a second. */
const FPS = 25;
const INTERVAL = 1000 / FPS;
const COLOURS = Object.freeze({back: '#090b0e', plate: '#17463f', letter: '#d9f5ef'});
/** @type {Source[]} */
const SOURCES = ['shared', 'remote', 'self'];

export class Compositor {
  #canvas = canvas();
  #recorded = contextOf(this.#canvas);
  /** The next picture. Sound takes some tens of milliseconds through the mixer, so pictures wait for one tick. */
  #next = contextOf(canvas());
  #videos = /** @type {Record<Source, HTMLVideoElement>} */ ({});
  /** @type {Worker} */ #clock;
  #drawnAt = -Infinity;
  /** First letter of the other person's name, which is shown when there is no picture. */
  letter = '';
  /** @type {MediaStreamTrack} */ track;

  /** @param {Worker} clock that ticks also while the page is hidden @param {() => void} onfailed it could not be loaded */
  constructor(clock, onfailed) {
    for (const source of SOURCES) {
      this.#videos[source] = Object.assign(document.createElement('video'), {
        muted: true,
        playsInline: true,
      });
    }
    const [track] = this.#canvas.captureStream(FPS).getVideoTracks();
    if (!track) throw new Error('a canvas without a track');
    this.track = track;
    this.#clock = clock;
    clock.onmessage = () => {
      this.#tick();
      clock.postMessage(null);
    };
    clock.onerror = onfailed;
    clock.postMessage(INTERVAL);
  }

  /** @param {Source} source @param {MediaStream|null} stream null = there is no picture */
  show(source, stream) {
    const video = this.#videos[source];
    if (video.srcObject === stream) return;
    video.srcObject = stream;
    if (stream) void video.play().catch(() => {}); // It was replaced meanwhile.
  }

  stop() {
    this.#clock.terminate();
    this.track.stop();
    for (const source of SOURCES) this.#videos[source].srcObject = null;
  }

  /** A tick that comes late may be followed by one that does not. */
  #tick() {
    const now = performance.now();
    if (now - this.#drawnAt < INTERVAL / 2) return;
    this.#drawnAt = now;
    this.#recorded.drawImage(this.#next.canvas, 0, 0);
    this.#draw();
  }

  #draw() {
    this.#next.fillStyle = COLOURS.back;
    this.#next.fillRect(0, 0, SIZE.width, SIZE.height);
    const sizes = /** @type {Parameters<typeof layoutOf>[0]} */ ({});
    for (const source of SOURCES) sizes[source] = sizeOf(this.#videos[source]);
    for (const place of layoutOf(sizes)) this.#place(place);
  }

  /** @param {Place} place */
  #place({source, box, from, to}) {
    const context = this.#next;
    if (!from) {
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      context.fillStyle = COLOURS.plate;
      context.beginPath();
      context.arc(x, y, box.height / 6, 0, 2 * Math.PI);
      context.fill();
      context.fillStyle = COLOURS.letter;
      context.font = `600 ${Math.round(box.height / 7)}px system-ui, sans-serif`;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillText(this.letter, x, y);
      return;
    }
    context.drawImage(
      this.#videos[source],
      from.x,
      from.y,
      from.width,
      from.height,
      to.x,
      to.y,
      to.width,
      to.height,
    );
  }
}

const canvas = () => Object.assign(document.createElement('canvas'), SIZE);

/** @param {HTMLCanvasElement} element */
const contextOf = (element) =>
  /** @type {CanvasRenderingContext2D} */ (element.getContext('2d', {alpha: false}));

/** Returns the size of the picture that a video shows; null = none. @param {HTMLVideoElement} video */
function sizeOf({srcObject, readyState, videoWidth: width, videoHeight: height}) {
  const [track] = /** @type {MediaStream|null} */ (srcObject)?.getVideoTracks() ?? [];
  const live = track?.readyState === 'live' && !track.muted;
  return live && readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && width > 0
    ? {width, height}
    : null;
}
