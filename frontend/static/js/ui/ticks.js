import {cloneTemplate, element, find, translate} from './dom.js';
/** @import {Key} from '../i18n.js' */
/** @import {Ticks, TickState} from '../check/quick.js' */
/** @import {Translate} from './dom.js' */

/** @type {[name: keyof Ticks, text: Key][]} */
const NAMES = [
  ['server', 'tickServer'],
  ['stun', 'tickStun'],
  ['relay', 'tickRelay'],
];

/** @type {Record<TickState, Key>} */
const STATES = {
  active: 'stateActive',
  done: 'checkStateOk',
  failed: 'stateFailed',
  off: 'checkStateSkipped',
};

/**
 * Checks the connection, and shows a tick for each part of it.
 * @param {HTMLElement} button that asks for it @param {(onchange: (ticks: Ticks) => void) => Promise<void>} check
 * @param {Translate} t
 */
export async function showTicks(button, check, t) {
  if (button.ariaDisabled === 'true') return;
  button.ariaDisabled = 'true'; // A disabled button would lose the focus.
  try {
    await check((ticks) => render(ticks, t));
  } finally {
    button.ariaDisabled = null;
    element('[data-ticks-more]').hidden = false;
  }
}

/** @param {Ticks} ticks @param {Translate} t */
function render(ticks, t) {
  const list = element('[data-ticks]');
  list.hidden = false;
  list.replaceChildren(
    ...NAMES.map(([name, text]) => {
      const item = cloneTemplate('step');
      const step = find('.step', item);
      step.dataset.tick = name;
      step.dataset.state = ticks[name];
      // In another language, too, should the person choose one.
      find('[data-step-name]', item).dataset.t = text;
      find('[data-step-state]', item).dataset.t = STATES[ticks[name]];
      translate(item, t);
      return item;
    }),
  );
}
