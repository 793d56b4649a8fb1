/** Lines that arrive one by one, as a source. */

import { concat } from "../bytes.js";
import { bytesOf, type Reading, rechunked } from "./source.js";

/** Lines of an export, with or without their line ends. */
export type Lines = AsyncIterable<string | Uint8Array>;

const LF = 0x0a;

/** Starts reading lines. Lines that have already arrived are returned together. */
export function openLines(lines: Lines): Reading {
  const iterator = lines[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await iterator.next();
    return { done, value: done ? undefined : withLineEnd(value) };
  };
  return rechunked({ next, return: () => iterator.return?.() }, undefined, true);
}

/** Returns a line with its line end. */
function withLineEnd(line: unknown): Uint8Array {
  if (typeof line === "string") {
    return new TextEncoder().encode(line.endsWith("\n") ? line : `${line}\n`);
  }
  const bytes = bytesOf(line);
  return bytes.at(-1) === LF ? bytes : concat([bytes, Uint8Array.of(LF)]);
}
