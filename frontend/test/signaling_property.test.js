import assert from 'node:assert/strict';
import {afterEach, beforeEach, mock, test} from 'node:test';
import {Client} from './client.js';
import {quiet} from './fakes.js';

/** Park and Miller's generator: the same sequence for the same seed. */
function generator(seed) {
  let state = seed;
  return (n) => (state = (state * 48271) % 2147483647) % n;
}

/** The server's side of one peer: what PROTOCOL.md guarantees, and nothing more. */
class Server {
  /** What was carried out, and what was sent as events, since the server's last restart. */
  done = [];
  events = [];
  incarnation = 0;
  #replies = new Map();
  #highest = 0;
  #confirmed = 0;

  constructor(random) {
    this.random = random;
  }

  restart() {
    this.incarnation++;
    this.done = [];
    this.events = [];
    this.#replies.clear();
    this.#highest = this.#confirmed = 0;
  }

  emit() {
    const seq = this.events.length + 1;
    this.events.push({type: 'message', seq, from: 'pBo', data: {n: seq, of: this.incarnation}});
    return this.events.at(-1);
  }

  /** @returns {object[]} what it answers */
  take(frame) {
    const {type, id, seq} = frame;
    if (seq !== undefined && type !== 'join') this.#confirmed = Math.max(this.#confirmed, seq);
    if (type === 'join') return this.#join(frame);
    if (type === 'seen') return [];
    if (type === 'ping') return [{type: 'pong', id}];
    if (this.#replies.has(id)) return [this.#replies.get(id)];
    assert.ok(id > this.#highest, `the number ${id} comes after ${this.#highest}`);
    this.#highest = id;
    const later = this.random(8) === 0;
    const reply = later
      ? {type: 'error', id, code: 'queue_full', message: '', retry: true, after: 1}
      : {type: 'ack', id};
    if (!later) this.done.push(frame.data);
    this.#replies.set(id, reply);
    return [reply];
  }

  #join({resume, seq}) {
    const resumed =
      resume === `token${this.incarnation}` && seq >= this.#confirmed && seq <= this.events.length;
    if (resume?.startsWith('token') && resume === `token${this.incarnation}`)
      assert.ok(resumed, `resumed at ${seq}, of ${this.#confirmed} to ${this.events.length}`);
    const joined = {
      ...{type: 'joined', id: 1, room: 'lamp', peer: 'pAnn', peers: [], ping: 15},
      ...{resume: `token${this.incarnation}`, resumed, iceServers: [], iceTTL: 0},
    };
    return [joined, ...(resumed ? this.events.slice(seq) : this.events)];
  }
}

/** A client, its server, and a connection between them that may break at any time. */
class History {
  outcomes = [];
  asked = 0;
  client = new Client();
  #toServer = [];
  #toClient = [];
  #transport = null;
  #open = false;
  #joined = false;

  constructor(seed) {
    this.random = generator(seed * 7919);
    // In every other history the server never defers a request, so the order must be kept, too.
    this.patient = seed % 2 === 0;
    this.server = new Server(this.patient ? () => 1 : this.random);
  }

  /** One step, by name. */
  async take(name) {
    this.#follow();
    this[name]();
    await quiet(1);
    if (!/joining|up/.test(this.client.signaling.info.phase)) this.#open = false;
  }

  #follow() {
    const {transport} = this.client;
    if (transport === this.#transport) return;
    this.#transport = transport;
    this.#toServer = [];
    this.#toClient = [];
    this.#joined = false;
    transport.send = (text) => this.#toServer.push(JSON.parse(text));
  }

  request() {
    const data = ++this.asked;
    void this.client.signaling
      .request({type: 'message', data})
      .then(({type, code}) => this.outcomes.push({data, how: code ?? type}));
  }

  event() {
    const event = this.server.emit();
    if (this.#open && this.#joined) this.#toClient.push(event);
  }

  serverReads() {
    const frame = this.#open && this.#toServer.shift();
    if (!frame) return;
    this.#joined ||= frame.type === 'join';
    this.#toClient.push(...this.server.take(frame));
  }

  clientReads() {
    const frame = this.#open && this.#toClient.shift();
    if (frame) this.client.says(frame);
  }

  breaks() {
    if (!this.#open || this.random(4) > 0) return;
    if (this.random(5) === 0) this.server.restart();
    this.#open = false;
    this.client.closes(1006);
  }

  time() {
    mock.timers.tick(this.random(2000));
  }

  opens() {
    if (this.#open || this.client.signaling.info.phase !== 'opening') return;
    this.#open = true;
    this.client.opens();
  }
}

const READS = ['serverReads', 'serverReads', 'clientReads', 'clientReads'];
const STEPS = [
  'request',
  'request',
  'event',
  'event',
  ...READS,
  ...READS,
  'breaks',
  'time',
  'opens',
];

beforeEach(() => mock.timers.enable({apis: ['setTimeout', 'setInterval', 'Date']}));
afterEach(() => mock.timers.reset());

test('everything arrives once and in order, whatever breaks', async () => {
  let lost = 0;
  for (let seed = 1; seed <= 50; seed++) {
    const history = new History(seed);
    const {client, server} = history;
    await client.join();
    for (let i = 0; i < 300; i++) await history.take(STEPS[history.random(STEPS.length)]);
    for (let i = 0; i < 600; i++)
      await history.take(['serverReads', 'clientReads', 'time', 'opens'][i % 4]);

    const {outcomes} = history;
    const what = `seed ${seed}`;
    assert.equal(client.signaling.info.phase, 'up', what);
    const seen = client.frames.filter(({data}) => data?.of === server.incarnation);
    assert.deepEqual(
      seen.map(({seq}) => seq),
      server.events.map(({seq}) => seq),
      `${what}: every event once, in order`,
    );
    assert.equal(outcomes.length, history.asked, `${what}: every request has its outcome`);
    assert.equal(new Set(server.done).size, server.done.length, `${what}: nothing is done twice`);
    if (history.patient)
      assert.deepEqual(
        server.done,
        server.done.toSorted((a, b) => a - b),
        `${what}: in order`,
      );
    for (const data of server.done)
      assert.equal(outcomes.find((outcome) => outcome.data === data)?.how, 'ack', what);
    lost += outcomes.filter(({how}) => how === 'lost').length;
    client.signaling.leave();
  }
  assert.ok(lost > 0, 'some histories lose what a restarted server has forgotten');
});
