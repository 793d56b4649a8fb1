/** Batches of verified events, which are only parsed on access. */

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

const LF = 0x0a;
/** The separator between the fields and the event. It can't occur earlier, because quotes in strings are escaped. */
const EVENT = ',"event":';

/**
 * An event that matches its link's commitment, on a valid link that is covered by a valid signature of its chain's key.
 * All fields come from bytes that the core hashed, or from signed text that it checked.
 */
export class VerifiedEvent {
  /** The line number in the export, from 1. */
  declare readonly line: number;
  /** The entry's index in the log. */
  declare readonly index: number;
  /** The chain's name: 32 hex characters. */
  declare readonly chain: string;
  /** The link's `seq` in its chain. */
  declare readonly seq: number;
  /** The emitter's time, such as `2026-11-20T06:01:02.345Z`. */
  declare readonly time: string;
  /** The emitter's public key. */
  declare readonly vkey: string;
  /** True if the key was authorized according to the lines up to this one. Only the report is final. */
  declare readonly authorized: boolean;
  /** The event's JSON exactly as in the export, without duplicate member names. */
  readonly json: string;

  constructor(text: string) {
    const end = text.indexOf(EVENT);
    Object.assign(this, JSON.parse(`${text.slice(0, end)}}`));
    this.json = text.slice(end + EVENT.length, -1);
  }

  /** Parses the event, on every call. Numbers become doubles. */
  parse(): { [member: string]: Json } {
    return JSON.parse(this.json) as { [member: string]: Json };
  }
}

/** Verified events, in the order in which signatures covered them. */
export class EventBatch implements Iterable<VerifiedEvent> {
  /** NDJSON: a line per event with the fields of {@link VerifiedEvent}, and `event` last and unchanged. */
  readonly bytes: Uint8Array;
  /** The end of each line. */
  #ends: number[] | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Number of events. */
  get length(): number {
    return this.#lines.length;
  }

  /** All lines as a string. */
  get text(): string {
    return decode(this.bytes);
  }

  /** Returns the event at an index from 0; undefined if out of range. */
  at(index: number): VerifiedEvent | undefined {
    const end = this.#lines[index];
    return end === undefined ? undefined : this.#event((this.#lines[index - 1] ?? -1) + 1, end);
  }

  *[Symbol.iterator](): Iterator<VerifiedEvent> {
    let begin = 0;
    for (const end of this.#lines) {
      yield this.#event(begin, end);
      begin = end + 1;
    }
  }

  #event(begin: number, end: number): VerifiedEvent {
    return new VerifiedEvent(decode(this.bytes.subarray(begin, end)));
  }

  get #lines(): number[] {
    if (this.#ends === undefined) {
      const ends = [];
      for (let end = this.bytes.indexOf(LF); end !== -1; end = this.bytes.indexOf(LF, end + 1)) {
        ends.push(end);
      }
      this.#ends = ends;
    }
    return this.#ends;
  }
}

/** The core only returns valid UTF-8, in which a BOM is text. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
