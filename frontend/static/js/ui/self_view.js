import {CORNERS} from '../settings.js';
import {element} from './dom.js';
/** @import {Model} from './dom.js' */
/** @import {Corner} from '../settings.js' */

/** Movements of a finger that are none, in CSS pixels. */
const SLACK = 6;

/** @type {Record<string, (corner: string) => string>} */
const ARROWS = {
  ArrowLeft: (corner) => corner.replace('right', 'left'),
  ArrowRight: (corner) => corner.replace('left', 'right'),
  ArrowUp: (corner) => corner.replace('bottom', 'top'),
  ArrowDown: (corner) => corner.replace('top', 'bottom'),
};

/** The user's own picture in a call. It is in a corner, to another one it is dragged, clicked or sent by an arrow key. */
export class SelfView {
  #stage = element('.stage');
  #pane = element('[data-pane="self"]');
  #grip = element('[data-action="move-self"]');
  /** @type {Corner} */ #corner = 'bottom-right';
  /** Where the pointer went down, null = it is up. @type {{x: number, y: number}|null} */ #from =
    null;
  #dragged = false;

  /** @param {(corner: Corner) => void} onmove */
  constructor(onmove) {
    const move = (/** @type {string|undefined} */ to) => {
      const corner = CORNERS.find((each) => each === to);
      if (corner) onmove(corner);
    };
    const grip = this.#grip;
    grip.addEventListener('pointerdown', (event) => this.#grab(event));
    grip.addEventListener('pointermove', (event) => this.#drag(event));
    grip.addEventListener('pointerup', () => {
      if (this.#dragged) move(this.#nearest());
      this.#release();
    });
    grip.addEventListener('pointercancel', () => this.#release());
    grip.addEventListener('click', () => {
      // A click follows when the pointer goes up, also after a drag.
      if (!this.#dragged) move(CORNERS[(CORNERS.indexOf(this.#corner) + 1) % CORNERS.length]);
      this.#dragged = false;
    });
    grip.addEventListener('keydown', (event) => {
      const to = ARROWS[event.key]?.(this.#corner);
      if (!to) return;
      event.preventDefault();
      move(to);
    });
  }

  /** After the stage, whose layout it follows. @param {Model} model */
  render({settings}) {
    const small = this.#stage.dataset.layout !== 'solo';
    this.#corner = settings.corner;
    this.#pane.hidden = small && settings.selfHidden;
    this.#stage.dataset.corner = settings.selfHidden ? 'none' : settings.corner;
    this.#grip.hidden = !small;
  }

  /** @param {PointerEvent} event */
  #grab({button, clientX: x, clientY: y, pointerId}) {
    this.#dragged = false;
    if (button !== 0) return;
    this.#from = {x, y};
    this.#grip.setPointerCapture(pointerId);
  }

  /** @param {PointerEvent} event */
  #drag({clientX, clientY}) {
    if (!this.#from) return;
    const x = clientX - this.#from.x;
    const y = clientY - this.#from.y;
    this.#dragged ||= Math.hypot(x, y) > SLACK;
    if (this.#dragged) this.#pane.style.translate = `${x}px ${y}px`;
  }

  #release() {
    this.#from = null;
    this.#pane.style.translate = '';
  }

  /** Returns the corner that the middle of the picture is nearest to. */
  #nearest() {
    const own = this.#pane.getBoundingClientRect();
    const all = element('.panes').getBoundingClientRect();
    const isTop = own.top + own.bottom < all.top + all.bottom;
    const isLeft = own.left + own.right < all.left + all.right;
    return `${isTop ? 'top' : 'bottom'}-${isLeft ? 'left' : 'right'}`;
  }
}
