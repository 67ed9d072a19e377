import {Hearing} from '../hearing.js';
import {LevelMeter} from '../level.js';
import {SILENCE_HINT_DELAY} from '../timeouts.js';
import {element, find, play, setIcon, setText} from './dom.js';
import {renderProblems} from './problems.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Problem} from '../problem.js' */

/** @type {Record<ReturnType<Hearing['at']>, Key|''>} */
const HEARING = {heard: 'prejoinHear', silent: 'prejoinQuiet', unknown: ''};

/** @type {Problem[]} */
const UNSUPPORTED = [{kind: 'both', code: 'webrtc'}];

/** The screen before the call. */
export class Prejoin {
  #section = element('[data-for="prejoin"]');
  #meter = new LevelMeter();
  #hearing = new Hearing();
  /** @type {MediaStreamTrack|null} */ #microphone = null;

  /** @param {Model} model */
  render(model) {
    const shown = model.screen === 'prejoin';
    this.#meter.follow(shown ? model.microphone : null, (level) => this.#level(level));
    const video = find('[data-video="preview"]', this.#section);
    void play(/** @type {HTMLVideoElement} */ (video), shown ? model.self : null);
    if (!shown) return;
    video.classList.toggle('mirror', model.media.mirror && model.settings.mirror);
    setText(find('[data-room]', this.#section), model.call.room);
    find('[data-test-call]', this.#section).hidden = !model.call.test;
    /** @type {HTMLInputElement} */ (find('[name="relay"]', this.#section)).checked =
      model.call.relay;
    this.#cover(model);
    this.#showHearing(model);
    // A browser that cannot make calls is a worse problem than its devices.
    const problems = model.supported ? model.media.problems : UNSUPPORTED;
    renderProblems(find('[data-problems]', this.#section), problems, false, model.t);
    find('.round-buttons', this.#section).hidden = model.media.capture !== 'done';
    const busy = model.media.capture === 'asking';
    for (const [action, disabled] of /** @type {const} */ ([
      ['join', busy || !model.supported],
      ['join-without', !model.supported],
    ])) {
      const button = find(`.join-actions [data-action="${action}"]`, this.#section);
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
    const wanted = idle || media.capture === 'asking';
    setIcon(cover, wanted ? '#i-camera' : '#i-camera-off');
    /** @type {Key} */
    const key = media.capture === 'asking' ? 'prejoinAsking' : 'prejoinCameraOff';
    const text = supported ? t(key) : t('problemWebrtc');
    setText(find('[data-cover-text]', cover), idle ? '' : text);
  }

  /** @param {Model} model */
  #showHearing({media, microphone, now, t}) {
    const row = find('.hearing', this.#section);
    row.hidden = media.capture !== 'done' || !microphone;
    if (microphone !== this.#microphone || !media.audio) {
      this.#microphone = microphone;
      this.#hearing.reset(now);
    }
    const key = media.audio ? HEARING[this.#hearing.at(now)] : 'prejoinMuted';
    const seconds = SILENCE_HINT_DELAY / 1000;
    setText(find('[data-hearing]', row), key && t(key, {seconds}));
  }

  /** @param {number} level */
  #level(level) {
    find('[data-level]', this.#section).style.setProperty('--level', level.toFixed(2));
    this.#hearing.add(level, performance.now());
  }
}
