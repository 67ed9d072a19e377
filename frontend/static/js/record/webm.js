/**
 * WebM (RFC 9559, in the notation of RFC 8794) as far as a recording needs it. Browsers record a stream without a
 * length, which players cannot show a position in. So this gives the header a Duration, and keeps it true while the
 * recording grows: a file that ends in the middle still says how long it is.
 */

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{position: number, bytes: Bytes}} Write into a file */
/** @typedef {{id: number, size: number, body: number}} Element size = -1: unknown; body = where its content begins */

const SEGMENT = 0x18538067;
const INFO = 0x1549a966;
const TIMESTAMP_SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const CLUSTER = 0x1f43b675;
const TIMESTAMP = 0xe7;
const SIMPLE_BLOCK = 0xa3;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;

/** Elements whose content is read one by one. */
const MASTERS = new Set([SEGMENT, CLUSTER, BLOCK_GROUP]);
/** Bytes of the other elements that matter: an integer, or track and time of a block. */
const NEEDED = 12;
/** Before so many bytes the header must be complete. */
const MAX_HEAD = 1 << 16;
const UNKNOWN_SIZE = -1;
/** Nanoseconds of a unit of time, unless the file says otherwise. */
const DEFAULT_SCALE = 1e6;

/** @param {readonly Bytes[]} parts @returns {Bytes} */
function concat(...parts) {
  const all = new Uint8Array(parts.reduce((sum, {length}) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {Bytes} bytes @param {number} from @param {number} to */
function integer(bytes, from, to) {
  let value = 0;
  for (const byte of bytes.subarray(from, to)) value = value * 256 + byte;
  return value;
}

/** Returns how many bytes a number of variable length has, by its first one. @param {number} first */
const lengthOf = (first) => Math.clz32(first) - 23;

/** Reads the head of an element; null = it is not complete. @param {Bytes} bytes @param {number} at @returns {Element|null} */
function readElement(bytes, at) {
  const [first] = bytes.subarray(at, at + 1);
  if (first === undefined) return null;
  if (first < 0x10) throw new RangeError('not WebM');
  const sizeAt = at + lengthOf(first);
  const [second] = bytes.subarray(sizeAt, sizeAt + 1);
  if (second === undefined) return null;
  const length = lengthOf(second);
  const body = sizeAt + length;
  if (second === 0) throw new RangeError('not WebM');
  if (body > bytes.length) return null;
  const id = integer(bytes, at, sizeAt);
  // The first bit that is set says how long the size is. All bits after it set: it is unknown.
  const high = second & (0xff >> length);
  const rest = bytes.subarray(sizeAt + 1, body);
  if (high === 0xff >> length && rest.every((byte) => byte === 0xff))
    return {id, size: UNKNOWN_SIZE, body};
  return {id, size: high * 256 ** (length - 1) + integer(rest, 0, length - 1), body};
}

/** @param {number} value @param {number} size in bytes @returns {Bytes} */
function bytesOf(value, size) {
  const bytes = new Uint8Array(size);
  for (let at = size - 1; at >= 0; at--, value = Math.floor(value / 256)) bytes[at] = value % 256;
  return bytes;
}

/** @param {Bytes} id @param {Bytes} content of less than 16 KB @returns {Bytes} */
const element = (id, content) =>
  concat(
    id,
    bytesOf(
      content.length < 127 ? 0x80 + content.length : 0x4000 + content.length,
      content.length < 127 ? 1 : 2,
    ),
    content,
  );

/** @param {number} size 4 or 8 @param {number} value @returns {Bytes} */
function float(size, value) {
  const view = new DataView(new ArrayBuffer(size));
  if (size === 4) view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return new Uint8Array(view.buffer);
}

/**
 * @typedef {object} Header
 * @property {number} start where Info begins
 * @property {number} end where it ends
 * @property {Bytes} content of Info
 * @property {boolean} fixed whether nothing may be inserted
 * @property {Element|null} duration positions are those within the content
 * @property {number} scale
 */

/** Finds Info at the begin of a file; null = it is not complete. @param {Bytes} bytes @returns {Header|null} */
function readHeader(bytes) {
  let fixed = false;
  for (let at = 0; ;) {
    const found = readElement(bytes, at);
    if (!found) return null;
    const {id, size, body} = found;
    if (id === INFO) {
      if (body + size > bytes.length) return null;
      const content = bytes.slice(body, body + size);
      return {start: at, end: body + size, content, fixed, ...readInfo(content)};
    }
    // What stands before Info may hold positions of what follows.
    const known = id === SEGMENT && size !== UNKNOWN_SIZE;
    fixed ||= known || (at > 0 && id !== SEGMENT);
    at = id === SEGMENT ? body : body + size;
  }
}

/** @param {Bytes} content of Info */
function readInfo(content) {
  let scale = DEFAULT_SCALE;
  /** @type {Element|null} */ let duration = null;
  for (let at = 0; at < content.length;) {
    const found = readElement(content, at);
    if (!found) throw new RangeError('damaged Info');
    const {id, size, body} = found;
    if (id === DURATION) duration = found;
    if (id === TIMESTAMP_SCALE) scale = integer(content, body, body + size);
    at = body + size;
  }
  return {scale, duration};
}

/** Reads the times of the blocks of a file as it comes. */
class Times {
  /** What is not complete yet. @type {Bytes} */ #rest = new Uint8Array();
  #skip = 0;
  #cluster = 0;
  /** Of the block that begins last. */
  latest = 0;

  /** @param {Bytes} bytes */
  add(bytes) {
    const all = concat(this.#rest, bytes);
    let at = 0;
    for (;;) {
      const skipped = Math.min(this.#skip, all.length - at);
      this.#skip -= skipped;
      at += skipped;
      const found = this.#skip === 0 ? readElement(all, at) : null;
      if (!found) break;
      const {id, size, body} = found;
      const content = all.subarray(body, body + Math.min(size, NEEDED));
      if (!MASTERS.has(id)) {
        if (content.length < Math.min(size, NEEDED)) break;
        this.#read(id, content);
        this.#skip = size;
      }
      at = body;
    }
    this.#rest = all.slice(at);
  }

  /** @param {number} id @param {Bytes} content its first bytes */
  #read(id, content) {
    if (id === TIMESTAMP) this.#cluster = integer(content, 0, content.length);
    if (id !== SIMPLE_BLOCK && id !== BLOCK) return;
    const at = lengthOf(content[0] ?? 0);
    const offset = new DataView(content.buffer, content.byteOffset).getInt16(at);
    this.latest = Math.max(this.latest, this.#cluster + offset);
  }
}

/** Says how the bytes of a recording are written into a file, so that it has a duration. */
export class WebmWriter {
  /** The header, until it is complete. @type {Bytes|null} */ #head = new Uint8Array();
  /** Where the duration is, and how many bytes it has. @type {{at: number, size: number}|null} */ #duration =
    null;
  #times = new Times();
  #scale = DEFAULT_SCALE;
  /** Bytes of the file so far. */
  size = 0;

  /** Milliseconds from the begin to the last picture or sound. */
  get duration() {
    return (this.#times.latest * this.#scale) / 1e6;
  }

  /** @param {Bytes} bytes the next ones of the recording @returns {Write[]} */
  add(bytes) {
    this.#times.add(bytes);
    const ready = this.#head ? this.#begin(concat(this.#head, bytes)) : bytes;
    if (!ready) return [];
    const writes = [{position: this.size, bytes: ready}];
    this.size += ready.length;
    const {latest} = this.#times;
    if (this.#duration && latest > 0)
      writes.push({position: this.#duration.at, bytes: float(this.#duration.size, latest)});
    return writes;
  }

  /** @param {Bytes} head all bytes so far @returns {Bytes|null} what to begin the file with */
  #begin(head) {
    const header = readHeader(head);
    if (!header && head.length < MAX_HEAD) {
      this.#head = head;
      return null;
    }
    this.#head = null;
    return header ? this.#withDuration(head, header) : head;
  }

  /** @param {Bytes} head @param {Header} header @returns {Bytes} */
  #withDuration(head, {start, end, content, fixed, duration, scale}) {
    this.#scale = scale;
    if (duration) {
      this.#duration = {at: end - content.length + duration.body, size: duration.size};
      return head;
    }
    if (fixed) return head;
    const room = element(bytesOf(DURATION, 2), float(8, 0));
    const info = element(bytesOf(INFO, 4), concat(content, room));
    this.#duration = {at: start + info.length - 8, size: 8};
    return concat(head.subarray(0, start), info, head.subarray(end));
  }
}

/** Returns the duration that a file states, in milliseconds; 0 = none. @param {Bytes} head its first bytes */
export function readDuration(head) {
  try {
    const {duration, content, scale} = readHeader(head) ?? {};
    if (!duration || !content || !scale) return 0;
    const view = new DataView(content.buffer, duration.body, duration.size);
    const units = duration.size === 4 ? view.getFloat32(0) : view.getFloat64(0);
    return (units * scale) / 1e6;
  } catch {
    return 0; // Not WebM.
  }
}
