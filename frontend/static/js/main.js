import {Call} from './call.js';
import {chooseLanguage, format, loadTexts} from './i18n.js';
import {chime} from './level.js';
import {Media} from './media.js';
import {pageOptions} from './options.js';
import {refusalOf} from './refusal.js';
import {pathOfRoom, readAddress, readRoom, takeToken} from './roomlink.js';
import {screenOf} from './screens.js';
import {Seat} from './seat.js';
import {keepToken, ofTab, recall, remember} from './storage.js';
import {canCall} from './support.js';
import {View} from './ui/view.js';
import {WakeLock} from './wakelock.js';
import {onWakeUp} from './wakeup.js';
/** @import {Key, Language, Texts} from './i18n.js' */

/** The home page, three folders above this module: callbox may be served below a path. */
const HOME = new URL('../../../', import.meta.url);
// Relative, these would lead elsewhere once the address changes.
for (const element of document.querySelectorAll('.brand, link[rel="icon"]'))
  element.setAttribute('href', /** @type {HTMLAnchorElement} */ (element).href);
const options = pageOptions(new URLSearchParams(location.search));
let token = '';

const media = new Media({
  devices: navigator.mediaDevices,
  secure: isSecureContext,
  permission: async (name) => {
    try {
      const status = await navigator.permissions.query({
        name: /** @type {PermissionName} */ (name),
      });
      return status.state;
    } catch {
      return '';
    }
  },
  recall,
  remember,
});

const call = new Call({
  server: HOME.href.slice(0, -1),
  get token() {
    return token;
  },
  seat: new Seat(ofTab(), navigator.locks),
  media,
  relay: options.relay,
  turn: options.turn,
  now: () => performance.now(),
  onchange: () => render(),
  onchime: () => {
    view.came();
    void chime(media.state.selected.audiooutput);
  },
});

const wakeLock = new WakeLock();
/** What a text about the server may name. */
const place = {origin: location.origin, host: location.hostname};
/** @type {Record<import('./roomlink.js').FaultCode, Key>} */
const FAULTS = {
  empty: 'homeBadRoom',
  letter: 'homeBadLetter',
  long: 'homeBadRoom',
  encoding: 'homeBadLink',
  path: 'homeNoRoom',
};
/** @type {Record<import('./refusal.js').RefusalCode, Key>} */
const REFUSALS = {
  origin: 'refusedOrigin',
  host: 'refusedHost',
  limited: 'homeLimited',
  busy: 'homeBusy',
};
/** @type {Language} */ let language = 'en';
/** @type {Texts} */ let texts;
/** The last join was without devices. */
let without = false;
/** Whether this browser can make calls; null = nobody has asked yet. @type {Promise<boolean>|null} */
let callable = null;
let supported = true;
/** What is told on the home page. @type {() => string} */ let homeError = () => '';
/** @type {MediaStream|null} */ let selfStream = null;

/** @param {Key} key @param {Record<string, string|number>} [parameters] */
const t = (key, parameters) => format(texts, key, parameters);

/** The local camera as a stream that stays the same as long as the track does. */
function self() {
  const {video} = media.tracks;
  if (selfStream?.getVideoTracks()[0] !== (video ?? undefined))
    selfStream = video && new MediaStream([video]);
  return selfStream;
}

function render() {
  const {state} = call;
  const screen = screenOf(state);
  view.render({
    call: state,
    screen,
    media: media.state,
    self: self(),
    microphone: media.tracks.audio,
    link: call.shown,
    canShareScreen: media.canShareScreen,
    supported,
    homeError: homeError(),
    language,
    t,
    url: HOME.href + pathOfRoom(state.room),
    now: performance.now(),
  });
  wakeLock.want(screen === 'waiting' || screen === 'connecting' || screen === 'call');
}

/** @param {string} room '' = home */
function go(room) {
  history.pushState(null, '', HOME.pathname + (room && pathOfRoom(room)) + location.search);
  open();
}

/** @param {import('./roomlink.js').Fault|null} fault */
function tellFault(fault) {
  const {code = null, letter: wrong = ''} = fault ?? {};
  // What is not drawn is told by its number.
  const letter = wrong.replace(
    /\p{Default_Ignorable_Code_Point}/u,
    (c) => `U+${c.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`,
  );
  homeError = () => (code ? t(FAULTS[code], {letter}) : '');
}

/** Shows what the address says. */
function open() {
  if (call.state.phase === 'in') call.dispatch({type: 'leave'});
  const address = new URL(location.href);
  token = keepToken(takeToken(address));
  const {room, fault} = readAddress(address, HOME.pathname);
  // The address of a room is to be passed on without what stuck to it on its way here.
  if (room) address.pathname = HOME.pathname + pathOfRoom(room);
  // Neither the history nor a link that is copied gives the token away.
  if (address.href !== location.href) history.replaceState(null, '', address);
  tellFault(fault);
  call.dispatch({type: 'open', room});
  if (room) void preview();
  else void media.stop();
}

/** Says what will not work, and shows the camera at once where that needs no question. */
async function preview() {
  callable ??= canCall();
  supported = await callable;
  render();
  if (!supported || media.state.capture !== 'idle') return;
  if (!media.available || (await media.granted())) await media.start();
}

async function start() {
  /** @type {Key} */ let key = 'homeFailed';
  try {
    const response = await fetch(`${HOME.href}api/v1/rooms`, {method: 'POST'});
    if (response.ok) {
      const {room} = await response.json();
      go(room);
      return;
    }
    const refusal = await refusalOf(response);
    if (refusal) key = REFUSALS[refusal.code];
  } catch {
    // The server cannot be reached, or somebody in between has answered.
  }
  homeError = () => t(key, place);
  render();
}

/** @param {string} typed */
function joinRoom(typed) {
  const link = readRoom(typed);
  if (link.token) token = keepToken(link.token);
  if (link.room) go(link.room);
  else {
    tellFault(link.fault);
    render();
  }
}

/** @param {string} name */
async function join(name) {
  if (!(await callable)) return;
  without = false;
  remember('name', name);
  if (media.state.capture === 'idle') {
    await media.start();
    // Whoever has read what is wrong may join all the same, with the next click.
    if (media.state.problems.length > 0) return;
  }
  call.dispatch({type: 'join', name});
}

/** @param {string} name */
async function joinWithout(name) {
  if (!(await callable)) return;
  without = true;
  remember('name', name);
  await media.stop();
  call.dispatch({type: 'join', name});
}

async function share() {
  if (media.state.screen) media.stopScreen();
  else if ((await media.startScreen()) === 'failed') view.tell('sharingFailed');
  render();
}

function retryDevices() {
  const {problems, capture} = media.state;
  if (
    call.state.phase !== 'in' ||
    capture === 'idle' ||
    problems.some(({kind}) => kind === 'both')
  ) {
    void media.start();
    return;
  }
  for (const {kind} of problems)
    void (kind === 'audio' ? media.setAudio(true) : media.setVideo(true));
}

async function rejoin() {
  call.dispatch({type: 'rejoin'});
  const {name} = call.state;
  await (without ? joinWithout(name) : join(name));
}

/** @param {Language} next */
async function speak(next) {
  texts = await loadTexts(next);
  language = next;
}

const view = new View(
  {
    start: () => void start(),
    joinRoom,
    typing: () => {
      tellFault(null);
      render();
    },
    allow: () => void media.start(),
    join: (name) => void join(name),
    joinWithout: (name) => void joinWithout(name),
    testSpeaker: () => void chime(media.state.selected.audiooutput),
    mute: () => void media.setAudio(!media.state.audio),
    camera: () => void media.setVideo(!media.state.video),
    screen: () => void share(),
    retryDevices,
    leave: () => call.dispatch({type: 'leave'}),
    rejoin: () => void rejoin(),
    newCall: () => go(''),
    language: () => {
      const next = language === 'en' ? 'zh' : 'en';
      remember('lang', next);
      void speak(next).then(render);
    },
    select: (kind, id) => void media.select(kind, id),
  },
  recall('name'),
);

media.onchange = () => {
  call.sendState();
  render();
};
addEventListener('popstate', open);
addEventListener('pagehide', () => call.goAway());
addEventListener('pageshow', ({persisted}) => persisted && location.reload());
onWakeUp(() => call.dispatch({type: 'online'}));

if (options.debug) {
  const stats = async () => {
    const {link} = call;
    await link?.measure(performance.now());
    return {...link?.sample, ...link?.rates, quality: link?.quality.value};
  };
  const callbox = {
    get state() {
      return {...call.state, screen: screenOf(call.state), media: media.state};
    },
    get signaling() {
      return call.signaling;
    },
    get pc() {
      return call.link?.pc ?? null;
    },
    stats,
  };
  Object.defineProperty(window, 'callbox', {value: Object.freeze(callbox)});
}

await speak(chooseLanguage([options.lang, recall('lang'), ...navigator.languages]));
open();
setInterval(render, 1000);
