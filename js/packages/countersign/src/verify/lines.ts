/** Lines that come one by one, as a source. */

import { concat } from "../bytes.js";
import { bytesOf, inPieces, type Reading } from "./source.js";

/** Lines of an export, with or without their ends. */
export type Lines = AsyncIterable<string | Uint8Array>;

const LF = 0x0a;

/** Begins to read them: what came until now is given at once. */
export function openLines(lines: Lines): Reading {
  const iterator = lines[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await iterator.next();
    return { done, value: done ? undefined : ended(value) };
  };
  return inPieces({ next, return: () => iterator.return?.() }, undefined, true);
}

/** The line with its end. */
function ended(line: unknown): Uint8Array {
  if (typeof line === "string") {
    return new TextEncoder().encode(line.endsWith("\n") ? line : `${line}\n`);
  }
  const bytes = bytesOf(line);
  return bytes.at(-1) === LF ? bytes : concat([bytes, Uint8Array.of(LF)]);
}
