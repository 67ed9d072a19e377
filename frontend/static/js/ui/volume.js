import {element} from './dom.js';

/** How loud the other side is. On an iPhone only the device's own buttons decide that. */
export class Volume {
  /** @type {HTMLInputElement} */ #slider = element('[data-volume]');
  /** @type {HTMLMediaElement[]} */ #players;

  /** @param {HTMLMediaElement[]} players */
  constructor(players) {
    this.#players = players;
    this.#slider.addEventListener('input', () => this.#apply());
    const test = document.createElement('video');
    test.volume = 0.5;
    if (test.volume !== 0.5) element('[data-volume-row]').hidden = true;
  }

  /** Another call begins. */
  reset() {
    this.#slider.value = this.#slider.max;
    this.#apply();
  }

  #apply() {
    for (const player of this.#players)
      player.volume = Number(this.#slider.value) / Number(this.#slider.max);
  }
}
