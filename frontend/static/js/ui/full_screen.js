import {element, find, setText} from './dom.js';
/** @import {Translate} from './dom.js' */

/** Fills the screen with the page, or ends that. */
export async function toggleFullScreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen();
}

/** Shows the entry, except where a page cannot fill the screen, as on an iPhone. @param {Translate} t */
export function renderFullScreen(t) {
  const item = element('[data-action="full-screen"]');
  item.hidden = !document.fullscreenEnabled;
  setText(find('span', item), t(document.fullscreenElement ? 'exitFullScreen' : 'fullScreen'));
}
