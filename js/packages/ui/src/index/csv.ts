/**
 * CSV (RFC 4180) that spreadsheets don't execute. An apostrophe is put before any character that begins a formula,
 * wherever a cell may begin: at the start of a value, and after characters that a spreadsheet may take for a
 * separator or line end, depending on its locale.
 */

import type { Sink } from "./sink.js";

/** Content of a cell; undefined for none. */
export type Cell = string | Uint8Array | undefined;

const encoder = new TextEncoder();
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const COMMA = 0x2c;
const SPACE = 0x20;
const LINE_END = "\r\n";

/** Classes of bytes. */
const ENDS_CELL = 1;
const BEGINS_FORMULA = 2;
const classes = new Uint8Array(256);
for (const separator of "\t\r\n;") {
  classes[separator.charCodeAt(0)] = ENDS_CELL;
}
for (const sign of "=+-@") {
  classes[sign.charCodeAt(0)] = BEGINS_FORMULA;
}
/**
 * UTF-8 of the fullwidth forms of these characters, U+FF1D, U+FF0B, U+FF0D, and U+FF20: the two bytes, then one of
 * the set.
 */
const WIDE = [0xef, 0xbc];
const WIDE_SIGNS = new Set([0x9d, 0x8b, 0x8d, 0xa0]);

/** Writes records field by field. */
export class CsvWriter {
  readonly #sink: Sink;
  #isFirst = true;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Writes a trusted value that needs no quotes. */
  plain(text: string): void {
    this.#separate();
    this.#sink.text(text);
  }

  /** Writes an untrusted value. */
  field(cell: Cell): void {
    this.#separate();
    if (cell === undefined || cell.length === 0) {
      return;
    }
    const bytes = typeof cell === "string" ? encoder.encode(cell) : cell;
    const [begin, end] = [0, bytes.length];
    const sink = this.#sink;
    // Each byte may be preceded by another one, and the value may be quoted.
    sink.reserve((end - begin) * 2 + 3);
    const mustQuote = needsQuotes(bytes, begin, end);
    if (mustQuote) {
      sink.put(QUOTE);
    }
    if (classes[bytes[begin] ?? SPACE] === ENDS_CELL) {
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
      beginsCell = classes[byte] === ENDS_CELL || (beginsCell && (byte === QUOTE || byte === SPACE));
    }
    if (mustQuote) {
      sink.put(QUOTE);
    }
  }

  /** Ends the record. */
  end(): void {
    this.#sink.text(LINE_END);
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
    classes[bytes[at] ?? 0] === BEGINS_FORMULA ||
    (bytes[at] === WIDE[0] && bytes[at + 1] === WIDE[1] && WIDE_SIGNS.has(bytes[at + 2] ?? 0))
  );
}

function needsQuotes(bytes: Uint8Array, begin: number, end: number): boolean {
  for (let at = begin; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE || byte === COMMA || classes[byte] === ENDS_CELL) {
      return true;
    }
  }
  return false;
}
