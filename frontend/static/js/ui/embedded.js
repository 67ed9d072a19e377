import {Embedding} from '../embed.js';
import {elements} from './dom.js';
/** @import {Command} from '../embed.js' */

/**
 * Makes the page one in a frame of another site.
 * @param {string[]} origins that may show it @param {boolean} prejoin whether to show the whole screen before the call
 * @param {Record<Command, () => void>} actions
 * @returns {Embedding|null} null = it is in no frame after all, but in a tab
 */
export function showEmbedded(origins, prejoin, actions) {
  document.body.classList.toggle('direct', !prejoin);
  // No frame may show the page that checks a connection.
  for (const link of elements('.check-link')) link.setAttribute('target', '_blank');
  if (parent === window) return null;
  const referrer = document.referrer && new URL(document.referrer).origin;
  return new Embedding(parent, origins, [location.ancestorOrigins?.[0], referrer], actions);
}
