import {ROW_IDS, ROW_NAMES} from './rows.js';
/** @import {Key} from '../i18n.js' */
/** @import {Parameters, RowState, Rows, Verdict} from './rows.js' */

/** @type {Record<RowState, string>} */
const MARKS = {pending: '-', running: '-', ok: '+', warn: '!', fail: 'x', skipped: '-'};

/**
 * Hides the end of each IP address in a text, so that it tells neither the device nor the server.
 * @param {string} text
 */
export const maskAddresses = (text) =>
  text
    .replace(/(?<![\w./])(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}(?![\w.]*\w)/g, '$1.x.x')
    .replace(/[0-9a-f]*:[0-9a-f:.]*/gi, (token) => {
      // A time of day has two colons and no empty group.
      const groups = token.split(':');
      return token.includes('::') || groups.length > 4
        ? `${groups.slice(0, 2).join(':')}:x`
        : token;
    });

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
