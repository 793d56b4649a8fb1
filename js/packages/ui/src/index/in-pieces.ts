/** Takes whole lines, a little at a time. */

import { turn } from "./turn.js";

/** How much is taken before the clock is looked at, in bytes; more where one line is longer. */
const AT_ONCE = 128 << 10;
/** How long, in milliseconds, work goes on before messages have their turn. */
const WORK = 12;

const LF = 0x0a;

/** Whole lines, each an event. */
export type Lines = Uint8Array<ArrayBuffer>;

/** Has all of them taken. */
export async function inPieces(lines: Lines, take: (lines: Uint8Array) => void): Promise<void> {
  let begun = performance.now();
  for (let from = 0; from < lines.length; ) {
    const to = lines.indexOf(LF, Math.min(from + AT_ONCE, lines.length - 1)) + 1;
    if (to === 0) {
      throw new Error("the events end within a line");
    }
    take(lines.subarray(from, to));
    from = to;
    if (performance.now() - begun >= WORK) {
      await turn();
      begun = performance.now();
    }
  }
}
