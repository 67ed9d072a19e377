/** @import {Key} from '../i18n.js' */

/**
 * What is checked. `fallback` is signaling over plain HTTP, `udp`, `tcp` and `tls` are relays.
 * @typedef {'devices'|'websocket'|'fallback'|'stun'|'udp'|'tcp'|'tls'|'mapping'|'clock'} RowId
 * @typedef {'pending'|'running'|'ok'|'warn'|'fail'|'skipped'} RowState
 * @typedef {Record<string, string|number>} Parameters
 * @typedef {{state: RowState, text: Key|null, remedy: Key|null, parameters: Parameters}} Row remedy = what to do about it
 * @typedef {Record<RowId, Row>} Rows
 */

/** @type {readonly RowId[]} */
export const ROW_IDS = Object.freeze([
  'devices',
  'websocket',
  'fallback',
  'stun',
  'udp',
  'tcp',
  'tls',
  'mapping',
  'clock',
]);

/** The name of each row. @type {Record<RowId, Key>} */
export const ROW_NAMES = Object.freeze({
  devices: 'checkDevices',
  websocket: 'checkWebsocket',
  fallback: 'checkFallback',
  stun: 'checkStun',
  udp: 'checkUdp',
  tcp: 'checkTcp',
  tls: 'checkTls',
  mapping: 'checkMapping',
  clock: 'checkClock',
});

/**
 * @param {RowState} state @param {Key|null} [text] @param {Key|null} [remedy] @param {Parameters} [parameters]
 * @returns {Row}
 */
export const row = (state, text = null, remedy = null, parameters = {}) => ({
  state,
  text,
  remedy,
  parameters,
});

/** @returns {Rows} before the check */
export const newRows = () =>
  /** @type {Rows} */ (Object.fromEntries(ROW_IDS.map((id) => [id, row('pending')])));

/**
 * What the rows mean for a call, the worst first.
 * @typedef {{state: RowState, title: Key, text: Key, parameters: Parameters}} Verdict
 */

/**
 * @param {Rows} rows of a check that has ended
 * @returns {Verdict}
 */
export function verdictOf(rows) {
  const [udp, tcp, tls] = [works(rows.udp), works(rows.tcp), works(rows.tls)];
  /** @param {RowState} state @param {Key} title @param {Key} text @returns {Verdict} */
  const verdict = (state, title, text) => ({state, title, text, parameters: {}});
  if (rows.websocket.state !== 'ok' && rows.fallback.state !== 'ok')
    return verdict('fail', 'checkNoServer', 'checkNoServerText');
  if (!udp && !tcp && !tls) return withoutRelay(rows, verdict);
  if (!udp) return verdict('warn', 'checkSlow', 'checkSlowText');
  if (rows.udp.state === 'warn') return verdict('warn', 'checkLossy', 'checkLossyText');
  const others = ROW_IDS.some((id) => ['warn', 'fail'].includes(rows[id].state));
  return verdict('ok', 'checkGood', others ? 'checkGoodButText' : 'checkGoodText');
}

/**
 * @param {Rows} rows @param {(state: RowState, title: Key, text: Key) => Verdict} verdict
 * @returns {Verdict}
 */
function withoutRelay(rows, verdict) {
  const causes = [rows.udp, rows.tcp, rows.tls].map(({text}) => text);
  // Neither says anything about the network.
  if (causes.includes('checkLimited'))
    return verdict('warn', 'checkUnfinished', 'checkLimitedText');
  if (causes.includes('checkUnauthorized'))
    return verdict('warn', 'checkUnfinished', 'checkUnauthorizedText');
  if (causes.includes('checkNoWebrtc')) return verdict('fail', 'problemWebrtc', 'problemWebrtcDo');
  return verdict('fail', 'checkDirectOnly', 'checkDirectOnlyText');
}

/** @param {Row} row */
const works = ({state}) => state === 'ok' || state === 'warn';
