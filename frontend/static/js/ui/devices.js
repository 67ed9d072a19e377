import {cloneTemplate, elements, find, translate} from './dom.js';
/** @import {Model, Translate} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {DeviceKind} from '../device_choice.js' */
/** @import {MediaState} from '../media.js' */
/** @import {Problem} from '../problem.js' */

/** @type {DeviceKind[]} */
const KINDS = ['videoinput', 'audioinput', 'audiooutput'];

/** Builds the device pickers wherever the page has a place for them. @param {(kind: DeviceKind, id: string) => void} onselect */
export function buildPickers(onselect) {
  for (const place of elements('[data-pickers]')) {
    place.append(cloneTemplate('pickers'));
    for (const kind of KINDS) {
      const select = picker(place, kind);
      select.addEventListener('change', () => onselect(kind, select.value));
    }
    // Without setSinkId only the system can choose the speaker.
    const canChoose = 'setSinkId' in HTMLMediaElement.prototype;
    find('[data-picker="audiooutput"]', place).hidden = !canChoose;
  }
}

/** @param {ParentNode} place @param {DeviceKind} kind @returns {HTMLSelectElement} */
const picker = (place, kind) => find(`[data-picker="${kind}"] select`, place);

/** @param {Model} model */
export function renderPickers({media, t}) {
  for (const place of elements('[data-pickers]')) {
    for (const kind of KINDS) fill(picker(place, kind), media, kind, t);
  }
}

/** @param {HTMLSelectElement} select @param {MediaState} media @param {DeviceKind} kind @param {Translate} t */
function fill(select, media, kind, t) {
  const devices = media.devices[kind];
  const known = devices.some(({id}) => id === 'default');
  /** @type {[string, string][]} */
  const entries = devices.map(({id, label}, i) => [
    id,
    label || t('deviceUnnamed', {number: i + 1}),
  ]);
  // Browsers list no camera and no microphone before the page may use them.
  const mayExist = devices.length > 0 || kind === 'audiooutput' || media.capture === 'asking';
  if (!known) entries.unshift(['', t(mayExist ? 'deviceDefault' : 'deviceNone')]);
  const signature = JSON.stringify(entries);
  if (select.dataset.entries !== signature) {
    select.dataset.entries = signature;
    select.replaceChildren(...entries.map(([id, label]) => new Option(label, id)));
  }
  const selected = entries.some(([id]) => id === media.selected[kind])
    ? media.selected[kind]
    : entries[0]?.[0];
  if (selected !== undefined && select.value !== selected) select.value = selected;
  select.disabled = devices.length === 0;
}

/** @type {Record<Problem['kind'], [Key, Key]>} */
const NAMES = {
  audio: ['deviceAudio', 'deviceAudioIs'],
  video: ['deviceVideo', 'deviceVideoIs'],
  both: ['deviceBoth', 'deviceBothIs'],
};

/** @type {Record<Problem['code'], [Key, Key]>} */
const TEXTS = {
  insecure: ['problemInsecure', 'problemInsecureDo'],
  blocked: ['problemBlocked', 'problemBlockedDo'],
  dismissed: ['problemDismissed', 'problemDismissedDo'],
  system: ['problemSystem', 'problemSystemDo'],
  missing: ['problemMissing', 'problemMissingDo'],
  busy: ['problemBusy', 'problemBusyDo'],
  embedded: ['problemEmbedded', 'problemEmbeddedDo'],
  gone: ['problemGone', 'problemGoneDo'],
  unsupported: ['problemUnsupported', 'problemUnsupportedDo'],
  webrtc: ['problemWebrtc', 'problemWebrtcDo'],
  other: ['problemOther', 'problemOtherDo'],
};

/** Shows a card for each problem, with what to do about it. @param {Element} place @param {Problem[]} problems @param {Translate} t */
export function renderProblems(place, problems, t) {
  const cards = problems.map((problem) => {
    const card = cloneTemplate('problem');
    const [device, deviceIs] = NAMES[problem.kind];
    const parameters = {device: t(device), deviceIs: t(deviceIs)};
    const [title, remedy] = TEXTS[problem.code];
    find('[data-title]', card).textContent = t(title, parameters);
    find('[data-do]', card).textContent = t(remedy, parameters);
    const retry = find('[data-action]', card);
    retry.hidden = ['gone', 'insecure', 'unsupported', 'webrtc'].includes(problem.code);
    find('.problem', card).dataset.problem = problem.code;
    translate(card, t);
    return card;
  });
  const fresh = new DocumentFragment();
  fresh.append(...cards);
  // Equal cards stay, so that no button is replaced while it is pressed, and none is announced again.
  if (place.textContent !== fresh.textContent) place.replaceChildren(fresh);
}
