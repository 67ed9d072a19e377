import {AWAY_BANNER_DELAY, DRAWING_DELAY} from './timeouts.js';
/** @import {State} from './machine.js' */
/** @import {MediaState} from './media_state.js' */
/** @import {Session} from './record/session.js' */

/**
 * What the page shows of the state, without touching the page.
 * @typedef {'home'|'prejoin'|'waiting'|'connecting'|'call'|'full'|'ended'} Screen
 * @typedef {'pending'|'active'|'done'|'failed'|'off'} StepState
 * @typedef {'devices'|'capture'|'recording'|'signaling'|'peer'|'servers'|'candidates'|'connected'} StepName
 */

/** @param {State} state @returns {Screen} */
export function screenOf(state) {
  if (state.phase !== 'in') return state.phase;
  if (state.link) return state.hasConnected ? 'call' : 'connecting';
  return state.self === '' || state.test ? 'connecting' : 'waiting';
}

/**
 * Returns how long to wait with drawing (ms). It would hold up a side that has yet to describe itself to the other one, which
 * mostly takes but a moment: when it gathers candidates it has done so.
 * @param {State} state @param {number} now ms
 */
export function drawingDelay({phase, link, hasConnected, peerJoinedAt}, now) {
  if (phase !== 'in' || !link || hasConnected || link.gathered.length > 0 || link.gatheringDone)
    return 0;
  return Math.max(0, peerJoinedAt + DRAWING_DELAY - now);
}

/**
 * Whether texts and files can be sent: open, later (when the connection is back), or why not.
 * @typedef {'open'|'later'|'alone'|'opening'|'foreign'|'closed'} TalkState
 */

/** @param {State} state @returns {TalkState} */
export function talkOf({phase, hasConnected, link}) {
  if (phase !== 'in' || !hasConnected || !link) return 'alone';
  if (link.gone || link.connection !== 'connected') return 'later';
  if (link.ctl) return 'open';
  if (link.safety.reason === 'foreign') return 'foreign';
  return link.ctlEnded ? 'closed' : 'opening';
}

/** @param {boolean} done @param {boolean} active @returns {StepState} */
const progress = (done, active) => (done ? 'done' : active ? 'active' : 'pending');

/** @param {MediaState} media @returns {[StepState, StepState]} */
function captureSteps(media) {
  if (media.capture === 'idle') return ['off', 'off'];
  if (media.capture === 'asking') return ['active', 'active'];
  const failed = media.problems.some(({kind}) => kind === 'both');
  const any = media.hasAudio || media.hasVideo;
  return [any ? 'done' : 'failed', failed ? 'failed' : progress(any, false)];
}

/** @param {State} state @returns {StepState} */
function serversStep({link}) {
  if (!link) return 'pending';
  if (!link.hasServers) return 'off';
  const reached = link.gathered.some((type) => type === 'srflx' || type === 'relay');
  if (reached || link.connected) return 'done';
  return link.gatheringDone ? 'failed' : 'active';
}

/** @param {Pick<Session, 'phase'|'notice'|'kept'>|null} recording @returns {StepState} */
function recordingStep(recording) {
  if (!recording) return 'off';
  const {phase, notice, kept} = recording;
  if (phase !== 'off' && phase !== 'asking') return 'active';
  if (notice === 'impossible' || notice === 'refused') return 'failed';
  return kept.length > 0 ? 'done' : 'off';
}

/**
 * The eight steps of a call, in order.
 * @param {State} state @param {MediaState} media @param {Pick<Session, 'phase'|'notice'|'kept'>|null} recording
 * @returns {{name: StepName, state: StepState}[]}
 */
export function stepsOf(state, media, recording) {
  const {link} = state;
  const [devices, capture] = captureSteps(media);
  const up = state.signaling === 'up';
  const connected = link?.connection === 'connected';
  const failed = link?.connection === 'failed';
  return [
    {name: 'devices', state: devices},
    {name: 'capture', state: capture},
    {name: 'recording', state: recordingStep(recording)},
    {name: 'signaling', state: state.signaling === 'down' ? 'failed' : progress(up, true)},
    {name: 'peer', state: link ? progress(link.settled || connected, true) : 'pending'},
    {name: 'servers', state: serversStep(state)},
    {
      name: 'candidates',
      state: link ? progress(connected, link.remoteSeen || link.gathered.length > 0) : 'pending',
    },
    {name: 'connected', state: failed ? 'failed' : progress(connected, link?.settled === true)},
  ];
}

/**
 * Reports whether the user hides their address, and no relay has answered: nothing else can connect the two.
 * @param {State} state
 */
export const lacksRelay = ({relay, link}) =>
  relay &&
  link !== null &&
  link.gatheringDone &&
  !link.connected &&
  !link.gathered.includes('relay');

/** The banner for a server that refuses to let this page back in. */
const REFUSED = Object.freeze({
  limited: 'bannerLimited',
  busy: 'bannerBusy',
  origin: 'refusedTitle',
  host: 'refusedTitle',
});

/**
 * The key of the text that the banner shows, the most important one, or ''.
 * @param {State} state @param {number} now ms @returns {''|'bannerClosing'|'bannerServerLost'|'bannerServerDown'|'bannerReconnecting'|'bannerStalled'|'bannerPeerLeaving'|'bannerPeerOffline'|'bannerLimited'|'bannerBusy'|'refusedTitle'}
 */
export function bannerOf(state, now) {
  if (state.phase !== 'in') return '';
  return mediaBanner(state) || signalingBanner(state, now);
}

/** @param {State} state */
function mediaBanner({hasConnected, link}) {
  if (!hasConnected || !link) return '';
  if (link.gone) return 'bannerPeerLeaving';
  if (link.connection !== 'connected') return 'bannerReconnecting';
  return link.stalled ? 'bannerStalled' : '';
}

/** @param {State} state */
function downBanner({refusal, self}) {
  if (refusal) return REFUSED[refusal];
  return self ? 'bannerServerLost' : 'bannerServerDown';
}

/** @param {State} state @param {number} now ms */
function signalingBanner(state, now) {
  const {notice, signaling, attempts, link, peer, awaySince} = state;
  if (notice === 'closing' && attempts < 3) return 'bannerClosing';
  // The first attempt comes at once. A connection that is back in a moment needs no banner.
  if (signaling === 'down' && attempts > 1) return downBanner(state);
  const offline = peer ? peer.away && now - awaySince >= AWAY_BANNER_DELAY : notice === 'timeout';
  return link && offline ? 'bannerPeerOffline' : '';
}
