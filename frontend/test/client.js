import {Signaling} from '../static/js/signaling.js';
import {joined} from './driver.js';

const nobody = {claim: async () => '', keep() {}, forget() {}, release() {}};

/** A session whose server the test plays, on the newest transport. */
export class Client {
  told = [];
  frames = [];
  /** @type {string[]} names of the transports */ dialed = [];
  transport = null;

  constructor(seat = nobody) {
    const dial = (name) => (callbacks) => {
      this.dialed.push(name);
      const transport = {
        name,
        callbacks,
        sent: [],
        send: (text) => transport.sent.push(JSON.parse(text)),
        close: () => (transport.closed = true),
        leave: () => {
          transport.left = true;
          return new Promise((resolve) => (transport.confirms = resolve));
        },
        expectActivity: (seconds) => (transport.watched = seconds),
      };
      return (this.transport = transport);
    };
    this.signaling = new Signaling({
      transports: {websocket: dial('websocket'), sse: dial('sse')},
      seat,
      random: () => 0.5,
      onframe: (frame) => {
        const {type, seq} = frame;
        this.frames.push(frame);
        this.told.push(type === 'message' ? `message ${seq}` : type);
      },
      ondown: (tries, refusal) => this.told.push(`down ${tries}${refusal ? ` ${refusal}` : ''}`),
      onend: (reason) => this.told.push(`end ${reason}`),
    });
  }

  static async joining(options, seat) {
    const client = new Client(seat);
    await client.join(options);
    return client;
  }

  static async up(seat) {
    const client = await Client.joining({}, seat);
    client.opens();
    client.says(joined());
    return client;
  }

  join(options = {}) {
    return this.signaling.join({room: 'lamp', name: 'Ann', token: '', reclaim: false, ...options});
  }

  /** The frames sent on the newest connection. */
  get sent() {
    return this.transport.sent;
  }

  opens() {
    this.transport.callbacks.onopen();
  }

  says(frame) {
    this.transport.callbacks.ontext(JSON.stringify(frame));
  }

  closes(code, refusal) {
    this.transport.callbacks.onclose(code, refusal);
  }
}
