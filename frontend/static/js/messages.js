/**
 * What goes over the wire: the frames between page and signaling server, which signaling/PROTOCOL.md describes, and
 * what two call clients send each other in `message.data`:
 *
 *   {"call": n, "description": {type, sdp}}     an offer or answer as in W3C WebRTC
 *   {"call": n, "candidate": {candidate, …}}    an ICE candidate; null = there are no more
 *   {"call": n, "renegotiate": true}            "please make an offer"; with a higher n: "please rebuild"
 *   {"state": {"audio": bool, "video": bool, "screen": bool, "recording": bool}}
 *                                               what the sender has switched on, which the other side cannot tell
 *                                               from the media itself. Sent once connected, and at every change.
 *   {"busy": true}                              "I am in a call": to a further peer in a room of more than two
 *
 * n is the generation of the RTCPeerConnection. A client ignores a message that it does not know.
 *
 * Beside "call" there may be "n": m, which numbers what its sender has sent for this RTCPeerConnection, and beside a
 * description "ctl": 1, which says that its sender knows the data channels (docs/call.md).
 */

/** @typedef {{peer: string, name: string, polite: boolean, away: boolean}} Peer */
/** @typedef {{urls: string[], username?: string, credential?: string}} ICEServer */
/** @typedef {{type: 'offer'|'answer', sdp: string}} Description */
/** @typedef {{audio: boolean, video: boolean, screen: boolean, recording: boolean}} SendState */
/** @typedef {SendState & {held: boolean}} RemoteState held = its video is paused to keep the sound */

/**
 * @typedef {{type: 'joined', id: number, room: string, peer: string, resume: string, resumed: boolean, peers: Peer[], ping: number, iceServers: ICEServer[], iceTTL: number}} Joined
 * @typedef {{type: 'full', id: number}} Full
 * @typedef {{type: 'left', id: number}} Left
 * @typedef {{type: 'ack', id: number}} Ack
 * @typedef {{type: 'pong', id: number, resume: string}} Pong
 * @typedef {{type: 'ice', id: number, iceServers: ICEServer[], iceTTL: number}} ICE
 * @typedef {{type: 'error', id: number, code: string, message: string, retry: boolean, after: number}} ErrorFrame
 * @typedef {{type: 'closing', after: number}} Closing
 * @typedef {{type: 'other_joined', seq: number, peer: string, name: string, polite: boolean, away: boolean}} OtherJoined
 * @typedef {{type: 'away', seq: number, peer: string}} Away
 * @typedef {{type: 'back', seq: number, peer: string, resumed: boolean}} Back
 * @typedef {{type: 'bye', seq: number, peer: string, reason: string}} Bye
 * @typedef {{type: 'message', seq: number, from: string, data: unknown}} Message
 * @typedef {{type: 'unknown', id: number, seq?: number}} Unknown
 * @typedef {Joined|Full|Left|Ack|Pong|ICE|ErrorFrame|Closing|OtherJoined|Away|Back|Bye|Message|Unknown} Frame
 */

/**
 * @typedef {{kind: 'description', generation: number, n?: number, ctl?: 1, description: Description}
 *   | {kind: 'candidate', generation: number, n?: number, candidate: RTCIceCandidateInit|null}
 *   | {kind: 'renegotiate', generation: number, n?: number}
 *   | {kind: 'state', state: SendState}
 *   | {kind: 'busy'} | {kind: 'unknown'}} CallData
 */

/** The WebSocket subprotocol, which names the version of the protocol. */
export const SUBPROTOCOL = 'callbox.v1';

/** @typedef {Record<string, unknown>} Fields */

/** @param {unknown} value @returns {value is Fields} */
export const isObject = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param {Fields} fields @param {string} key @returns {string} */
function text(fields, key) {
  const value = fields[key];
  if (typeof value !== 'string') throw new TypeError(`${key} is not a string`);
  return value;
}

/** @param {Fields} fields @param {string} key @returns {number} */
function number(fields, key) {
  const value = fields[key];
  if (typeof value !== 'number') throw new TypeError(`${key} is not a number`);
  return value;
}

/** @param {Fields} fields @param {string} key @returns {unknown[]} */
function list(fields, key) {
  const value = fields[key];
  if (!Array.isArray(value)) throw new TypeError(`${key} is not an array`);
  return value;
}

/** @param {unknown} value @returns {Fields} */
function object(value) {
  if (!isObject(value)) throw new TypeError('not an object');
  return value;
}

/** @param {unknown} value @returns {Peer} */
function peer(value) {
  const fields = object(value);
  return {
    peer: text(fields, 'peer'),
    name: typeof fields.name === 'string' ? fields.name : '',
    polite: fields.polite === true,
    away: fields.away === true,
  };
}

/** @param {unknown} value @returns {ICEServer} */
function iceServer(value) {
  const fields = object(value);
  const urls = list(fields, 'urls').map(String);
  if (typeof fields.username !== 'string' || typeof fields.credential !== 'string') return {urls};
  return {urls, username: fields.username, credential: fields.credential};
}

/** @param {Fields} fields */
const ice = (fields) => ({
  iceServers: Array.isArray(fields.iceServers) ? fields.iceServers.map(iceServer) : [],
  iceTTL: typeof fields.iceTTL === 'number' ? fields.iceTTL : 0,
});

/** @type {{[T in Exclude<Frame['type'], 'unknown'>]: (fields: Fields, id: number) => Extract<Frame, {type: T}>}} */
const frames = {
  joined: (fields, id) => ({
    type: 'joined',
    id,
    room: text(fields, 'room'),
    peer: text(fields, 'peer'),
    resume: typeof fields.resume === 'string' ? fields.resume : '',
    resumed: fields.resumed === true,
    peers: list(fields, 'peers').map(peer),
    ping: number(fields, 'ping'),
    ...ice(fields),
  }),
  full: (_, id) => ({type: 'full', id}),
  left: (_, id) => ({type: 'left', id}),
  ack: (_, id) => ({type: 'ack', id}),
  pong: (fields, id) => ({
    type: 'pong',
    id,
    resume: typeof fields.resume === 'string' ? fields.resume : '',
  }),
  ice: (fields, id) => ({type: 'ice', id, ...ice(fields)}),
  error: (fields, id) => ({
    type: 'error',
    id,
    code: text(fields, 'code'),
    message: typeof fields.message === 'string' ? fields.message : '',
    retry: fields.retry === true,
    after: typeof fields.after === 'number' ? fields.after : 1,
  }),
  closing: (fields) => ({
    type: 'closing',
    after: typeof fields.after === 'number' ? fields.after : 0,
  }),
  other_joined: (fields) => ({type: 'other_joined', seq: number(fields, 'seq'), ...peer(fields)}),
  away: (fields) => ({
    type: 'away',
    seq: number(fields, 'seq'),
    peer: text(fields, 'peer'),
  }),
  back: (fields) => ({
    type: 'back',
    seq: number(fields, 'seq'),
    peer: text(fields, 'peer'),
    resumed: fields.resumed === true,
  }),
  bye: (fields) => ({
    type: 'bye',
    seq: number(fields, 'seq'),
    peer: text(fields, 'peer'),
    reason: text(fields, 'reason'),
  }),
  message: (fields) => ({
    type: 'message',
    seq: number(fields, 'seq'),
    from: text(fields, 'from'),
    data: fields.data,
  }),
};

/**
 * Decodes a frame from the server. Returns `unknown` for a type that this page does not know, and throws for a known
 * type with a field that is missing or of the wrong type.
 * @param {string} json @returns {Frame}
 */
export function decodeFrame(json) {
  const fields = object(JSON.parse(json));
  const type = text(fields, 'type');
  const id = typeof fields.id === 'number' ? fields.id : 0;
  if (!Object.hasOwn(frames, type)) return unknown(fields);
  return frames[/** @type {keyof typeof frames} */ (type)](fields, id);
}

/** @param {Fields} fields @returns {Unknown} keeps the numbers, which count also where the frame is not understood */
const unknown = ({id, seq}) => ({
  type: 'unknown',
  id: typeof id === 'number' ? id : 0,
  ...(typeof seq === 'number' && {seq}),
});

/**
 * Decodes a frame like decodeFrame, but never throws: it returns `unknown` instead. An event that is not understood
 * must still be counted, or the server would send it again.
 * @param {string} json @returns {Frame}
 */
export function decodeAnyFrame(json) {
  try {
    return decodeFrame(json);
  } catch (error) {
    console.warn('frame dropped:', error);
  }
  try {
    return unknown(object(JSON.parse(json)));
  } catch {
    return {type: 'unknown', id: 0};
  }
}

/** @param {unknown} value @returns {value is number} */
const isCount = (value) => Number.isSafeInteger(value) && /** @type {number} */ (value) > 0;

/** @param {unknown} value @returns {RTCIceCandidateInit|null} */
function candidate(value) {
  if (value === null) return null;
  const fields = object(value);
  return {
    candidate: text(fields, 'candidate'),
    sdpMid: typeof fields.sdpMid === 'string' ? fields.sdpMid : null,
    sdpMLineIndex: typeof fields.sdpMLineIndex === 'number' ? fields.sdpMLineIndex : null,
    usernameFragment: typeof fields.usernameFragment === 'string' ? fields.usernameFragment : null,
  };
}

/** @param {unknown} value @returns {Description} */
function description(value) {
  const fields = object(value);
  const type = text(fields, 'type');
  if (type !== 'offer' && type !== 'answer') throw new TypeError(`description of type ${type}`);
  return {type, sdp: text(fields, 'sdp')};
}

/**
 * Decodes what the other client sent. Returns `unknown` for anything else: the other side may be newer than this page,
 * or no call client at all.
 * @param {unknown} data @returns {CallData}
 */
export function decodeCallData(data) {
  try {
    const fields = object(data);
    if (isObject(fields.state)) {
      const {audio, video, screen, recording} = fields.state;
      return {
        kind: 'state',
        state: {
          audio: audio === true,
          video: video === true,
          screen: screen === true,
          recording: recording === true,
        },
      };
    }
    if (fields.busy === true) return {kind: 'busy'};
    const generation = number(fields, 'call');
    const numbered = {generation, ...(isCount(fields.n) && {n: fields.n})};
    if (fields.description !== undefined) {
      const mark = fields.ctl === 1 && /** @type {const} */ ({ctl: 1});
      return {
        kind: 'description',
        ...numbered,
        ...mark,
        description: description(fields.description),
      };
    }
    if (fields.candidate !== undefined) {
      return {kind: 'candidate', ...numbered, candidate: candidate(fields.candidate)};
    }
    if (fields.renegotiate === true) return {kind: 'renegotiate', ...numbered};
  } catch {
    // Not a message of a call client.
  }
  return {kind: 'unknown'};
}

/**
 * Returns the request for a seat: for the one of a token that takes it back (resume) or replaces it, or for a new one.
 * @param {{room: string, name?: string, token?: string, nonce?: string, resume?: string, seq?: number, replace?: string}} join
 */
export function joinFrame({room, name, token, nonce, resume, seq = 0, replace}) {
  const seat = resume ? {resume, seq} : replace ? {replace} : {};
  const said = Object.entries({name, token, nonce}).filter(([, value]) => value);
  return {type: 'join', id: 1, room, ...Object.fromEntries(said), ...seat};
}
