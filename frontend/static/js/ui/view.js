import {loadModule} from '../load.js';
import {buildPickers, renderPickers} from './devices.js';
import {Announcer} from './announcer.js';
import {copyConnection, openConnection, renderConnection} from './connection_badge.js';
import {element, elements, find, setIcon, setText, translate} from './dom.js';
import {AfterDrawing} from './drawing.js';
import {endedTitle, renderEnded} from './ended.js';
import {toggleFullScreen} from './full_screen.js';
import {listenToKeys, openKeys, renderKeys} from './keys.js';
import {buildLanguageMenus, showLanguage} from './languages.js';
import {Menu} from './menu.js';
import {PictureEntry} from './picture_entry.js';
import {Prejoin} from './prejoin.js';
import {copyLink, shareLink, showCode} from './room_link.js';
import {closeDialogs, openSafety} from './safety.js';
import {SelfView} from './self_view.js';
import {bindSettings, openSettings, renderSettings} from './settings.js';
import {Stage} from './stage.js';
import {showTicks} from './ticks.js';
/** @import {ChatPanel} from './chat.js' */
/** @import {KeptList} from './kept.js' */
/** @import {Ticks} from '../check/quick.js' */
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {DeviceKind} from '../device_choice.js' */
/** @import {Verdict} from '../safety_check.js' */
/** @import {Screen} from '../screens.js' */
/** @import {Settings} from '../settings.js' */

/**
 * What the user can do.
 * @typedef {object} Actions
 * @property {() => void} start
 * @property {(typed: string) => void} joinRoom
 * @property {() => void} typing into the field for a room
 * @property {() => void} allow
 * @property {() => void} joinsSoon the user seems to be about to join
 * @property {(name: string) => void} join
 * @property {(name: string) => void} joinWithout
 * @property {() => Promise<boolean>} testSpeaker resolves to whether it sounds
 * @property {boolean} asksForSpeaker whether the browser has a picker of its own for it
 * @property {() => void} chooseSpeaker in that picker
 * @property {() => void} mute
 * @property {() => void} camera
 * @property {() => void} screen
 * @property {() => void} flip turns to the other camera
 * @property {Settings['set']} set
 * @property {(on: boolean) => void} setNotify about notifications, which the browser may have to allow first
 * @property {() => void} record
 * @property {() => void} retryDevices
 * @property {() => void} openTab with this room
 * @property {() => void} dismiss the notices about devices
 * @property {() => void} insist on sending video
 * @property {(verdict: Verdict) => void} compared the safety codes
 * @property {() => void} leave
 * @property {(on: boolean) => void} hideAddress
 * @property {() => void} rejoin
 * @property {() => void} rejoinShown rejoin without hiding the address
 * @property {() => void} newCall
 * @property {(onchange: (ticks: Ticks) => void) => Promise<void>} quickCheck checks the connection to the server
 * @property {(tag: string) => void} language
 * @property {(kind: DeviceKind, id: string) => void} select
 */

/** @type {Partial<Record<Screen, Key>>} */
const TITLES = {
  waiting: 'titleWaiting',
  connecting: 'announceConnecting',
  call: 'titleCall',
  full: 'fullTitle',
};

const CHAT = new URL('./chat.js', import.meta.url);
const KEPT = new URL('./kept.js', import.meta.url);

/** The page. Only modules in this folder touch it. `render` may be called at any time. */
export class View {
  /** @type {Actions} */ #actions;
  #prejoin = new Prejoin();
  #stage = new Stage();
  #menu = new Menu();
  #picture = new PictureEntry();
  /** @type {SelfView} */ #self;
  #announcer = new Announcer();
  #moveFocus = new AfterDrawing();
  #renderRest = new AfterDrawing();
  /** Loaded when it is needed for the first time. @type {ChatPanel|null} */ #chat = null;
  /** @type {Promise<ChatPanel>|null} */ #chatLoading = null;
  /** Whether it could not be loaded. A click tries again. */
  #chatFailed = false;
  /** The same. @type {KeptList|null} */ #kept = null;
  #keptLoading = false;
  /** @type {Model|null} */ #before = null;
  #arrived = false;

  /** @param {Actions} actions @param {string} name of the user, as remembered */
  constructor(actions, name) {
    this.#actions = actions;
    this.#self = new SelfView((corner) => actions.set('corner', corner));
    this.#name.value = name;
    buildPickers(actions.asksForSpeaker, (kind, id) => actions.select(kind, id));
    buildLanguageMenus((tag) => actions.language(tag));
    document.addEventListener('click', (event) => this.#click(event));
    listenToKeys(
      document,
      () => this.#before,
      (action, button) => this.#clicks[action]?.(button),
    );
    bindSettings(actions.set, actions.setNotify);
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#arrived = false;
    });
    document.addEventListener('fullscreenchange', () => this.#before && this.render(this.#before));
    element('.join-room').addEventListener('submit', (event) => {
      event.preventDefault();
      actions.joinRoom(this.#room.value);
    });
    element('[data-prejoin]').addEventListener('submit', (event) => {
      event.preventDefault();
      actions.join(this.#name.value.trim());
    });
    for (const sign of ['pointerover', 'pointermove', 'pointerdown', 'focusin'])
      element('.join-actions').addEventListener(sign, actions.joinsSoon);
    element('[data-prejoin]').addEventListener('keydown', actions.joinsSoon); // Enter joins.
    /** @type {HTMLInputElement} */
    const hide = element('[name="relay"]');
    hide.addEventListener('change', () => actions.hideAddress(hide.checked));
    element('.brand').addEventListener('click', (event) => {
      event.preventDefault();
      actions.newCall();
    });
    this.#room.addEventListener('input', () => actions.typing());
  }

  /** @returns {HTMLInputElement} */
  get #room() {
    return element('[name="room"]');
  }

  /** @returns {HTMLInputElement} */
  get #name() {
    return element('[name="name"]');
  }

  /** @param {Key} key @returns {string} a text for something that happens between two renderings */
  #t(key) {
    return this.#before?.t(key) ?? '';
  }

  /** @param {Model} model */
  #home({homeError}) {
    const line = element('#home-error');
    const isNew = homeError !== '' && line.textContent !== homeError;
    setText(line, homeError);
    // In a small window it may be below the edge.
    if (isNew) line.scrollIntoView({block: 'nearest'});
    this.#room.toggleAttribute('aria-invalid', homeError !== '');
  }

  /** Marks the page's title if it is hidden while somebody comes. */
  notifyArrival() {
    this.#arrived = document.hidden;
  }

  /** Shows a message that does not come from the state. @param {Key} key */
  showMessage(key) {
    this.#stage.message = key;
  }

  /** @param {Model} model */
  render(model) {
    const before = this.#before;
    this.#before = model;
    const changed = model.screen !== before?.screen;
    if (model.language !== before?.language) this.#setLanguage(model);
    if (changed) this.#show(model.screen);
    for (const part of this.#parts) part.render(model);
    this.#toggles(model);
    this.#home(model);
    this.#prejoin.render(model);
    this.#stage.render(model);
    this.#self.render(model);
    if (model.screen === 'full')
      setText(element('[data-full-text]'), model.t('fullText', {room: model.call.room}));
    if (model.screen === 'ended') renderEnded(model);
    void this.#stage.setSpeaker(model.media.selected.audiooutput);
    this.#renderRest.run(() => this.#rest(model));
    if (changed && before) this.#moveFocus.run(() => this.#focus(model.screen));
  }

  /** What is not seen at once, or not at all. @param {Model} model */
  #rest(model) {
    this.#stage.fit();
    this.#title(model);
    this.#picture.render(model);
    renderConnection(model);
    renderPickers(model);
    renderSettings(model);
    renderKeys(model);
    this.#loadParts(model);
    this.#announcer.update(model);
  }

  /** @param {Model} model */
  #setLanguage({language, t}) {
    document.documentElement.lang = t('htmlLang');
    translate(document, t);
    showLanguage(language);
  }

  /** @param {Screen} screen */
  #show(screen) {
    scrollTo(0, 0); // As long as nothing has changed, there is nothing to lay out for this.
    document.body.dataset.screen = screen;
    for (const part of elements('.masthead, main')) part.hidden = false;
    for (const section of elements('[data-for]')) {
      section.hidden = !section.dataset.for?.split(' ').includes(screen);
    }
    closeDialogs();
    this.#menu.close();
  }

  /** @param {Screen} screen */
  #focus(screen) {
    const heading = elements('[data-for] h1').find((h1) =>
      h1.closest('[data-for]')?.getAttribute('data-for')?.split(' ').includes(screen),
    );
    heading?.focus({preventScroll: true});
  }

  /** @param {Model} model */
  #title({screen, call, conversation, t}) {
    const key = this.#arrived
      ? 'titleCame'
      : screen === 'ended'
        ? endedTitle(call)
        : TITLES[screen];
    const title = key ? t(key) : screen === 'prejoin' ? `${call.room} – callbox` : 'callbox';
    const count = conversation?.unread ?? 0;
    document.title = count > 0 ? t('chatUnreadTitle', {count, title}) : title;
  }

  #loadChat() {
    this.#chatLoading ??= loadModule(CHAT, () => import('./chat.js')).then(
      ({ChatPanel}) => {
        this.#chat = new ChatPanel();
        if (this.#before) this.render(this.#before);
        return this.#chat;
      },
      (error) => {
        console.warn('chat:', error); // The server is away, or a newer one has other modules.
        this.#chatLoading = null;
        this.#chatFailed = true;
        this.showMessage('chatEnded');
        throw error;
      },
    );
    return this.#chatLoading;
  }

  /** Those that are loaded when they are needed. */
  get #parts() {
    return [this.#chat, this.#kept].filter((part) => part !== null);
  }

  /** @param {Model} model */
  #loadParts({conversation, recording}) {
    if (conversation && !this.#chatLoading && !this.#chatFailed)
      void this.#loadChat().catch(() => {});
    if (recording?.kept.length && !this.#keptLoading) void this.#loadKept();
  }

  async #loadKept() {
    this.#keptLoading = true;
    try {
      const {KeptList: Loaded} = await loadModule(KEPT, () => import('./kept.js'));
      this.#kept = new Loaded();
      if (this.#before) this.render(this.#before);
    } catch (error) {
      console.warn('recordings:', error); // They are offered again at the next visit.
    }
  }

  /** @param {Model} model */
  #toggles({media}) {
    for (const [action, on, has, icon] of /** @type {const} */ ([
      ['mute', media.audio, media.hasAudio, '#i-mic'],
      ['camera', media.video, media.hasVideo, '#i-camera'],
    ])) {
      for (const button of elements(`[data-action="${action}"]`)) {
        button.setAttribute('aria-pressed', String(on));
        button.dataset.has = String(has);
        setIcon(button, on ? icon : `${icon}-off`);
      }
    }
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const button = /** @type {Element} */ (event.target).closest('[data-action]');
    const action = button?.getAttribute('data-action') ?? '';
    this.#clicks[action]?.(/** @type {HTMLElement} */ (button));
    if (button)
      for (const part of this.#parts) part.click(action, /** @type {HTMLElement} */ (button));
  }

  /** Submit buttons are handled by their form. @type {Record<string, (button: HTMLElement) => void>} */
  #clicks = {
    start: () => this.#actions.start(),
    allow: () => this.#actions.allow(),
    'quick-check': (button) =>
      void showTicks(button, this.#actions.quickCheck, (...text) => this.#before?.t(...text) ?? ''),
    'join-without': () => this.#actions.joinWithout(this.#name.value.trim()),
    'choose-speaker': () => this.#actions.chooseSpeaker(),
    'test-speaker': (button) => void this.#testSpeaker(button),
    mute: () => this.#actions.mute(),
    camera: () => this.#actions.camera(),
    screen: () => this.#actions.screen(),
    flip: () => this.#actions.flip(),
    record: () => this.#actions.record(),
    more: () => this.#menu.toggle(),
    'full-screen': () => void toggleFullScreen().catch(() => {}), // The browser may refuse.
    chat: () =>
      void this.#loadChat().then(
        (chat) => chat.toggle(),
        () => this.showMessage('chatEnded'),
      ),
    insist: () => this.#actions.insist(),
    'retry-devices': () => this.#actions.retryDevices(),
    leave: () => this.#actions.leave(),
    rejoin: () => this.#actions.rejoin(),
    'rejoin-shown': () => this.#actions.rejoinShown(),
    'new-call': () => this.#actions.newCall(),
    picture: () => void this.#togglePicture(),
    'hide-self': () => this.#actions.set('selfHidden', !this.#before?.settings.selfHidden),
    keys: () => openKeys(this.#before),
    settings: openSettings,
    safety: openSafety,
    connection: () => void this.#openConnection(),
    'copy-report': () => void copyConnection(this.#before),
    'safety-match': () => {
      this.#actions.compared('match');
      closeDialogs();
    },
    'safety-differ': () => this.#actions.compared('differ'),
    'close-dialog': closeDialogs,
    'copy-link': (button) => void this.#copy(button),
    'open-tab': () => this.#actions.openTab(),
    'share-link': () => shareLink(this.#before?.url ?? ''),
    'show-code': () => void this.#showCode(),
    play: () => void this.#stage.resume(),
    dismiss: () => {
      this.#stage.dismiss();
      this.#before?.recording?.dismiss();
      this.#actions.dismiss();
    },
  };

  /** Shows the call in a window on top of all others. */
  openPicture() {
    void this.#togglePicture(true);
  }

  /** @param {boolean} [open] */
  async #togglePicture(open) {
    const model = this.#before;
    const act = (/** @type {string} */ action) => this.#clicks[action]?.(document.body);
    if (model && !(await this.#picture.toggle(model, act, open))) this.showMessage('pictureFailed');
  }

  async #openConnection() {
    if (!(await openConnection(() => this.#before))) this.showMessage('connectionFailed');
  }

  /** @param {HTMLElement} button */
  async #testSpeaker(button) {
    const result = find('[data-speaker-result]', button.closest('[data-pickers]') ?? document);
    setText(result, this.#t('speakerPlaying'));
    const played = await this.#actions.testSpeaker();
    setText(result, played ? '' : this.#t('speakerFailed'));
  }

  /** @param {HTMLElement} button */
  async #copy(button) {
    const model = this.#before;
    if (model && (await copyLink(button, model.url, model.t)))
      this.#announcer.say(this.#t('copied'));
  }

  async #showCode() {
    if (!(await showCode(this.#before?.url ?? ''))) this.showMessage('codeFailed');
  }
}
