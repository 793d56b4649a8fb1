/** Detects repeated lines at the end of an export. */

/** The beginning of an export's first line. */
export const HEADER = '{"countersign":"export/';
const LF = 0x0a;

/**
 * The end of an export. A chunk that was stored without confirmation is sent again, alone or with other lines, and its
 * lines are then found here. No line otherwise occurs twice in an export, because links are unique.
 */
export class Tail {
  #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Returns the lines of a chunk that are not here. Consecutive chunks are searched for one after the other. */
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

/** Returns the offset of a line in `bytes`, or -1. */
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

/** Returns a chunk without the export's header. */
export function withoutHeader(chunk: Uint8Array): Uint8Array {
  const first = new TextDecoder().decode(chunk.subarray(0, HEADER.length));
  return first === HEADER ? chunk.subarray(chunk.indexOf(LF) + 1) : chunk;
}
