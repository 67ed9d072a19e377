import {formatDuration} from '../i18n.js';
import {element, find, peerName, setText} from './dom.js';
/** @import {Model, Translate} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Link} from '../link.js' */
/** @import {State} from '../machine.js' */
/** @import {Path, Quality} from '../stats.js' */

/** @type {Record<Quality, Key>} */
const QUALITIES = {
  good: 'qualityGood',
  fair: 'qualityFair',
  poor: 'qualityPoor',
  lost: 'qualityLost',
};

/** Shows the duration, the quality and path of the connection, and the room. @param {Model} model */
export function renderTopbar(model) {
  const {call, screen, link, now, language, t} = model;
  const inCall = screen === 'call';
  setText(element('[data-timer]'), inCall ? formatDuration(language, now - call.connectedAt) : '');
  setText(element('.topbar [data-room]'), call.room);
  const title = inCall
    ? 'announceConnected'
    : screen === 'waiting'
      ? 'announceWaiting'
      : 'announceConnecting';
  setText(element('[data-stage-title]'), t(title, {name: peerName(model)}));
  const badge = element('[data-quality]');
  const path = link?.sample?.path;
  badge.hidden = !inCall || !path;
  element('.menu [data-action="connection"]').hidden = !inCall;
  if (inCall && link && path) renderQuality(badge, model, link, path);
}

/** @param {HTMLElement} badge @param {Model} model @param {Link} link @param {Path} path */
function renderQuality(badge, {call, t}, link, path) {
  const quality = qualityOf(call, link);
  const {kind} = path;
  Object.assign(badge.dataset, {quality, path: kind, protocol: path.protocol});
  const short = t(kind === 'relayed' ? 'pathRelayed' : 'pathDirect');
  const text = `${t(QUALITIES[quality])} · ${short} · ${path.protocol.toUpperCase()}`;
  setText(find('[data-quality-text]', badge), text);
  const label = t('connectionLabel', {text});
  if (badge.getAttribute('aria-label') !== label) badge.setAttribute('aria-label', label);
}

/** @param {State} call @param {Link} link @returns {Quality} */
const qualityOf = ({link: facts}, link) =>
  facts?.connection === 'connected' ? link.quality.value : 'lost';

/** Returns quality and path in a sentence. @param {State} call @param {Link} link @param {Path} path @param {Translate} t */
export function summaryOf(call, link, path, t) {
  const parameters = {protocol: path.protocol.toUpperCase()};
  const sentence = t(path.kind === 'relayed' ? 'pathRelayedLong' : 'pathDirectLong', parameters);
  return t('qualityLong', {quality: t(QUALITIES[qualityOf(call, link)]), path: sentence});
}
