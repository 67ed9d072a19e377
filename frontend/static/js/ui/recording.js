import {formatDuration} from '../i18n.js';
import {element, elements, find, peerName, setText} from './dom.js';
import {fileSize} from './format.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Notice, Phase} from '../record/machine.js' */
/** @import {TalkState} from '../screens.js' */

/** The button for a recording, and the mark that this side or the other one records. */

/** @type {Record<Phase, Key>} */
const LABELS = {
  off: 'record',
  asking: 'record',
  opening: 'recordStarting',
  telling: 'recordStarting',
  sounding: 'recordStarting',
  on: 'recordStop',
  saving: 'recordSaving',
};

/** @type {Record<Notice, Key|null>} */
const NOTICES = {
  '': null,
  untold: 'recordUntold',
  refused: 'recordRefused',
  impossible: 'recordImpossible',
  full: 'recordFull',
  broken: 'recordBroken',
  stranger: 'recordStranger',
  memory: 'recordMemory',
};

/** When a first click does something. @type {TalkState[]} */
const CAN_BEGIN = ['open', 'closed', 'foreign'];

/** @param {Model} model */
export function renderRecording(model) {
  const {recording, talk, t} = model;
  const phase = recording?.phase ?? 'off';
  const label = t(LABELS[phase]);
  const enabled = recording ? recording.canClick : CAN_BEGIN.includes(talk);
  for (const button of elements('button[data-action="record"]')) {
    button.toggleAttribute('disabled', !enabled);
    button.dataset.active = String(phase === 'on');
    setText(find('span', button), label);
    button.setAttribute('aria-label', label);
  }
  renderMark(model, phase === 'on');
}

/** Says who records. @param {Model} model @param {boolean} own whether this side does */
function renderMark(model, own) {
  const {call, screen, recording, now, language, t} = model;
  const other = screen === 'call' && call.remote.recording;
  const mark = element('[data-recording]');
  mark.hidden = !own && !other;
  mark.dataset.recording = own ? (other ? 'both' : 'own') : 'other';
  const begun = recording?.begunAt || now;
  const duration = formatDuration(language, now - begun);
  const texts = [
    own ? t('recordingOwn', {duration}) : '',
    other ? t('recordingOther', {name: peerName(model)}) : '',
  ];
  setText(find('span', mark), texts.filter(Boolean).join(' · '));
}

/** Returns what a screen reader should know, without the time, which changes all the while. @param {Model} model @returns {string} */
export function recordingFact(model) {
  const {call, screen, recording, t} = model;
  const other = screen === 'call' && call.remote.recording;
  return [
    recording?.phase === 'on' ? t('recordingAnnounce') : '',
    other ? t('recordingOther', {name: peerName(model)}) : '',
  ]
    .filter(Boolean)
    .join('. ');
}

/** Returns what the person should know about the recording, or ''. @param {Model} model @returns {string} */
export function recordingNotice(model) {
  const {recording, t} = model;
  const key = recording && NOTICES[recording.notice];
  if (!key) return '';
  const {bytes, minutes} = recording.memory;
  return t(key, {name: peerName(model), size: fileSize(bytes), minutes});
}
