/** The local camera as a stream, the same one as long as the track is the same: a video that plays it goes on. */
export class SelfStream {
  /** @type {MediaStream|null} */ #stream = null;

  /** @param {MediaStreamTrack|null} track */
  of(track) {
    if (this.#stream?.getVideoTracks()[0] !== (track ?? undefined))
      this.#stream = track && new MediaStream([track]);
    return this.#stream;
  }
}
