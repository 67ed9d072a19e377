import {talkOf} from '../screens.js';
import {SelfStream} from '../self_stream.js';
import {Compositor} from './compositor.js';
import {canClick, initial, mayRecord, reduce} from './machine.js';
import {Mixer} from './mixer.js';
import {RATES, Recorder, extensionOf, recordedType} from './recorder.js';
import {Shelf, fileNameOf} from './shelf.js';
import {MAX_MEMORY, fileSink, memorySink} from './sinks.js';
import {startWorker} from './workers.js';
/** @import {Call} from '../call.js' */
/** @import {Link} from '../link.js' */
/** @import {TalkState} from '../screens.js' */
/** @import {Media} from '../media.js' */
/** @import {Command, Event, Notice, Other, Phase, State} from './machine.js' */
/** @import {Kept} from './shelf.js' */
/** @import {Sink} from './sinks.js' */

/**
 * Recordings as the page needs them: carries the commands of the reducer out, follows the call and the devices, and
 * knows what was recorded and not saved.
 */

/**
 * @typedef {object} Options
 * @property {Call} call
 * @property {Media} media
 * @property {() => number} now ms, as of the call
 * @property {() => void} onchange
 */

/** @typedef {Event extends infer E ? E extends {take: number} ? Omit<E, 'take'> : never : never} Progress */

/** How this page can tell the other side. @type {Record<TalkState, Other['reach']>} */
const REACH = {
  open: 'page',
  closed: 'page', // by the server
  foreign: 'person',
  opening: 'later',
  later: 'later',
  alone: 'nobody',
};

/** What one recording needs. */
class Take {
  /** @type {Sink|null} */ sink = null;
  /** @type {Compositor|null} */ compositor = null;
  /** @type {Mixer|null} */ mixer = null;
  /** @type {Recorder|null} */ recorder = null;
  at = Date.now();
  type = recordedType();

  stop() {
    this.compositor?.stop();
    this.mixer?.stop();
    this.compositor = this.mixer = null;
  }
}

/** Keeps the person from closing the page while it records. @param {BeforeUnloadEvent} event */
const holdBack = (event) => event.preventDefault();

export class Session {
  /** @type {Options} */ #options;
  /** @type {State} */ #state = initial;
  #take = new Take();
  /** Resolves when the newest tone has ended, which gives the microphone back. */
  #tone = Promise.resolve();
  #shelf = new Shelf({
    storage: navigator.storage,
    locks: navigator.locks,
    startWorker,
    now: () => Date.now(),
  });
  #self = new SelfStream();
  /** What was recorded, the newest first. @type {Kept[]} */ kept = [];

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** @returns {Phase} */
  get phase() {
    return this.#state.phase;
  }

  /** @returns {Notice} */
  get notice() {
    return this.#state.notice;
  }

  /** When the recording began, by the clock of the call; 0 = not yet. */
  get begunAt() {
    return this.#state.begunAt;
  }

  get canClick() {
    return canClick(this.#state);
  }

  /** What fits into memory: bytes and minutes. */
  get memory() {
    const {videoBitsPerSecond, audioBitsPerSecond} = RATES;
    const minutes = (MAX_MEMORY * 8) / (videoBitsPerSecond + audioBitsPerSecond) / 60;
    return {bytes: MAX_MEMORY, minutes: Math.floor(minutes)};
  }

  /** Finds what earlier visits have recorded. */
  async load() {
    const list = await this.#shelf.list();
    const known = new Set(this.kept.map(({name}) => name));
    const found = list.filter(({name}) => !known.has(name));
    this.kept = [...this.kept, ...found].sort((a, b) => b.at - a.at);
    this.#options.onchange();
  }

  click() {
    this.update();
    this.#dispatch({type: 'click'});
  }

  dismiss() {
    this.#dispatch({type: 'dismiss'});
  }

  /** @param {Kept} kept */
  async remove(kept) {
    this.kept = this.kept.filter((other) => other !== kept);
    this.#options.onchange();
    await kept.remove();
  }

  /** Opens a recording, to be saved. @param {Kept} kept @returns {Promise<Blob|null>} null = another tab has deleted it */
  async open(kept) {
    try {
      return await kept.open();
    } catch (error) {
      if (/** @type {Error} */ (error).name !== 'NotFoundError') throw error;
      await this.remove(kept);
      return null;
    }
  }

  /** @param {Kept} kept that the browser has been asked to save */
  async markSaved(kept) {
    kept.saved = true;
    this.#options.onchange();
    await kept.markSaved();
  }

  /** Follows the call and the devices. To be called whenever they have changed. */
  update() {
    const {state} = this.#options.call;
    const reach = REACH[talkOf(state)];
    const peer = state.link?.peer ?? '';
    const {other} = this.#state;
    if (other.peer !== peer || other.reach !== reach)
      this.#dispatch({type: 'other', other: {peer, reach}});
    this.#follow();
  }

  /** Shows and mixes what there is now: of the other side, only if it knows. */
  #follow() {
    const {compositor, mixer} = this.#take;
    if (!compositor || !mixer) return;
    const {shown} = this.#options.call;
    const link = shown && mayRecord(this.#state, shown.toldRecording) ? shown : null;
    this.#show(compositor, link);
    const {tracks, screen} = this.#options.media;
    const others = link ? [...link.main.getAudioTracks(), ...link.shared.getAudioTracks()] : [];
    mixer.set([tracks.audio, ...(screen?.getAudioTracks() ?? []), ...others]);
  }

  /** @param {Compositor} compositor @param {Link|null} link */
  #show(compositor, link) {
    const {call, media} = this.#options;
    const {remote, peerName} = call.state;
    const {main = null, shared = null} = link ?? {};
    const [letter = ''] = peerName.trim();
    compositor.letter = letter.toLocaleUpperCase();
    compositor.show('shared', (remote.screen && shared) || media.screen);
    compositor.show('remote', remote.video && !remote.held ? main : null);
    compositor.show('self', media.state.video ? this.#self.of(media.tracks.video) : null);
  }

  /** @param {Event} event */
  #dispatch(event) {
    const {state, commands} = reduce(this.#state, event);
    const changed = state !== this.#state;
    this.#state = state;
    for (const command of commands) void this.#run(command);
    if (changed) this.#options.onchange();
  }

  /** @param {number} take @param {Progress} event */
  #report(take, event) {
    this.#dispatch(/** @type {Event} */ ({...event, take}));
  }

  /** @param {Command} command */
  async #run(command) {
    if (command.type === 'untell') {
      void this.#options.call.tellRecording(false);
      return;
    }
    const {take} = command;
    try {
      await this.#commands[command.type](take);
    } catch (error) {
      console.warn('recording:', error);
      // The person has chosen no file.
      const cancelled = /** @type {Error} */ (error).name === 'AbortError';
      if (command.type === 'stop') this.#report(take, {type: 'saved'});
      else this.#report(take, {type: 'stopped', notice: cancelled ? '' : 'impossible'});
    }
  }

  /** @type {Record<Exclude<Command['type'], 'untell'>, (take: number) => Promise<void>>} */
  #commands = {
    open: async (number) => {
      const take = (this.#take = new Take());
      if (!take.type) throw new Error('this browser does not record');
      take.sink = await this.#open(take);
      if (!this.#isIn(number, 'opening')) {
        await take.sink.discard();
        return;
      }
      this.#report(number, {type: 'opened', medium: take.sink.medium});
    },
    tell: async (number) => {
      this.#report(number, {type: 'told', told: await this.#options.call.tellRecording(true)});
    },
    sound: async (number) => {
      const take = this.#take;
      await this.#tone;
      if (!this.#isIn(number, 'sounding')) return;
      take.mixer = new Mixer();
      take.compositor = new Compositor(startWorker('tick'), () =>
        this.#report(number, {type: 'stopped', notice: 'impossible'}),
      );
      this.#follow();
      await this.#sound(number, take.mixer);
    },
    begin: async (number) => this.#begin(number, this.#take),
    stop: async (number) => this.#finish(number, this.#take),
    discard: async () => {
      this.#take.stop();
      await this.#take.sink?.discard();
    },
  };

  /** @param {number} take @param {Phase} phase */
  #isIn(take, phase) {
    return this.#state.take === take && this.#state.phase === phase;
  }

  /** @param {number} number @param {Mixer} mixer */
  async #sound(number, mixer) {
    const {call, media} = this.#options;
    const {link} = call;
    const sounded = mixer.announce(async (tone) =>
      link?.setTrack('audio', tone ?? media.tracks.audio),
    );
    this.#tone = sounded.catch(() => {});
    try {
      await sounded;
    } catch (error) {
      if (link === call.link) throw error;
    }
    // The other side has not heard the tone on the new connection.
    if (link !== call.link) this.#report(number, {type: 'stopped', notice: 'refused'});
    else this.#report(number, {type: 'sounded'});
  }

  /** Opens a place for the recording: one that survives, if there is one. @param {Take} take @returns {Promise<Sink>} */
  async #open({at, type}) {
    const extension = extensionOf(type);
    const shelved = await this.#shelf.create(at, extension);
    if (shelved) return shelved;
    const {showSaveFilePicker} = /** @type {any} */ (window);
    if (!showSaveFilePicker) return memorySink(type);
    const [mime = ''] = type.split(';');
    return fileSink(
      await showSaveFilePicker({
        suggestedName: fileNameOf(at, extension),
        types: [{accept: {[mime]: [`.${extension}`]}}],
      }),
    );
  }

  /** @param {number} number @param {Take} take */
  #begin(number, take) {
    const {compositor, mixer, sink, type} = take;
    if (!compositor || !mixer || !sink) throw new Error('nothing to record');
    take.recorder = new Recorder({
      stream: new MediaStream([compositor.track, mixer.track]),
      type,
      sink,
      onbegin: () => this.#report(number, {type: 'begun', at: this.#options.now()}),
      onfailed: (notice) => this.#report(number, {type: 'stopped', notice}),
    });
    addEventListener('beforeunload', holdBack);
    take.at = Date.now();
    take.recorder.begin();
  }

  /** @param {number} number @param {Take} take */
  async #finish(number, take) {
    const {recorder} = take;
    try {
      if (!recorder) await take.sink?.discard();
      const blob = (await recorder?.stop()) ?? null;
      if (blob) this.#keep(take, blob, recorder?.duration || Date.now() - take.at);
    } finally {
      removeEventListener('beforeunload', holdBack);
      take.stop();
    }
    this.#report(number, {type: 'saved'});
    await this.load();
  }

  /** @param {Take} take @param {Blob} blob @param {number} duration */
  #keep({at, type, sink}, blob, duration) {
    // What is on disk is found there.
    if (!sink || sink.medium === 'disk') return;
    const {medium} = sink;
    this.kept.unshift({
      name: medium === 'file' ? /** @type {File} */ (blob).name : fileNameOf(at, extensionOf(type)),
      at,
      bytes: blob.size,
      duration,
      medium,
      saved: medium === 'file',
      open: async () => blob,
      markSaved: async () => {},
      remove: async () => {},
    });
  }
}
