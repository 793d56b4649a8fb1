/** What is asked of the index of verified events, and what it answers. */

import type { Phrases } from "@countersign/shared/report.js";
import type {
  Mark,
  Reading as Opened,
  SkipMark,
  Source,
  VerifiedEvent,
  WithheldMark,
} from "@countersign/shared/verify.js";
import type { Lines } from "./in-pieces.js";
import type { Signers } from "./signer-trust.js";

/** What values are counted of: the short names of docs/query.md. */
export type Column = "outcome" | "action" | "actor" | "target" | "ip" | "tenant" | "as" | "signer" | "chain";

/** In what order rows are. */
export interface Order {
  /** By their place in the log, or by the time that counts; gaps have no time and come last then. */
  readonly by: "place" | "time";
  readonly descending: boolean;
  /** Withheld events and gaps that stand beside each other as one row. */
  readonly folds?: boolean;
}

/** Somebody or something, as an event names it. */
export interface Party {
  readonly id?: string;
  readonly name?: string;
  readonly type?: string;
  /** Other texts by which a query finds it: a login, an e-mail address, an alias, further targets. Not in rows. */
  readonly also?: readonly string[];
}

/** Who did what, on what, from where, and how it ended. */
export interface Said {
  readonly action?: string;
  readonly actor?: Party;
  readonly target?: Party;
  readonly address?: string;
  /** `success`, `failure`, `denied`, `unknown` or `not-stated`. */
  readonly outcome: string;
}

/** What a parser made of an event (docs/parsers.md). None of it was signed. */
export interface Reading extends Said {
  /** The parser's name. */
  readonly as: string;
  /** What else was done, where the source records several actions as one event. */
  readonly also?: readonly string[];
  readonly reason?: string;
}

/** An event that verified, as a list shows it. */
export interface EventRow extends Omit<VerifiedEvent, "parse" | "json"> {
  readonly kind: "event";
  /** When it happened, where the event itself says so. Else its time of recording counts. */
  readonly happened: string | undefined;
  /** What a parser made of it; undefined where it is of no known shape. In rows, texts are cut to what a list shows. */
  readonly read: Reading | undefined;
  /** Of an event of no known shape: what it says in the members of SPEC section 12. */
  readonly own: Partial<Said> | undefined;
  /** The member `tenant`, where that has a value. */
  readonly tenant: string | undefined;
  /** The values of the fields that were asked for, where it has any. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** How its text begins, where nothing else is known of it. */
  readonly begin: string | undefined;
  /** Where its bytes are; for the index alone. */
  readonly place: Place;
}

/** Where bytes stand. */
export interface Place {
  /** Of the export itself 0. */
  readonly blob: number;
  readonly begin: number;
  readonly end: number;
}

/**
 * A JSON text as written: numbers keep their digits, objects are lists of members in their order, so that nothing in
 * it is rounded, merged or taken for a property of the page's own objects.
 */
export type Json =
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, value: Json])[] }
  | { readonly kind: "array"; readonly items: readonly Json[] }
  | { readonly kind: "string"; readonly value: string }
  /** A number, `true`, `false` or `null`. */
  | { readonly kind: "literal"; readonly source: string };

/** An event with all that it says. */
export interface WholeEvent extends Omit<EventRow, "fields" | "begin" | "place"> {
  /** Its text as it was signed. */
  readonly json: string;
  /** What is in it; nothing where it cannot be read. */
  readonly tree: Json | undefined;
}

/** Leaves left out, however many skips stand for them. */
export type GapRow = Omit<SkipMark, "kind"> & { readonly kind: "gap" };

/** Withheld events and gaps that stand beside each other, as one row. */
export interface FoldRow {
  readonly kind: "fold";
  /** The first line. */
  readonly line: number;
  /** The first leaf and the last. */
  readonly index: number;
  readonly last: number;
  /** How many events are withheld, and how many leaves are left out. */
  readonly withheld: number;
  readonly entries: number;
}

/** What a line of the list shows. */
export type Row = EventRow | WithheldMark | GapRow | FoldRow;

/** The same with all that an event says. */
export type WholeRow = WholeEvent | WithheldMark | GapRow | FoldRow;

/** How often a value occurs among the events found. */
export interface FacetValue {
  readonly value: string;
  readonly count: number;
  /** What one of that identifier is called. */
  readonly name?: string;
  /** Whether it is asked for. */
  readonly chosen?: boolean;
}

/** The most frequent values of a column. */
export interface Facet {
  readonly values: readonly FacetValue[];
  /** How many values there are beside these. */
  readonly more: number;
}

/** A part of a query, and how many events it leaves. */
export interface Left {
  readonly part: string;
  readonly events: number;
  /** Of a condition that no event meets although some have its member: what asks for what parsers say in such words. */
  readonly short?: string;
}

/** A field that no event has. */
export interface UnknownField {
  /** Where its condition stands in the query's text. */
  readonly at: readonly [begin: number, end: number];
  readonly field: string;
  /** Fields that events have and that are nearest to it. */
  readonly nearest: readonly string[];
}

/** What is known of what was found. It is told again as a search goes on, and as more events come. */
export interface Found {
  /** Which of the questions asked it answers. */
  readonly question: number;
  /** Whether everything there was then was looked through. */
  readonly complete: boolean;
  /** Whether anything is asked, so that not all is shown. */
  readonly isFiltered: boolean;
  /**
   * Rows. Withheld events are among them where nothing but the time of recording, chain and signer is asked for, gaps
   * where nothing but that time is and their neighbors in the log do not put them outside of it.
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
  /** Fields that are asked for and that no event has. */
  readonly unknownFields: readonly UnknownField[];
  /** Whether it is asked when something happened. */
  readonly asksTime: boolean;
  /** Where nothing was found: how many events each condition leaves on its own, and step by step. */
  readonly conditions: readonly Left[];
  readonly steps: readonly Left[];
  /**
   * Of how many of the events that there are their own time counts, and of how many that of recording; and when the last
   * of them happened, in milliseconds since 1970, but for those that are dated far from all others.
   */
  readonly times: { readonly own: number; readonly recorded: number; readonly last: number };
  /** Where an answer is told for the first time, the first page of its rows, without the values of any field. */
  readonly first?: readonly Row[] | undefined;
}

/** What outcomes are told apart in the histogram. */
export type Outcome = "success" | "failure" | "denied" | "unknown" | "not-stated";

/**
 * Events over time, by outcome. It spans all events within the time asked for, whatever else is, but for a few that are
 * dated so far from all others that these would be in few bars.
 */
export interface Histogram {
  /** When the first bar begins, in milliseconds since 1970. */
  readonly begin: number;
  /** How long each is, in milliseconds. */
  readonly step: number;
  /** Events found in each bar. */
  readonly bars: Readonly<Record<Outcome, readonly number[]>>;
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

/** A part of a query that was not understood. Nothing of such a query is asked. */
export interface Refusal {
  /** The code, as docs/query.md lists them. */
  readonly code: string;
  /** Where it stands in the query's text. */
  readonly at: readonly [begin: number, end: number];
  readonly message: string;
  readonly hint: string;
  /** Both as data. */
  readonly phrases: Phrases;
}

/** What could stand in a query where the caret is. */
export interface Suggestion {
  readonly kind: "field" | "value" | "word";
  /** What it is, as people read it. */
  readonly label: string;
  /** Of a value: its field. */
  readonly about?: string;
  /** How many events have it, where that is known. */
  readonly count?: number;
  /** The text that takes the place of what stands from `at` to `end`, and where the caret then is. */
  readonly text: string;
  readonly at: number;
  readonly end: number;
  readonly caret: number;
}

/** As what events are saved. Some spreadsheets read CSV as UTF-8 only where it begins with a byte order mark. */
export type SavedAs = "csv" | "csv-with-bom" | "ndjson";

/** How events are saved. */
export interface Saving {
  /** What the report says of signers. Without it nothing is known of any. */
  readonly signers?: Signers | undefined;
  readonly signal?: AbortSignal;
}

/** An index of verified events, which a worker keeps, as a page sees it. Queries are texts of docs/query.md. */
export interface EventIndex {
  /**
   * The events are going to be those of this export; gives what to have verified in its place. Their bytes are then read
   * in it when they are wanted: in a file, as long as it is as it was, and anything else is kept for that.
   */
  open(source: Source): Opened;
  /** Takes a batch of events as the verifier writes them; the bytes are moved. Resolves when there is room for more. */
  add(batch: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Takes what stands beside events: gaps and withheld events are rows, other leaves count as shown in the coverage. */
  mark(marks: readonly Mark[]): Promise<void>;
  /** All there is for now was taken: answers anew at once. Where more may come soon, the workers for that are kept. */
  settle(mayGrow?: boolean): Promise<void>;
  /**
   * Asks. `told` hears of it once at least, more often where it takes longer, and again whenever more events came, until
   * something else is asked. A newer question ends an older one, whose promise rejects with an `AbortError`. A query that
   * was not understood is refused; what was asked before goes on.
   */
  ask(query: string, order: Order, told: (found: Found) => void): Promise<Found | Refusal>;
  /** What of a query is not understood. */
  check(query: string): Promise<Refusal | undefined>;
  /** The query with this value of a column asked for, or no longer where it was. */
  toggled(query: string, column: Column, value: string): Promise<string>;
  /** The query with another time asked for, in milliseconds since 1970. */
  within(query: string, since: number | undefined, until: number | undefined): Promise<string>;
  /** The conditions that a query joins by AND, each as text; undefined if the query is refused. */
  parts(query: string): Promise<readonly string[] | undefined>;
  /** What could stand where the caret is. */
  suggest(query: string, caret: number): Promise<readonly Suggestion[]>;
  /** Rows of the newest answer, as it was told last, with the values of these fields. */
  rows(from: number, to: number, fields: readonly string[]): Promise<readonly Row[]>;
  /** One row of it with all that there is; where one is given that was told before, that one, whatever is there by now. */
  row(at: number, known?: Row): Promise<WholeRow | undefined>;
  /** The row in the newest answer that shows this line of the export, or undefined. */
  rowOf(line: number): Promise<number | undefined>;
  /** The line of the event or withheld event at this leaf, whatever is asked; undefined where neither is there. */
  lineOf(index: number): Promise<number | undefined>;
  /** The leaves of all events found, ascending: for a slice. */
  indexes(): Promise<Float64Array>;
  coverage(): Promise<Coverage>;
  /**
   * The events of a segment as the verifier writes them, each with what its parser says, from segment 0 on: whole lines.
   * Undefined where there are no more yet. Once they were asked for, those of what is added later are written along with
   * its columns; others are written when they are asked for.
   */
  lines(segment: number): Promise<readonly Lines[] | undefined>;
  /**
   * All events found, in the order of the newest answer. NDJSON is as `countersign show --json` writes it: the event as it
   * was signed, byte for byte, and beside it what its parser says. CSV is for spreadsheets, of which none executes it: an
   * apostrophe stands before what one could take for a formula. Rejects with the signal's reason where that aborts.
   */
  save(as: SavedAs, told: (events: number) => void, saving?: Saving): Promise<Blob>;
  /** Ends its worker; what was asked and not answered rejects with an `AbortError`. */
  close(): void;
}
