/**
 * When a recording begins and ends, as a pure reducer like that of the call: (state, event) → (state, commands). The
 * rule that it keeps: nothing is recorded before the other side knows. It is told, the tone sounds, and only then does
 * `begin` follow. Where it cannot be told, the person is asked to tell the other one, and to click again.
 */

/**
 * Who is at the other end, and whether this page can tell them: nobody; not known yet; by this page; only by the person,
 * because the other program does not know recordings.
 * @typedef {{peer: string, reach: 'nobody'|'later'|'page'|'person'}} Other
 */

/**
 * asking = for a second click; saving = what is recorded is completed
 * @typedef {'off'|'asking'|'opening'|'telling'|'sounding'|'on'|'saving'} Phase
 */

/** Why there is no recording, or no longer, or what the person should know about it. @typedef {''|'untold'|'refused'|'impossible'|'full'|'broken'|'stranger'|'memory'} Notice */

/** @typedef {'disk'|'file'|'memory'} Medium */

/**
 * @typedef {object} State
 * @property {Phase} phase
 * @property {number} take number of the recording; what belongs to an earlier one is ignored
 * @property {Other} other
 * @property {string} trusted peer that the person tells, '' = none
 * @property {Notice} notice
 * @property {number} begunAt ms
 */

/**
 * @typedef {{type: 'click'} | {type: 'dismiss'} | {type: 'other', other: Other}
 *   | {type: 'opened', take: number, medium: Medium} | {type: 'told', take: number, told: boolean} | {type: 'sounded', take: number}
 *   | {type: 'begun', take: number, at: number} | {type: 'stopped', take: number, notice: Notice} | {type: 'saved', take: number}} Event
 * @typedef {{type: 'open', take: number} | {type: 'tell', take: number} | {type: 'sound', take: number} | {type: 'begin', take: number}
 *   | {type: 'stop', take: number} | {type: 'untell'} | {type: 'discard', take: number}} Command
 * @typedef {{state: State, commands: Command[]}} Step
 */

const NOBODY = Object.freeze({peer: '', reach: /** @type {const} */ ('nobody')});

/** @type {State} */
export const initial = Object.freeze({
  phase: 'off',
  take: 0,
  other: NOBODY,
  trusted: '',
  notice: '',
  begunAt: 0,
});

/** Reports whether a click on the button does something. @param {State} state */
export const canClick = ({phase, other}) =>
  phase === 'off' ? other.reach === 'page' || other.reach === 'person' : phase !== 'saving';

/** Reports whether the other side may be recorded. @param {State} state @param {boolean} told whether this page has told them */
export const mayRecord = ({trusted, other}, told) =>
  told || (trusted !== '' && trusted === other.peer);

/** @param {State} state @param {Command[]} [commands] @returns {Step} */
const step = (state, commands = []) => ({state, commands});

/** @param {State} state @param {string} trusted @returns {Step} */
function open(state, trusted) {
  const take = state.take + 1;
  return step({...state, phase: 'opening', take, trusted, notice: ''}, [{type: 'open', take}]);
}

/** Gives a recording up that has not begun. @param {State} state @param {Notice} notice @returns {Step} */
function giveUp(state, notice) {
  const {take, phase} = state;
  /** @type {Command[]} */ const untell = phase === 'opening' ? [] : [{type: 'untell'}];
  return step({...state, phase: 'off', notice}, [...untell, {type: 'discard', take}]);
}

/** @param {State} state @param {Notice} notice @returns {Step} */
function finish(state, notice) {
  if (state.phase === 'on')
    return step({...state, phase: 'saving', notice}, [{type: 'stop', take: state.take}]);
  return giveUp(state, notice);
}

const running = (/** @type {Phase} */ phase) =>
  phase === 'opening' || phase === 'telling' || phase === 'sounding' || phase === 'on';

/** @param {State} state @returns {Step} */
function click(state) {
  const {phase, other} = state;
  if (!canClick(state)) return step(state);
  if (running(phase)) return finish(state, '');
  if (other.reach === 'person' && phase === 'off')
    return step({...state, phase: 'asking', notice: 'untold'});
  return open(state, other.reach === 'person' ? other.peer : '');
}

/** @param {State} before @param {Other} other @returns {Step} */
function meet(before, other) {
  const state = {...before, other};
  const same = other.peer === before.other.peer;
  if (state.phase === 'asking')
    return step(same && other.reach === 'person' ? state : {...state, phase: 'off', notice: ''});
  if (!running(state.phase)) return step(state);
  // The recording ends with the call.
  if (other.reach === 'nobody') return finish(state, '');
  // Somebody else has come, or has another program now: they were not asked.
  if (other.reach === 'person' && !mayRecord(state, false)) return finish(state, 'stranger');
  return step(state);
}

/** What follows from what a recording has done, by its phase. @type {{[P in Phase]?: {[T in Event['type']]?: (state: State, event: any) => Step}}} */
const on = {
  opening: {
    opened: (state, {medium}) =>
      step({...state, phase: 'telling', notice: medium === 'memory' ? 'memory' : ''}, [
        {type: 'tell', take: state.take},
      ]),
    stopped: (state, {notice}) => giveUp(state, notice),
  },
  telling: {
    told: (state, {told}) =>
      told || state.trusted !== ''
        ? step({...state, phase: 'sounding'}, [{type: 'sound', take: state.take}])
        : giveUp(state, 'refused'),
    stopped: (state, {notice}) => giveUp(state, notice),
  },
  sounding: {
    sounded: (state) => step({...state, phase: 'on'}, [{type: 'begin', take: state.take}]),
    stopped: (state, {notice}) => giveUp(state, notice),
  },
  on: {
    begun: (state, {at}) => step({...state, begunAt: at}),
    stopped: (state, {notice}) => finish(state, notice),
  },
  saving: {
    saved: (state) => step({...state, phase: 'off', begunAt: 0}, [{type: 'untell'}]),
  },
};

/** @param {State} state @param {Event} event @returns {Step} */
export function reduce(state, event) {
  if (event.type === 'click') return click(state);
  if (event.type === 'dismiss')
    return step({...state, notice: '', phase: state.phase === 'asking' ? 'off' : state.phase});
  if (event.type === 'other') return meet(state, event.other);
  const handler = event.take === state.take ? on[state.phase]?.[event.type] : undefined;
  return handler ? handler(state, event) : step(state);
}
