import {Call} from './call.js';
import {chooseLanguage, format, loadTexts} from './i18n.js';
import {chime} from './level.js';
import {Media} from './media.js';
import {pageOptions, parseRoom, pathOfRoom, roomOfPath, takeToken} from './options.js';
import {screenOf} from './screens.js';
import {Seat} from './seat.js';
import {keepToken, ofTab, recall, remember} from './storage.js';
import {View} from './ui/view.js';
import {WakeLock} from './wakelock.js';
import {onWakeUp} from './wakeup.js';
/** @import {Key, Language, Texts} from './i18n.js' */

const address = new URL(location.href);
const token = keepToken(takeToken(address));
// Neither the history nor a link that is copied gives the token away.
if (address.href !== location.href) history.replaceState(null, '', address);
const options = pageOptions(address.searchParams);

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
  origin: location.origin,
  token,
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
/** @type {Language} */ let language = 'en';
/** @type {Texts} */ let texts;
/** The last join was without devices. */
let without = false;
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
    language,
    t,
    url: location.origin + pathOfRoom(state.room),
    now: performance.now(),
  });
  wakeLock.want(screen === 'waiting' || screen === 'connecting' || screen === 'call');
}

/** @param {string} room '' = home */
function go(room) {
  history.pushState(null, '', (room ? pathOfRoom(room) : '/') + location.search);
  open();
}

/** Shows what the address says. */
function open() {
  if (call.state.phase === 'in') call.dispatch({type: 'leave'});
  const room = roomOfPath(location.pathname);
  call.dispatch({type: 'open', room});
  if (room) void preview();
  else void media.stop();
}

/** Shows the camera at once where that needs no question. */
async function preview() {
  if ((await media.granted()) && media.state.capture === 'idle') await media.start();
}

async function start() {
  try {
    const response = await fetch('/api/v1/rooms', {method: 'POST'});
    if (!response.ok) throw new Error(`status ${response.status}`);
    const {room} = await response.json();
    go(room);
  } catch (error) {
    view.homeError(t(/status (429|503)/.test(String(error)) ? 'homeBusy' : 'homeFailed'));
  }
}

/** @param {string} name */
async function join(name) {
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
    joinRoom: (typed) => {
      const room = parseRoom(typed);
      if (room) go(room);
      else view.homeError(t('homeBadRoom'));
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
