import {Sender} from './packets.js';
import {PACKETS, RELAY_TIMEOUT} from './timeouts.js';
/** @import {ICEServer} from '../messages.js' */
/** @import {Measured} from './packets.js' */
/** @import {Environment} from './run.js' */

/**
 * What became of a relay: it has passed packets on; none could be opened, with the error code of the TURN server, 0 = it
 * did not say; or nothing came through.
 * @typedef {{outcome: 'passed', measured: Measured}|{outcome: 'none', code: number}|{outcome: 'silent'}} RelayResult
 */

/** Beyond this the network is too slow for the packets, and they are not sent. */
const MAX_BUFFERED = 16_384;
/** A STUN server of the list did not answer: that says nothing about the relay. */
const UNREACHABLE = 701;

/**
 * Opens two relays of a server, and sends packets from one end in this page to another one, which sends them back.
 * @param {ICEServer[]} servers of one protocol @param {Environment} env @returns {Promise<RelayResult>}
 */
export async function measureRelay(servers, env) {
  const ends = [0, 1].map(() => new End(servers, env));
  const [a, b] = /** @type {[End, End]} */ (ends);
  try {
    a.connect(b);
    b.connect(a);
    await a.pc.setLocalDescription();
    await b.describe(a);
    await b.pc.setLocalDescription();
    await a.describe(b);
    const opened = await within(RELAY_TIMEOUT.open, Promise.all([a.relay, b.relay]), env);
    if (!opened?.every(Boolean)) return {outcome: 'none', code: a.code || b.code};
    if (!(await within(RELAY_TIMEOUT.connect, Promise.all([a.open, b.open]), env)))
      return {outcome: 'silent'};
    const measured = await exchange(a.channel, b.channel, env);
    return measured.lost < 100 ? {outcome: 'passed', measured} : {outcome: 'silent'};
  } finally {
    for (const {pc} of ends) pc.close();
  }
}

/**
 * Opens a relay of a server, and closes it.
 * @param {ICEServer[]} servers @param {Environment} env @returns {Promise<boolean>} whether there was one
 */
export async function opensRelay(servers, env) {
  const end = new End(servers, env);
  try {
    await end.pc.setLocalDescription();
    return (await within(RELAY_TIMEOUT.open, end.relay, env)) === true;
  } finally {
    end.pc.close();
  }
}

/** @template T @param {number} ms @param {Promise<T>} promise @param {Environment} env @returns {Promise<T|null>} null = it took longer */
const within = (ms, promise, {wait}) => Promise.race([promise, wait(ms).then(() => null)]);

/** One end, which reaches the other only by a relay. */
class End {
  code = 0;
  /** @type {RTCPeerConnection} */ pc;
  /** @type {RTCDataChannel} */ channel;
  /** Whether there is a relay, as soon as that is known. @type {Promise<boolean>} */ relay;
  /** @type {Promise<unknown>} */ open;
  /** Called when the other end is described. */
  #described = () => {};
  /** @type {Promise<void>} */ #isDescribed = new Promise((resolve) => {
    this.#described = resolve;
  });

  /** @param {ICEServer[]} iceServers @param {Environment} env */
  constructor(iceServers, {PeerConnection}) {
    this.pc = new PeerConnection({iceServers, iceTransportPolicy: 'relay'});
    this.channel = this.pc.createDataChannel('check', {
      negotiated: true,
      id: 0,
      ordered: false,
      maxRetransmits: 0,
    });
    this.channel.binaryType = 'arraybuffer';
    this.open = new Promise((resolve) => (this.channel.onopen = () => resolve(true)));
    this.relay = new Promise((resolve) => {
      this.pc.addEventListener('icecandidate', ({candidate}) => {
        if (candidate?.type === 'relay') resolve(true);
        else if (!candidate) resolve(false);
      });
    });
    this.pc.addEventListener('icecandidateerror', ({errorCode}) => {
      if (errorCode !== UNREACHABLE) this.code = errorCode;
    });
  }

  /** @param {End} other */
  connect(other) {
    this.pc.addEventListener('icecandidate', ({candidate}) => {
      // It fails once the other end is closed.
      if (candidate) void other.#add(candidate).catch(() => {});
    });
  }

  /** @param {RTCIceCandidate} candidate that may come before the description that it belongs to */
  async #add(candidate) {
    await this.#isDescribed;
    await this.pc.addIceCandidate(candidate);
  }

  /** @param {End} other whose description this end gets */
  async describe({pc}) {
    await this.pc.setRemoteDescription(/** @type {RTCSessionDescription} */ (pc.localDescription));
    this.#described();
  }
}

/**
 * @param {RTCDataChannel} from @param {RTCDataChannel} to @param {Environment} env
 * @returns {Promise<Measured>}
 */
async function exchange(from, to, {now, wait}) {
  const sender = new Sender();
  to.onmessage = ({data}) => {
    if (to.readyState === 'open' && to.bufferedAmount < MAX_BUFFERED) to.send(data);
  };
  from.onmessage = ({data}) => sender.receive(data, now());
  const end = now() + PACKETS.duration;
  while (now() < end && !sender.full && from.readyState === 'open') {
    if (from.bufferedAmount < MAX_BUFFERED) from.send(sender.next(now()));
    await wait(PACKETS.interval);
  }
  for (const last = now() + PACKETS.late; now() < last && !sender.complete;)
    await wait(PACKETS.interval);
  return sender.measured;
}
