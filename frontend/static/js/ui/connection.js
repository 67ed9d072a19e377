import {factsOf, newestOf, rangeOf, reportOf, FIGURE_NAMES} from '../connection_text.js';
import {FIGURES} from '../history.js';
import {lineOf} from '../plot.js';
import {cloneTemplate, element, find, findAll, setText} from './dom.js';
import {loadStyle} from './style.js';
import {summaryOf} from './topbar.js';
/** @import {Connection} from '../connection_text.js' */
/** @import {Model} from './dom.js' */

/** The connection panel: every figure of the connection, with the last minute of it as a plot. */

/** Of the viewBox of a plot, without the room that its line needs. */
const SIZE = Object.freeze({width: 116, height: 32});

/** @returns {HTMLDialogElement} */
const dialog = () => element('[data-dialog="connection"]');

/** @param {Model} model @returns {Connection} */
const connectionOf = ({call, history, language, link, now, t}) => ({
  summary: link?.sample?.path ? summaryOf(call, link, link.sample.path, t) : '',
  history,
  sample: link?.sample ?? null,
  entries: link?.entries ?? [],
  duration: now - call.connectedAt,
  language,
  t,
});

const STYLE = new URL('../../css/connection.css', import.meta.url);

/** Loads the styles, without which the panel must not be opened. */
export const prepare = () => loadStyle(STYLE);

/** @param {Model} model */
export function open(model) {
  const box = element('[data-connection-figures]');
  if (box.children.length === 0) box.append(...FIGURES.map(() => cloneTemplate('figure')));
  element('[data-connection-report]').hidden = true;
  setText(element('[data-connection-copied]'), '');
  if (!dialog().open) dialog().showModal();
  render(model);
}

/** @param {Model} model */
export function render(model) {
  if (!dialog().open) return;
  const connection = connectionOf(model);
  setText(element('[data-connection-summary]'), connection.summary);
  renderFigures(connection, model.now);
  renderFacts(connection);
}

/** @param {Connection} connection @param {number} now */
function renderFigures(connection, now) {
  const {history, t} = connection;
  findAll('[data-figure]', element('[data-connection-figures]')).forEach((item, i) => {
    const figure = FIGURES[i] ?? 'rtt';
    item.dataset.figure = figure;
    setText(find('[data-figure-name]', item), t(FIGURE_NAMES[figure]));
    setText(find('[data-figure-value]', item), newestOf(figure, connection));
    setText(find('[data-figure-range]', item), rangeOf(figure, connection));
    find('path', item).setAttribute('d', lineOf(history.points, figure, now, SIZE));
  });
}

/** @param {Connection} connection */
function renderFacts(connection) {
  const list = element('[data-connection-facts]');
  const facts = factsOf(connection);
  if (list.children.length === 0) list.append(...facts.map(() => cloneTemplate('fact')));
  findAll('div', list).forEach((item, i) => {
    const [name = '', text = ''] = facts[i] ?? [];
    setText(find('dt', item), name);
    setText(find('dd', item), text);
  });
}

/** Copies the report. Where the page may not, it shows it, to be copied. @param {Model} model */
export async function copyReport(model) {
  const {version = ''} = document.documentElement.dataset;
  const environment = {time: new Date(), version, browser: navigator.userAgent};
  const report = reportOf(connectionOf(model), environment);
  try {
    await navigator.clipboard.writeText(report);
    setText(element('[data-connection-copied]'), model.t('copied'));
  } catch {
    const place = element('[data-connection-report]');
    place.hidden = false;
    setText(place, report);
    getSelection()?.selectAllChildren(place);
  }
}
