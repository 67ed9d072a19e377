/** Tracks and streams without devices. */

export class FakeTrack extends EventTarget {
  static ids = 0;
  enabled = true;
  muted = false;
  readyState = 'live';
  contentHint = '';

  constructor(kind, settings = {}) {
    super();
    this.kind = kind;
    this.id = `${kind}${FakeTrack.ids++}`;
    this.settings = settings;
  }

  getSettings() {
    return this.settings;
  }

  stop() {
    this.readyState = 'ended';
  }

  /** Ends the track as if the device had been unplugged. */
  end() {
    this.stop();
    this.dispatchEvent(new Event('ended'));
  }
}

export class FakeStream {
  #tracks;
  constructor(tracks = []) {
    this.#tracks = [...tracks];
  }

  getTracks() {
    return [...this.#tracks];
  }

  getAudioTracks() {
    return this.#tracks.filter(({kind}) => kind === 'audio');
  }

  getVideoTracks() {
    return this.#tracks.filter(({kind}) => kind === 'video');
  }

  addTrack(track) {
    this.#tracks.push(track);
  }

  removeTrack(track) {
    this.#tracks = this.#tracks.filter((other) => other !== track);
  }
}
