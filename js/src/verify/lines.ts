/** Lines that come one by one, as a source. */

import { bytesOf, quietly, type Reading, readable } from "./source.js";

/** Lines of an export, with or without their ends. */
export type Lines = AsyncIterable<string | Uint8Array>;

const LF = 0x0a;

/** Gives what came until now, and waits only where nothing did. */
export class LineReading implements Reading {
  readonly total = undefined;
  #iterator: AsyncIterator<string | Uint8Array>;
  /** The line that was asked for. */
  #asked: Promise<IteratorResult<string | Uint8Array>> | undefined;
  #rest: Uint8Array = new Uint8Array();
  #isEnded = false;

  constructor(lines: Lines) {
    this.#iterator = lines[Symbol.asyncIterator]();
  }

  async next(buffer: ArrayBuffer): Promise<Uint8Array | undefined> {
    const into = new Uint8Array(buffer);
    let filled = 0;
    let turned: Promise<undefined> | undefined;
    while (filled < into.length) {
      if (this.#rest.length === 0) {
        turned ??= filled > 0 ? turn() : undefined;
        if (!(await this.#more(turned))) {
          break;
        }
      }
      const part = this.#rest.subarray(0, into.length - filled);
      into.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return filled === 0 ? undefined : into.subarray(0, filled);
  }

  cancel(): void {
    void quietly(() => this.#iterator.return?.());
  }

  /** Gets the next line, unless `until` comes first; says whether there is one. */
  async #more(until: Promise<undefined> | undefined): Promise<boolean> {
    if (this.#isEnded) {
      return false;
    }
    this.#asked ??= readable(() => this.#iterator.next());
    const next = await (until === undefined ? this.#asked : Promise.race([this.#asked, until]));
    if (next === undefined) {
      return false;
    }
    this.#asked = undefined;
    this.#isEnded = next.done === true;
    this.#rest = next.done ? new Uint8Array() : ended(next.value);
    return !this.#isEnded;
  }
}

/** The line with its end. */
function ended(line: unknown): Uint8Array {
  if (typeof line === "string") {
    return new TextEncoder().encode(line.endsWith("\n") ? line : `${line}\n`);
  }
  const bytes = bytesOf(line);
  if (bytes.at(-1) === LF) {
    return bytes;
  }
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  longer[bytes.length] = LF;
  return longer;
}

/** Resolves when what was due already has happened. */
function turn(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve));
}
