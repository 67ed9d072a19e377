import {bannerOf, stepsOf} from '../screens.js';
import {renderProblems} from './devices.js';
import {find, findAll, otherName, play, setIcon, setText, stamp} from './dom.js';
import {renderTopbar} from './topbar.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {StepName, StepState} from '../screens.js' */

/** @type {Record<StepName, Key>} */
const STEP_NAMES = {
  devices: 'stepDevices',
  capture: 'stepCapture',
  recording: 'stepRecording',
  signaling: 'stepSignaling',
  peer: 'stepPeer',
  servers: 'stepServers',
  candidates: 'stepCandidates',
  connected: 'stepConnected',
};
/** @type {Record<StepState, Key>} */
const STEP_STATES = {
  pending: 'statePending',
  active: 'stateActive',
  done: 'stateDone',
  failed: 'stateFailed',
  off: 'stateOff',
};
/** @type {Partial<Record<string, Key>>} */
const WAITING_TITLES = {left: 'waitingLeft', timeout: 'waitingLost'};

/** @param {MediaStream|undefined} stream @returns {boolean} a picture comes by it */
function has(stream) {
  const [track] = stream?.getVideoTracks() ?? [];
  return track !== undefined && !track.muted && track.readyState === 'live';
}

/** Waiting, connecting and the call itself: one place, so that a running video is never moved. */
export class Stage {
  #section = find('[data-for="waiting connecting call"]');
  /** @type {HTMLVideoElement} */ #remote = find('[data-video="remote"]');
  /** @type {HTMLVideoElement} */ #shared = find('[data-video="shared"]');
  /** @type {HTMLVideoElement} */ #self = find('[data-video="self"]');
  #notice = find('[data-notice]');
  #shown = false;
  /** What the notice said when it was dismissed. */
  #dismissed = '';
  /** A text key that is not the state's business. @type {Key|''} */ message = '';

  /** @param {string} speaker */
  async setSpeaker(speaker) {
    for (const video of [this.#remote, this.#shared]) {
      if ('setSinkId' in video && video.sinkId !== speaker)
        await video.setSinkId(speaker).catch(() => {});
    }
  }

  /** Plays what the browser would not play without a click. */
  async resume() {
    find('[data-action="play"]').hidden = true;
    await Promise.all([this.#remote, this.#shared].map((video) => video.srcObject && video.play()));
  }

  dismiss() {
    this.#dismissed = find('[data-notice-text]', this.#notice).textContent ?? '';
    this.message = '';
    this.#notice.hidden = true;
  }

  /** @param {Model} model */
  render(model) {
    const {screen, t, call} = model;
    const shown = ['waiting', 'connecting', 'call'].includes(screen);
    const link = shown ? model.link : null;
    void play(this.#self, shown ? model.self : null);
    this.#play(this.#remote, link?.main ?? null);
    this.#play(this.#shared, link?.shared ?? null);
    const entered = shown && !this.#shown;
    this.#shown = shown;
    if (!shown) return;
    this.#panes(model);
    renderTopbar(model);
    const banner = bannerOf(call, model.now);
    setText(find('[data-banner]'), banner && t(banner, {name: otherName(model)}));
    this.#section.toggleAttribute('data-dimmed', banner === 'bannerReconnecting');
    find('[data-sharing]').hidden = !model.media.screen;
    this.#controls(model);
    this.#showNotice(model);
    if (entered) this.dismiss(); // What stood before the call need not be said in it again.
    this.#cards(model);
  }

  /** @param {Model} model */
  #cards(model) {
    const {screen} = model;
    find('[data-card="waiting"]').hidden = screen !== 'waiting';
    find('[data-card="connecting"]').hidden = screen !== 'connecting';
    if (screen === 'waiting') this.#waiting(model);
    if (screen === 'connecting') this.#connecting(model);
  }

  /** @param {HTMLVideoElement} video @param {MediaStream|null} stream */
  #play(video, stream) {
    void play(video, stream).then((allowed) => {
      if (!allowed) find('[data-action="play"]').hidden = false;
    });
  }

  /** @param {Model} model */
  #panes(model) {
    const {call, screen, media, link} = model;
    const inCall = screen === 'call';
    const sharing = inCall && call.remote.screen && has(link?.shared);
    this.#section.dataset.layout = !inCall ? 'solo' : sharing ? 'shared' : 'pair';
    find('[data-pane="remote"]').hidden = !inCall;
    find('[data-pane="shared"]').hidden = !sharing;
    find('[data-cover="remote"]').hidden = call.remote.video && has(link?.main);
    find('[data-cover="self"]').hidden = media.video;
    this.#self.classList.toggle('mirror', media.mirror);
    // A tall picture in a wide window would lose its head.
    const {videoWidth, videoHeight, clientWidth, clientHeight} = this.#remote;
    const cut = (videoHeight * clientWidth) / (videoWidth * clientHeight);
    this.#remote.classList.toggle('whole', cut > 1.4);
    avatar(find('[data-avatar="remote"]'), call.other);
    avatar(find('[data-avatar="self"]'), call.name);
    const muted = model.t('remoteMuted', {name: otherName(model)});
    setText(find('[data-tag="remote"]'), call.remote.audio ? call.other : muted);
  }

  /** @param {Model} model */
  #controls({media, canShareScreen, screen, t}) {
    const share = /** @type {HTMLButtonElement} */ (find('[data-action="screen"]'));
    share.hidden = !canShareScreen;
    share.disabled = screen !== 'call' && !media.screen;
    share.dataset.active = String(media.screen);
    const text = t(media.screen ? 'stopSharing' : 'share');
    setText(find('span', share), text);
    share.setAttribute('aria-label', text);
  }

  /** @param {Model} model */
  #showNotice({media, t}) {
    const text = find('[data-notice-text]', this.#notice);
    if (this.message) setText(text, t(this.message));
    else renderProblems(text, media.problems, t);
    const told = text.textContent ?? '';
    if (told === '') this.#dismissed = '';
    this.#notice.hidden = told === '' || told === this.#dismissed;
  }

  /** @param {Model} model */
  #waiting(model) {
    const {call, t, url} = model;
    const title = WAITING_TITLES[call.notice] ?? 'waitingTitle';
    setText(find('[data-waiting-title]'), t(title, {name: otherName(model)}));
    setText(find('[data-waiting-text]'), t(call.notice ? 'waitingBack' : 'waitingText'));
    const link = /** @type {HTMLInputElement} */ (find('[data-link]'));
    if (link.value !== url) link.value = url;
    find('[data-action="share-link"]').hidden = !('share' in navigator);
  }

  /** @param {Model} model */
  #connecting(model) {
    const {call, media, t} = model;
    const text = call.link ? t('connectingText', {name: otherName(model)}) : t('connectingServer');
    setText(find('[data-connecting-text]'), text);
    const list = find('[data-steps]');
    const steps = stepsOf(call, media);
    if (list.children.length === 0) list.append(...steps.map(() => stamp('step')));
    findAll('.step', list).forEach((item, i) => {
      const step = steps[i];
      if (!step) return;
      item.dataset.step = step.name;
      item.dataset.state = step.state;
      setText(
        find('.mark', item),
        step.state === 'done' ? '✓' : step.state === 'failed' ? '!' : String(i + 1),
      );
      setText(find('[data-step-name]', item), t(STEP_NAMES[step.name]));
      setText(find('[data-step-state]', item), t(STEP_STATES[step.state]));
    });
  }
}

/** The first letter of a name, or the picture of a person. @param {HTMLElement} place @param {string} name */
function avatar(place, name) {
  const [letter = ''] = name.trim();
  if (place.dataset.letter === letter) return;
  place.dataset.letter = letter;
  if (letter) {
    place.textContent = letter.toLocaleUpperCase();
    return;
  }
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'use'));
  setIcon(svg, '#i-user');
  place.replaceChildren(svg);
}
