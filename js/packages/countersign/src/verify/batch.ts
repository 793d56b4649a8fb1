/** Events that verify, in batches whose text is parsed only where someone looks. */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

const LF = 0x0a;
/** Between the place and the event. No string on the left can hold it: within one, quotes are escaped. */
const EVENT = ',"event":';

/**
 * An event that matches its link's commit, on a link that did not fail and that a valid signature of its chain's key
 * covers. Everything here comes from bytes that the core hashed or signed text that it checked.
 */
export class VerifiedEvent {
  /** The line of the export, 1-based. */
  declare readonly line: number;
  /** The leaf's index in the log. */
  declare readonly index: number;
  /** The chain: 32 characters of hex. */
  declare readonly chain: string;
  /** The link's place in its chain. */
  declare readonly seq: number;
  /** The emitter's clock: a time such as `2026-11-20T06:01:02.345Z`. */
  declare readonly time: string;
  /** The emitter's key. */
  declare readonly vkey: string;
  /** Whether the key was authorized, as far as was known here. Only the report knows in the end. */
  declare readonly authorized: boolean;
  /** The event's text as it stands in the export: JSON, no member name twice. */
  readonly json: string;

  constructor(text: string) {
    const end = text.indexOf(EVENT);
    Object.assign(this, JSON.parse(`${text.slice(0, end)}}`));
    this.json = text.slice(end + EVENT.length, -1);
  }

  /** The event, parsed anew at every call. Numbers are doubles, as everywhere in JavaScript. */
  parse(): { [member: string]: Json } {
    return JSON.parse(this.json) as { [member: string]: Json };
  }
}

/** Events in the order in which signatures came to cover them. */
export class EventBatch implements Iterable<VerifiedEvent> {
  /** NDJSON: a line for each event, with the members of {@link VerifiedEvent} and last, as it stands, `event`. */
  readonly bytes: Uint8Array;
  /** Where each line ends. */
  #ends: number[] | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** How many there are. */
  get length(): number {
    return this.#lines.length;
  }

  /** All lines as text. */
  get text(): string {
    return decode(this.bytes);
  }

  /** One of them, from 0; undefined where there is none. */
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

/** The core gives UTF-8 alone, and a BOM within is text. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
