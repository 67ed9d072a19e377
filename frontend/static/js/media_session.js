/** @typedef {'togglemicrophone'|'togglecamera'|'hangup'|'enterpictureinpicture'} CallAction */

/**
 * Has headsets, lock screens and the browser's own controls mute, switch the camera, hang up, and open the picture in
 * picture when the person turns to another tab.
 */
export class CallSession {
  /** @type {MediaSession|undefined} */ #session;
  /** @type {Record<CallAction, () => void>} */ #actions;
  #active = false;

  /** @param {MediaSession|undefined} session @param {Record<CallAction, () => void>} actions */
  constructor(session, actions) {
    this.#session = session;
    this.#actions = actions;
  }

  /** @param {boolean} active whether there is a call @param {{audio: boolean, video: boolean}} media what is on */
  update(active, {audio, video}) {
    const session = this.#session;
    if (!session) return;
    if (active !== this.#active) {
      this.#active = active;
      for (const [action, handler] of Object.entries(this.#actions))
        setHandler(session, action, active ? handler : null);
    }
    if (!active) return;
    void session.setMicrophoneActive?.(audio)?.catch?.(() => {});
    void session.setCameraActive?.(video)?.catch?.(() => {});
  }
}

/** @param {MediaSession} session @param {string} action @param {(() => void)|null} handler */
function setHandler(session, action, handler) {
  try {
    session.setActionHandler(/** @type {MediaSessionAction} */ (action), handler);
  } catch {
    // This browser does not know the action.
  }
}
