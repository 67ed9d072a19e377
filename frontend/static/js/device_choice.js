/** @typedef {'audioinput'|'videoinput'|'audiooutput'} DeviceKind */
/** @typedef {{id: string, label: string}} Device */

/** @type {readonly DeviceKind[]} */
const DEVICE_KINDS = Object.freeze(['audioinput', 'videoinput', 'audiooutput']);

/** @param {MediaDevices|undefined} mediaDevices @returns {Promise<Record<DeviceKind, Device[]>>} */
export async function listDevices(mediaDevices) {
  const all = (await mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  const devices = /** @type {Record<DeviceKind, Device[]>} */ ({});
  for (const kind of DEVICE_KINDS) {
    devices[kind] = all
      .filter((device) => device.kind === kind && device.deviceId !== '')
      .map(({deviceId, label}) => ({id: deviceId, label}));
  }
  return devices;
}

/**
 * The devices that the user has chosen, remembered for the next visit. An id '' leaves the choice to the system. Labels
 * are remembered, too, because the id of a device may change: when it is plugged in elsewhere, or in a private window.
 */
export class DeviceChoice {
  /** @type {(key: string) => string} */ #recall;
  /** @type {(key: string, value: string) => void} */ #remember;

  /** @param {(key: string) => string} recall @param {(key: string, value: string) => void} remember */
  constructor(recall, remember) {
    this.#recall = recall;
    this.#remember = remember;
  }

  /** @param {DeviceKind} kind @returns {Device} */
  get(kind) {
    return {id: this.#recall(kind), label: this.#recall(`${kind}.label`)};
  }

  /** @param {DeviceKind} kind @param {Device} device */
  set(kind, {id, label}) {
    this.#remember(kind, id);
    this.#remember(`${kind}.label`, label);
  }

  /**
   * Finds the chosen device: by its id, else by its label.
   * @param {DeviceKind} kind @param {Device[]} devices of that kind @returns {Device|undefined}
   */
  find(kind, devices) {
    const {id, label} = this.get(kind);
    if (id === '') return undefined;
    const found =
      devices.find((device) => device.id === id) ??
      devices.find((device) => label !== '' && device.label === label);
    // The browser hides labels until the page may use devices.
    if (found && found.label !== '' && (found.id !== id || found.label !== label))
      this.set(kind, found);
    return found;
  }
}
