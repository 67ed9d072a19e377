import {problemOf} from './problem.js';
import {CAMERA_RELEASE_DELAY, DEVICE_CHANGE_DELAY} from './timeouts.js';
/** @import {Problem} from './problem.js' */

/** @typedef {'audio'|'video'} Kind */
/** @typedef {'audioinput'|'videoinput'|'audiooutput'} DeviceKind */
/** @typedef {{id: string, label: string}} Device */

/**
 * @typedef {object} MediaState
 * @property {'idle'|'asking'|'done'} capture asking = the browser asks the user
 * @property {Record<DeviceKind, Device[]>} devices
 * @property {Record<DeviceKind, string>} selected device ids; '' = the system's own choice
 * @property {boolean} audio whether the microphone is on
 * @property {boolean} video whether the camera is on
 * @property {boolean} hasAudio whether there is a microphone to switch on
 * @property {boolean} hasVideo
 * @property {boolean} mirror whether the camera faces the user
 * @property {boolean} screen whether the screen is shared
 * @property {Problem[]} problems one for each kind of device that could not be opened
 */

/**
 * @typedef {object} Environment
 * @property {MediaDevices|undefined} devices
 * @property {(name: string) => Promise<PermissionState|''>} permission
 * @property {boolean} secure
 * @property {(key: string) => string} recall
 * @property {(key: string, value: string) => void} remember
 */

/** @type {Record<Kind, 'audioinput'|'videoinput'>} */
const INPUT = {audio: 'audioinput', video: 'videoinput'};
/** @type {DeviceKind[]} */
const DEVICE_KINDS = ['audioinput', 'videoinput', 'audiooutput'];

/** The microphone, the camera and the shared screen of this side. */
export class Media {
  /** @type {Record<Kind, MediaStreamTrack|null>} */ tracks = {audio: null, video: null};
  /** @type {MediaStream|null} */ screen = null;
  /** Called after each change of state. */
  onchange = () => {};
  /** Called when another track is to be sent. @type {(kind: Kind, track: MediaStreamTrack|null) => void} */
  ontrack = () => {};
  /** Called with the shared screen, or null. @type {(stream: MediaStream|null) => void} */
  onscreen = () => {};

  /** @type {Environment} */ #env;
  /** @type {MediaState} */ #state;
  /** Runs one getUserMedia at a time: phones stop the first track when a second one is requested. */
  #queue = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #releaseTimer;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #listTimer;

  /** @param {Environment} env */
  constructor(env) {
    this.#env = env;
    this.#state = {
      capture: 'idle',
      devices: {audioinput: [], videoinput: [], audiooutput: []},
      selected: {
        audioinput: env.recall('audioinput'),
        videoinput: env.recall('videoinput'),
        audiooutput: env.recall('audiooutput'),
      },
      audio: false,
      video: false,
      hasAudio: false,
      hasVideo: false,
      mirror: true,
      screen: false,
      problems: [],
    };
    env.devices?.addEventListener('devicechange', () => {
      clearTimeout(this.#listTimer);
      this.#listTimer = setTimeout(() => this.#list(), DEVICE_CHANGE_DELAY);
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

  /** Reports whether camera and microphone may be opened without asking the user. */
  async granted() {
    const states = await Promise.all([
      this.#env.permission('camera'),
      this.#env.permission('microphone'),
    ]);
    return states.every((state) => state === 'granted');
  }

  /** Opens camera and microphone, or one of them. Never throws: see `state.problems`. */
  start() {
    return this.#enqueue(async () => {
      this.#update({capture: 'asking', problems: []});
      await this.#capture();
      this.#update({capture: 'done'});
      await this.#list();
    });
  }

  /** Releases camera, microphone and screen. */
  stop() {
    return this.#enqueue(async () => {
      clearTimeout(this.#releaseTimer);
      this.stopScreen();
      this.#close('audio');
      this.#close('video');
      this.#update({capture: 'idle', problems: []});
    });
  }

  /** @param {boolean} on */
  setAudio(on) {
    return this.#enqueue(async () => {
      if (on && !this.tracks.audio) await this.#open(['audio']);
      if (this.tracks.audio) this.tracks.audio.enabled = on;
      this.#update({audio: on && this.tracks.audio !== null});
    });
  }

  /** Switching the camera off sends black at once, and releases it a little later. @param {boolean} on */
  setVideo(on) {
    return this.#enqueue(async () => {
      clearTimeout(this.#releaseTimer);
      if (on && !this.tracks.video) await this.#open(['video']);
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

  /** @param {DeviceKind} kind @param {string} id */
  select(kind, id) {
    const before = this.#state.selected[kind];
    this.#choose(kind, id);
    if (kind === 'audiooutput') return Promise.resolve();
    const input = kind === 'audioinput' ? 'audio' : 'video';
    if (this.#state[input] === false && this.#state.capture === 'done') return Promise.resolve();
    return this.#enqueue(async () => {
      this.#close(input); // First close the old one: phones and Firefox open one at a time.
      if (await this.#open([input])) return;
      const {problems} = this.#state;
      this.#choose(kind, before);
      await this.#open([input]);
      this.#update({problems});
    });
  }

  /**
   * Has the user choose a screen or window to share.
   * @returns {Promise<'shared'|'cancelled'|'failed'>}
   */
  async startScreen() {
    const {devices} = this.#env;
    if (!devices || this.screen) return 'cancelled';
    const options = {
      video: {frameRate: {ideal: 15, max: 30}},
      audio: {echoCancellation: false, restrictOwnAudio: true},
      selfBrowserSurface: 'exclude',
      systemAudio: 'include',
      surfaceSwitching: 'include',
    };
    let stream;
    try {
      stream = await devices.getDisplayMedia(/** @type {DisplayMediaStreamOptions} */ (options));
    } catch (error) {
      const {name, message} = /** @type {Error} */ (error);
      return name === 'NotAllowedError' && !/system/i.test(message) ? 'cancelled' : 'failed';
    }
    const [video] = stream.getVideoTracks();
    if (!video) return 'failed';
    video.contentHint = 'detail';
    video.addEventListener('ended', () => this.stopScreen());
    this.screen = stream;
    this.#update({screen: true});
    this.onscreen(stream);
    return 'shared';
  }

  stopScreen() {
    if (!this.screen) return;
    for (const track of this.screen.getTracks()) track.stop();
    this.screen = null;
    this.#update({screen: false});
    this.onscreen(null);
  }

  async #capture() {
    if (!this.available) {
      const code = this.#env.secure ? 'unsupported' : 'insecure';
      this.#update({problems: [{kind: 'both', code}]});
      return;
    }
    if (await this.#open(['audio', 'video'])) return;
    const [problem] = this.#state.problems;
    // The user is asked once. After a refusal only a device that is already granted is tried.
    const refused = problem?.code === 'blocked' || problem?.code === 'dismissed';
    /** @type {Problem[]} */ const problems = [];
    for (const kind of /** @type {Kind[]} */ (['audio', 'video'])) {
      const name = kind === 'audio' ? 'microphone' : 'camera';
      if (refused && (await this.#env.permission(name)) !== 'granted')
        problems.push({kind, code: problem.code});
      else if (!(await this.#open([kind]))) problems.push(...this.#state.problems);
    }
    this.#update({problems: merged(problems)});
  }

  /**
   * Opens the selected devices or, if those are gone, any others of their kind.
   * @param {Kind[]} kinds @returns {Promise<boolean>} whether it did
   */
  async #open(kinds) {
    const selected = kinds.some((kind) => this.#state.selected[INPUT[kind]]);
    /** @type {unknown} */ let failure;
    for (const pinned of selected ? [true, false] : [false]) {
      try {
        const stream = await this.#env.devices?.getUserMedia(this.#constraints(kinds, pinned));
        for (const track of stream?.getTracks() ?? []) this.#use(track);
        this.#update({
          problems: this.#state.problems.filter(
            ({kind}) => !kinds.includes(/** @type {Kind} */ (kind)),
          ),
        });
        return true;
      } catch (error) {
        failure = error;
        if (!['OverconstrainedError', 'NotFoundError'].includes(/** @type {Error} */ (error).name))
          break;
      }
    }
    const kind = kinds.length > 1 ? 'both' : /** @type {Kind} */ (kinds[0]);
    const permission = await this.#env.permission(kind === 'audio' ? 'microphone' : 'camera');
    this.#update({problems: [problemOf(failure, kind, permission)]});
    return false;
  }

  /** @param {Kind[]} kinds @param {boolean} pinned @returns {MediaStreamConstraints} */
  #constraints(kinds, pinned) {
    /** @param {Kind} kind */
    const device = (kind) => {
      const id = this.#state.selected[INPUT[kind]];
      return pinned && id ? {deviceId: {exact: id}} : {};
    };
    return {
      audio: kinds.includes('audio') && {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...device('audio'),
      },
      video: kinds.includes('video') && {
        width: {ideal: 1280},
        height: {ideal: 720},
        frameRate: {ideal: 30},
        facingMode: 'user',
        ...device('video'),
      },
    };
  }

  /** @param {MediaStreamTrack} track */
  #use(track) {
    const kind = track.kind === 'audio' ? 'audio' : 'video';
    this.tracks[kind]?.stop();
    this.tracks[kind] = track;
    track.addEventListener('ended', () => this.#trackEnded(kind, track));
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
  #trackEnded(kind, track) {
    if (this.tracks[kind] !== track) return;
    void this.#enqueue(async () => {
      if (this.tracks[kind] !== track) return;
      this.#close(kind);
      if (await this.#open([kind])) this.#update({problems: [{kind, code: 'gone'}]});
      await this.#list();
    });
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
    const all = (await this.#env.devices?.enumerateDevices?.().catch(() => [])) ?? [];
    const devices = /** @type {Record<DeviceKind, Device[]>} */ ({});
    for (const kind of DEVICE_KINDS) {
      devices[kind] = all
        .filter((device) => device.kind === kind && device.deviceId !== '')
        .map(({deviceId, label}) => ({id: deviceId, label}));
    }
    this.#update({devices});
  }

  /** Selects a device for this and later calls. @param {DeviceKind} kind @param {string} id */
  #choose(kind, id) {
    this.#env.remember(kind, id);
    this.#select(kind, id);
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

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  #enqueue(work) {
    const result = this.#queue.then(work);
    this.#queue = result.then(
      () => {},
      () => {},
    );
    return result;
  }
}

/** Makes one problem of two with the same cause. @param {Problem[]} problems @returns {Problem[]} */
function merged(problems) {
  const [first, second] = problems;
  return first && second && first.code === second.code
    ? [{kind: 'both', code: first.code}]
    : problems;
}
