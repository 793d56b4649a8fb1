/** Reads whole lines, a little at a time. */

import { turn } from "./turn.js";

/** How much is read at a time, in bytes; more where one line is longer. */
const READ = 4 << 20;
/** How much is taken before the clock is looked at. */
const AT_ONCE = 128 << 10;
/** How long, in milliseconds, work goes on before messages have their turn. */
const WORK = 12;

const LF = 0x0a;

/** Whole lines, wherever they are kept. */
export type Lines = Blob | Uint8Array<ArrayBuffer>;

/** How many bytes they are. */
export function lengthOf(lines: Lines): number {
  return lines instanceof Uint8Array ? lines.length : lines.size;
}

/** Has all lines taken, as the verifier writes them. */
export async function inPieces(events: Lines, take: (lines: Uint8Array) => void): Promise<void> {
  const length = lengthOf(events);
  let size = READ;
  let begun = performance.now();
  for (let at = 0; at < length; ) {
    const bytes =
      events instanceof Uint8Array
        ? events.subarray(at, at + size)
        : new Uint8Array(await events.slice(at, at + size).arrayBuffer());
    const end = bytes.lastIndexOf(LF) + 1;
    if (end === 0 && at + size >= length) {
      throw new Error("the events end within a line");
    }
    size = end === 0 ? size * 2 : READ;
    at += end;
    for (let from = 0; from < end; ) {
      const to = bytes.indexOf(LF, Math.min(from + AT_ONCE, end - 1)) + 1;
      take(bytes.subarray(from, to));
      from = to;
      if (performance.now() - begun >= WORK) {
        await turn();
        begun = performance.now();
      }
    }
  }
}
