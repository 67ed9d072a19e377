import {PICTURES} from '../safety_pictures.js';
import {element, elements, find, findAll, peerName, setIcon, setText} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Code} from '../safety.js' */
/** @import {Finding} from '../safety_check.js' */

/** @typedef {'none'|'checking'|'code'|'changed'|'match'|'differ'|'warning'|'impossible'} Look */

/**
 * How each looks: its icon, the text of the button (null = the digits), and what the dialog says first.
 * @type {Record<Exclude<Look, 'none'>, {icon: string, short: Key|null, note: Key|null}>}
 */
const LOOKS = {
  checking: {icon: '#i-shield', short: 'safetyChecking', note: 'safetyChecking'},
  code: {icon: '#i-shield', short: null, note: null},
  changed: {icon: '#i-alert', short: null, note: 'safetyChanged'},
  match: {icon: '#i-shield-check', short: null, note: 'safetyMatched'},
  differ: {icon: '#i-alert', short: 'safetyDifferShort', note: 'safetyDiffer'},
  warning: {icon: '#i-alert', short: 'safetyWarningShort', note: 'safetyWarning'},
  impossible: {icon: '#i-alert', short: 'safetyImpossible', note: null},
};

/** @type {Record<Finding['reason'], Key|null>} */
const REASONS = {
  '': null,
  foreign: 'safetyForeign',
  browser: 'safetyBrowser',
  silent: 'safetySilent',
};

/** @param {Model} model @returns {Look} */
export function lookOf({screen, call}) {
  if (screen !== 'call' || !call.link) return 'none';
  const {status, verdict, changed} = call.link.safety;
  if (status !== 'code') return status;
  return verdict || (changed ? 'changed' : 'code');
}

/** @param {Code|null} code @returns {string} the digits, in two groups */
const grouped = (code) => (code ? `${code.digits.slice(0, 3)} ${code.digits.slice(3)}` : '');

/** Returns what a screen reader should announce, or ''. @param {Model} model @returns {string} */
export function safetyFact(model) {
  const look = lookOf(model);
  if (look === 'none' || look === 'checking') return '';
  const {note} = LOOKS[look];
  if (look === 'impossible') return model.t('safetyImpossible');
  return note ? model.t(note) : model.t('safetyLabel', {code: grouped(codeOf(model))});
}

/** @param {Model} model */
const codeOf = ({call}) => call.link?.safety.code ?? null;

/** @param {string} text of all names, in the order of the pictures */
export const pictureNames = (text) => text.split(/, |、/);

/** @returns {HTMLDialogElement} */
const dialog = () => element('[data-dialog="safety"]');

/** Shows the safety code in the top bar and in its dialog. @param {Model} model */
export function renderSafety(model) {
  const {t} = model;
  const look = lookOf(model);
  const button = element('[data-action="safety"]');
  button.hidden = look === 'none';
  if (look === 'none') {
    dialog().close();
    return;
  }
  const {icon, short} = LOOKS[look];
  const code = codeOf(model);
  const text = short ? t(short) : grouped(code);
  button.dataset.safety = look;
  setIcon(button, icon);
  setText(find('span', button), text);
  const label = short ? `${t('safetyTitle')}: ${text}` : t('safetyLabel', {code: text});
  if (button.getAttribute('aria-label') !== label) button.setAttribute('aria-label', label);
  renderDialog(model, look, code);
}

/** @param {Model} model @param {Exclude<Look, 'none'>} look @param {Code|null} code */
function renderDialog(model, look, code) {
  const {call, t} = model;
  const {note} = LOOKS[look];
  const reason = REASONS[call.link?.safety.reason ?? ''];
  const first = note ?? reason;
  const line = element('[data-safety-note]');
  line.dataset.safetyNote = look;
  setText(line, first ? t(first, {name: peerName(model)}) : '');
  element('[data-safety-code]').hidden = code === null;
  element('[data-safety-without]').hidden = look !== 'impossible';
  element('[data-safety-leave]').hidden = look !== 'differ' && look !== 'warning';
  for (const [action, verdict] of [
    ['safety-match', 'match'],
    ['safety-differ', 'differ'],
  ])
    element(`[data-action="${action}"]`).setAttribute('aria-pressed', String(look === verdict));
  setText(element('[data-safety-digits]'), grouped(code));
  const names = pictureNames(t('safetyPictures'));
  findAll('li', element('[data-safety-pictures]')).forEach((item, i) => {
    const picture = code?.pictures[i] ?? 0;
    setText(find('.picture', item), PICTURES[picture] ?? '');
    setText(find('.picture-name', item), names[picture] ?? '');
  });
}

/** Opens the dialog. */
export const openSafety = () => dialog().showModal();

/** Closes all dialogs. */
export function closeDialogs() {
  for (const open of /** @type {HTMLDialogElement[]} */ (elements('[data-dialog]'))) open.close();
}
