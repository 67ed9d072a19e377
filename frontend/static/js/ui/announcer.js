import {bannerOf} from '../screens.js';
import {newsOf} from './chat_button.js';
import {element, peerName, setText} from './dom.js';
import {recordingFact} from './recording.js';
import {safetyFact} from './safety.js';
/** @import {Model, Translate} from './dom.js' */

/** Lists what a screen reader should announce when it changes. @param {Model} model @returns {Record<string, string>} */
function facts(model) {
  const {screen, media, call} = model;
  /** @type {Translate} */
  const t = (key) => model.t(key, {name: peerName(model)});
  const screens = /** @type {Record<string, string>} */ ({
    waiting: t('announceWaiting'),
    connecting: t('announceConnecting'),
    call: t('announceConnected'),
  });
  const captured = media.capture === 'done';
  const banner = bannerOf(call, model.now);
  return {
    screen: screens[screen] ?? '',
    microphone: captured ? t(media.audio ? 'announceMicOn' : 'announceMicOff') : '',
    camera: captured ? t(media.video ? 'announceCameraOn' : 'announceCameraOff') : '',
    remote: screen === 'call' && !call.remote.audio ? t('remoteMuted') : '',
    shared: screen === 'call' && call.remote.screen ? t('remoteShares') : '',
    recording: recordingFact(model),
    banner: banner && t(banner),
    safety: safetyFact(model),
    talk: newsOf(model),
  };
}

/** Writes announcements to the page's polite live region. */
export class Announcer {
  #region = element('[data-announce]');
  /** @type {Record<string, string>|null} */ #before = null;
  #language = '';

  /** Announces what has changed since the last time. @param {Model} model */
  update(model) {
    const now = facts(model);
    const before = this.#before;
    const translated = this.#language !== model.language;
    this.#before = now;
    this.#language = model.language;
    if (!before || translated) return;
    const changed = Object.keys(now).filter((fact) => now[fact] && now[fact] !== before[fact]);
    if (changed.length > 0) this.say(changed.map((fact) => now[fact]).join('. '));
  }

  /** @param {string} text */
  say(text) {
    setText(this.#region, text);
  }
}
