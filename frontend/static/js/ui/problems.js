import {isNotice} from '../problem.js';
import {cloneTemplate, find, findAll} from './dom.js';
/** @import {Translate} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {Problem, ProblemCode} from '../problem.js' */

/**
 * What can be done about a problem: the action of a button, and its text.
 * @typedef {{action: 'retry-devices'|'join'|'join-without'|'open-tab'|'copy-link'|'dismiss', text: Key}} Remedy
 * @typedef {{title: string, text: string, remedies: Remedy[]}} Card
 */

/** @type {Record<ProblemCode, [title: Key, text: Key]>} */
const TEXTS = {
  insecure: ['problemInsecure', 'problemInsecureDo'],
  blocked: ['problemBlocked', 'problemBlockedDo'],
  dismissed: ['problemDismissed', 'problemDismissedDo'],
  system: ['problemSystem', 'problemSystemDo'],
  missing: ['problemMissing', 'problemMissingDo'],
  busy: ['problemBusy', 'problemBusyDo'],
  embedded: ['problemEmbedded', 'problemEmbeddedDo'],
  gone: ['problemGone', 'problemGoneDo'],
  switched: ['problemSwitched', 'problemSwitchedDo'],
  unsupported: ['problemUnsupported', 'problemUnsupportedDo'],
  webrtc: ['problemWebrtc', 'problemWebrtcDo'],
  other: ['problemOther', 'problemOtherDo'],
};

/** @type {Remedy} */ const RETRY = {action: 'retry-devices', text: 'retry'};
/** @type {Remedy} */ const JOIN_WITHOUT = {action: 'join-without', text: 'prejoinWithout'};
/** @type {Remedy} */ const DISMISS = {action: 'dismiss', text: 'dismiss'};
/** @type {Record<Problem['kind'], Remedy>} */
const JOIN_WITH_THE_OTHER = {
  audio: {action: 'join', text: 'problemJoinVideo'},
  video: {action: 'join', text: 'problemJoinSound'},
  both: JOIN_WITHOUT,
};

/** @type {Record<ProblemCode, Remedy[]>} */
const REMEDIES = {
  insecure: [JOIN_WITHOUT],
  blocked: [RETRY],
  dismissed: [{action: 'retry-devices', text: 'problemAskAgain'}],
  system: [RETRY],
  missing: [RETRY],
  busy: [RETRY],
  embedded: [{action: 'open-tab', text: 'problemOpenTab'}],
  gone: [DISMISS],
  switched: [DISMISS],
  unsupported: [JOIN_WITHOUT],
  webrtc: [{action: 'copy-link', text: 'copyLink'}],
  other: [RETRY],
};

/** @type {Record<Problem['kind'], Record<'device'|'devices'|'deviceIs', Key>>} */
const NAMES = {
  audio: {device: 'deviceAudio', devices: 'deviceAudio', deviceIs: 'deviceAudioIs'},
  video: {device: 'deviceVideo', devices: 'deviceVideo', deviceIs: 'deviceVideoIs'},
  both: {device: 'deviceBoth', devices: 'deviceBothAnd', deviceIs: 'deviceBothIs'},
};

/**
 * @param {Problem} problem
 * @param {{joined: boolean, single: boolean}} situation in a call there is nothing to join, and the notice has a button
 * of its own to dismiss it; single = it is the only problem
 * @param {Translate} t @returns {Card}
 */
export function cardOf({kind, code}, {joined, single}, t) {
  const {device, devices, deviceIs} = NAMES[kind];
  const parameters = {device: t(device), devices: t(devices), deviceIs: t(deviceIs)};
  const [title, text] = TEXTS[code];
  const join = single ? JOIN_WITH_THE_OTHER[kind] : JOIN_WITHOUT;
  const remedies = [...(code === 'missing' ? [join] : []), ...REMEDIES[code]].filter(
    ({action}) => !joined || action === 'retry-devices',
  );
  return {title: t(title, parameters), text: t(text, parameters), remedies};
}

/**
 * Shows a card for each problem.
 * @param {Element} place @param {Problem[]} problems @param {boolean} joined @param {Translate} t
 */
export function renderProblems(place, problems, joined, t) {
  const fresh = new DocumentFragment();
  const single = problems.filter((problem) => !isNotice(problem)).length < 2;
  for (const problem of problems) {
    const {title, text, remedies} = cardOf(problem, {joined, single}, t);
    const card = cloneTemplate('problem');
    find('.problem', card).dataset.problem = problem.code;
    find('[data-title]', card).textContent = title;
    find('[data-do]', card).textContent = text;
    find('.remedies', card).append(...remedies.map((remedy) => buttonFor(remedy, t)));
    fresh.append(card);
  }
  // Equal cards stay, so that no button is replaced while it is pressed, and none is announced again.
  if (content(place) !== content(fresh)) place.replaceChildren(fresh);
}

/** @param {ParentNode} place @returns {string} what the cards in it say and do */
const content = (place) =>
  JSON.stringify(
    findAll('.problem, button', place).map(({dataset, textContent}) => [{...dataset}, textContent]),
  );

/** @param {Remedy} remedy @param {Translate} t */
function buttonFor({action, text}, t) {
  const button = document.createElement('button');
  button.className = 'button';
  button.type = action === 'join' ? 'submit' : 'button';
  if (action === 'join') button.setAttribute('form', 'prejoin');
  button.dataset.action = action;
  const label = document.createElement('span');
  label.textContent = t(text);
  button.append(label);
  return button;
}
