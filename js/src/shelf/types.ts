/** What is asked of the shelf on which verified events stand, and what it answers. */

import type { VerifiedEvent } from "../verify/batch.js";
import type { Mark, SkipMark, WithheldMark } from "../verify/marks.js";
import type { Doubts } from "./standing.js";

/** A member that has a column of its own. */
export type Column = "action" | "actor" | "target" | "outcome" | "tenant" | "chain" | "signer";

/**
 * One condition: the member's value is like one of these, or with `not` like none of them.
 *
 * An actor and a target are looked for by identifier, by `type:identifier` and by name; a signer by its key and by the
 * key's name. An event without an outcome is `not stated`. What is no string is compared by its JSON text.
 */
export interface Condition {
  /** A column, or the path of any other member, with dots. The items of an array count as values of its member. */
  readonly member: string;
  /** Patterns: `*` stands for any characters, `\` before it for a star; letters count in either case. */
  readonly values: readonly string[];
  readonly not: boolean;
}

/** What events are looked for. All of it must hold. */
export interface Query {
  readonly conditions: readonly Condition[];
  /** Each stands somewhere in the event's text as people read it, escapes resolved, letters in either case. */
  readonly words: readonly string[];
  /** The link's time: from, and up to and not including, in milliseconds since 1970. */
  readonly since: number | undefined;
  readonly until: number | undefined;
}

/** In what order rows are. */
export interface Order {
  /** By their place in the log, or by their signers' clocks; gaps have no time and come last then. */
  readonly by: "place" | "time";
  readonly descending: boolean;
}

/** An event that verified. */
export interface EventRow extends Omit<VerifiedEvent, "parse"> {
  readonly kind: "event";
}

/** Leaves left out, however many skips stand for them. */
export type GapRow = Omit<SkipMark, "kind"> & { readonly kind: "gap" };

/** What a line of the list shows. */
export type Row = EventRow | WithheldMark | GapRow;

/** How often a value occurs among the events found. */
export interface FacetValue {
  /** As people read it: `type:identifier` of a target, and of an actor that is no user. */
  readonly value: string;
  readonly count: number;
}

/** A value with the column that it stands in. */
export interface ColumnValue extends FacetValue {
  readonly column: Column;
}

/** The most frequent values of a column. */
export interface Facet {
  readonly values: readonly FacetValue[];
  /** How many values there are beside these. */
  readonly more: number;
  /** How many events have those, or a value too long to be counted. Events without the member are in neither. */
  readonly others: number;
}

/** What is known of what was found. It is told again as a search goes on, and as more events come. */
export interface Found {
  /** Which of the questions asked it answers. */
  readonly question: number;
  /** Whether everything there was then was looked through. */
  readonly complete: boolean;
  /**
   * Rows. Withheld events are among them where nothing but time, chain and signer is asked for, gaps where nothing but
   * time is and their neighbours in the log do not put them outside of it.
   */
  readonly rows: number;
  /** Events found. */
  readonly events: number;
  /** Events there are. */
  readonly of: number;
  /** Withheld events and gaps that nothing can be said about under this query. */
  readonly unknown: { readonly withheld: number; readonly gaps: number };
  /** Events looked through: fewer than `of` while a search goes on. */
  readonly searched: number;
  /** For each column its most frequent values, counted with every condition but those on the column itself. */
  readonly facets: Readonly<Record<Column, Facet>>;
  /** Undefined where there are no events within the time asked for. */
  readonly histogram: Histogram | undefined;
}

/** Events over time, by outcome. It spans all events within the time asked for, whatever else is. */
export interface Histogram {
  /** When the first bar begins, in milliseconds since 1970. */
  readonly begin: number;
  /** How long each is, in milliseconds. */
  readonly step: number;
  /** Events found in each bar. */
  readonly bars: Readonly<Record<"success" | "failure" | "unknown", readonly number[]>>;
}

/** What stands at leaves: `[begin, end)` pairs in the order of the log. */
export interface Coverage {
  /** Events that verified, begins and ends of chains, notes and what else is here. */
  readonly shown: Float64Array;
  readonly withheld: Float64Array;
  readonly skipped: Float64Array;
  /** Leaves that have a row of their own: events that verified, and withheld ones. */
  readonly listed: Float64Array;
  /** How many of the leaves shown are events that verified. */
  readonly events: number;
}

/** As what events are saved. Some spreadsheets read CSV as UTF-8 only where it begins with a byte order mark. */
export type SavedAs = "csv" | "csv-with-bom" | "ndjson";

/** How events are saved. */
export interface Saving {
  /** By the report: whose signers are in doubt. Without it nothing is known of any signer. */
  readonly doubts?: Doubts | undefined;
  readonly signal?: AbortSignal;
}

/** What a worker that keeps a shelf needs, and a page sees of it. */
export interface Shelf {
  /** Takes a batch of events as the verifier writes them; the bytes are moved. Resolves when there is room for more. */
  add(batch: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Takes what stands beside events: gaps and withheld events are rows, other leaves count as shown in the coverage. */
  mark(marks: readonly Mark[]): Promise<void>;
  /** All there is for now was taken: brings it into the order of the lines, and answers anew at once. */
  settle(): Promise<void>;
  /**
   * Asks. `told` hears of it once at least, more often where it takes longer, and again whenever more events came, until
   * something else is asked. A newer question ends an older one, whose promise rejects with an `AbortError`.
   */
  ask(query: Query, order: Order, told: (found: Found) => void): Promise<Found>;
  /** Rows of the newest answer, as it was told last. */
  rows(from: number, to: number): Promise<readonly Row[]>;
  /**
   * Values of the events in the newest answer that hold a text, letters in either case, as in its facets: of a column, or
   * of all. Those that begin with it come first, then the most frequent ones; a dozen at most.
   */
  values(column: Column | undefined, text: string): Promise<readonly ColumnValue[]>;
  /** The row in the newest answer that shows this line of the export, or undefined. */
  rowOf(line: number): Promise<number | undefined>;
  /** The line of the event or withheld event at this leaf, whatever is asked; undefined where neither is there. */
  lineOf(index: number): Promise<number | undefined>;
  /** The leaves of all events found, ascending: for a slice. */
  indexes(): Promise<Float64Array>;
  coverage(): Promise<Coverage>;
  /**
   * All events found, in the order of the newest answer. NDJSON is in the form of the verifier's batches, each event byte
   * for byte, but for `standing` in place of `authorised`: what was known of a signer while the export was read may not hold. CSV is for spreadsheets, of which none executes it: an apostrophe stands before what one could take for a
   * formula. Its columns: line, index, chain, seq, time, signer, standing, action, actor, actor_name, target,
   * target_name, outcome, tenant, event. Rejects with the signal's reason where that aborts.
   */
  save(as: SavedAs, told: (events: number) => void, saving?: Saving): Promise<Blob>;
  /** Ends its worker; what was asked and not answered rejects with an `AbortError`. */
  close(): void;
}
