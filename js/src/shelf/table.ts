import type { Mark } from "../verify/marks.js";
import { ABSENT, Arena, Dictionary } from "./dictionary.js";
import { Hash } from "./hash.js";
import { Numbers } from "./numbers.js";
import { LineReader, type Piece } from "./reader.js";
import { readTime } from "./time.js";
import type { Column } from "./types.js";
import { encode, unescaped } from "./utf8.js";

/** What stands in a row. */
export const EVENT = 0;
export const WITHHELD = 1;
export const GAP = 2;
/** A leaf that is here and no event: it counts as shown, and is no row of any answer. */
export const OTHER = 3;

const AUTHORISED = 1;
const ESCAPED = 2;

/** All columns, in the order of their bits. */
export const COLUMNS = [
  "action",
  "actor",
  "target",
  "outcome",
  "tenant",
  "chain",
  "signer",
] as const satisfies Column[];
/** Those of the event itself. */
const OF_EVENT = ["action", "actor", "target", "outcome", "tenant"] as const satisfies Column[];

/** Why an event is withheld, by the number that stands for it. */
const WHY = [null, "erased", "redacted", "filtered"] as const;

/** For all values of events together, and for one. What finds no room is read from the event when it is asked for. */
const MOST_BYTES_OF_VALUES = 96 << 20;
const LONGEST_VALUE = 1024;
const NO_TIME = Number.POSITIVE_INFINITY;
const LF = 0x0a;
const BACKSLASH = 0x5c;

/** Codes, row by row, and what they stand for. */
export class Values {
  readonly codes = new Numbers();
  readonly dictionary: Dictionary;

  constructor(arena: Arena, hash: Hash) {
    this.dictionary = new Dictionary(arena, hash);
  }

  push(value: Piece | undefined): void {
    this.codes.push(value === undefined ? ABSENT : this.dictionary.code(value.bytes, value.begin, value.end));
  }

  pushText(text: string | undefined): void {
    const bytes = encode(text ?? "");
    this.codes.push(text === undefined ? ABSENT : this.dictionary.code(bytes, 0, bytes.length));
  }

  /** What stands between the quotes of a string. */
  pushString(bytes: Uint8Array, begin: number, end: number, isEscaped: boolean): void {
    if (!isEscaped) {
      this.codes.push(this.dictionary.code(bytes, begin, end));
      return;
    }
    const read = new Uint8Array(end - begin);
    this.codes.push(this.dictionary.code(read, 0, unescaped(bytes, begin, end, read, 0)));
  }
}

/** Where the bytes of events go. */
export interface Bytes {
  /** Keeps those of a row's event, and gives their place. */
  keep(bytes: Uint8Array, begin: number, end: number, row: number, isEscaped: boolean): number;
}

/** What every leaf has. */
interface Leaf {
  readonly kind: number;
  readonly line: number;
  readonly index: number;
  readonly seq: number;
  readonly time: number;
  readonly place: number;
  readonly length: number;
  readonly flags: number;
}

/**
 * Events, withheld events and gaps in the order in which they came: a number in each column, and no objects. The
 * events' bytes lie elsewhere.
 */
export class Table {
  readonly kinds = new Numbers();
  readonly lines = new Numbers(4);
  readonly indexes = new Numbers(4);
  /** The place in the chain; of a gap, how many leaves it is. */
  readonly seqs = new Numbers();
  /** In milliseconds since 1970; endless for what has none. */
  readonly times = new Numbers(8);
  /** Where the event's bytes begin, and how many they are; of a withheld event, why. */
  readonly places = new Numbers(4);
  readonly lengths = new Numbers(2);
  readonly values: Readonly<Record<Column, Values>>;
  /** The names of actors and targets, beside their identifiers. */
  readonly names: Readonly<Partial<Record<Column, Values>>>;
  /** How many events there are, and withheld ones, and gaps. */
  events = 0;
  withheld = 0;
  gaps = 0;
  /** The earliest and the latest time of an event. */
  earliest = Number.POSITIVE_INFINITY;
  latest = Number.NEGATIVE_INFINITY;
  readonly #flags = new Numbers();
  readonly #reader = new LineReader();
  #lastGap = -1;

  constructor(mostBytesOfValues = MOST_BYTES_OF_VALUES) {
    const hash = new Hash();
    const ofEvents = new Arena(mostBytesOfValues, LONGEST_VALUE);
    // A row's chain and signer stand nowhere else.
    const ofLinks = new Arena();
    const values = (arena = ofEvents) => new Values(arena, hash);
    this.values = {
      action: values(),
      actor: values(),
      target: values(),
      outcome: values(),
      tenant: values(),
      chain: values(ofLinks),
      signer: values(ofLinks),
    };
    this.names = { actor: values(), target: values() };
  }

  /** How many rows there are. */
  get size(): number {
    return this.kinds.length;
  }

  isAuthorised(row: number): boolean {
    return (this.#flags.get(row) & AUTHORISED) !== 0;
  }

  /** Whether the event's bytes may hold escapes. */
  isEscaped(row: number): boolean {
    return (this.#flags.get(row) & ESCAPED) !== 0;
  }

  /** Why an event is withheld. */
  why(row: number): (typeof WHY)[number] {
    return WHY[this.places.get(row)] ?? null;
  }

  /** Takes a batch: whole lines of NDJSON, as the verifier writes them. */
  add(batch: Uint8Array, kept: Bytes): void {
    let backslash = batch.indexOf(BACKSLASH);
    for (let begin = 0; begin < batch.length; ) {
      const found = batch.indexOf(LF, begin);
      const end = found < 0 ? batch.length : found;
      if (backslash >= 0 && backslash < begin) {
        backslash = batch.indexOf(BACKSLASH, begin);
      }
      const isEscaped = backslash >= 0 && backslash < end;
      this.#reader.read(batch, begin, end, isEscaped);
      this.#addEvent(batch, isEscaped, kept);
      begin = end + 1;
    }
  }

  /** Takes what stands beside events. */
  mark(mark: Mark): void {
    switch (mark.kind) {
      case "skip":
        this.#addGap(mark.line, mark.index, mark.leaves);
        break;
      case "note":
      case "leaf":
        this.#push({ ...mark, kind: OTHER, seq: 0, time: NO_TIME, place: 0, length: 0, flags: 0 });
        this.#pushNoEvent(undefined, undefined);
        break;
      case "withheld":
      case "open":
      case "close": {
        const time = encode(mark.time);
        this.#push({
          kind: mark.kind === "withheld" ? WITHHELD : OTHER,
          line: mark.line,
          index: mark.index,
          seq: mark.seq,
          time: readTime(time, 0, time.length),
          place: mark.kind === "withheld" ? Math.max(0, WHY.indexOf(mark.why)) : 0,
          length: 0,
          flags: mark.authorised ? AUTHORISED : 0,
        });
        this.#pushNoEvent(mark.chain, mark.vkey);
        this.withheld += mark.kind === "withheld" ? 1 : 0;
        break;
      }
      case "checkpoint":
        break;
    }
  }

  #addEvent(bytes: Uint8Array, isEscaped: boolean, kept: Bytes): void {
    const { line, index, seq, time, authorised, place, event, chain, signer } = this.#reader;
    const { values, names, size: row } = this;
    this.kinds.push(EVENT);
    this.lines.push(line);
    this.indexes.push(index);
    this.seqs.push(seq);
    this.times.push(time);
    this.places.push(kept.keep(bytes, place.begin, place.end, row, isEscaped));
    this.lengths.push(place.end - place.begin);
    this.#flags.push((authorised ? AUTHORISED : 0) | (isEscaped ? ESCAPED : 0));
    values.action.push(event.value("action"));
    values.actor.push(event.value("actor"));
    values.target.push(event.value("target"));
    values.outcome.push(event.value("outcome"));
    values.tenant.push(event.value("tenant"));
    names.actor?.push(event.nameOf("actor"));
    names.target?.push(event.nameOf("target"));
    values.chain.pushString(bytes, chain.begin, chain.end, isEscaped);
    values.signer.pushString(bytes, signer.begin, signer.end, isEscaped);
    this.events += 1;
    this.earliest = Math.min(this.earliest, time);
    this.latest = Math.max(this.latest, time);
  }

  /** Skips come in the order of the lines, many for one gap. */
  #addGap(line: number, index: number, leaves: number): void {
    const last = this.#lastGap;
    if (last >= 0 && this.indexes.get(last) + this.seqs.get(last) === index) {
      this.seqs.set(last, this.seqs.get(last) + leaves);
      return;
    }
    this.#lastGap = this.size;
    this.#push({ kind: GAP, line, index, seq: leaves, time: NO_TIME, place: 0, length: 0, flags: 0 });
    this.#pushNoEvent(undefined, undefined);
    this.gaps += 1;
  }

  #push({ kind, line, index, seq, time, place, length, flags }: Leaf): void {
    this.kinds.push(kind);
    this.lines.push(line);
    this.indexes.push(index);
    this.seqs.push(seq);
    this.times.push(time);
    this.places.push(place);
    this.lengths.push(length);
    this.#flags.push(flags);
  }

  /** What is no event has a chain and a signer at most. */
  #pushNoEvent(chain: string | undefined, signer: string | undefined): void {
    for (const column of OF_EVENT) {
      this.values[column].push(undefined);
      this.names[column]?.push(undefined);
    }
    this.values.chain.pushText(chain);
    this.values.signer.pushText(signer);
  }
}
