/**
 * What the person prefers, remembered on this device.
 * @typedef {'echo'|'noise'|'gain'|'music'|'saver'|'mirror'|'selfHidden'|'chime'|'notify'|'letters'} Switch
 * @typedef {Record<Switch, boolean> & {corner: Corner}} Values
 * @typedef {'bottom-right'|'bottom-left'|'top-left'|'top-right'} Corner
 */

/** Corners for the user's own picture, clockwise. @type {readonly Corner[]} */
export const CORNERS = Object.freeze(['bottom-right', 'bottom-left', 'top-left', 'top-right']);

/** @type {Readonly<Values>} */
export const DEFAULTS = Object.freeze({
  echo: true,
  noise: true,
  gain: true,
  music: false,
  saver: false,
  mirror: true,
  selfHidden: false,
  chime: true,
  notify: true,
  letters: false,
  corner: 'bottom-right',
});

export class Settings {
  /** @type {Values} */ #values = {...DEFAULTS};
  /** @type {(key: string, value: string) => void} */ #remember;
  /** Called after each change. @type {(name: keyof Values) => void} */ onchange = () => {};

  /** @param {(key: string) => string} recall @param {(key: string, value: string) => void} remember */
  constructor(recall, remember) {
    this.#remember = remember;
    for (const name of /** @type {Switch[]} */ (Object.keys(DEFAULTS))) {
      const kept = recall(keyOf(name));
      if (typeof DEFAULTS[name] === 'boolean' && kept !== '') this.#values[name] = kept === '1';
    }
    const kept = recall(keyOf('corner'));
    this.#values.corner = CORNERS.find((corner) => corner === kept) ?? DEFAULTS.corner;
  }

  /** @returns {Readonly<Values>} */
  get values() {
    return this.#values;
  }

  /** @template {keyof Values} T @param {T} name @param {Values[T]} value */
  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values = {...this.#values, [name]: value};
    this.#remember(keyOf(name), typeof value === 'boolean' ? (value ? '1' : '0') : value);
    this.onchange(name);
  }
}

/** @param {keyof Values} name */
const keyOf = (name) => `settings.${name}`;

/** The settings that the microphone is opened with. @type {readonly string[]} */
export const SOUND_SETTINGS = Object.freeze(['echo', 'noise', 'gain', 'music']);

/** What is made for voices spoils music. @param {Values} values @returns {MediaTrackConstraints} */
export const soundConstraints = ({echo, noise, gain, music}) => ({
  echoCancellation: echo && !music,
  noiseSuppression: noise && !music,
  autoGainControl: gain && !music,
  ...(music && {channelCount: {ideal: 2}}),
});
