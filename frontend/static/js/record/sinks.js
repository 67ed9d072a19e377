/** Where a recording is written to, if not on the shelf: into a file that the person chooses, or into memory. */
/** @import {Write} from './webm.js' */
/** @import {Medium} from './machine.js' */

/**
 * @typedef {object} Sink
 * @property {Medium} medium
 * @property {(writes: Write[]) => Promise<void>} write
 * @property {() => Promise<Blob>} close
 * @property {() => Promise<void>} discard
 */

/** Bytes of a recording in memory. */
export const MAX_MEMORY = 500e6;

/** @param {string} type @param {number} [limit] @returns {Sink} */
export function memorySink(type, limit = MAX_MEMORY) {
  /** @type {Write[]} */ let blocks = [];
  let size = 0;
  /** @param {Write} write */
  const add = ({position, bytes}) => {
    const block = blocks.find((held) => position < held.position + held.bytes.length);
    if (block) block.bytes.set(bytes, position - block.position);
    else if (size + bytes.length > limit) throw new DOMException('too much', 'QuotaExceededError');
    else {
      blocks.push({position, bytes});
      size += bytes.length;
    }
  };
  return {
    medium: 'memory',
    write: async (writes) => writes.forEach(add),
    close: async () =>
      new Blob(
        blocks.map(({bytes}) => bytes),
        {type},
      ),
    discard: async () => void (blocks = []),
  };
}

/** @param {Pick<FileSystemFileHandle, 'createWritable'|'getFile'>} handle of a file that the person has chosen @returns {Promise<Sink>} */
export async function fileSink(handle) {
  const writable = await handle.createWritable();
  return {
    medium: 'file',
    write: async (writes) => {
      for (const {position, bytes: data} of writes)
        await writable.write({type: 'write', position, data});
    },
    close: async () => {
      await writable.close();
      return handle.getFile();
    },
    discard: () => writable.abort(),
  };
}
