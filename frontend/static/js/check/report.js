import {maskAddresses} from '../mask.js';
import {ROW_IDS, ROW_NAMES} from './rows.js';
/** @import {Key} from '../i18n.js' */
/** @import {Parameters, RowState, Rows, Verdict} from './rows.js' */

/** @type {Record<RowState, string>} */
const MARKS = {pending: '-', running: '-', ok: '+', warn: '!', fail: 'x', skipped: '-'};

/**
 * Writes the result of a check as text, for a mail or a chat.
 * @param {{rows: Rows, verdict: Verdict, time: Date, browser: string, version: string}} result
 * @param {(key: Key, parameters?: Parameters) => string} t
 */
export function reportOf({rows, verdict, time, browser, version}, t) {
  const lines = [
    `callbox ${version} · ${t('checkTitle')} · ${time.toISOString().slice(0, 16)}Z`,
    `${t(verdict.title)} – ${t(verdict.text, verdict.parameters)}`,
    '',
    ...ROW_IDS.map((id) => {
      const {state, text, parameters} = rows[id];
      return `[${MARKS[state]}] ${t(ROW_NAMES[id])}: ${text ? t(text, parameters) : t('checkStateSkipped')}`;
    }),
    '',
    browser,
  ];
  return maskAddresses(lines.join('\n')) + '\n';
}
