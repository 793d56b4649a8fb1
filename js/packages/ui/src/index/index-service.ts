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
import { isUntold, readingOf, rowOf, treeOf, type Written } from "./rows.js";
import { type Saved, save } from "./save.js";
import { seed } from "./seed.js";
import { type Signers, signerTrusts } from "./signer-trust.js";
import { turn } from "./turn.js";
import type {
  Column,
  Coverage,
  Found,
  Histogram,
  Left,
  Order,
  Refusal,
  Row,
  SavedAs,
  Suggestion,
  UnknownField,
  WholeRow,
} from "./types.js";

/** How many rows are looked through before the clock is looked at. */
const ROWS = 20_000;
/** How long, in milliseconds, work goes on before messages have their turn. */
const WORK = 12;
/** How long, in milliseconds, a search goes on before it is told what it has found so far. */
const FIRST = 50;
/** The shortest time between two tellings of it after that, but for the last. */
const TELL_EVERY = 500;
/** And so many times as long as telling takes, so that most of the time is left for what is told of. */
const OF_TELLING = 10;
/** How many rows are saved at a time. */
const AT_ONCE = 2000;
/** With so many bytes of lines that nobody has asked for yet there is no room for more: they are written when they are. */
const LINES = 32 << 20;
/** So much of an event is read where nothing is known of it, in bytes. */
const BEGIN = 800;

/** What the worker does that keeps an index. */
export class IndexService {
  readonly #index = new EventIndex(seed());
  readonly #blobs = new Blobs();
  readonly #host: Pick<Remote<IndexHost>, "found" | "unread">;
  readonly #failed: (error: unknown) => void;
  /** The question that is answered; undefined before the first. */
  #question: number | undefined;
  /** Whether it is still to be told of for the first time. */
  #isNew = false;
  #isRunning = false;
  /** When it may be told again. */
  #next = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isFiltered = false;
  /** The rows of the segments, in the order in which these came. */
  readonly #taken: { readonly from: number; readonly to: number }[] = [];
  /** Lines that builders wrote, by segment, until they are asked for. */
  readonly #lines = new Map<number, readonly Lines[]>();
  #linesBytes = 0;
  readonly #linesInTurn = inTurn();
  /** How many savings go on: what they save stays as it is. */
  #savings = 0;

  constructor(host: Pick<Remote<IndexHost>, "found" | "unread">, failed: (error: unknown) => void) {
    this.#host = host;
    this.#failed = failed;
  }

  open(file: Blob | undefined): void {
    this.#blobs.open(file);
  }

  know(nth: number, piece: KnownPiece): void {
    this.#blobs.know(nth, piece);
  }

  take(segment: Uint8Array, parts: readonly Blob[], lines: readonly Lines[]): boolean {
    const blob = parts.length > 0 ? this.#blobs.keep(parts) : 0;
    const from = this.#index.addSegment(segment, blob);
    if (lines.length > 0) {
      this.#lines.set(this.#taken.length, lines);
      this.#linesBytes += bytesOf(lines);
    }
    this.#taken.push({ from, to: this.#index.heldRows });
    this.#more();
    return this.#linesBytes < LINES;
  }

  mark(marks: readonly Mark[]): void {
    this.#index.mark(JSON.stringify(marks));
    this.#more();
  }

  settle(): void {
    this.#run();
  }

  ask(question: number, query: string, { by, descending, folds = false }: Order): Refusal | undefined {
    const refused = this.#index.ask(query, Date.now(), by, descending, folds);
    if (refused !== undefined) {
      return JSON.parse(refused) as Refusal;
    }
    this.#question = question;
    this.#isNew = true;
    this.#isFiltered = !(JSON.parse(parse(query, Date.now())) as { empty: boolean }).empty;
    this.#next = performance.now() + FIRST;
    this.#run();
    return undefined;
  }

  check(query: string): Refusal | undefined {
    return (JSON.parse(parse(query, Date.now())) as { error?: Refusal }).error;
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

  suggest(query: string, caret: number): readonly Suggestion[] {
    return JSON.parse(this.#index.suggest(query, caret)) as Suggestion[];
  }

  async rows(from: number, to: number, fields: readonly string[]): Promise<readonly Row[]> {
    const written = this.#written(from, to, fields);
    const untold = written.filter(isUntold);
    const begins = await this.#blobs.all(
      untold.map(({ blob, begin, end }) => ({ blob, begin, end: Math.min(end, begin + BEGIN) })),
    );
    const texts = new Map(untold.map((row, nth) => [row.line, beginOf(begins[nth])]));
    return written.map((row) => rowOf(row, fields, texts.get(row.line)));
  }

  async row(at: number, known?: Row): Promise<WholeRow | undefined> {
    const row = known ?? (await this.rows(at, at + 1, []))[0];
    if (row?.kind !== "event") {
      return row;
    }
    const { fields: _, begin: __, place, ...event } = row;
    const bytes = await this.#blobs.read(place.blob, place.begin, place.end);
    return { ...event, read: readingOf(bytes), json: decode(bytes), tree: treeOf(bytes) };
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

  /** Saves the events of the newest answer as it is now: it is told anew after that. */
  async save(as: SavedAs, signers: Signers | undefined, told: (events: number) => void): Promise<Blob> {
    this.#savings += 1;
    try {
      return await save(as, this.#events(), signerTrusts(signers), told);
    } finally {
      this.#savings -= 1;
      this.#run();
    }
  }

  async #linesOf(segment: number): Promise<readonly Lines[] | undefined> {
    const taken = this.#taken[segment];
    if (taken === undefined) {
      return undefined;
    }
    const held = this.#lines.get(segment);
    if (held !== undefined) {
      this.#lines.delete(segment);
      this.#linesBytes -= bytesOf(held);
      return transfer(held, ...held);
    }
    const written: Lines[] = [];
    this.#index.beginLines(taken.from, taken.to);
    for (let wanted = this.#index.linesWant(); wanted !== undefined; wanted = this.#index.linesWant()) {
      const [blob = 0, begin = 0, end = 0] = wanted;
      const bytes = await this.#blobs.read(blob, begin, end);
      written.push(this.#index.linesOf(bytes) as Lines);
      await turn();
    }
    return transfer(written, ...written);
  }

  /** The events found, with their bytes, some at a time. */
  async *#events(): AsyncGenerator<readonly Saved[], void, undefined> {
    const read = async (from: number) => {
      const written = this.#written(from, from + AT_ONCE, []);
      const rows = written.filter((row) => row.kind === "event");
      const bytes = await this.#blobs.all(rows);
      return {
        isLast: written.length < AT_ONCE,
        events: rows.map((row, nth) => ({ row, bytes: bytes[nth] ?? NOTHING })),
      };
    };
    for (let from = 0, ahead = read(0); ; from += AT_ONCE) {
      const { isLast, events } = await ahead;
      if (!isLast) {
        ahead = read(from + AT_ONCE);
        // Who awaits it hears of a failure; nobody may.
        ahead.catch(() => {});
      }
      yield events;
      if (isLast) {
        return;
      }
    }
  }

  /** The rows that whoever asked sees first: with the answer they are drawn in one go. Not where bytes must be read. */
  #first(): Found["first"] {
    const written = this.#written(0, PAGE, []);
    return written.some(isUntold) ? undefined : written.map((row) => rowOf(row, [], undefined));
  }

  #written(from: number, to: number, fields: readonly string[]): Written[] {
    return JSON.parse(this.#index.rows(Math.max(0, from), Math.max(0, to), JSON.stringify(fields))) as Written[];
  }

  /** There is more to look through: soon. */
  #more(): void {
    if (!this.#isRunning && this.#timer === undefined && this.#question !== undefined) {
      const wait = Math.max(0, this.#next - performance.now());
      this.#timer = setTimeout(() => this.#run(), wait);
    }
  }

  /** Looks through what was not looked through yet; once at a time, whatever is asked meanwhile. */
  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isRunning && this.#question !== undefined) {
      this.#isRunning = true;
      this.#search()
        .catch((error: unknown) => this.#stop(error))
        .finally(() => {
          this.#isRunning = false;
        });
    }
  }

  async #search(): Promise<void> {
    let begun = performance.now();
    while (this.#savings === 0) {
      if (!this.#index.step(ROWS) && !(await this.#read())) {
        this.#say();
        return;
      }
      const now = performance.now();
      if (now >= this.#next && this.#savings === 0) {
        this.#say();
      }
      if (now - begun >= WORK) {
        await turn();
        begun = performance.now();
      }
    }
  }

  /** What is asked cannot be answered, or nothing can. */
  #stop(error: unknown): void {
    if (error instanceof CountersignError && error.code === "source.unreadable") {
      void this.#host.unread(this.#question ?? 0, serializeError(error));
    } else {
      this.#failed(error);
    }
  }

  /** Reads bytes that are wanted, and says whether there were any. */
  async #read(): Promise<boolean> {
    const question = this.#question;
    const [blob, begin, end] = this.#index.wants() ?? [];
    if (blob === undefined || begin === undefined || end === undefined) {
      return false;
    }
    const bytes = await this.#blobs.readPassing(blob, begin, end);
    // Something else may be asked by now.
    if (question === this.#question) {
      this.#index.give(bytes);
    }
    return true;
  }

  #say(): void {
    const begun = performance.now();
    const { tally, histogram, ...found } = JSON.parse(this.#index.found()) as WrittenFound;
    const [own, last] = tally.times;
    const first = this.#isNew ? this.#first() : undefined;
    this.#isNew = false;
    void this.#host.found({
      ...found,
      first,
      question: this.#question ?? 0,
      isFiltered: this.#isFiltered,
      histogram: histogram ?? undefined,
      unknownFields: tally.unknown,
      conditions: tally.conditions,
      steps: tally.steps,
      times: { own, recorded: found.of - own, last },
      asksTime: tally.asks,
    });
    const now = performance.now();
    this.#next = now + Math.max(TELL_EVERY, (now - begun) * OF_TELLING);
  }
}

/** What was found, as the core writes it. */
interface WrittenFound extends Pick<Found, "rows" | "events" | "of" | "searched" | "complete" | "unknown" | "facets"> {
  readonly histogram: Histogram | null;
  readonly tally: {
    readonly unknown: readonly UnknownField[];
    readonly conditions: readonly Left[];
    readonly steps: readonly Left[];
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

/** What was cut within a letter ends before it. */
function beginOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replace(/\ufffd$/, "");
}
