import {find, findAll, peerName, setText} from './dom.js';
import {fileSize} from './format.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Reason, Transfer} from '../transfer.js' */

/** @type {Record<Reason, Key>} */
const FAULTS = {
  '': 'fileBroken',
  here: 'fileStopped',
  there: 'fileStoppedThere',
  damaged: 'fileDamaged',
  storage: 'fileStorage',
  unreadable: 'fileUnreadable',
  gone: 'fileGone',
  broken: 'fileBroken',
};

/** @type {Record<Transfer['state'], [own: Key, other: Key]|null>} null = it depends */
const TEXTS = {
  queued: ['fileQueued', 'fileQueued'],
  offered: ['fileAsking', 'fileOffered'],
  moving: null,
  checking: ['fileChecking', 'fileChecking'],
  done: ['fileDelivered', 'fileArrived'],
  refused: ['fileRefused', 'fileRefusedHere'],
  stopped: null,
  failed: null,
};

/** @type {Record<Transfer['place'], Key|null>} */
const PLACES = {'': null, disk: null, memory: 'fileMemory', none: 'fileTooLarge'};

/** @param {Transfer} transfer @param {Model} model @returns {string} */
function textOf({own, state, reason, bytes, size, place, saved}, model) {
  const {talk, t} = model;
  const name = peerName(model);
  const whole = fileSize(size);
  if (state === 'moving') {
    const key = talk === 'open' ? 'fileProgress' : 'filePaused';
    return t(key, {done: fileSize(bytes), size: whole});
  }
  const [ofOwn, ofOther] = TEXTS[state] ?? [FAULTS[reason], FAULTS[reason]];
  const key = own ? ofOwn : saved ? 'fileSaved' : ofOther;
  const more = own || state !== 'offered' ? null : PLACES[place];
  const text = [t(key, {name}), more ? t(more) : ''].join(' ').trim();
  return `${whole} · ${text}`;
}

/** Says which buttons a file has. @param {Transfer} transfer @param {boolean} open @returns {Record<string, boolean>} */
function buttonsOf({own, state, place}, open) {
  const under = ['moving', 'checking'].includes(state);
  const waits = own && ['queued', 'offered'].includes(state);
  return {
    'take-file': !own && state === 'offered' && place !== 'none',
    'refuse-file': !own && state === 'offered',
    'stop-file': under || waits,
    'save-file': !own && state === 'done',
    'file-again': own && open && ['refused', 'stopped', 'failed'].includes(state),
  };
}

/** Shows a file. Its name is whatever the sender says. @param {HTMLElement} item @param {Transfer} transfer @param {Model} model */
export function renderTransfer(item, transfer, model) {
  const {own, state, name, bytes, size, place} = transfer;
  item.dataset.transfer = own ? 'own' : 'other';
  item.dataset.state = state;
  setText(find('bdi', item), name);
  setText(find('[data-transfer-text]', item), textOf(transfer, model));
  const progress = /** @type {HTMLProgressElement} */ (find('progress', item));
  progress.hidden = state !== 'moving' && state !== 'checking';
  progress.value = size > 0 ? bytes / size : 1;
  progress.setAttribute('aria-label', name);
  const buttons = buttonsOf(transfer, model.talk === 'open');
  for (const button of /** @type {HTMLButtonElement[]} */ (findAll('[data-action]', item))) {
    const {action = ''} = button.dataset;
    button.hidden = !buttons[action];
    button.disabled = action === 'take-file' && place === '';
    button.setAttribute('aria-label', `${find('span', button).textContent}: ${name}`);
    if (action === 'save-file') button.classList.toggle('primary', !transfer.saved);
  }
}
