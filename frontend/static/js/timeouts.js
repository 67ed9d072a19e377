/** Every timeout and interval of the page, in milliseconds. */

// The connection to the other side.

/** A negotiation that takes longer is repeated; if that takes as long again, the connection is rebuilt. */
export const NEGOTIATION_TIMEOUT = 6000;
/** A new connection that takes longer gets an ICE restart. */
export const CONNECT_TIMEOUT = 15_000;
/**
 * How long a new connection that has failed waits for more candidates of the other side. Chromium says `failed` as soon as none
 * of those that it has is of use, as when it uses relays only and has got none but host candidates yet.
 */
export const CANDIDATES_TIMEOUT = 2000;
/** An ICE restart that takes longer is followed by the next one. */
export const RESTART_TIMEOUT = 8000;
/** After a new session, a negotiation that had been cut off gets an ICE restart if it takes longer to connect the two. */
export const RESUME_TIMEOUT = 4000;
/** How long a connection whose DTLS has failed waits for the server to show that there is a network: a little longer than the server may take. */
export const REBUILD_DELAY = 1200;
/**
 * `disconnected` heals by itself more often than not, so ICE is restarted only after this time. The impolite side goes
 * first, so that the two do not do the same work twice.
 */
export const DISCONNECTED_TIMEOUT = Object.freeze({impolite: 2000, polite: 3000});
/** A call that has not been connected for this long has failed. */
export const GIVE_UP_TIMEOUT = 120_000;
/** How long an ICE restart waits for fresh TURN credentials. */
export const CREDENTIALS_TIMEOUT = 2000;
/** How long an ICE restart waits for the one of the other side, which is about to begin one, too. */
export const GIVE_WAY_TIMEOUT = 1000;
/** A connection on which nothing arrives for this long has stalled: for two measurements. */
export const STALL_TIMEOUT = 1900;
export const STATS_INTERVAL = 1000;
/** How long a new connection may take until the first frames are there. What can wait until then does. */
export const FIRST_FRAMES = 500;
/** How long a new quality must last before it is shown. */
export const QUALITY_DELAY = Object.freeze({worse: 3000, better: 8000, lost: 2000});

// The data channel to the other side.

/** The round trip over the data channel is measured so often. The other side answers at most one ping in PONG_INTERVAL. */
export const PING_INTERVAL = 5000;
export const PONG_INTERVAL = 1000;
/** How long the other side has to confirm what it was told. */
export const CONFIRM_TIMEOUT = 2000;
/** A description or candidate that the server has not confirmed by then also goes over the data channel. */
export const SIGNAL_CONFIRM_TIMEOUT = 1000;
/** How long a connection may be without a safety code until the page says that it cannot be checked. */
export const SAFETY_TIMEOUT = 10_000;
/** How long a page that was closed or reloaded has to come back. */
export const SUCCESSOR_TIMEOUT = 4000;

// The connection to the signaling server.

/** How long a connection that was opened early waits for the user to join. The server waits for 10 s. */
export const EARLY_LIFE = 8000;
/** How long a transport may take to open. */
export const OPEN_TIMEOUT = Object.freeze({websocket: 6000, sse: 10_000});
/** How often, and for how long, a page tells a server that its user has left, if it cannot be reached: as long as a seat is held. */
export const LEAVE_INTERVAL = 3000;
export const LEAVE_TIMEOUT = 30_000;
/** How long the reply to a request may take. */
export const REPLY_TIMEOUT = 10_000;
/** The same where the connection is in doubt: the network or the device was away. */
export const PROBE_TIMEOUT = 4000;
/** The same where the connection to the other side is silent, too. */
export const SILENT_PROBE_TIMEOUT = 1000;
/** A timer that fires this much too late means that the page was suspended. */
export const SUSPENDED_AFTER = 2000;
/** An event is confirmed to the server within this time. */
export const CONFIRM_DELAY = 1000;
/** A connection that lasted this long resets the backoff. */
export const STABLE_AFTER = 5000;
/** The bound of the first wait after a failed attempt, of every wait, and of every wait while a call cannot go on without the server. */
export const BACKOFF = Object.freeze({first: 300, longest: 15_000, urgent: 2000});
/** How long a POST that the server refused with 429 waits when there is no `Retry-After`. */
export const POST_RETRY_DELAY = 1000;
/** An event stream that lasted this long is reopened when it ends. */
export const STREAM_MIN_DURATION = 1000;
/** How long a page waits for the page that it replaces to release its lock. */
export const LOCK_TIMEOUT = 500;
/**
 * The video that is sent: small at first, no change before the browser's estimate has settled, down after so long in a bad network, up
 * after so long in a good one and at most after the longest, and how long a paused video waits for a good network.
 */
export const VIDEO_LEVEL = Object.freeze({
  first: 1000,
  settle: 8000,
  down: 4000,
  up: 15_000,
  longest: 120_000,
  probe: 20_000,
});

// The device and the page.

/** How often to look whether the device has slept, and how late that must be to say so. */
export const SLEEP_CHECK = Object.freeze({interval: 5000, late: 10_000});
/** A browser that takes longer to make a test offer is assumed to support WebRTC. */
export const SUPPORT_TIMEOUT = 10_000;
/** A camera that was switched off is released after this time, so that its light goes out. */
export const CAMERA_RELEASE_DELAY = 2000;
/** Several changes of the devices within this time are one. */
export const DEVICE_CHANGE_DELAY = 300;
/** How long the microphone may be silent before a hint is shown. */
export const SILENCE_HINT_DELAY = 5000;
export const LEVEL_INTERVAL = 66;
/** The chime of somebody who comes waits until the two are connected, as a rule: making a sound holds a browser up. */
export const CHIME_DELAY = 500;
/** How long the chime sounds. */
export const CHIME_DURATION = 1200;
/** How long the other side may be away before a banner says so. */
export const AWAY_BANNER_DELAY = 3000;
/** Changes of chat and files within this time are shown at once. */
export const TALK_DELAY = 50;
/** How long a browser may take to begin the download of a received file. */
export const SAVE_TIMEOUT = 60_000;
/** A second click that confirms the first must come within this time. */
export const SURE_DURATION = 8000;
/** How long the drawing of a new connection waits at most until this side has described itself to the other. */
export const DRAWING_DELAY = 250;
/** How long connecting takes before the page tells its steps. What is over sooner would only flicker. */
export const STEPS_DELAY = 1000;
/** How long a button says "Copied". */
export const COPIED_DURATION = 2000;
/** How long a change waits for a frame, which is drawn at once in a page that can be seen. */
export const FRAME_TIMEOUT = 100;
/** How often the page is rendered without a change: a call's duration is shown. */
export const RENDER_INTERVAL = 1000;
