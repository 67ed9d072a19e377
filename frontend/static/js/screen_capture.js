/**
 * Has the user choose a screen or window to share.
 * @param {MediaDevices} devices @returns {Promise<MediaStream|'cancelled'|'failed'>}
 */
export async function captureScreen(devices) {
  const options = {
    video: {frameRate: {ideal: 15, max: 30}},
    // Without the voice of the other side, which would hear itself.
    audio: {echoCancellation: false, restrictOwnAudio: true},
    selfBrowserSurface: 'exclude',
    systemAudio: 'include',
    surfaceSwitching: 'include',
  };
  try {
    const stream = await devices.getDisplayMedia(
      /** @type {DisplayMediaStreamOptions} */ (options),
    );
    const [video] = stream.getVideoTracks();
    if (!video) return 'failed';
    video.contentHint = 'detail';
    return stream;
  } catch (error) {
    const {name, message} = /** @type {Error} */ (error);
    return name === 'NotAllowedError' && !/system/i.test(message) ? 'cancelled' : 'failed';
  }
}
