/** Telling what is given again from what is new. */

/** What the first line of an export begins with. */
export const HEADER = '{"countersign":"export/';
const LF = 0x0a;

/**
 * The end of an export. A chunk that was kept before, though nobody learnt of it, is given again: whole, or together
 * with other lines. Its lines are then here. No line is in an export twice otherwise, for a link is unlike all others.
 */
export class Tail {
  #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The lines of a chunk that are not here. Chunks that follow each other are looked for one after the other. */
  fresh(chunk: Uint8Array): Uint8Array {
    const bytes = this.#bytes;
    const start = find(bytes, chunk.subarray(0, chunk.indexOf(LF) + 1));
    const length = Math.min(chunk.length, bytes.length - start);
    if (start === -1 || !isSame(bytes.subarray(start, start + length), chunk.subarray(0, length))) {
      this.#bytes = new Uint8Array();
      return chunk;
    }
    this.#bytes = bytes.subarray(start + length);
    return chunk.subarray(length);
  }
}

/** Where in `bytes` a line begins; -1 where it is not there. */
function find(bytes: Uint8Array, line: Uint8Array): number {
  for (let start = 0; line.length > 0 && start + line.length <= bytes.length; ) {
    if (isSame(bytes.subarray(start, start + line.length), line)) {
      return start;
    }
    const end = bytes.indexOf(LF, start);
    if (end === -1) {
      break;
    }
    start = end + 1;
  }
  return -1;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** A chunk without an export's header, where it begins with one. */
export function headless(chunk: Uint8Array): Uint8Array {
  const first = new TextDecoder().decode(chunk.subarray(0, HEADER.length));
  return first === HEADER ? chunk.subarray(chunk.indexOf(LF) + 1) : chunk;
}
