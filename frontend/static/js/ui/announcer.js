import {bannerOf} from '../screens.js';
import {find, otherName, setText} from './dom.js';
/** @import {Model, Translate} from './dom.js' */

/** What is worth a word to somebody who cannot see it change. @param {Model} model @returns {Record<string, string>} */
function facts(model) {
  const {screen, media, call} = model;
  /** @type {Translate} */
  const t = (key) => model.t(key, {name: otherName(model)});
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
    banner: banner && t(banner),
  };
}

/** The one polite voice of the page. */
export class Announcer {
  #place = find('[data-announce]');
  /** @type {Record<string, string>|null} */ #before = null;
  #language = '';

  /** Says what is new since the last time. @param {Model} model */
  tell(model) {
    const now = facts(model);
    const before = this.#before;
    const translated = this.#language !== model.language;
    this.#before = now;
    this.#language = model.language;
    if (!before || translated) return;
    const news = Object.keys(now).filter((fact) => now[fact] && now[fact] !== before[fact]);
    if (news.length > 0) this.say(news.map((fact) => now[fact]).join('. '));
  }

  /** @param {string} text */
  say(text) {
    setText(this.#place, text);
  }
}
