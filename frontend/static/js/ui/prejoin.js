import {LevelMeter} from '../level.js';
import {SILENCE_HINT_DELAY} from '../timeouts.js';
import {element, find, play, setIcon, setText} from './dom.js';
import {renderProblems} from './problems.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Problem} from '../problem.js' */

/** The level above which somebody speaks. The noise of a quiet room stays below. */
const SPEECH_LEVEL = 0.3;

/** @type {Problem[]} */
const UNSUPPORTED = [{kind: 'both', code: 'webrtc'}];

/** The screen before the call. */
export class Prejoin {
  #section = element('[data-for="prejoin"]');
  #meter = new LevelMeter();
  /** @type {MediaStreamTrack|null} */ #microphone = null;
  #listeningSince = 0;
  #heard = false;

  /** @param {Model} model */
  render(model) {
    const shown = model.screen === 'prejoin';
    this.#meter.follow(shown ? model.microphone : null, (level) => this.#level(level));
    const video = find('[data-video="preview"]', this.#section);
    void play(/** @type {HTMLVideoElement} */ (video), shown ? model.self : null);
    if (!shown) return;
    video.classList.toggle('mirror', model.media.mirror);
    setText(find('[data-room]', this.#section), model.call.room);
    this.#cover(model);
    this.#hearing(model);
    // A browser that cannot make calls is a worse problem than its devices.
    const problems = model.supported ? model.media.problems : UNSUPPORTED;
    renderProblems(find('[data-problems]', this.#section), problems, false, model.t);
    find('.round-buttons', this.#section).hidden = model.media.capture !== 'done';
    const busy = model.media.capture === 'asking';
    for (const [action, disabled] of /** @type {const} */ ([
      ['join', busy || !model.supported],
      ['join-without', !model.supported],
    ])) {
      const button = find(`[data-action="${action}"]`, this.#section);
      /** @type {HTMLButtonElement} */ (button).disabled = disabled;
    }
  }

  /** @param {Model} model */
  #cover({media, supported, t}) {
    const cover = find('[data-cover="preview"]', this.#section);
    cover.hidden = media.video;
    const idle = media.capture === 'idle' && supported;
    find('[data-action="allow"]', cover).hidden = !idle;
    find('[data-allow-why]', cover).hidden = !idle;
    setIcon(cover, idle ? '#i-camera' : '#i-camera-off');
    /** @type {Key} */
    const key = media.capture === 'asking' ? 'prejoinAsking' : 'prejoinCameraOff';
    const text = supported ? t(key) : t('problemWebrtc');
    setText(find('[data-cover-text]', cover), idle ? '' : text);
  }

  /** @param {Model} model */
  #hearing({media, microphone, now, t}) {
    const row = find('.hearing', this.#section);
    row.hidden = media.capture !== 'done' || !microphone;
    if (microphone !== this.#microphone) {
      this.#microphone = microphone;
      this.#listeningSince = now;
      this.#heard = false;
    }
    /** @type {Key|''} */ let key = '';
    if (!media.audio) key = 'prejoinMuted';
    else if (this.#heard) key = 'prejoinHear';
    else if (now - this.#listeningSince > SILENCE_HINT_DELAY) key = 'prejoinQuiet';
    setText(find('[data-hearing]', row), key && t(key));
  }

  /** @param {number} level */
  #level(level) {
    find('[data-level]', this.#section).style.setProperty('--level', level.toFixed(2));
    if (level > SPEECH_LEVEL) this.#heard = true;
  }
}
