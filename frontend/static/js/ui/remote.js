import {setIcon} from './dom.js';
/** @import {Model} from './dom.js' */

/** @param {MediaStream|undefined} stream @returns {boolean} whether it has a live picture */
export function hasPicture(stream) {
  const [track] = stream?.getVideoTracks() ?? [];
  return track !== undefined && !track.muted && track.readyState === 'live';
}

/** Reports whether there is a picture of the other side to show. @param {Model} model */
export const showsRemote = ({call: {remote}, link}) =>
  remote.video && !remote.held && hasPicture(link?.main);

/** Shows the first letter of a name, or the icon of a person. @param {HTMLElement} avatar @param {string} name */
export function showAvatar(avatar, name) {
  const [letter = ''] = name.trim();
  if (avatar.dataset.letter === letter) return;
  avatar.dataset.letter = letter;
  if (letter) {
    avatar.textContent = letter.toLocaleUpperCase();
    return;
  }
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'use'));
  setIcon(svg, '#i-user');
  avatar.replaceChildren(svg);
}
