/** A network for a check: each PeerConnection gets what the network says of the servers that it names. */

/** Lets everything run that does not wait for time to pass. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/**
 * @typedef {object} Network
 * @property {Record<string, {address: string, port: number}|null>} stun what each STUN URL says; null = no answer
 * @property {Record<string, number>} turn the error code of each TURN URL; 0 = it gives a relay; -1 = no answer
 * @property {boolean} [carries] whether packets go through relays
 * @property {(n: number) => boolean} [loses] whether the packet of that number is lost
 * @property {number} [delay] ms of each packet in one direction
 * @property {boolean} [hides] whether the browser hides addresses of its own
 */

/** @param {Network} network @returns a class like RTCPeerConnection */
export function fakePeerConnection(network) {
  return class extends PeerConnection {
    static open = 0;

    constructor(config) {
      super(config, network);
    }
  };
}

let lastPort = 50_000;

class PeerConnection extends EventTarget {
  /** @type {any} */ localDescription = null;
  /** @type {any} */ remoteDescription = null;
  /** @type {PeerConnection|null} */ other = null;
  channel = null;
  port = ++lastPort;

  constructor(config, network) {
    super();
    this.config = config;
    this.network = network;
    this.constructor.open++;
  }

  createDataChannel() {
    this.channel = new Channel(this.network);
    return this.channel;
  }

  async setLocalDescription() {
    this.localDescription = {pc: this};
    this.#gather();
  }

  async setRemoteDescription({pc}) {
    this.other = pc;
    if (this.network.carries !== false && this.localDescription && pc.other === this)
      setImmediate(() => this.channel.pair(pc.channel));
  }

  async addIceCandidate() {}

  close() {
    this.constructor.open--;
    this.channel.readyState = 'closed';
  }

  #gather() {
    const urls = this.config.iceServers.flatMap((server) => server.urls);
    const own = {protocol: 'udp', address: '192.0.2.1', port: this.port};
    if (this.config.iceTransportPolicy !== 'relay')
      this.#tell({...own, type: 'host', ...(this.network.hides && {address: 'x.local'})});
    let silent = false;
    for (const url of urls) silent = this.#ask(url, own) || silent;
    if (!silent) this.#tell(null);
  }

  /** @returns {boolean} whether the browser goes on to wait for an answer */
  #ask(url, own) {
    if (url.startsWith('stun:')) {
      const seen = this.network.stun[url];
      if (!seen) return true;
      const at = {address: seen.address, port: seen.port || own.port};
      const isOwn = at.address === own.address && at.port === own.port;
      const related = this.network.hides
        ? {relatedAddress: '0.0.0.0', relatedPort: 0}
        : {relatedAddress: own.address, relatedPort: own.port};
      if (!isOwn) this.#tell({type: 'srflx', protocol: 'udp', ...at, ...related});
      return false;
    }
    const code = this.network.turn[url] ?? -1;
    if (code === 0) this.#tell({type: 'relay', protocol: 'udp', address: '203.0.113.1', port: 1});
    if (code > 0)
      this.dispatchEvent(Object.assign(new Event('icecandidateerror'), {errorCode: code}));
    return code < 0;
  }

  #tell(candidate) {
    const event = Object.assign(new Event('icecandidate'), {candidate});
    setImmediate(() => this.dispatchEvent(event));
  }
}

class Channel {
  readyState = 'connecting';
  bufferedAmount = 0;
  onopen = () => {};
  onmessage = () => {};
  peer = null;
  sent = 0;

  constructor(network) {
    this.network = network;
  }

  pair(peer) {
    this.peer = peer;
    peer.peer = this;
    for (const each of [this, peer]) {
      each.readyState = 'open';
      each.onopen();
    }
  }

  send(data) {
    const {loses = () => false, delay = 0, clock} = this.network;
    if (loses(this.sent++)) return;
    if (clock) clock.after(delay, () => this.peer.onmessage({data}));
  }
}

/** How many turns of the event loop what happens at once may take. */
const SETTLED = 8;

/** A clock that goes on only when somebody waits for it. */
export class Clock {
  time = 0;
  #due = [];

  now = () => this.time;

  /** @param {number} ms @param {() => void} call */
  after(ms, call) {
    this.#due.push({at: this.time + ms, call});
    this.#due.sort((a, b) => a.at - b.at);
  }

  wait = (ms) => new Promise((resolve) => this.after(ms, () => resolve(undefined)));

  /** Runs until the promise is settled. @template T @param {Promise<T>} promise @returns {Promise<T>} */
  async until(promise) {
    let done = false;
    void promise.finally(() => (done = true)).catch(() => {});
    for (let step = 0; !done && step < 100_000; step++) {
      // What happens at once comes before what takes time.
      for (let i = 0; i < SETTLED && !done; i++) await settle();
      this.time = Math.max(this.time, this.#due[0]?.at ?? 0);
      while (this.#due[0] && this.#due[0].at <= this.time) this.#due.shift()?.call();
    }
    return promise;
  }
}

/** Runs the timers of a check that has nothing else to wait for much faster. @param {object} [more] */
export function fakeServer({refusals = [], answer, socket = true, stream = true, date} = {}) {
  const requests = [];
  const respond = (status, body, headers = {}) =>
    new Response(status === 204 ? null : JSON.stringify(body), {status, headers});
  const fetch = async (url, {method = 'GET', headers = {}} = {}) => {
    const path = `${method} ${new URL(url).pathname}`;
    requests.push({path, headers});
    if (path === 'POST /api/v1/check') {
      const refusal = refusals.shift();
      if (refusal) return respond(refusal.status, refusal.body ?? {}, refusal.headers);
      return respond(200, answer, {Date: new Date(date ?? Date.now()).toUTCString()});
    }
    if (path === 'POST /api/v1/sessions')
      return stream ? respond(201, {session: 'secret'}) : respond(502, {});
    if (path === 'GET /api/v1/events') return new Response(': open\n\n');
    return respond(204);
  };
  class FakeSocket {
    constructor(url) {
      requests.push({path: `WS ${new URL(url).pathname}`, headers: {}});
      setImmediate(() => (socket ? this.onopen?.() : this.onclose?.()));
    }
    close() {}
  }
  return {requests, fetch, WebSocket: FakeSocket};
}
