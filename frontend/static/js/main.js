import {Arrival} from './arrival.js';
import {Call} from './call.js';
import {faultText, newRoom} from './home.js';
import {chooseLanguage, format, loadTexts} from './i18n.js';
import {chime} from './level.js';
import {Media} from './media.js';
import {CallSession} from './media_session.js';
import {pageOptions} from './options.js';
import {onGranted} from './permissions.js';
import {isNotice} from './problem.js';
import {quickCheck} from './quick_check.js';
import {Recording} from './recording.js';
import {pathOfRoom, readAddress, readRoom, takeToken, withoutFrame} from './roomlink.js';
import {drawingDelay, screenOf, talkOf} from './screens.js';
import {Seat} from './seat.js';
import {SelfStream} from './self_stream.js';
import {Settings, SOUND_SETTINGS, soundConstraints} from './settings.js';
import {keepToken, tabStorage, recall, remember} from './storage.js';
import {canCall, newCertificate} from './support.js';
import {RENDER_INTERVAL} from './timeouts.js';
import {permissionHere} from './ui/frame.js';
import {oncePerFrame} from './ui/drawing.js';
import {LANGUAGES} from './ui/languages.js';
import {View} from './ui/view.js';
import {WakeLock} from './wakelock.js';
import {onWakeUp} from './wakeup.js';
/** @import {Kind} from './capture.js' */
/** @import {Key, Texts} from './i18n.js' */

/** The home page, three folders above this module: callbox may be served below a path. */
const HOME = new URL('../../../', import.meta.url);
// Relative links would lead elsewhere once the address changes.
for (const element of document.querySelectorAll('[href]:not(use, link[rel="stylesheet"])'))
  element.setAttribute('href', /** @type {HTMLAnchorElement} */ (element).href);
/** What the server says: its version, and its room for test calls. */
const {version, embed = '', echo} = document.documentElement.dataset;
/** The origins of the sites that may show this page in a frame: none, unless it is the page for frames. */
const embedders = embed.split(' ').filter(Boolean);
const embedded = embedders.length > 0;
const options = pageOptions(new URLSearchParams(location.search), embedded);
/** @type {import('./embed.js').Embedding|null} */ let embedding = null;
const now = () => performance.now();
let token = '';
/** For all connections of this page, so that the safety code stays the same. @type {RTCCertificate|undefined} */
let certificate;

const settings = new Settings(recall, remember);

const media = new Media({
  devices: navigator.mediaDevices,
  secure: isSecureContext,
  permission: permissionHere,
  sound: () => soundConstraints(settings.values),
  recall,
  remember,
});

const seat = new Seat(tabStorage(), navigator.locks);

const call = new Call({
  server: HOME.href.slice(0, -1),
  get token() {
    return token;
  },
  app: `callbox ${version}`,
  get certificate() {
    return certificate;
  },
  seat,
  media,
  relay: options.relay || recall('relay') !== '',
  turn: options.turn,
  sending: () => settings.values,
  now,
  onchange: () => renderSoon(),
  onarrival: () => {
    view.notifyArrival();
    const name = call.state.peerName || t('someone');
    arrival.announce(settings.values, t('arrivedTitle', {name}), t('arrivedText'));
  },
});

const arrival = new Arrival({
  isHidden: () => document.hidden,
  chime: () => chime(media.state.selected.audiooutput),
  Notification: globalThis.Notification,
  focus: () => window.focus(),
});
const recording = new Recording({call, media, now, onchange: () => renderSoon()});
const selfStream = new SelfStream();
const wakeLock = new WakeLock();
const session = new CallSession(navigator.mediaSession, {
  togglemicrophone: () => void media.setAudio(!media.state.audio),
  togglecamera: () => void media.setVideo(!media.state.video),
  hangup: () => call.dispatch({type: 'leave'}),
  enterpictureinpicture: () => view.openPicture(),
});
/** Parameters of texts about the server. */
const serverParameters = {origin: location.origin, host: location.hostname};
let language = '';
/** @type {Texts} */ let texts;
/** Whether this browser can make calls; null = not tested yet. @type {Promise<boolean>|null} */
let supportTest = null;
let supported = true;
/** Returns the error that the home page shows. @type {() => string} */ let homeError = () => '';

/** @param {Key} key @param {Record<string, string|number>} [parameters] */
const t = (key, parameters) => format(texts, key, parameters);

/** @param {string} room @returns {string} path of this page for a room, below the base path */
const pagePathOf = (room) => pathOfRoom(room, embedded ? 'embed' : 'r');
const addressOfRoom = () => HOME.href + pathOfRoom(call.state.room);

function render() {
  recording.session?.update();
  const {state} = call;
  const screen = screenOf(state);
  view.render({
    call: state,
    screen,
    media: media.state,
    self: selfStream.of(media.tracks.video),
    microphone: media.tracks.audio,
    link: call.shown,
    history: call.history,
    conversation: call.conversation,
    talk: call.talkFailed ? 'closed' : talkOf(state),
    recording: recording.session,
    canShareScreen: media.canShareScreen,
    settings: settings.values,
    notifications: arrival.permission,
    supported,
    homeError: homeError(),
    language,
    t,
    url: addressOfRoom(),
    now: now(),
  });
  embedding?.update(state, call.link?.quality.value ?? null);
  wakeLock.want(screen === 'waiting' || screen === 'connecting' || screen === 'call');
  session.update(screen === 'call', media.state);
}

/** A call that connects changes many times at once. */
const renderSoon = oncePerFrame(render, () => drawingDelay(call.state, now()));

/** @param {string} room '' = home */
function go(room) {
  history.pushState(null, '', HOME.pathname + (room && pagePathOf(room)) + location.search);
  open();
}

/** @param {import('./roomlink.js').Fault|null} fault */
function showFault(fault) {
  homeError = () => faultText(fault, t);
}

/** Opens what the address names. */
function open() {
  if (call.state.phase === 'in') call.dispatch({type: 'leave'});
  const address = new URL(location.href);
  token = keepToken(takeToken(address));
  const {room, fault} = readAddress(withoutFrame(address, HOME.pathname), HOME.pathname);
  // The user passes the address of the room on, so it must not contain what stuck to the link.
  if (room) address.pathname = HOME.pathname + pagePathOf(room);
  // Neither the history nor a copied link may contain the token.
  if (address.href !== location.href) history.replaceState(null, '', address);
  showFault(fault);
  call.dispatch({type: 'open', room, test: room !== '' && room === echo});
  void (room ? preview() : media.stop());
}

/** Makes ready what every call needs. @returns {Promise<boolean>} whether this browser can make calls */
async function prepare() {
  const can = await canCall();
  if (can) certificate = await newCertificate();
  return can;
}

/** Shows what will not work, and the camera if the user need not be asked for it. */
async function preview() {
  supportTest ??= prepare();
  // In a frame, no device starts before the user clicks in it.
  const mayStart = !media.available || (!embedded && media.asksNothing());
  supported = await supportTest;
  render();
  if (!supported || media.state.capture !== 'idle') return;
  // A page that was reloaded during a call is about to go on with it.
  if (seat.isKept(call.state.room)) call.prepare();
  // The user may have gone elsewhere meanwhile, or have joined without devices.
  if ((await mayStart) && call.state.phase === 'prejoin') await startMedia();
}

/** @param {Kind[]} [kinds] */
const startMedia = (kinds = options.camera ? undefined : ['audio']) => media.start(kinds);

/** Whether the user has been asked for the devices, and has answered. */
const hasAsked = () => media.state.capture === 'done';

async function start() {
  const {room, key} = await newRoom(HOME.href);
  if (room) {
    go(room);
    return;
  }
  homeError = () => t(key, serverParameters);
  render();
}

/** @param {string} typed */
function joinRoom(typed) {
  const link = readRoom(typed);
  if (link.token) token = keepToken(link.token);
  if (link.room) go(link.room);
  else {
    showFault(link.fault);
    render();
  }
}

/** @param {string} name @param {Kind[]} [kinds] of devices to open; without it, both */
async function join(name, kinds) {
  if (!(await supportTest)) return;
  remember('name', name);
  if (media.state.capture === 'idle') {
    await startMedia(kinds);
    // The user may have gone elsewhere meanwhile, or sees the problems first, and joins with the next click.
    if (!hasAsked() || !media.state.problems.every(isNotice)) return;
  }
  call.dispatch({type: 'join', name});
}

/** @param {string} name */
async function joinWithout(name) {
  if (!(await supportTest)) return;
  remember('name', name);
  media.stop();
  call.dispatch({type: 'join', name});
}

async function share() {
  if (media.state.screen) media.stopScreen();
  else if ((await media.startScreen()) === 'failed') view.showMessage('sharingFailed');
  render();
}

function retryDevices() {
  const [first, second] = media.state.problems.filter((problem) => !isNotice(problem));
  if (!first) return;
  if (second || first.kind === 'both') void startMedia();
  else void (first.kind === 'audio' ? media.setAudio(true) : media.setVideo(true));
}

/** Joins again, with what was on before: whoever was muted stays muted. */
async function rejoin() {
  call.dispatch({type: 'rejoin'});
  const {name} = call.state;
  await (media.wereOn.length === 0 ? joinWithout(name) : join(name, media.wereOn));
}

/** @param {string} next */
async function setLanguage(next) {
  texts = await loadTexts(next);
  language = next;
}

const view = new View(
  {
    start: () => void start(),
    joinRoom,
    typing: () => {
      showFault(null);
      render();
    },
    allow: () => void startMedia(),
    joinsSoon: () => call.prepare(),
    join: (name) => void join(name),
    joinWithout: (name) => void joinWithout(name),
    asksForSpeaker: media.asksForSpeaker,
    chooseSpeaker: () => void media.chooseSpeaker(),
    testSpeaker: () => chime(media.state.selected.audiooutput),
    mute: () => void media.setAudio(!media.state.audio),
    camera: () => void media.setVideo(!media.state.video),
    screen: () => void share(),
    flip: () => void media.flip(),
    set: (name, value) => settings.set(name, value),
    setNotify: async (on) => {
      if (on) await arrival.askPermission();
      settings.set('notify', on);
      render();
    },
    record: () => void recording.click(() => view.showMessage('recordLoadFailed')),
    retryDevices,
    openTab: () =>
      void window.open(addressOfRoom() + (token && `#token=${token}`), '_blank', 'noopener'),
    dismiss: () => media.dismiss(),
    insist: () => void call.insist(),
    compared: (verdict) => call.dispatch({type: 'compared', verdict}),
    leave: () => call.dispatch({type: 'leave'}),
    hideAddress: (on) => {
      remember('relay', on ? '1' : '');
      call.dispatch({type: 'hideAddress', on});
    },
    rejoin: () => void rejoin(),
    rejoinShown: () => {
      call.dispatch({type: 'hideAddress', on: false}); // For this call alone.
      void rejoin();
    },
    newCall: () => go(''),
    quickCheck: (onchange) => quickCheck(HOME.href.slice(0, -1), token, onchange),
    language: (next) => {
      remember('lang', next);
      void setLanguage(next).then(render, render); // Without the server it stays as it is.
    },
    select: (kind, id) => void media.select(kind, id),
  },
  options.name || recall('name'),
);

settings.onchange = (name) => {
  if (SOUND_SETTINGS.includes(name)) void media.reopenAudio();
  if (name === 'music' || name === 'saver') call.adjust(name);
  render();
};
media.onchange = () => {
  call.sendState();
  renderSoon();
};
addEventListener('popstate', open);
document.addEventListener('visibilitychange', () => document.hidden || arrival.dismiss());
addEventListener('pagehide', () => call.goAway());
addEventListener('pageshow', ({persisted}) => persisted && location.reload());
onWakeUp(() => call.dispatch({type: 'online'}));
void onGranted(() => {
  if (media.state.problems.some(({code}) => code === 'blocked' || code === 'dismissed'))
    retryDevices();
});

if (options.debug) {
  const {exposeCall} = await import('./debug.js');
  exposeCall(call, media);
}

if (embedded) {
  const {showEmbedded} = await import('./ui/embedded.js');
  embedding = showEmbedded(embedders, options.prejoin, {
    mute: () => void media.setAudio(false),
    'hide-camera': () => void media.setVideo(false),
    'hang-up': () => call.dispatch({type: 'leave'}),
  });
}
await setLanguage(
  chooseLanguage([options.lang, recall('lang'), ...navigator.languages], LANGUAGES),
);
open();
void recording.offer(navigator.storage).catch(() => {}); // as in a private window of Firefox
setInterval(render, RENDER_INTERVAL);
