import {Media} from '../static/js/media.js';
import {FakeStream, FakeTrack, quiet, until} from './fakes.js';

export const DEVICES = [
  {kind: 'audioinput', deviceId: 'mic1', label: 'Headset'},
  {kind: 'audioinput', deviceId: 'mic2', label: ''},
  {kind: 'videoinput', deviceId: 'cam1', label: 'Camera'},
  {kind: 'audiooutput', deviceId: 'out1', label: 'Speaker'},
  {kind: 'videoinput', deviceId: '', label: ''}, // As before any permission.
];

/** A browser's devices. A test can make some of them fail. */
export class FakeDevices extends EventTarget {
  asked = [];
  list = DEVICES;
  listed = 0;
  live = new Set();
  /** Whether its cameras have a direction, as those of a phone. */
  faces = true;
  /** @type {(constraints: any) => Error|undefined} */ fails = () => undefined;

  async getUserMedia(constraints) {
    this.asked.push(constraints);
    const error = this.fails(constraints);
    if (error) throw error;
    const tracks = ['audio', 'video']
      .filter((kind) => constraints[kind])
      .map((kind) => {
        const deviceId = constraints[kind].deviceId?.exact ?? (kind === 'audio' ? 'mic1' : 'cam1');
        const {facingMode} = constraints[kind];
        const facing = kind === 'video' ? (facingMode?.exact ?? facingMode) : undefined;
        return new FakeTrack(kind, {deviceId, ...(this.faces && {facingMode: facing})});
      });
    for (const track of tracks) this.live.add(track);
    return new FakeStream(tracks);
  }

  async getDisplayMedia(constraints) {
    this.asked.push(constraints);
    const error = this.fails(constraints);
    if (error) throw error;
    return new FakeStream([new FakeTrack('video'), new FakeTrack('audio')]);
  }

  async enumerateDevices() {
    this.listed++;
    return this.list;
  }

  /** Tells the page of a change, and waits until it has looked. */
  async change() {
    const {listed} = this;
    this.dispatchEvent(new Event('devicechange'));
    await until(() => this.listed > listed);
    await quiet();
  }

  get open() {
    return [...this.live].filter(({readyState}) => readyState === 'live').map(({kind}) => kind);
  }
}

export function setup({
  permission = '',
  remembered = {},
  secure = true,
  devices = new FakeDevices(),
  sound = {},
} = {}) {
  const store = {...remembered};
  const media = new Media({
    devices,
    secure,
    permission: async (name) => (typeof permission === 'string' ? permission : permission(name)),
    sound: () => sound,
    recall: (key) => store[key] ?? '',
    remember: (key, value) => (store[key] = value),
  });
  const sent = [];
  media.ontrack = (kind, track) => sent.push([kind, track]);
  return {media, devices, store, sent};
}

export const fail =
  (name, message = '') =>
  () =>
    new DOMException(message, name);
