import {element, peerName, setText} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Key} from '../i18n.js' */
/** @import {TalkState} from '../screens.js' */

/** @type {Record<TalkState, Key|null>} */
const REASONS = {
  open: null,
  later: 'chatLater',
  alone: 'chatAlone',
  opening: 'chatOpening',
  foreign: 'chatForeign',
  closed: 'chatEnded',
};

/** Returns why nothing can be sent now, or ''. @param {Model} model @returns {string} */
export function reasonOf(model) {
  const reason = REASONS[model.talk];
  return reason ? model.t(reason, {name: peerName(model)}) : '';
}

/** The button that opens the chat, with the number of what is unread, or why there is no chat. @param {Model} model */
export function renderChatButton(model) {
  const {conversation, screen, talk, t} = model;
  const button = element('[data-action="chat"]');
  button.hidden = screen !== 'call' && (conversation?.isEmpty ?? true);
  const count = conversation?.unread ?? 0;
  const closed = talk !== 'open' && talk !== 'later';
  button.dataset.closed = String(closed);
  const reason = closed ? reasonOf(model) : '';
  const label = reason ? t('chatClosed', {reason}) : t('chat');
  button.setAttribute('aria-label', count > 0 ? t('chatUnread', {count}) : label);
  button.title = reason;
  const mark = element('[data-unread]');
  mark.hidden = count === 0;
  setText(mark, count > 99 ? '99+' : String(count));
}

/** Characters of a text that are read aloud. */
const MAX_ANNOUNCED = 300;

/** Returns the newest that the person has not seen, for a screen reader, or ''. @param {Model} model */
export function newsOf(model) {
  const {conversation, t} = model;
  if (!conversation || conversation.unread === 0) return '';
  const newest = conversation.timeline.findLast((item) =>
    'offer' in item ? !item.own : item.from === 'other',
  );
  if (!newest) return '';
  const name = peerName(model);
  const count = t('chatUnread', {count: conversation.unread});
  const news =
    'offer' in newest
      ? t('fileAnnounce', {name, file: newest.name})
      : t('chatAnnounce', {name, text: newest.text.slice(0, MAX_ANNOUNCED)});
  return `${count}. ${news}`;
}
