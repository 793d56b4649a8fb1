/** What a reader of an export brings along. */

import { must } from "../error.js";
import { field, own, ownFields } from "../own.js";
import type { Finding, Phrases } from "../report.js";
import type { EventBatch } from "./batch.js";
import type { Mark } from "./marks.js";
import type { Outcome, Task } from "./roles.js";

/** How to verify an export. */
export interface VerifyOptions {
  /** The trust file's text: which logs, witnesses, issuers and emitters the reader trusts. */
  trust?: string | undefined;
  /** Checkpoints that were verified before: each the `pin` of an earlier result. */
  pins?: readonly string[] | undefined;
  /** What the reader expects of the export. */
  expect?: Expectations | undefined;
  /**
   * How many workers share the work, at most 64. 1 leaves all of it to one worker, 0 does it here and blocks between
   * pieces. By default as many as there are cores, up to 8, and 1 for what is known to be small and in Node.js 20, which does
   * not tell how many there are; 0 where workers cannot be started, which the console is told.
   */
  threads?: number | undefined;
  /** Told how far verifying came, about ten times a second, and once at the end. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * Handed the events that verify, in batches, as soon as a signature covers them. Reading waits while a promise that
   * it gave is pending, so nothing piles up. What the report says of the whole is not known yet.
   */
  onEvents?: ((batch: EventBatch) => void | PromiseLike<void>) | undefined;
  /**
   * Handed what the export holds beside its events, in batches: skips, key notes, checkpoints and other leaves in the
   * order of the lines; links that show no event as soon as a signature covers them. Reading waits as for `onEvents`.
   */
  onMarks?: ((marks: readonly Mark[]) => void | PromiseLike<void>) | undefined;
  /**
   * Told what is found as it is met, of each code the first hundred at most. The report has the last word: it lists
   * them by line. `phrases` has what it says to people as data.
   */
  onFinding?: ((finding: Finding, phrases: Phrases) => void) | undefined;
  /** Stops verifying at once; `verify` then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** How to verify an export that goes on. */
export interface LiveOptions extends Omit<VerifyOptions, "threads"> {
  /** 1 leaves all work to a worker, 0 does it here. By default 1 where there are workers. */
  threads?: 0 | 1 | undefined;
  /**
   * Given after each checkpoint what `verify` would give if the export had ended there, a few times a second at most:
   * then of the last of them. Events, marks and findings up to there came before.
   */
  onReport(verification: Outcome): void;
}

/** What a reader expects of an export. */
export interface Expectations {
  /** The log. */
  origin?: string | undefined;
  /** The leaves from the first index up to, and not including, the second. */
  range?: readonly [number, number] | undefined;
  /** The greatest age that the log's time may have, in milliseconds. */
  maxAgeMs?: number | undefined;
  /** The moment at which that age is measured; by default this one, and that of each report where an export goes on. */
  now?: Date | undefined;
}

/** How far verifying came. */
export interface Progress {
  /** Bytes taken from the source, compressed ones as they are. */
  bytes: number;
  /** How many there will be, where that is known. */
  total: number | undefined;
  /** Lines read, blank ones not counted. */
  lines: number;
  /** Events on them, whether or not they verify. */
  events: number;
}

/** The greatest number of threads. */
const MOST_THREADS = 64;

const OPTIONS = [
  "trust",
  "pins",
  "expect",
  "threads",
  "onProgress",
  "onEvents",
  "onMarks",
  "onFinding",
  "onReport",
  "signal",
];

/** Returns a copy of the options without what a polluted `Object.prototype` has; unknown ones stay, to be refused. */
export function ownVerifyOptions<Options extends VerifyOptions>(given: Options): Options {
  return Object(given) === given ? own({ ...given, ...ownFields(given, OPTIONS) }) : given;
}

/** What the core needs to know of the options. */
export function readTask(options: VerifyOptions & Partial<Pick<LiveOptions, "onReport">>, live = false): Task {
  must(
    typeof options === "object" && options !== null,
    undefined,
    "no options by their names",
    "give { trust }, or leave them out",
  );
  const { trust, pins, expect, onEvents, onMarks, onFinding, onProgress, onReport, threads, signal, ...others } =
    options;
  refuseAny(others, "trust, pins, expect, threads, signal and callbacks, such as onEvents");
  return {
    trust: trust === undefined ? undefined : new TextEncoder().encode(readText(trust, "trust")),
    pins: readList(pins ?? [], "pins").map((pin) => readText(pin, "pins")),
    expect: expect === undefined ? undefined : readExpectations(expect),
    wants: {
      events: onEvents !== undefined,
      offsets: false,
      marks: onMarks !== undefined,
      findings: onFinding !== undefined,
      live,
    },
    measuresNow: live && field(expect, "now") === undefined,
  };
}

function readExpectations(given: Expectations): Task["expect"] {
  const { origin, range, maxAgeMs, now, ...others } = own(given);
  refuseAny(others, "origin, range, maxAgeMs, now", "expect.");
  return {
    ...(origin !== undefined && { origin: readText(origin, "expect.origin") }),
    ...(range !== undefined && { range: readRange(range) }),
    ...(maxAgeMs !== undefined && readAge(maxAgeMs, now ?? new Date())),
  };
}

/** How many threads are asked for, if it was said. */
export function readThreads({ threads }: VerifyOptions): number | undefined {
  return threads === undefined ? undefined : readWhole(threads, MOST_THREADS, "threads");
}

/** Refuses options that there are not: what is misspelt would not be checked, and nobody would know. */
function refuseAny(others: object, known: string, within = ""): void {
  for (const name of Object.keys(others)) {
    check(false, within + name, "does not exist", `there are ${known}`);
  }
}

function readRange(range: readonly unknown[]): [number, number] {
  const bounds = readList(range, "expect.range").map((bound) =>
    readWhole(bound, Number.MAX_SAFE_INTEGER, "expect.range"),
  );
  const [begin, end] = bounds;
  const areTwo = bounds.length === 2 && begin !== undefined && end !== undefined && begin < end;
  check(areTwo, "expect.range", "is not two indexes, the first below the second");
  return [begin, end];
}

/** Reads an age for the core, which compares whole seconds: the rest of the age moves the moment at which it is measured. */
function readAge(maxAgeMs: unknown, now: unknown) {
  const age = readWhole(maxAgeMs, Number.MAX_SAFE_INTEGER, "expect.maxAgeMs");
  const restMs = age % 1000;
  const moment = now instanceof Date ? new Date(now.getTime() - restMs) : undefined;
  check(moment !== undefined && !Number.isNaN(moment.getTime()), "expect.now", "is not a valid Date");
  return { maxAgeSeconds: (age - restMs) / 1000, now: moment.toISOString(), restMs };
}

function readWhole(value: unknown, most: number, member: string): number {
  const isWhole = typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
  check(isWhole, member, `is not a whole number from 0 to ${most}`);
  return value;
}

function readText(value: unknown, member: string): string {
  check(typeof value === "string", member, "is not a string");
  check(value.isWellFormed(), member, "has a lone surrogate");
  return value;
}

function readList<T>(value: readonly T[], member: string): readonly T[] {
  check(Array.isArray(value), member, "is not an array");
  return value;
}

function check(
  isRight: boolean,
  member: string,
  why: string,
  hint = "give what its type says, or leave it out",
): asserts isRight {
  must(isRight, member, `the option ${member} ${why}`, hint);
}
