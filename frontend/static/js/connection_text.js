import {detailsOf} from './connection_details.js';
import {FIGURES} from './history.js';
import {formatDuration, formatNumber} from './i18n.js';
import {maskAddresses} from './mask.js';
/** @import {Details, End} from './connection_details.js' */
/** @import {Figure, History} from './history.js' */
/** @import {Key} from './i18n.js' */
/** @import {Entry, Picture, Sample} from './stats.js' */
/** @import {Translate} from './ui/dom.js' */

/** What the connection panel says, in words, without touching the page. */

/**
 * @typedef {object} Connection
 * @property {string} summary quality and path, in a sentence
 * @property {History} history
 * @property {Sample|null} sample
 * @property {Entry[]} entries the statistics
 * @property {number} duration of the call, ms
 * @property {string} language
 * @property {Translate} t
 */

/** @type {Record<Figure, Key>} */
export const FIGURE_NAMES = {
  rtt: 'connectionRtt',
  jitter: 'connectionJitter',
  lossIn: 'connectionLossIn',
  lossOut: 'connectionLossOut',
  bitrateIn: 'connectionBitrateIn',
  bitrateOut: 'connectionBitrateOut',
  fpsIn: 'connectionFpsIn',
  fpsOut: 'connectionFpsOut',
};

/** The unit of each, by what it is multiplied, and the digits after the decimal point. @type {Record<Figure, [Key, number, number]>} */
const UNITS = {
  rtt: ['unitMilliseconds', 1, 0],
  jitter: ['unitMilliseconds', 1, 0],
  lossIn: ['unitPercent', 100, 1],
  lossOut: ['unitPercent', 100, 1],
  bitrateIn: ['unitMegabits', 1e-6, 2],
  bitrateOut: ['unitMegabits', 1e-6, 2],
  fpsIn: ['unitFrames', 1, 0],
  fpsOut: ['unitFrames', 1, 0],
};

/** @typedef {Pick<Connection, 'language'|'t'>} Language */

/** @param {Figure} figure @param {number} value @param {Language} language */
function numberOf(figure, value, {language}) {
  const [, factor, digits] = UNITS[figure];
  const options = {minimumFractionDigits: digits, maximumFractionDigits: digits};
  return formatNumber(language, value * factor, options);
}

/** Returns a figure with its unit. @param {Figure} figure @param {number|null} value @param {Language} language */
export function valueOf(figure, value, language) {
  if (value === null) return NOTHING;
  return language.t(UNITS[figure][0], {value: numberOf(figure, value, language)});
}

const NOTHING = '–';

/** Returns the newest value of a figure. @param {Figure} figure @param {Connection} connection */
export const newestOf = (figure, {history, ...language}) =>
  valueOf(figure, history.points.at(-1)?.[figure] ?? null, language);

/** Returns between which values a figure was in the last minute. @param {Figure} figure @param {Connection} connection */
export function rangeOf(figure, {history, ...language}) {
  const range = history.range(figure);
  if (!range) return NOTHING;
  const least = numberOf(figure, range.least, language);
  const most = valueOf(figure, range.most, language);
  return language.t('connectionRange', {least, most});
}

/** Returns the facts that are no figures: what each is called, and what it is. @param {Connection} connection @returns {[string, string][]} */
export function factsOf(connection) {
  const {sample, t} = connection;
  const details = detailsOf(connection.entries);
  /** @type {[Key, string][]} */
  const facts = [
    ['connectionLocal', endText(details.local, t)],
    ['connectionRemote', endText(details.remote, t)],
    ['connectionPictureIn', pictureText(sample?.pictureIn, connection)],
    ['connectionPictureOut', pictureText(sample?.pictureOut, connection)],
    ['connectionCodecs', codecsText(details, t)],
    ['connectionTarget', valueOf('bitrateOut', details.target, connection)],
    ['connectionEstimate', valueOf('bitrateOut', sample?.available ?? null, connection)],
    ['connectionEncryption', encryptionText(details, t)],
  ];
  return facts.map(([key, text]) => [t(key), text]);
}

/** @type {Record<string, Key>} */
const CANDIDATES = {
  host: 'candidateHost',
  srflx: 'candidateSrflx',
  prflx: 'candidatePrflx',
  relay: 'candidateRelay',
};

/** @param {End|null} end @param {Translate} t */
function endText(end, t) {
  if (!end) return NOTHING;
  const key = CANDIDATES[end.type];
  const protocol = end.relayProtocol.toUpperCase();
  if (protocol) return t('candidateRelayOver', {protocol});
  return key ? t(key) : end.type;
}

/** @param {Picture|undefined} picture @param {Language} language */
function pictureText(picture, language) {
  if (!picture?.width) return NOTHING;
  const {width, height, fps} = picture;
  const rate = valueOf('fpsIn', fps, language);
  return language.t('connectionPicture', {size: `${width} × ${height}`, rate});
}

/** @param {Details} details @param {Translate} t */
function codecsText({codecsIn, codecsOut}, t) {
  const [received, sent] = [codecsIn, codecsOut].map((names) => names.join(' + ') || NOTHING);
  return t('connectionCodecsBoth', {received: String(received), sent: String(sent)});
}

/** @param {Details} details @param {Translate} t */
function encryptionText({encryption}, t) {
  if (!encryption) return t('connectionUnknown');
  const {dtls, cipher, srtp} = encryption;
  const suite = srtp.startsWith('SRTP') ? srtp : srtp && `SRTP ${srtp}`;
  const parts = [`DTLS ${dtls}`.trim(), suite, cipher];
  return parts.filter(Boolean).join(', ');
}

/**
 * Returns everything as text for a mail or a chat. Of addresses it has only the beginning, and neither names nor the room.
 * @param {Connection} connection @param {{time: Date, version: string, browser: string}} environment
 */
export function reportOf(connection, {time, version, browser}) {
  const {duration, entries, language, summary, t} = connection;
  const {local, remote, limit} = detailsOf(entries);
  const lines = [
    `callbox ${version} · ${t('connection')} · ${time.toISOString().slice(0, 16)}Z`,
    summary,
    t('endedDuration', {duration: formatDuration(language, duration)}),
    '',
    ...FIGURES.map((figure) =>
      t('connectionLine', {
        name: t(FIGURE_NAMES[figure]),
        value: newestOf(figure, connection),
        range: rangeOf(figure, connection),
      }),
    ),
    '',
    ...factsOf(connection).map(([name, text]) => `${name}: ${text}`),
    `${local?.address ?? NOTHING} → ${remote?.address ?? NOTHING}`,
    ...(limit ? [`qualityLimitationReason: ${limit}`] : []),
    '',
    browser,
  ];
  return maskAddresses(lines.join('\n')) + '\n';
}
