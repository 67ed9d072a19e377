import {bannerOf, lacksRelay, stepsOf} from '../screens.js';
import {STEPS_DELAY} from '../timeouts.js';
import {renderChatButton} from './chat_button.js';
import {cloneTemplate, element, elements, find, findAll, peerName, play, setText} from './dom.js';
import {renderFullScreen} from './full_screen.js';
import {renderProblems} from './problems.js';
import {hasPicture, showAvatar, showsRemote} from './remote.js';
import {recordingNotice, renderRecording} from './recording.js';
import {renderSafety} from './safety.js';
import {renderTopbar} from './topbar.js';
import {Volume} from './volume.js';
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
const WAITING_TITLES = {left: 'waitingLeft', timeout: 'waitingLost', busy: 'waitingBusy'};
/** What follows them. @type {Partial<Record<string, Key>>} */
const WAITING_TEXTS = {left: 'waitingBack', timeout: 'waitingBack', busy: 'waitingFree'};

/** Reports whether a portrait picture that fills a wide window would lose its top and bottom. @param {HTMLVideoElement} video */
function isCut(video) {
  const {videoWidth, videoHeight} = video;
  if (videoWidth === 0) return false;
  return (videoHeight * video.clientWidth) / (videoWidth * video.clientHeight) > 1.4;
}

/** The waiting, connecting and call screens in one element, so that a playing video is never moved. */
export class Stage {
  #section = element('[data-for="waiting connecting call"]');
  /** @type {HTMLVideoElement} */ #remote = element('[data-video="remote"]');
  /** @type {HTMLVideoElement} */ #shared = element('[data-video="shared"]');
  /** @type {HTMLVideoElement} */ #self = element('[data-video="self"]');
  #notice = element('[data-notice]');
  #volume = new Volume([this.#remote, this.#shared]);
  #shown = false;
  /** When the page began to connect (ms), null = it does not. @type {number|null} */ #connectingAt =
    null;
  /** The text of the notice that was dismissed. */
  #dismissed = '';
  /** The key of a message that does not come from the state. @type {Key|''} */ message = '';

  /** @param {string} speaker */
  async setSpeaker(speaker) {
    for (const video of [this.#remote, this.#shared]) {
      if ('setSinkId' in video && video.sinkId !== speaker)
        await video.setSinkId(speaker).catch(() => {});
    }
  }

  /** Plays what the browser did not play without a click. */
  async resume() {
    element('[data-action="play"]').hidden = true;
    await Promise.all([this.#remote, this.#shared].map((video) => video.srcObject && video.play()));
  }

  dismiss() {
    this.#dismissed = find('[data-notice-text]', this.#notice).textContent ?? '';
    this.message = '';
    this.#notice.hidden = true;
  }

  /** Shows the whole picture where filling the window would cut too much of it off. The window must be laid out. */
  fit() {
    if (this.#shown) this.#remote.classList.toggle('whole', isCut(this.#remote));
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
    if (entered) this.#volume.reset();
    const slow = this.#isSlow(model);
    this.#panes(model, slow);
    renderTopbar(model);
    renderSafety(model);
    renderRecording(model);
    const banner = bannerOf(call, model.now);
    setText(element('[data-banner]'), banner && t(banner, {name: peerName(model)}));
    this.#section.toggleAttribute('data-dimmed', banner === 'bannerReconnecting');
    element('[data-sharing]').hidden = !model.media.screen;
    this.#controls(model);
    this.#showNotice(model);
    if (entered) this.dismiss(); // The notice was on the screen before.
    this.#cards(model, slow);
  }

  /** Reports whether connecting takes so long that the page says more about it. @param {Model} model */
  #isSlow({screen, now}) {
    this.#connectingAt = screen === 'connecting' ? (this.#connectingAt ?? now) : null;
    return this.#connectingAt !== null && now - this.#connectingAt >= STEPS_DELAY;
  }

  /** @param {Model} model @param {boolean} slow */
  #cards(model, slow) {
    const {screen} = model;
    element('[data-card="waiting"]').hidden = screen !== 'waiting';
    element('[data-card="connecting"]').hidden = !slow;
    if (screen === 'waiting') this.#waiting(model);
    if (slow) this.#connecting(model);
  }

  /** @param {HTMLVideoElement} video @param {MediaStream|null} stream */
  #play(video, stream) {
    void play(video, stream).then((allowed) => {
      if (!allowed) element('[data-action="play"]').hidden = false;
    });
  }

  /** @param {Model} model @param {boolean} slow */
  #panes(model, slow) {
    const {call, screen, media, link} = model;
    // Two who are about to be connected see the call already, so that the first frame finds its place.
    const paired = screen === 'call' || (screen === 'connecting' && call.link !== null && !slow);
    const sharing = screen === 'call' && call.remote.screen && hasPicture(link?.shared);
    this.#section.dataset.layout = !paired ? 'solo' : sharing ? 'shared' : 'pair';
    element('[data-pane="remote"]').hidden = !paired;
    element('[data-pane="shared"]').hidden = !sharing;
    const cover = element('[data-cover="remote"]');
    cover.hidden = showsRemote(model);
    // The first frame need not wait until the page has taken the cover away.
    cover.toggleAttribute(
      'data-behind',
      this.#remote.readyState < HTMLMediaElement.HAVE_CURRENT_DATA,
    );
    this.#held(model);
    element('[data-cover="self"]').hidden = media.video;
    this.#self.classList.toggle('mirror', media.mirror && model.settings.mirror);
    showAvatar(element('[data-avatar="remote"]'), call.peerName);
    showAvatar(element('[data-avatar="self"]'), call.name);
    const muted = model.t('remoteMuted', {name: peerName(model)});
    setText(element('[data-tag="remote"]'), call.remote.audio ? call.peerName : muted);
  }

  /** Says whose video is paused to keep the sound. @param {Model} model */
  #held(model) {
    const {call, screen, media, link, t} = model;
    const {held} = call.remote;
    const reason = element('[data-remote-held]');
    reason.hidden = !held;
    setText(reason, held ? t('remoteHeld', {name: peerName(model)}) : '');
    element('[data-held]').hidden = !(screen === 'call' && media.video && link?.level.paused);
  }

  /** @param {Model} model */
  #controls(model) {
    const {media, canShareScreen, screen, t} = model;
    renderChatButton(model);
    renderFullScreen(t);
    setText(
      element('[data-action="hide-self"] span'),
      t(model.settings.selfHidden ? 'showSelf' : 'hideSelf'),
    );
    element('[data-action="flip"]').hidden = !media.video || media.devices.videoinput.length < 2;
    const text = t(media.screen ? 'stopSharing' : 'share');
    for (const share of elements('button[data-action="screen"]')) {
      share.hidden = !canShareScreen;
      share.toggleAttribute('disabled', screen !== 'call' && !media.screen);
      share.dataset.active = String(media.screen);
      setText(find('span', share), text);
      share.setAttribute('aria-label', text);
    }
  }

  /** @param {Model} model */
  #showNotice(model) {
    const {media, recording, t} = model;
    const text = find('[data-notice-text]', this.#notice);
    // Whoever is asked for a second click must have read what for.
    const asked = recording?.phase === 'asking';
    const message = this.message && !asked ? t(this.message) : recordingNotice(model);
    if (message) setText(text, message);
    else renderProblems(text, media.problems, true, t);
    const shown = text.textContent ?? '';
    if (shown === '') this.#dismissed = '';
    this.#notice.hidden = shown === '' || shown === this.#dismissed;
  }

  /** @param {Model} model */
  #waiting(model) {
    const {call, t, url} = model;
    setText(
      element('[data-waiting-stay]'),
      t(model.settings.chime ? 'waitingStay' : 'waitingStaySilent'),
    );
    const title = WAITING_TITLES[call.notice] ?? 'waitingTitle';
    setText(element('[data-waiting-title]'), t(title, {name: peerName(model)}));
    setText(element('[data-waiting-text]'), t(WAITING_TEXTS[call.notice] ?? 'waitingText'));
    const link = /** @type {HTMLInputElement} */ (element('[data-link]'));
    if (link.value !== url) link.value = url;
    element('[data-action="share-link"]').hidden = !('share' in navigator);
  }

  /** @param {Model} model */
  #connecting(model) {
    const {call, media, t} = model;
    const peer = lacksRelay(call) ? 'connectingNoRelay' : 'connectingText';
    const text = t(call.link ? peer : 'connectingServer', {name: peerName(model)});
    setText(element('[data-connecting-text]'), text);
    const list = element('[data-steps]');
    const steps = stepsOf(call, media, model.recording);
    if (list.children.length === 0) list.append(...steps.map(() => cloneTemplate('step')));
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
