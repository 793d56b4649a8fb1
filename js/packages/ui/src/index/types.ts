/** Queries and results of the index of verified events. */

import type { Phrases } from "@countersign/shared/report.js";
import type {
  Reading as ExportReader,
  Mark,
  SkipMark,
  Source,
  VerifiedEvent,
  WithheldMark,
} from "@countersign/shared/verify.js";
import type { Lines } from "./in-pieces.js";
import type { SignerFacts } from "./signer-trust.js";

/** A column whose values are counted, by its short name in docs/query.md. */
export type Column = "outcome" | "action" | "actor" | "for" | "target" | "ip" | "tenant" | "as" | "signer" | "chain";

/** Sort key of rows: the position in the log, the event's time, or the displayed value of a column. */
export type SortKey = "place" | "time" | Column;

/** Order of rows. */
export interface Order {
  /** Rows without a time or value, such as gaps, come last in both directions. */
  readonly by: SortKey;
  readonly descending: boolean;
  /** If true, adjacent withheld events and gaps are one row. */
  readonly folds?: boolean;
}

/** A person or thing that an event names. */
export interface Party {
  readonly id?: string;
  readonly name?: string;
  readonly type?: string;
  /**
   * Other strings that a query also matches: a login, an email address, an alias, agents in between, other targets. Not in rows.
   */
  readonly also?: readonly string[];
}

/** Action, parties, address, and outcome of an event. */
export interface EventFacts {
  readonly action?: string;
  readonly actor?: Party;
  /** The party for whom the actor acted. */
  readonly on_behalf_of?: Party;
  readonly target?: Party;
  readonly address?: string;
  /** `success`, `failure`, `denied`, `unknown` or `not-stated`. */
  readonly outcome: string;
}

/** Facts that a parser extracted from an event (docs/parsers.md). They aren't signed. */
export interface Parsed extends EventFacts {
  /** Name of the parser. */
  readonly as: string;
  /** Other actions, if the source records several as one event. */
  readonly also?: readonly string[];
  readonly reason?: string;
}

/** A verified event, as a list shows it. */
export interface EventRow extends Omit<VerifiedEvent, "parse" | "json"> {
  readonly kind: "event";
  /** Time of the event, if it states one. Otherwise the time of recording is used. */
  readonly happened: string | undefined;
  /** Result of the parser; undefined if no parser matches. In rows, strings are cut to what a list shows. */
  readonly parsed: Parsed | undefined;
  /** If no parser matches: facts from the fields of SPEC section 12. */
  readonly own: Partial<EventFacts> | undefined;
  /** The field `tenant`, if it has a value. */
  readonly tenant: string | undefined;
  /** Values of the requested fields that the event has. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** Start of its text, if it has no known fields. */
  readonly begin: string | undefined;
  /** Position of its bytes; only for the index. */
  readonly place: Place;
}

/** Position of bytes. */
export interface Place {
  /** 0 for the export itself. */
  readonly blob: number;
  readonly begin: number;
  readonly end: number;
}

/**
 * JSON as written: numbers keep their digits, and objects are ordered lists of fields, so that nothing is rounded,
 * merged, or mistaken for a property of a JavaScript object.
 */
export type Json =
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, value: Json])[] }
  | { readonly kind: "array"; readonly items: readonly Json[] }
  | { readonly kind: "string"; readonly value: string }
  /** A number, `true`, `false` or `null`. */
  | { readonly kind: "literal"; readonly source: string };

/** An event with everything it contains. */
export interface WholeEvent extends Omit<EventRow, "fields" | "begin" | "place"> {
  /** Its text as signed. */
  readonly json: string;
  /** Its content; undefined if it can't be parsed. */
  readonly tree: Json | undefined;
}

/** Omitted entries, as one row for adjacent skips. */
export type GapRow = Omit<SkipMark, "kind"> & { readonly kind: "gap" };

/** Adjacent withheld events and gaps, as one row. */
export interface FoldRow {
  readonly kind: "fold";
  /** First line of the export. */
  readonly line: number;
  /** First and last entry. */
  readonly index: number;
  readonly last: number;
  /** Number of withheld events, and of omitted entries. */
  readonly withheld: number;
  readonly entries: number;
}

/** A row of the list. */
export type Row = EventRow | WithheldMark | GapRow | FoldRow;

/** A row with all known details. */
export type WholeRow = WholeEvent | WithheldMark | GapRow | FoldRow;

/** Number of found events with a value. */
export interface FacetValue {
  readonly value: string;
  readonly count: number;
  /** Display name of this identifier. */
  readonly name?: string;
  /** True if the query selects it. */
  readonly chosen?: boolean;
}

/** The most frequent values of a column. */
export interface Facet {
  readonly values: readonly FacetValue[];
  /** Number of other values. */
  readonly more: number;
}

/** A part of a query, with the number of events that match it. */
export interface PartCount {
  readonly part: string;
  readonly events: number;
  /** Set if no event matches the condition although some have its field: a similar condition on the parsed fields. */
  readonly short?: string;
}

/** A field that no event has. */
export interface UnknownField {
  /** Position of its condition in the query. */
  readonly at: readonly [begin: number, end: number];
  readonly field: string;
  /** The most similar fields that events have. */
  readonly nearest: readonly string[];
}

/** The state of a search result. It is reported repeatedly while the search runs and events are added. */
export interface SearchResult {
  /** Number of the query. */
  readonly query: number;
  /** True if all events known by then were searched. */
  readonly complete: boolean;
  /** True if the query has conditions, so that not all events are shown. */
  readonly isFiltered: boolean;
  /**
   * Number of rows. Withheld events are included if all conditions concern the time of recording, the chain, or the
   * signer; gaps if all conditions concern the time of recording and the gaps' neighbors in the log don't exclude them.
   */
  readonly rows: number;
  /** Number of events found. */
  readonly events: number;
  /** Number of events in the index. */
  readonly of: number;
  /** Withheld events and gaps for which the query can't be decided. */
  readonly unknown: { readonly withheld: number; readonly gaps: number };
  /** Events searched so far; less than `of` during a search. */
  readonly searched: number;
  /** The most frequent values by column, counted with all conditions except those on the column itself. */
  readonly facets: Readonly<Record<Column, Facet>>;
  /** Undefined if there are no events within the requested time. */
  readonly histogram: Histogram | undefined;
  /** Fields in the query that no event has. */
  readonly unknownFields: readonly UnknownField[];
  /** True if the query has a condition on the time of events. */
  readonly asksTime: boolean;
  /** If nothing was found: the number of events that match each condition alone, and all conditions up to it. */
  readonly conditions: readonly PartCount[];
  readonly steps: readonly PartCount[];
  /**
   * Number of events in the index that state their own time, and number that don't. `last` is the time of the last
   * one in milliseconds since 1970, without outliers.
   */
  readonly times: { readonly own: number; readonly recorded: number; readonly last: number };
  /** First page of rows, without field values; only in the first report of a result. */
  readonly first?: readonly Row[] | undefined;
}

/** Outcomes in the histogram. */
export type Outcome = "success" | "failure" | "denied" | "unknown" | "not-stated";

/**
 * Events over time, by outcome. It spans all events within the requested time, regardless of other conditions, without
 * a few outliers that would squeeze the rest into few bars.
 */
export interface Histogram {
  /** Start of the first bar, in milliseconds since 1970. */
  readonly begin: number;
  /** Duration of each bar, in milliseconds. */
  readonly step: number;
  /** Number of found events per bar. */
  readonly bars: Readonly<Record<Outcome, readonly number[]>>;
}

/** State of the log's entries, as `[begin, end)` pairs in the order of the log. */
export interface Coverage {
  /** Verified events, starts and ends of chains, key notes, and all other entries in the export. */
  readonly shown: Float64Array;
  readonly withheld: Float64Array;
  readonly skipped: Float64Array;
  /** Entries with a row of their own: verified and withheld events. */
  readonly listed: Float64Array;
  /** Number of verified events among the entries shown. */
  readonly events: number;
}

/** An error in a query. Such a query is not executed. */
export interface QueryError {
  /** Error code, as listed in docs/query.md. */
  readonly code: string;
  /** Position in the query. */
  readonly at: readonly [begin: number, end: number];
  readonly message: string;
  readonly hint: string;
  /** Message and hint as data. */
  readonly phrases: Phrases;
}

/** A completion of a query at the caret. */
export interface Suggestion {
  readonly kind: "field" | "value" | "word";
  /** Display text. */
  readonly label: string;
  /** For a value: its field. */
  readonly about?: string;
  /** Number of events that have it, if known. */
  readonly count?: number;
  /** Replacement for the text from `at` to `end`, and the caret's position afterwards. */
  readonly text: string;
  readonly at: number;
  readonly end: number;
  readonly caret: number;
}

/** File format of saved events. Some spreadsheets read CSV as UTF-8 only with a byte order mark. */
export type SaveFormat = "csv" | "csv-with-bom" | "ndjson";

/** Options of a save. */
export interface SaveOptions {
  /** Signers in the report. Without it, signer trust is unsettled. */
  readonly signers?: SignerFacts | undefined;
  readonly signal?: AbortSignal;
}

/** An index of verified events, kept in a worker. Queries are in the language of docs/query.md. */
export interface EventIndex {
  /**
   * Sets the export that contains the events, and returns a reader to verify instead of it. The bytes of events are
   * read again later: from the file as long as it is unchanged. Other sources are kept.
   */
  open(source: Source): ExportReader;
  /**
   * Adds a batch of events as the verifier writes them, and transfers the bytes. Resolves when there is room for
   * more.
   */
  add(batch: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * Adds marks between events: gaps and withheld events become rows; other entries count as shown in the coverage.
   */
  mark(marks: readonly Mark[]): Promise<void>;
  /**
   * Reports results immediately, because all events are added for now. If more may follow soon (`mayGrow`), keeps the
   * workers for them.
   */
  settle(mayGrow?: boolean): Promise<void>;
  /**
   * Runs a query. Calls `onResult` at least once, more often in a longer search, and again whenever events are added,
   * until the next query. A newer query makes the promise of an older one reject with an `AbortError`. An invalid
   * query returns its error, and the previous one continues. Relative times in the query count from `at`, in
   * milliseconds since 1970 [default: now].
   */
  ask(
    query: string,
    order: Order,
    onResult: (found: SearchResult) => void,
    at?: number,
  ): Promise<SearchResult | QueryError>;
  /**
   * Returns the number of events that match a query, beside the current one, which continues. Undefined if the query is
   * invalid, or if events must be read for it.
   */
  count(query: string): Promise<number | undefined>;
  /** Returns the error of an invalid query. */
  check(query: string): Promise<QueryError | undefined>;
  /** Adds a value of a column to the query, or removes it if the query already selects it. */
  toggled(query: string, column: Column, value: string): Promise<string>;
  /** Sets the time in the query, in milliseconds since 1970. */
  within(query: string, since: number | undefined, until: number | undefined): Promise<string>;
  /** Returns the conditions that a query joins by AND, each as text; undefined if the query is invalid. */
  parts(query: string): Promise<readonly string[] | undefined>;
  /**
   * Returns the last millisecond since 1970 that a query asks about by its conditions on times; undefined if it has none, or
   * is invalid. Relative times count from `at`. A span without an end is asked about for its first day at least, in UTC.
   */
  asksUntil(query: string, at: number): Promise<number | undefined>;
  /** Returns completions at the caret. */
  suggest(query: string, caret: number): Promise<readonly Suggestion[]>;
  /** Returns rows of the current result, as last reported, with the values of these fields. */
  rows(from: number, to: number, fields: readonly string[]): Promise<readonly Row[]>;
  /**
   * Returns one row of the result with all known details. With `known`, an earlier row, returns that row
   * regardless of the current result.
   */
  row(at: number, known?: Row): Promise<WholeRow | undefined>;
  /** Returns the row of the current result that shows this line of the export, or undefined. */
  rowOf(line: number): Promise<number | undefined>;
  /**
   * Returns the line of the event or withheld event at this entry, regardless of the query; undefined if there is
   * neither.
   */
  lineOf(index: number): Promise<number | undefined>;
  /** Returns the entries of all events found, ascending: for a slice. */
  indexes(): Promise<Float64Array>;
  coverage(): Promise<Coverage>;
  /**
   * Returns the events of a segment, counted from 0, as whole lines: each as the verifier writes it, plus its parsed
   * facts. Undefined if the segment doesn't exist yet. After the first call, lines of later segments are written as
   * they are added; earlier ones are written on request.
   */
  lines(segment: number): Promise<readonly Lines[] | undefined>;
  /**
   * Saves all events found, in the order of the current result. NDJSON has the format of `countersign show --json`:
   * the event as signed, byte for byte, beside its parsed facts. CSV is safe for spreadsheets: an apostrophe is put
   * before anything that could be taken for a formula. Rejects with the signal's reason on abort.
   */
  save(as: SaveFormat, onProgress: (events: number) => void, options?: SaveOptions): Promise<Blob>;
  /** Terminates the worker. Pending calls reject with an `AbortError`. */
  close(): void;
}
