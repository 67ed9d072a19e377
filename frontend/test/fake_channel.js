import {createHash} from 'node:crypto';

/** The certificate of a page, and the data channels between two. */

export class FakeCertificate {
  static count = 0;
  expires = Date.now() + 30 * 24 * 3600_000;
  der = Uint8Array.of(++FakeCertificate.count).buffer;

  getFingerprints() {
    const hex = createHash('sha256').update(new Uint8Array(this.der)).digest('hex');
    return [{algorithm: 'sha-256', value: hex.match(/../g).join(':').toUpperCase()}];
  }
}

/** A negotiated data channel: it finds the other end by the id, as the SCTP association would. */
export class FakeDataChannel extends EventTarget {
  readyState = 'connecting';
  bufferedAmount = 0;
  sent = [];
  #early = [];

  constructor(pc, label, {id, negotiated}) {
    super();
    Object.assign(this, {pc, label, id, negotiated});
  }

  get #other() {
    return this.pc.remote?.channels.find(({id}) => id === this.id);
  }

  opens() {
    if (this.readyState !== 'connecting') return;
    this.readyState = 'open';
    this.dispatchEvent(new Event('open'));
    for (const data of this.#early.splice(0)) this.receives(data);
  }

  receives(data) {
    if (this.readyState === 'connecting') this.#early.push(data);
    else if (this.readyState === 'open')
      this.dispatchEvent(Object.assign(new Event('message'), {data}));
  }

  send(data) {
    if (this.readyState !== 'open') throw new DOMException('not open', 'InvalidStateError');
    this.sent.push(typeof data === 'string' ? JSON.parse(data) : data);
    const other = this.#other;
    const received = ArrayBuffer.isView(data) ? data.slice().buffer : data;
    if (this.pc.passes(data)) setImmediate(() => other?.receives(received));
  }

  /** Closes both ends, after what was sent. */
  close() {
    if (this.readyState === 'closed') return;
    const other = this.#other;
    this.readyState = 'closed';
    setImmediate(() => {
      this.dispatchEvent(new Event('close'));
      other?.close();
    });
  }
}
