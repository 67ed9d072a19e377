import {cloneTemplate, elements, find} from './dom.js';
/** @import {Model, Translate} from './dom.js' */
/** @import {DeviceKind} from '../device_choice.js' */
/** @import {MediaState} from '../media_state.js' */

/** @type {DeviceKind[]} */
const KINDS = ['videoinput', 'audioinput', 'audiooutput'];

/**
 * Builds the device pickers wherever the page has a place for them.
 * @param {boolean} asksForSpeaker whether the browser has a picker of its own for the speaker
 * @param {(kind: DeviceKind, id: string) => void} onselect
 */
export function buildPickers(asksForSpeaker, onselect) {
  for (const place of elements('[data-pickers]')) {
    place.append(cloneTemplate('pickers'));
    for (const kind of KINDS) {
      const select = picker(place, kind);
      select.addEventListener('change', () => onselect(kind, select.value));
    }
    // Without setSinkId only the system can choose the speaker.
    const canChoose = 'setSinkId' in HTMLMediaElement.prototype;
    find('[data-picker="audiooutput"]', place).hidden = !canChoose;
    find('[data-action="choose-speaker"]', place).hidden = !canChoose || !asksForSpeaker;
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
