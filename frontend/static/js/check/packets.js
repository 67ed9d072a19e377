/**
 * Numbered packets that one end sends and the other sends back. An end counts what it gets, once each, so that what is
 * lost in either direction is known.
 */

/** Bytes of a packet: as many as of a packet with sound. */
const SIZE = 100;
const MAX_PACKETS = 5000;

/** @typedef {{sent: number, lost: number, rtt: number}} Measured lost in percent, there and back; rtt in ms */

export class Sender {
  #sent = 0;
  /** @type {Set<number>} */ #returned = new Set();
  /** @type {number[]} */ #times = [];

  /** @param {number} now ms @returns {ArrayBuffer} the next packet */
  next(now) {
    const packet = new DataView(new ArrayBuffer(SIZE));
    packet.setUint32(0, this.#sent++);
    packet.setFloat64(4, now);
    return packet.buffer;
  }

  /** @param {unknown} data what has come back @param {number} now */
  receive(data, now) {
    const packet = read(data);
    if (!packet || packet.number >= this.#sent || this.#returned.has(packet.number)) return;
    this.#returned.add(packet.number);
    this.#times.push(now - packet.sentAt);
  }

  /** Reports whether everything has come back. */
  get complete() {
    return this.#returned.size === this.#sent;
  }

  get full() {
    return this.#sent >= MAX_PACKETS;
  }

  /**
   * The way from the page to itself crosses the network four times, there and back to each relay; `rtt` is that of one
   * relay. @returns {Measured}
   */
  get measured() {
    const times = this.#times.toSorted((a, b) => a - b);
    return {
      sent: this.#sent,
      lost: this.#sent ? (100 * (this.#sent - this.#returned.size)) / this.#sent : 0,
      rtt: (times[times.length >> 1] ?? 0) / 2,
    };
  }
}

/** @param {unknown} data @returns {{number: number, sentAt: number}|null} null = it is no packet */
function read(data) {
  if (!(data instanceof ArrayBuffer) || data.byteLength !== SIZE) return null;
  const packet = new DataView(data);
  return {number: packet.getUint32(0), sentAt: packet.getFloat64(4)};
}
