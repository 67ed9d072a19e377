import {cloneTemplate, element, elements, find, setIcon, setText, translate} from '../ui/dom.js';
import {ROW_IDS, ROW_NAMES} from './rows.js';
/** @import {Key} from '../i18n.js' */
/** @import {Translate} from '../ui/dom.js' */
/** @import {Row, RowId, RowState, Rows, Verdict} from './rows.js' */

/**
 * Everything that the page shows at one moment.
 * @typedef {object} CheckModel
 * @property {'idle'|'running'|'ended'} phase
 * @property {Rows} rows
 * @property {Verdict|null} verdict null = the check has not ended
 * @property {Translate} t
 */

/** @type {Record<RowState, string>} */
const ICONS = {
  pending: '#i-wait',
  running: '#i-wait',
  ok: '#i-ok',
  warn: '#i-alert',
  fail: '#i-fail',
  skipped: '#i-skip',
};

/** @type {Record<RowState, Key>} */
const STATES = {
  pending: 'statePending',
  running: 'stateActive',
  ok: 'checkStateOk',
  warn: 'checkStateWarn',
  fail: 'stateFailed',
  skipped: 'checkStateSkipped',
};

/** @type {Map<RowId, HTMLElement>} */
const items = new Map();

/**
 * Makes the page ready.
 * @param {{start: (withDevices: boolean) => void, copy: () => void}} actions
 */
export function buildView(actions) {
  const list = element('[data-rows]');
  for (const id of ROW_IDS) {
    const item = cloneTemplate('row');
    const place = find('li', item);
    place.dataset.row = id;
    items.set(id, place);
    list.append(item);
  }
  for (const button of elements('[data-action="start"]'))
    button.addEventListener('click', () => actions.start(true));
  element('[data-action="start-without"]').addEventListener('click', () => actions.start(false));
  element('[data-action="copy"]').addEventListener('click', actions.copy);
}

/** @param {CheckModel} model */
export function render({phase, rows, verdict, t}) {
  translate(document, t);
  document.body.dataset.screen = 'check';
  document.body.dataset.phase = phase;
  document.title = `${t('checkTitle')} – callbox`;
  for (const place of elements('[data-for]'))
    place.hidden = !place.dataset.for?.split(' ').includes(phase);
  for (const [id, item] of items) renderRow(item, id, rows[id], t);
  const result = element('[data-verdict]');
  result.dataset.state = verdict?.state ?? 'pending';
  setIcon(result, ICONS[verdict?.state ?? 'running']);
  setText(find('[data-title]', result), t(verdict?.title ?? 'checkRunning'));
  setText(
    find('[data-text]', result),
    verdict ? t(verdict.text, verdict.parameters) : t('checkRunningText'),
  );
}

/** @param {HTMLElement} item @param {RowId} id @param {Row} row @param {Translate} t */
function renderRow(item, id, {state, text, remedy, parameters}, t) {
  item.dataset.state = state;
  setIcon(item, ICONS[state]);
  setText(find('[data-state-text]', item), text ? t(STATES[state]) : '');
  setText(find('[data-name]', item), t(ROW_NAMES[id]));
  setText(find('[data-text]', item), text ? t(text, parameters) : t(STATES[state]));
  const what = find('[data-do]', item);
  setText(what, remedy ? t(remedy, parameters) : '');
  what.hidden = !remedy;
}

/** Says for a moment that the result is copied. @param {Translate} t */
export function showCopied(t) {
  setText(element('[data-copied]'), t('copied'));
}

/** Lets the user copy a text where the page may not. @param {string} text */
export function showText(text) {
  const place = element('[data-report]');
  place.hidden = false;
  setText(place, text);
  getSelection()?.selectAllChildren(place);
}
