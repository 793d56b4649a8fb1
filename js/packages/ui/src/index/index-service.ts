import { CountersignError } from "@countersign/shared/error.js";
import { inTurn } from "@countersign/shared/promises.js";
import { type Remote, serializeError, transfer } from "@countersign/shared/rpc.js";
import type { Mark } from "@countersign/shared/verify.js";
import { EventIndex, parse, toggled, within } from "../wasm/index.js";
import { Blobs } from "./blobs.js";
import type { KnownPiece } from "./export-bytes.js";
import type { Lines } from "./in-pieces.js";
import { PAGE } from "./page.js";
import type { IndexHost } from "./roles.js";
import { isUnparsed, parsedOf, rowOf, treeOf, type WrittenRow } from "./rows.js";
import { type SavedEvent, save } from "./save.js";
import { seed } from "./seed.js";
import { type SignerFacts, signerTrusts } from "./signer-trust.js";
import type {
  Column,
  Coverage,
  Histogram,
  Order,
  PartCount,
  QueryError,
  Row,
  SaveFormat,
  SearchResult,
  Suggestion,
  UnknownField,
  WholeRow,
} from "./types.js";
import { yieldToMessages } from "./yield.js";

/** Rows searched between two looks at the clock. */
const ROWS_PER_STEP = 20_000;
/** Milliseconds of work before the worker yields to messages. */
const WORK_MS = 12;
/** Milliseconds after which a search reports its first results. */
const FIRST_REPORT_MS = 50;
/** Minimum milliseconds between later reports; the last one is sent at once. */
const REPORT_INTERVAL_MS = 500;
/** Minimum ratio of the time between reports to the time one takes, so that most time is left for searching. */
const REPORT_COST_FACTOR = 10;
/** Rows saved at a time. */
const ROWS_PER_SAVE = 2000;
/** Bytes of unrequested lines above which the service has no room for more. Lines are then written on request. */
const MAX_PENDING_LINE_BYTES = 32 << 20;
/** Bytes read of an event that has no known fields. */
const EXCERPT_BYTES = 800;

/** Keeps an index in a worker. */
export class IndexService {
  readonly #index = new EventIndex(seed());
  readonly #blobs = new Blobs();
  readonly #host: Pick<Remote<IndexHost>, "found" | "unreadable">;
  readonly #onError: (error: unknown) => void;
  /** Number of the current query; undefined before the first. */
  #query: number | undefined;
  /** True until the first result of the query is reported. */
  #isNew = false;
  #isRunning = false;
  /** Earliest time of the next report. */
  #nextReport = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isFiltered = false;
  /** Row ranges of the segments, in the order of their arrival. */
  readonly #segments: { readonly from: number; readonly to: number }[] = [];
  /** Lines that builders wrote, by segment, until they are requested. */
  readonly #lines = new Map<number, readonly Lines[]>();
  #linesBytes = 0;
  readonly #linesInTurn = inTurn();
  /** Number of saves in progress. Results don't change during a save. */
  #savings = 0;

  constructor(host: Pick<Remote<IndexHost>, "found" | "unreadable">, onError: (error: unknown) => void) {
    this.#host = host;
    this.#onError = onError;
  }

  open(file: Blob | undefined): void {
    this.#blobs.open(file);
  }

  know(nth: number, piece: KnownPiece): void {
    this.#blobs.know(nth, piece);
  }

  accept(segment: Uint8Array, parts: readonly Blob[], lines: readonly Lines[]): boolean {
    const blob = parts.length > 0 ? this.#blobs.keep(parts) : 0;
    const from = this.#index.addSegment(segment, blob);
    if (lines.length > 0) {
      this.#lines.set(this.#segments.length, lines);
      this.#linesBytes += bytesOf(lines);
    }
    this.#segments.push({ from, to: this.#index.heldRows });
    this.#schedule();
    return this.#linesBytes < MAX_PENDING_LINE_BYTES;
  }

  mark(marks: readonly Mark[]): void {
    this.#index.mark(JSON.stringify(marks));
    this.#schedule();
  }

  settle(): void {
    this.#run();
  }

  ask(id: number, query: string, { by, descending, folds = false }: Order, at: number): QueryError | undefined {
    const refused = this.#index.ask(query, at, by, descending, folds);
    if (refused !== undefined) {
      return JSON.parse(refused) as QueryError;
    }
    this.#query = id;
    this.#isNew = true;
    this.#isFiltered = !(JSON.parse(parse(query, at)) as { empty: boolean }).empty;
    this.#nextReport = performance.now() + FIRST_REPORT_MS;
    this.#run();
    return undefined;
  }

  count(query: string): number | undefined {
    return this.#index.count(query, Date.now());
  }

  check(query: string): QueryError | undefined {
    return (JSON.parse(parse(query, Date.now())) as { error?: QueryError }).error;
  }

  toggled(query: string, column: Column, value: string): string {
    return toggled(query, Date.now(), column, value);
  }

  within(query: string, since: number | undefined, until: number | undefined): string {
    return within(query, Date.now(), since, until);
  }

  parts(query: string): readonly string[] | undefined {
    const { parts } = JSON.parse(parse(query, Date.now())) as { parts?: readonly { readonly text: string }[] };
    return parts?.map(({ text }) => text);
  }

  asksUntil(query: string, at: number): number | undefined {
    return (JSON.parse(parse(query, at)) as { asksUntil?: number }).asksUntil;
  }

  suggest(query: string, caret: number): readonly Suggestion[] {
    return JSON.parse(this.#index.suggest(query, caret)) as Suggestion[];
  }

  async rows(from: number, to: number, fields: readonly string[]): Promise<readonly Row[]> {
    const written = this.#written(from, to, fields);
    const unparsed = written.filter(isUnparsed);
    const excerpts = await this.#blobs.all(
      unparsed.map(({ blob, begin, end }) => ({ blob, begin, end: Math.min(end, begin + EXCERPT_BYTES) })),
    );
    const texts = new Map(unparsed.map((row, nth) => [row.line, excerptOf(excerpts[nth])]));
    return written.map((row) => rowOf(row, fields, texts.get(row.line)));
  }

  async row(at: number, known?: Row): Promise<WholeRow | undefined> {
    const row = known ?? (await this.rows(at, at + 1, []))[0];
    if (row?.kind !== "event") {
      return row;
    }
    const { fields: _, begin: __, place, ...event } = row;
    const bytes = await this.#blobs.read(place.blob, place.begin, place.end);
    return { ...event, parsed: parsedOf(bytes), json: decode(bytes), tree: treeOf(bytes) };
  }

  rowOf(line: number): number | undefined {
    return this.#index.rowOf(line);
  }

  lineOf(index: number): number | undefined {
    return this.#index.lineOf(index);
  }

  indexes(): Float64Array {
    return this.#index.indexes();
  }

  coverage(): Coverage {
    const [shown = NONE, withheld = NONE, skipped = NONE, listed = NONE] = this.#index.coverage();
    return { shown, withheld, skipped, listed, events: this.#index.events };
  }

  lines(segment: number): Promise<readonly Lines[] | undefined> {
    return this.#linesInTurn(() => this.#linesOf(segment));
  }

  /** Saves the events of the current result. Reports are suspended in the meantime. */
  async save(as: SaveFormat, signers: SignerFacts | undefined, onProgress: (events: number) => void): Promise<Blob> {
    this.#savings += 1;
    try {
      return await save(as, this.#events(), signerTrusts(signers), onProgress);
    } finally {
      this.#savings -= 1;
      this.#run();
    }
  }

  async #linesOf(segment: number): Promise<readonly Lines[] | undefined> {
    const rows = this.#segments[segment];
    if (rows === undefined) {
      return undefined;
    }
    const finished = this.#lines.get(segment);
    if (finished !== undefined) {
      this.#lines.delete(segment);
      this.#linesBytes -= bytesOf(finished);
      return transfer(finished, ...finished);
    }
    const written: Lines[] = [];
    this.#index.beginLines(rows.from, rows.to);
    for (let range = this.#index.linesWant(); range !== undefined; range = this.#index.linesWant()) {
      const [blob = 0, begin = 0, end = 0] = range;
      const bytes = await this.#blobs.read(blob, begin, end);
      written.push(this.#index.linesOf(bytes) as Lines);
      await yieldToMessages();
    }
    return transfer(written, ...written);
  }

  /** Yields the events found, with their bytes, in portions. */
  async *#events(): AsyncGenerator<readonly SavedEvent[], void, undefined> {
    const read = async (from: number) => {
      const written = this.#written(from, from + ROWS_PER_SAVE, []);
      const rows = written.filter((row) => row.kind === "event");
      const bytes = await this.#blobs.all(rows);
      return {
        isLast: written.length < ROWS_PER_SAVE,
        events: rows.map((row, nth) => ({ row, bytes: bytes[nth] ?? NOTHING })),
      };
    };
    for (let from = 0, ahead = read(0); ; from += ROWS_PER_SAVE) {
      const { isLast, events } = await ahead;
      if (!isLast) {
        ahead = read(from + ROWS_PER_SAVE);
        // The await above reports the failure; the consumer may stop before.
        ahead.catch(() => {});
      }
      yield events;
      if (isLast) {
        return;
      }
    }
  }

  /**
   * Returns the first page of rows, so that it can be drawn together with the result. Undefined if bytes must be read
   * for it.
   */
  #firstPage(): SearchResult["first"] {
    const written = this.#written(0, PAGE, []);
    return written.some(isUnparsed) ? undefined : written.map((row) => rowOf(row, [], undefined));
  }

  #written(from: number, to: number, fields: readonly string[]): WrittenRow[] {
    return JSON.parse(this.#index.rows(Math.max(0, from), Math.max(0, to), JSON.stringify(fields))) as WrittenRow[];
  }

  /** Schedules a search of the rows that were added. */
  #schedule(): void {
    if (!this.#isRunning && this.#timer === undefined && this.#query !== undefined) {
      const wait = Math.max(0, this.#nextReport - performance.now());
      this.#timer = setTimeout(() => this.#run(), wait);
    }
  }

  /** Searches the remaining rows, unless a search is running. */
  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isRunning && this.#query !== undefined) {
      this.#isRunning = true;
      this.#search()
        .catch((error: unknown) => this.#fail(error))
        .finally(() => {
          this.#isRunning = false;
        });
    }
  }

  async #search(): Promise<void> {
    let begun = performance.now();
    while (this.#savings === 0) {
      if (!this.#index.step(ROWS_PER_STEP) && !(await this.#read())) {
        this.#report();
        return;
      }
      const now = performance.now();
      if (now >= this.#nextReport && this.#savings === 0) {
        this.#report();
      }
      if (now - begun >= WORK_MS) {
        await yieldToMessages();
        begun = performance.now();
      }
    }
  }

  /** Reports an error of the query, or of the whole index. */
  #fail(error: unknown): void {
    if (error instanceof CountersignError && error.code === "source.unreadable") {
      void this.#host.unreadable(this.#query ?? 0, serializeError(error));
    } else {
      this.#onError(error);
    }
  }

  /** Reads bytes that the search needs. Returns false if it needs none. */
  async #read(): Promise<boolean> {
    const id = this.#query;
    const [blob, begin, end] = this.#index.wants() ?? [];
    if (blob === undefined || begin === undefined || end === undefined) {
      return false;
    }
    const bytes = await this.#blobs.readTransient(blob, begin, end);
    // The query may have changed in the meantime.
    if (id === this.#query) {
      this.#index.provide(bytes);
    }
    return true;
  }

  #report(): void {
    const begun = performance.now();
    const { tally, histogram, ...found } = JSON.parse(this.#index.found()) as WrittenResult;
    const [own, last] = tally.times;
    const first = this.#isNew ? this.#firstPage() : undefined;
    this.#isNew = false;
    void this.#host.found({
      ...found,
      first,
      query: this.#query ?? 0,
      isFiltered: this.#isFiltered,
      histogram: histogram ?? undefined,
      unknownFields: tally.unknown,
      conditions: tally.conditions,
      steps: tally.steps,
      times: { own, recorded: found.of - own, last },
      asksTime: tally.asks,
    });
    const now = performance.now();
    this.#nextReport = now + Math.max(REPORT_INTERVAL_MS, (now - begun) * REPORT_COST_FACTOR);
  }
}

/** A result as the core writes it. */
interface WrittenResult
  extends Pick<SearchResult, "rows" | "events" | "of" | "searched" | "complete" | "unknown" | "facets"> {
  readonly histogram: Histogram | null;
  readonly tally: {
    readonly unknown: readonly UnknownField[];
    readonly conditions: readonly PartCount[];
    readonly steps: readonly PartCount[];
    readonly times: readonly [own: number, last: number];
    readonly asks: boolean;
  };
}

const NONE = new Float64Array();
const NOTHING = new Uint8Array();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function bytesOf(lines: readonly Lines[]): number {
  return lines.reduce((sum, { length }) => sum + length, 0);
}

function decode(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** Decodes the start of a string, without a character that was cut. */
function excerptOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replace(/\ufffd$/, "");
}
