import {formatDuration, formatNumber} from '../i18n.js';
import {element, find, peerName, setText} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Link} from '../link.js' */
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
  const box = element('[data-quality-box]');
  const path = link?.sample?.path;
  box.hidden = !inCall || !path;
  if (inCall && link && path) renderQuality(box, model, link, path);
}

/** @param {HTMLElement} box @param {Model} model @param {Link} link @param {Path} path */
function renderQuality(box, {call, language, t}, link, path) {
  const quality = call.link?.connection === 'connected' ? link.quality.value : 'lost';
  const {kind} = path;
  Object.assign(find('summary', box).dataset, {quality, path: kind, protocol: path.protocol});
  const word = t(QUALITIES[quality]);
  const protocol = path.protocol.toUpperCase();
  const relayed = kind === 'relayed';
  const short = t(relayed ? 'pathRelayed' : 'pathDirect');
  setText(find('[data-quality-text]', box), `${word} · ${short} · ${protocol}`);
  const sentence = t(relayed ? 'pathRelayedLong' : 'pathDirectLong', {protocol});
  setText(find('[data-quality-long]', box), t('qualityLong', {quality: word, path: sentence}));
  const {rtt, loss, bitrate} = link.rates ?? {rtt: null, loss: 0, bitrate: 0};
  const tenths = {minimumFractionDigits: 1, maximumFractionDigits: 1};
  const figures = {
    rtt: rtt === null ? '–' : Math.round(rtt),
    loss: formatNumber(language, loss * 100, tenths),
    rate: formatNumber(language, bitrate / 1e6, tenths),
  };
  setText(find('[data-quality-figures]', box), t('qualityFigures', figures));
}
