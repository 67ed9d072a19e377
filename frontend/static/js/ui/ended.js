import {formatDuration} from '../i18n.js';
import {element, setText} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {State} from '../machine.js' */

/** @type {Record<State['reason'], Key>} */
const TEXTS = {
  '': 'endedLeft',
  left: 'endedLeft',
  unreachable: 'endedUnreachable',
  no_relay: 'endedNoRelay',
  test: 'endedTest',
  removed: 'endedRemoved',
  refused: 'endedRefused',
  unauthorized: 'endedUnauthorized',
  replaced: 'endedReplaced',
  bad_room: 'endedBadRoom',
  origin: 'refusedOrigin',
  host: 'refusedHost',
  unsupported: 'problemWebrtcDo',
};

/** @type {Partial<Record<State['reason'], Key>>} */
const TITLES = {
  unreachable: 'unreachableTitle',
  no_relay: 'noRelayTitle',
  replaced: 'elsewhereTitle',
  origin: 'refusedTitle',
  host: 'refusedTitle',
  unsupported: 'problemWebrtc',
};

/** Reports whether this page was not let into the room. @param {State} call */
const denied = ({self, reason}) => self === '' && reason !== 'left';

/** @param {State} call that has ended @returns {Key} */
export const endedTitle = (call) =>
  TITLES[call.reason] ?? (denied(call) ? 'deniedTitle' : 'endedTitle');

/** Reports whether the call has failed because the user hides their address. @param {State} call */
const needsAddress = ({relay, reason}) =>
  relay && (reason === 'no_relay' || reason === 'unreachable');

/** Shows why the call has ended. @param {Model} model */
export function renderEnded({call, language, t}) {
  const {origin, hostname: host} = location;
  const elsewhere = call.reason === 'replaced';
  setText(element('[data-ended-title]'), t(endedTitle(call)));
  setText(element('[data-ended-text]'), t(TEXTS[call.reason], {origin, host}));
  const again = call.reason === 'unsupported' || denied(call) ? 'retry' : 'rejoin';
  setText(element('[data-rejoin]'), t(elsewhere ? 'elsewhereTake' : again));
  element('[data-for="ended"] [data-action="rejoin"]').hidden = call.reason === 'no_relay';
  element('[data-action="rejoin-shown"]').hidden = !needsAddress(call);
  let more = '';
  if (call.reason === 'unreachable')
    more = t(call.relay ? 'endedHiddenHint' : 'endedUnreachableHint');
  else if (call.connectedAt > 0 && !elsewhere)
    more = t('endedDuration', {
      duration: formatDuration(language, call.endedAt - call.connectedAt),
    });
  setText(element('[data-ended-more]'), more);
}
