/** Options of verification, and their conversion for the core. */

import { must } from "../error.js";
import { field, own, ownFields } from "../own.js";
import type { Finding, Phrases } from "../report.js";
import type { EventBatch } from "./batch.js";
import type { Mark } from "./marks.js";
import type { Outcome, Task } from "./roles.js";

/** Options of `verify`. */
export interface VerifyOptions {
  /**
   * The text of the trust file: the logs, witnesses, issuers, and emitters to trust.
   *
   * @default undefined: trusts none
   * @example
   * ```ts
   * trust: await readFile("trust.txt", "utf8")
   * ```
   */
  trust?: string | undefined;
  /**
   * Checkpoints verified before: the `pin` of each earlier result. The log must continue them.
   *
   * @default []
   * @example
   * ```ts
   * pins: [earlier.pin]
   * ```
   */
  pins?: readonly string[] | undefined;
  /**
   * Requirements that the export must meet.
   *
   * @default undefined: nothing beyond the checks
   * @example
   * ```ts
   * expect: { origin: "example.com/audit", maxAgeMs: 3_600_000 }
   * ```
   */
  expect?: Expectations | undefined;
  /**
   * Number of workers, at most 64. 1 uses a single worker. 0 verifies on the current thread, blocking between chunks.
   *
   * @default the number of cores, up to 8; 1 for exports known to be small, and in Node.js 20, which doesn't report the
   * cores; 0 with a warning on the console if workers can't be started
   * @example
   * ```ts
   * threads: 1
   * ```
   */
  threads?: number | undefined;
  /**
   * Called about ten times a second, and once at the end.
   *
   * @default undefined
   * @example
   * ```ts
   * onProgress: ({ bytes, total }) => console.log(bytes, total)
   * ```
   */
  onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * Called with verified events in batches, as soon as a signature covers them. Reading pauses while a returned promise
   * is pending. The verdict on the whole export isn't known yet.
   *
   * @default undefined
   * @example
   * ```ts
   * onEvents: async (batch) => { for (const event of batch) await handle(event.parse()); }
   * ```
   */
  onEvents?: ((batch: EventBatch) => void | PromiseLike<void>) | undefined;
  /**
   * Called with everything except events, in batches: omitted entries, key notes, checkpoints, and other entries in
   * the order of their lines; links without an event as soon as a signature covers them. Reading pauses as for
   * `onEvents`.
   *
   * @default undefined
   * @example
   * ```ts
   * onMarks: (marks) => console.log(marks.length)
   * ```
   */
  onMarks?: ((marks: readonly Mark[]) => void | PromiseLike<void>) | undefined;
  /**
   * Called with each finding when it occurs, at most the first hundred of each code. The report is final and lists them
   * by line. `phrases` contains the sentences as data.
   *
   * @default undefined
   * @example
   * ```ts
   * onFinding: ({ code, line, message }) => console.warn(line, code, message)
   * ```
   */
  onFinding?: ((finding: Finding, phrases: Phrases) => void) | undefined;
  /**
   * Stops the verification immediately; `verify` rejects with the signal's reason.
   *
   * @default undefined
   * @example
   * ```ts
   * signal: AbortSignal.timeout(60_000)
   * ```
   */
  signal?: AbortSignal | undefined;
}

/** Options of `verify`, plus one for the viewer. */
export interface ReadingOptions extends VerifyOptions {
  /**
   * Called with an archive before the result, unless the export can't be read or has more than about 1.6 million entries.
   * An archive takes about 40 bytes per event.
   */
  onArchive?: ((archive: Blob) => void) | undefined;
}

/** Options of `verifyLive`. */
export interface LiveOptions extends Omit<VerifyOptions, "threads"> {
  /**
   * 1 verifies in a worker, 0 on the current thread.
   *
   * @default 1 if there are workers
   * @example
   * ```ts
   * threads: 0
   * ```
   */
  threads?: 0 | 1 | undefined;
  /**
   * Called after each checkpoint with the result as if the export had ended there, at most a few times a second and
   * then for the latest checkpoint. Events, marks, and findings up to it are passed on before.
   */
  onReport(verification: Outcome): void;
}

/** Requirements for an export. */
export interface Expectations {
  /** The log's origin. */
  origin?: string | undefined;
  /** The entries that must be complete, from the first index up to, but not including, the second. */
  range?: readonly [number, number] | undefined;
  /** Maximum age of the log's time, in milliseconds. */
  maxAgeMs?: number | undefined;
  /**
   * The time at which the age is measured.
   *
   * @default the current time; for a live view, that of each report
   */
  now?: Date | undefined;
}

/** The progress of a verification. */
export interface Progress {
  /** Bytes read from the source, before decompression. */
  bytes: number;
  /** Total number of bytes, if known. */
  total: number | undefined;
  /** Number of non-blank lines read. */
  lines: number;
  /** Number of events in these lines, verified or not. */
  events: number;
}

/** Maximum number of threads. */
const MAX_THREADS = 64;

const OPTIONS = [
  "trust",
  "pins",
  "expect",
  "threads",
  "onProgress",
  "onEvents",
  "onMarks",
  "onFinding",
  "onArchive",
  "onReport",
  "signal",
];

/**
 * Returns a copy of the options without fields of a polluted `Object.prototype`. Unknown options stay, to be rejected.
 */
export function ownVerifyOptions<Options extends VerifyOptions>(options: Options): Options {
  return Object(options) === options ? own({ ...options, ...ownFields(options, OPTIONS) }) : options;
}

/** Validates options and converts them for the core. */
export function readTask(options: ReadingOptions & Partial<Pick<LiveOptions, "onReport">>, live = false): Task {
  must(
    typeof options === "object" && options !== null,
    undefined,
    "options must be an object",
    "pass { trust }, or omit the options",
  );
  const { trust, pins, expect, onEvents, onMarks, onFinding, onArchive, ...rest } = options;
  const { onProgress, onReport, threads, signal, ...others } = rest;
  refuseAny(others, "trust, pins, expect, threads, signal, and callbacks such as onEvents");
  return {
    trust: trust === undefined ? undefined : new TextEncoder().encode(readText(trust, "trust")),
    pins: readList(pins ?? [], "pins").map((pin) => readText(pin, "pins")),
    expect: expect === undefined ? undefined : readExpectations(expect),
    wants: {
      events: onEvents !== undefined,
      offsets: false,
      marks: onMarks !== undefined,
      findings: onFinding !== undefined,
      archive: onArchive !== undefined,
      live,
    },
    isArchive: false,
    measuresNow: live && field(expect, "now") === undefined,
  };
}

function readExpectations(input: Expectations): Task["expect"] {
  const { origin, range, maxAgeMs, now, ...others } = own(input);
  refuseAny(others, "origin, range, maxAgeMs, now", "expect.");
  return {
    ...(origin !== undefined && { origin: readText(origin, "expect.origin") }),
    ...(range !== undefined && { range: readRange(range) }),
    ...(maxAgeMs !== undefined && readAge(maxAgeMs, now ?? new Date())),
  };
}

/** Returns the option `threads`, if given. */
export function readThreads({ threads }: VerifyOptions): number | undefined {
  return threads === undefined ? undefined : readWhole(threads, MAX_THREADS, "threads");
}

/** Rejects unknown options: a misspelled requirement would silently not be checked. */
export function refuseAny(others: object, known: string, within = ""): void {
  for (const name of Object.keys(others)) {
    must(false, within + name, `the option \`${within}${name}\` is unknown`, `use one of: ${known}`);
  }
}

function readRange(range: readonly unknown[]): [number, number] {
  const bounds = readList(range, "expect.range").map((bound) =>
    readWhole(bound, Number.MAX_SAFE_INTEGER, "expect.range"),
  );
  const [begin, end] = bounds;
  const areTwo = bounds.length === 2 && begin !== undefined && end !== undefined && begin < end;
  check(areTwo, "expect.range", "must be two indexes, the first below the second");
  return [begin, end];
}

/**
 * Converts an age for the core, which compares whole seconds. The remaining milliseconds are subtracted from the time
 * at which the age is measured.
 */
function readAge(maxAgeMs: unknown, now: unknown) {
  const age = readWhole(maxAgeMs, Number.MAX_SAFE_INTEGER, "expect.maxAgeMs");
  const restMs = age % 1000;
  const moment = now instanceof Date ? new Date(now.getTime() - restMs) : undefined;
  check(moment !== undefined && !Number.isNaN(moment.getTime()), "expect.now", "must be a valid Date");
  return { maxAgeSeconds: (age - restMs) / 1000, now: moment.toISOString(), restMs };
}

function readWhole(value: unknown, max: number, member: string): number {
  const isWhole = typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;
  check(isWhole, member, `must be a whole number from 0 to ${max}`);
  return value;
}

/** Returns a string option. Throws if it is another value, or can't be encoded as UTF-8. */
export function readText(value: unknown, member: string): string {
  check(typeof value === "string", member, "must be a string");
  check(value.isWellFormed(), member, "must not contain a lone surrogate");
  return value;
}

function readList<T>(value: readonly T[], member: string): readonly T[] {
  check(Array.isArray(value), member, "must be an array");
  return value;
}

function check(isRight: boolean, member: string, expected: string, hint = "correct it, or omit it"): asserts isRight {
  must(isRight, member, `\`${member}\` ${expected}`, hint);
}
