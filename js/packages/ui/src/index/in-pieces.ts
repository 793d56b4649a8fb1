/** Processes whole lines in small portions, and yields to messages between them. */

import { yieldToMessages } from "./yield.js";

/** Bytes per portion; more if a single line is longer. */
const PORTION_BYTES = 128 << 10;
/** Milliseconds of work before the worker yields to messages. */
const WORK_MS = 12;

const LF = 0x0a;

/** Whole lines, each an event. */
export type Lines = Uint8Array<ArrayBuffer>;

/** Calls `accept` with all lines, in portions. */
export async function inPieces(lines: Lines, accept: (lines: Uint8Array) => void): Promise<void> {
  let begun = performance.now();
  for (let from = 0; from < lines.length; ) {
    const to = lines.indexOf(LF, Math.min(from + PORTION_BYTES, lines.length - 1)) + 1;
    if (to === 0) {
      throw new Error("the events end within a line");
    }
    accept(lines.subarray(from, to));
    from = to;
    if (performance.now() - begun >= WORK_MS) {
      await yieldToMessages();
      begun = performance.now();
    }
  }
}
