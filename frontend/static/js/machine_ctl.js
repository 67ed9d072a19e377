import {decodeCallData} from './messages.js';
import {impossible} from './safety_check.js';
import {peerGone, start, step, stop, stopLinkTimers, withLink} from './machine_transitions.js';
import {SUCCESSOR_TIMEOUT} from './timeouts.js';
/** @import {CallEvent, Command, Link, LinkEvent, State, Step} from './machine.js' */

/** The part of the reducer that handles what comes over the data channel, and the safety code. */

export const onCtl = {
  /** The channel can be used, or cannot any longer. @param {State} state @param {Extract<LinkEvent, {type: 'ctl'}>} event @returns {Step} */
  ctl(state, {open}) {
    /** @type {Command[]} */ const commands = open
      ? [{type: 'checkSafety'}, {type: 'openTalk'}]
      : [];
    // From now on it goes the other way.
    if (state.link?.connected && !state.link.gone) commands.push({type: 'sendState'});
    return step(withLink(state, {ctl: open, ctlEnded: !open}), commands);
  },

  /** @param {State} state @param {Extract<LinkEvent, {type: 'told'}>} event @returns {Step} */
  told(state, {message}) {
    const {link} = state;
    if (!link) return step(state);
    if (message.type === 'bye') return message.final ? peerGone(state, 'left') : peerLeaves(state);
    if (message.type === 'state') {
      const {audio, video, screen, recording, held} = message;
      return step({...state, remote: {audio, video, screen, recording, held}});
    }
    if (message.type !== 'signal') return step(state);
    const data = decodeCallData(message.data);
    // A new connection needs the server.
    if (!('generation' in data) || data.generation !== link.generation) return step(state);
    return step(withLink(state, {remoteSeen: true}), [{type: 'deliver', data}]);
  },

  /** @param {State} state @param {Extract<LinkEvent, {type: 'safety'}>} event @returns {Step} */
  safety: (state, {finding}) =>
    step(withLink(state, {safety: finding}), finding.status === 'checking' ? [] : [stop('safety')]),
};

/**
 * Gives the other side's page, which was closed or reloaded, time to come back.
 * @param {State} state with a link @returns {Step}
 */
export const peerLeaves = (state) =>
  state.link?.gone
    ? step(state)
    : step({...withLink(state, {gone: true}), peer: null, failing: false}, [
        ...stopLinkTimers,
        stop('giveUp'),
        start('successor', SUCCESSOR_TIMEOUT),
      ]);

/** The person has compared the codes. @param {State} state @param {Extract<CallEvent, {type: 'compared'}>} event @returns {Step} */
export const compared = (state, {verdict}) =>
  step(state, state.link?.safety.code ? [{type: 'judge', verdict}] : []);

/** Says why there is no code. @param {State} state @param {Link} link @returns {Step} */
export const safetyTimeout = (state, {ctl, ctlKnown, safety}) =>
  safety.status === 'checking'
    ? step(withLink(state, {safety: impossible(ctl || ctlKnown ? 'silent' : 'foreign')}))
    : step(state);
