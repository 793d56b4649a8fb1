/**
 * CSV by RFC 4180 that no spreadsheet executes. A sign that begins a formula has an apostrophe before it where a cell
 * may begin: at a value's begin, and after what some country's spreadsheet takes for a separator or the end of a line.
 */

import type { Sink } from "./sink.js";

/** What stands in a cell; nothing where it is undefined. */
export type Cell = string | Uint8Array | undefined;

const encoder = new TextEncoder();
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const COMMA = 0x2c;
const SPACE = 0x20;
const END_OF_LINE = "\r\n";

/** A byte's part in a cell. */
const ENDS_CELL = 1;
const BEGINS_FORMULA = 2;
const parts = new Uint8Array(256);
for (const separator of "\t\r\n;") {
  parts[separator.charCodeAt(0)] = ENDS_CELL;
}
for (const sign of "=+-@") {
  parts[sign.charCodeAt(0)] = BEGINS_FORMULA;
}
/** The wide forms of these signs are U+FF1D, U+FF0B, U+FF0D and U+FF20: these bytes, and one of those. */
const WIDE = [0xef, 0xbc];
const WIDE_SIGNS = new Set([0x9d, 0x8b, 0x8d, 0xa0]);

/** Writes records, field by field. */
export class CsvWriter {
  readonly #sink: Sink;
  #isFirst = true;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** A text of our own that needs no quotes. */
  plain(text: string): void {
    this.#separate();
    this.#sink.text(text);
  }

  /** A text of someone else's. */
  field(cell: Cell): void {
    this.#separate();
    if (cell === undefined || cell.length === 0) {
      return;
    }
    const bytes = typeof cell === "string" ? encoder.encode(cell) : cell;
    const [begin, end] = [0, bytes.length];
    const sink = this.#sink;
    // Each byte may have another before it, and all of them quotes around.
    sink.reserve((end - begin) * 2 + 3);
    const isQuoted = needsQuotes(bytes, begin, end);
    if (isQuoted) {
      sink.put(QUOTE);
    }
    if (parts[bytes[begin] ?? SPACE] === ENDS_CELL) {
      sink.put(APOSTROPHE);
    }
    let beginsCell = true;
    for (let at = begin; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        sink.put(QUOTE);
      } else if (beginsCell && beginsFormula(bytes, at)) {
        sink.put(APOSTROPHE);
      }
      sink.put(byte);
      beginsCell = parts[byte] === ENDS_CELL || (beginsCell && (byte === QUOTE || byte === SPACE));
    }
    if (isQuoted) {
      sink.put(QUOTE);
    }
  }

  /** Ends the record. */
  end(): void {
    this.#sink.text(END_OF_LINE);
    this.#isFirst = true;
  }

  #separate(): void {
    if (!this.#isFirst) {
      this.#sink.reserve(1);
      this.#sink.put(COMMA);
    }
    this.#isFirst = false;
  }
}

function beginsFormula(bytes: Uint8Array, at: number): boolean {
  return (
    parts[bytes[at] ?? 0] === BEGINS_FORMULA ||
    (bytes[at] === WIDE[0] && bytes[at + 1] === WIDE[1] && WIDE_SIGNS.has(bytes[at + 2] ?? 0))
  );
}

function needsQuotes(bytes: Uint8Array, begin: number, end: number): boolean {
  for (let at = begin; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE || byte === COMMA || parts[byte] === ENDS_CELL) {
      return true;
    }
  }
  return false;
}
