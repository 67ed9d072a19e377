import {otherCamera} from './camera_flip.js';
import {capture, keepUnlessAborted, stop} from './capture.js';
import {DeviceChoice, listDevices} from './device_choice.js';
import {initialMedia} from './media_state.js';
import {isNotice, replaceProblems} from './problem.js';
import {captureScreen} from './screen_capture.js';
import {CAMERA_RELEASE_DELAY, DEVICE_CHANGE_DELAY} from './timeouts.js';
import {WorkQueue} from './work_queue.js';
/** @import {Kind} from './capture.js' */
/** @import {DeviceKind} from './device_choice.js' */
/** @import {MediaState} from './media_state.js' */
/** @import {Permission, Problem} from './problem.js' */

/**
 * @typedef {object} Environment
 * @property {MediaDevices|undefined} devices
 * @property {(name: string) => Promise<Permission>} permission
 * @property {boolean} secure
 * @property {() => MediaTrackConstraints} sound how the microphone's sound is processed
 * @property {(key: string) => string} recall
 * @property {(key: string, value: string) => void} remember
 */

/** @type {Record<Kind, 'audioinput'|'videoinput'>} */
const INPUT = {audio: 'audioinput', video: 'videoinput'};
/** @type {Kind[]} */
const BOTH = ['audio', 'video'];

/** The microphone, the camera and the shared screen of this side. */
export class Media {
  /** @type {Record<Kind, MediaStreamTrack|null>} */ tracks = {audio: null, video: null};
  /** What was on when all was released last. @type {Kind[]} */ wereOn = [];
  /** @type {MediaStream|null} */ screen = null;
  /** Called after each change of state. */
  onchange = () => {};
  /** Called when another track is to be sent. @type {(kind: Kind, track: MediaStreamTrack|null) => void} */
  ontrack = () => {};
  /** Called with the shared screen, or null. @type {(stream: MediaStream|null) => void} */
  onscreen = () => {};

  /** @type {Environment} */ #env;
  /** @type {MediaState} */ #state;
  /** @type {DeviceChoice} */ #choice;
  /** Runs one getUserMedia at a time: phones stop the first track when a second one is requested. */
  #queue = new WorkQueue();
  /** Which camera of a phone the user has turned to, '' = the chosen one. @type {'user'|'environment'|''} */
  #facing = '';
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #releaseTimer;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #listTimer;

  /** @param {Environment} env */
  constructor(env) {
    this.#env = env;
    this.#choice = new DeviceChoice(env.recall, env.remember);
    const chosen = (/** @type {DeviceKind} */ kind) => this.#choice.get(kind).id;
    this.#state = initialMedia({
      audioinput: chosen('audioinput'),
      videoinput: chosen('videoinput'),
      audiooutput: chosen('audiooutput'),
    });
    env.devices?.addEventListener('devicechange', () => {
      clearTimeout(this.#listTimer);
      this.#listTimer = setTimeout(() => void this.#devicesChanged(), DEVICE_CHANGE_DELAY);
    });
  }

  get state() {
    return this.#state;
  }

  /** Reports whether the browser offers this page any devices. */
  get available() {
    return this.#env.secure && typeof this.#env.devices?.getUserMedia === 'function';
  }

  get canShareScreen() {
    return typeof this.#env.devices?.getDisplayMedia === 'function';
  }

  /** Reports whether the browser would ask the user nothing if camera and microphone were opened now. */
  async asksNothing() {
    const states = await Promise.all(BOTH.map((kind) => this.#permission(kind)));
    return states.every((state) => state !== 'prompt' && state !== '');
  }

  /** Opens camera and microphone, or one of them. Never throws: see `state.problems`. @param {Kind[]} [kinds] */
  start(kinds = BOTH) {
    return this.#queue.add(async (signal) => {
      this.#update({capture: 'asking', problems: []});
      await this.#list(); // Their labels are there already if the page may use them.
      if (this.available) {
        await this.#open(kinds, signal);
        await this.#list();
        await this.#openChosen(signal);
      } else {
        const code = this.#env.secure ? 'unsupported' : 'insecure';
        this.#update({problems: [{kind: 'both', code}]});
      }
      signal.throwIfAborted();
      this.#update({capture: 'done'});
    });
  }

  /** Releases camera, microphone and screen. A question to the user that is still open does not hold this up. */
  stop() {
    this.#queue.abort();
    this.#facing = '';
    clearTimeout(this.#releaseTimer);
    this.stopScreen();
    this.wereOn = BOTH.filter((kind) => this.#state[kind]);
    for (const kind of BOTH) this.#close(kind);
    this.#update({capture: 'idle', problems: []});
  }

  /** Drops the problems that the user can do nothing about. */
  dismiss() {
    this.#update({problems: this.#state.problems.filter((problem) => !isNotice(problem))});
  }

  /** @param {boolean} on */
  setAudio(on) {
    if (!on) this.#silence('audio');
    return this.#queue.add(async (signal) => {
      if (on && !this.tracks.audio) await this.#open(['audio'], signal);
      if (this.tracks.audio) this.tracks.audio.enabled = on;
      this.#update({audio: on && this.tracks.audio !== null});
    });
  }

  /** Switching the camera off sends black at once, and releases it a little later. @param {boolean} on */
  setVideo(on) {
    if (!on) this.#silence('video');
    return this.#queue.add(async (signal) => {
      clearTimeout(this.#releaseTimer);
      if (on && !this.tracks.video) await this.#open(['video'], signal);
      if (this.tracks.video) this.tracks.video.enabled = on;
      this.#update({video: on && this.tracks.video !== null});
      if (!on && this.tracks.video) {
        this.#releaseTimer = setTimeout(() => {
          this.#close('video');
          this.#update({});
        }, CAMERA_RELEASE_DELAY);
      }
    });
  }

  /** Sends nothing of a device from now on, although the queue may wait for an answer of the user. @param {Kind} kind */
  #silence(kind) {
    if (this.tracks[kind]) this.tracks[kind].enabled = false;
    this.#update({[kind]: false});
  }

  /** @param {DeviceKind} kind @param {string} id '' = the system's own choice */
  select(kind, id) {
    const before = this.#choice.get(kind);
    const label = this.#state.devices[kind].find((device) => device.id === id)?.label ?? '';
    this.#choice.set(kind, {id, label});
    this.#select(kind, id);
    if (kind === 'audiooutput') return Promise.resolve();
    const input = kind === 'audioinput' ? 'audio' : 'video';
    return this.#queue.add((signal) => {
      const facing = this.#facing;
      if (input === 'video') this.#facing = '';
      return this.#reopen(input, signal, () => {
        this.#facing = facing;
        this.#choice.set(kind, before);
        this.#select(kind, before.id);
      });
    });
  }

  /** Turns to the other camera. */
  flip() {
    return this.#queue.add(async (signal) => {
      const used = this.#state.video && this.tracks.video?.getSettings();
      const other = used && otherCamera(used, this.#state.devices.videoinput);
      if (!other) return;
      const facing = this.#facing;
      const before = this.#choice.get('videoinput');
      if ('facing' in other) this.#facing = other.facing;
      else this.#choice.set('videoinput', other.device);
      await this.#reopen('video', signal, () => {
        this.#facing = facing;
        this.#choice.set('videoinput', before);
      });
    });
  }

  /** Opens the microphone anew, because its sound is to be processed in another way. */
  reopenAudio() {
    return this.#queue.add(async (signal) => {
      if (this.tracks.audio) await this.#reopen('audio', signal, () => {});
    });
  }

  /** Reports whether the browser itself asks which speaker to use: Firefox shows a page no others. */
  get asksForSpeaker() {
    return 'selectAudioOutput' in (this.#env.devices ?? {});
  }

  /** Has the browser ask which speaker to use. */
  async chooseSpeaker() {
    const devices = /** @type {MediaDevices & {selectAudioOutput(): Promise<MediaDeviceInfo>}} */ (
      this.#env.devices
    );
    try {
      const {deviceId, label} = await devices.selectAudioOutput();
      this.#choice.set('audiooutput', {id: deviceId, label});
    } catch {
      return; // The user has chosen none.
    }
    await this.#list();
  }

  /**
   * Has the user choose a screen or window to share.
   * @returns {Promise<'shared'|'cancelled'|'failed'>}
   */
  async startScreen() {
    const {devices} = this.#env;
    if (!devices || this.screen) return 'cancelled';
    const {signal} = this.#queue;
    const stream = await captureScreen(devices);
    if (typeof stream === 'string') return stream;
    if (signal.aborted || this.screen) {
      stop(stream.getTracks()); // Too late, or a second one.
      return 'cancelled';
    }
    for (const track of stream.getVideoTracks())
      track.addEventListener('ended', () => this.stopScreen());
    this.screen = stream;
    this.#update({screen: true});
    this.onscreen(stream);
    return 'shared';
  }

  stopScreen() {
    if (!this.screen) return;
    stop(this.screen.getTracks());
    this.screen = null;
    this.#update({screen: false});
    this.onscreen(null);
  }

  /**
   * Opens devices of some kinds, the chosen ones if they are there.
   * @param {Kind[]} kinds @param {AbortSignal} signal @returns {Promise<boolean>} whether all could be opened
   */
  async #open(kinds, signal) {
    const {devices} = this.#env;
    if (!devices) return false;
    const {tracks, problems} = await capture(
      {
        devices,
        signal,
        idOf: (kind) => this.#chosen(kind),
        facing: this.#facing,
        sound: this.#env.sound(),
        permission: this.#permission,
      },
      kinds,
    );
    keepUnlessAborted(signal, tracks);
    for (const track of tracks) this.#use(track);
    const switched = kinds.filter((kind) => this.#isSwitched(kind)).map(asSwitched);
    this.#setProblems(kinds, [...problems, ...switched]);
    return problems.length === 0;
  }

  /**
   * Opens another device in place of the one in use. If that fails, `undo` is called, and the old one is opened.
   * @param {Kind} kind @param {AbortSignal} signal @param {() => void} undo
   */
  async #reopen(kind, signal, undo) {
    const wanted = this.#state[kind] || this.#hasFailed(kind);
    this.#close(kind); // First close the old one: phones and Firefox open one at a time.
    if (!wanted) return; // It is opened when it is switched on.
    if (await this.#open([kind], signal)) return;
    const {problems} = this.#state;
    undo();
    await this.#open([kind], signal);
    this.#update({problems});
  }

  /** @param {Kind} kind */
  #hasFailed(kind) {
    return this.#state.problems.some(
      (problem) => [kind, 'both'].includes(problem.kind) && !isNotice(problem),
    );
  }

  /** Opens a chosen device whose id has changed, which only the labels show. @param {AbortSignal} signal */
  async #openChosen(signal) {
    for (const kind of BOTH) {
      const found = this.#isSwitched(kind) && this.#find(INPUT[kind]);
      if (!found || found.id === this.tracks[kind]?.getSettings().deviceId) continue;
      this.#close(kind);
      await this.#open([kind], signal);
    }
  }

  /** Reports whether a device is in use that is not the chosen one. @param {Kind} kind */
  #isSwitched(kind) {
    if (kind === 'video' && this.#facing) return false;
    const {id} = this.#choice.get(INPUT[kind]);
    const used = this.tracks[kind]?.getSettings().deviceId;
    return id !== '' && used !== undefined && used !== id;
  }

  /** @param {DeviceKind} kind */
  #find = (kind) => this.#choice.find(kind, this.#state.devices[kind]);

  /** @param {Kind} kind @returns {string} id of the chosen device, as far as it is known */
  #chosen(kind) {
    if (kind === 'video' && this.#facing) return '';
    return this.#find(INPUT[kind])?.id ?? this.#choice.get(INPUT[kind]).id;
  }

  /** @param {Kind} kind */
  #permission = (kind) => this.#env.permission(kind === 'audio' ? 'microphone' : 'camera');

  /** @param {MediaStreamTrack} track */
  #use(track) {
    const kind = track.kind === 'audio' ? 'audio' : 'video';
    this.tracks[kind]?.stop();
    this.tracks[kind] = track;
    track.addEventListener('ended', () => this.#lost(kind, track));
    const settings = track.getSettings();
    if (settings.deviceId) this.#select(INPUT[kind], settings.deviceId);
    this.#update(
      kind === 'audio'
        ? {audio: true}
        : {video: true, mirror: settings.facingMode !== 'environment'},
    );
    this.ontrack(kind, track);
  }

  /** Falls back to another device of the same kind when one is gone. @param {Kind} kind @param {MediaStreamTrack} track */
  #lost(kind, track) {
    void this.#queue.add(async (signal) => {
      if (this.tracks[kind] !== track) return;
      const wanted = this.#state[kind];
      this.#close(kind);
      // One that is switched off stays off: who pulls out a headset does not want to be heard.
      if (wanted && (await this.#open([kind], signal)))
        this.#setProblems([kind], [{kind, code: 'gone'}]);
      await this.#list();
    });
  }

  /** Not every browser ends the track of a device that is gone. */
  async #devicesChanged() {
    const before = this.#state.devices;
    await this.#list();
    for (const kind of BOTH) {
      const track = this.tracks[kind];
      const used = track?.getSettings().deviceId;
      const isIn = (/** @type {MediaState['devices']} */ devices) =>
        devices[INPUT[kind]].some(({id}) => id === used);
      if (track && isIn(before) && !isIn(this.#state.devices)) this.#lost(kind, track);
    }
  }

  /** @param {Kind} kind */
  #close(kind) {
    const track = this.tracks[kind];
    if (!track) return;
    this.tracks[kind] = null;
    track.stop();
    this.#update(kind === 'audio' ? {audio: false} : {video: false});
    this.ontrack(kind, null);
  }

  async #list() {
    const devices = await listDevices(this.#env.devices);
    this.#update({devices});
    this.#select('audiooutput', this.#find('audiooutput')?.id ?? '');
  }

  /** @param {Kind[]} kinds @param {Problem[]} problems */
  #setProblems(kinds, problems) {
    this.#update({problems: replaceProblems(this.#state.problems, kinds, problems)});
  }

  /** @param {DeviceKind} kind @param {string} id */
  #select(kind, id) {
    this.#update({selected: {...this.#state.selected, [kind]: id}});
  }

  /** @param {Partial<MediaState>} change */
  #update(change) {
    const next = {...this.#state, ...change};
    next.hasAudio = this.tracks.audio !== null || next.devices.audioinput.length > 0;
    next.hasVideo = this.tracks.video !== null || next.devices.videoinput.length > 0;
    this.#state = next;
    this.onchange();
  }
}

/** @param {Kind} kind @returns {Problem} */
const asSwitched = (kind) => ({kind, code: 'switched'});
