/** What a recorder is made with, checked: whatever is missing is refused with what to do about it. */

import { LogServer, type LogServerOptions } from "../deliver/log-server.js";
import { type CountersignError, must, teller } from "../error.js";
import { ownOptions } from "../known.js";
import type { Outbox } from "../outbox/outbox.js";
import { field, hasField, own, ownFields } from "../own.js";
import { LONGEST, type Waits } from "../timers.js";
import type { Transport } from "../transport/transport.js";
import type { AuditEvent, Catalog, EventInput } from "./event.js";
import { isDevelopment } from "./intake.js";
import type { KeyHandle, Signer } from "./signer.js";

/** When a recorder flushes by itself: as soon as one of these is reached. */
export interface AutoFlushOptions {
  /** The number of events that wait. Default: 64. */
  maxEvents?: number | undefined;
  /** The bytes of the events that wait. Default: 256 KiB. */
  maxBytes?: number | undefined;
  /** Milliseconds for which the oldest event waits. Default: 1000. */
  maxDelayMs?: number | undefined;
}

/** Fields to redact or keep, each a name or a path of names separated by dots. */
export type RedactOptions =
  | readonly string[]
  | { readonly also?: readonly string[] | undefined; readonly keep?: readonly string[] | undefined }
  | { readonly only: readonly string[] }
  | false;

/** What there is to choose for every recorder. */
export interface CommonOptions<Events = unknown> {
  /**
   * Who signs: a signer key's text (`PRIVATE+KEY+…`), a key of WebCrypto's, or what signs elsewhere. It must be there: that
   * an environment's variable may be missing is told when the recorder is created.
   */
  key: string | KeyHandle | Signer | undefined;
  /** Keeps events until they are delivered, through a kill and a restart. By default they are in memory alone. */
  outbox?: Outbox | undefined;
  /** When the recorder flushes by itself; with `false` only `flush()` does. */
  autoFlush?: AutoFlushOptions | false | undefined;
  /**
   * Fields that are replaced by `"[redacted]"` before an event is stored or hashed, in addition to those that are secrets by
   * name or by look: names, or paths such as `card.number`, at any depth. `{ also, keep }` redacts the fields in `also` too,
   * and keeps those in `keep` as they are, whatever they contain; the fields of a kept object are still judged by their own
   * names. `also` comes before `keep`. `{ only }` redacts nothing but these fields, and `false` turns redaction off.
   */
  redact?: RedactOptions | undefined;
  /**
   * Replaces identifiers in the fields `http.path` and `http.url`, before an event is stored or hashed: `/jobs/42` becomes
   * `/jobs/{number}`. Numbers, UUIDs, hashes, dates, e-mail addresses, ULIDs, and tokens are replaced, and the query is
   * removed. Default: `false`.
   */
  pathShapes?: boolean | undefined;
  /**
   * The program's own events, which `defineEvents` lists: `record` takes no others, and each is
   * checked by its action's schema, after `beforeRecord`. By default events of any action are taken.
   */
  events?: Catalog<Events> | undefined;
  /**
   * Gives the event to record in the place of each that `record` is given, or the same. It is asked at once, before
   * anything is redacted; what it throws, `record` throws as the cause of `event.invalid`.
   */
  beforeRecord?: ((event: AuditEvent) => EventInput) | undefined;
  /**
   * What `record` does with a part of an event that is not right: `"throw"` throws `event.invalid`, and nothing is
   * recorded. `"report"` reports it to `onError` and records the rest, with a list of what was wrong in
   * `metadata.countersign_problems`. What is no event at all, by `recordJson` too, is recorded as `countersign.dropped`;
   * the handle rejects then. The default is `"throw"` if `NODE_ENV` is `development` or `test`, or in a test of
   * `node --test`, and otherwise `"report"`: a handler must not fail because of an audit event.
   */
  onInvalid?: "throw" | "report" | undefined;
  /** The bytes that may wait to be delivered, at most, with about 400 for the link of each event. Default: 16 MiB. */
  maxWaitingBytes?: number | undefined;
  /**
   * What `record` does above it: throw `recorder.full` (the default), or drop the event. `status().dropped` counts the
   * dropped events, `onError` is told of them once a minute at most, and they are recorded as `countersign.dropped` as
   * soon as there is room.
   */
  onFull?: "throw" | "drop" | undefined;
  /**
   * Told of each failure to start, and of each other failure that no `flush` under way told anybody. By default it is a
   * warning on the console, which is not repeated before another code came.
   */
  onError?: ((error: CountersignError) => void) | undefined;
  /** Milliseconds that the log server may take for an answer. Default: 30,000, in a request of a Worker 8,000. */
  timeoutMs?: number | undefined;
  /**
   * Exponential backoff with jitter after failed flushes: the initial and the maximum delay, in milliseconds. Default: 500
   * and 60,000.
   */
  retry?: { initialDelayMs?: number | undefined; maxDelayMs?: number | undefined } | undefined;
}

/** Recording into a log, by way of its log server. That an environment's variable may be missing is told as with `key`. */
export interface LogOptions<Events = unknown> extends CommonOptions<Events> {
  /** The log server: its address, or how it is reached. */
  to: string | URL | LogServerOptions | undefined;
  /**
   * The log: its vkey, which you have from who runs it and never from the log itself, or a trust file with one `log`
   * line and perhaps a quorum of witnesses. Chains name its origin, and its key must have signed what proves that
   * events are in it.
   */
  log: string | undefined;
  origin?: undefined;
}

/** Recording without a log. */
export interface TransportOptions<Events = unknown> extends CommonOptions<Events> {
  /** Takes the lines. */
  to: Transport;
  /** The log that the chain is for, as its checkpoints name it: `example.com/audit`. */
  origin: string;
  log?: undefined;
}

/** How to record: into a log (`key`, `to`, `log`), or without one (`key`, `to`, `origin`). */
export type RecorderOptions<Events = unknown> = LogOptions<Events> | TransportOptions<Events>;

/** Properties of a recorder that its creator sets, and its options don't. */
export interface Environment {
  /** True if contexts end one by one, as the requests of a Worker do. Default: false. */
  readonly inContexts?: boolean | undefined;
  /** True if flushes run separately in each such context. Default: `inContexts`, unless there is an outbox. */
  readonly manyContexts?: boolean | undefined;
  /** The clock: milliseconds from the epoch. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Fills bytes with random values, for example salts. Default: cryptographically secure. */
  readonly random?: ((bytes: Uint8Array<ArrayBuffer>) => unknown) | undefined;
}

/** Options with every default in its place. */
export type Settings = ReturnType<typeof settings>;

/** Where the lines go. */
type To = { logServer: LogServer; log: string } | { transport: Transport; origin: string };

const MEBIBYTE = 1 << 20;

const isFunction = (value: unknown) => typeof value === "function";
const oneOf =
  (...words: readonly unknown[]) =>
  (value: unknown) =>
    words.includes(value);

/** What are read together with others, or have a default. */
const READ = ["key", "to", "log", "origin", "autoFlush", "redact", "maxWaitingBytes", "timeoutMs", "retry"] as const;

/** What each of the others has to be where it is given, what is wrong otherwise, and what to do. */
const RULES: Readonly<
  Record<Exclude<keyof LogOptions, (typeof READ)[number]>, readonly [(value: unknown) => boolean, string, string]>
> = {
  outbox: [has("write"), "no outbox", "give what indexedDbOutbox, fileOutbox or durableObjectOutbox made"],
  pathShapes: [
    oneOf(true, false),
    "pathShapes must be true or false",
    "leave it out to record paths as they are given",
  ],
  events: [has("check"), "no events", "give what defineEvents returned"],
  beforeRecord: [isFunction, "no function", "give one that takes an event and gives the one to record"],
  onInvalid: [oneOf("throw", "report"), "neither throw nor report", 'give "throw" or "report"'],
  onFull: [oneOf("throw", "drop"), "neither throw nor drop", 'give "throw" or "drop"'],
  onError: [isFunction, "no function", "give one that takes an error"],
};

/** Every option there is. */
const OPTIONS: readonly string[] = [...READ, ...Object.keys(RULES)];

/** Whether a value is called in this way. */
function has(method: string): (value: unknown) => boolean {
  return (value) => typeof field(value, method) === "function";
}

/** Returns a copy of a recorder's options that holds only fields that were given, unknown ones too: these are refused later. */
export function ownRecorderOptions<Options extends object>(given: Options): Options {
  return Object(given) === given ? own({ ...given, ...ownFields(given, OPTIONS) }) : given;
}

/** Reads options, for a recorder in that environment. */
export function settings(given: RecorderOptions, environment: Environment = own({})) {
  const isGiven = typeof given === "object" && given !== null;
  must(isGiven, "key", "no options", "give at least key, to, and log (or origin, where there is no log)");
  const options = ownOptions(given, OPTIONS);
  const { key, outbox, beforeRecord, events } = options;
  const { inContexts = false, manyContexts = inContexts && outbox === undefined, now, random } = environment;
  must(
    key !== undefined && key !== null && (typeof key !== "string" || key.trim() !== ""),
    "key",
    "no key to sign with",
    "give a signer key's text (countersign keygen NAME makes one; is the secret or variable set?), { vkey, privateKey } or { vkey, sign }",
  );
  for (const [member, [isRight, message, hint]] of Object.entries(RULES)) {
    const value = options[member as keyof typeof RULES];
    must(value === undefined || isRight(value), member, message, hint);
  }
  return {
    to: destination(options),
    key,
    outbox,
    autoFlush: autoFlush(options.autoFlush),
    redact: redaction(options.redact),
    pathShapes: options.pathShapes === true,
    events,
    beforeRecord,
    reports: options.onInvalid === undefined ? !isDevelopment() : options.onInvalid === "report",
    maxWaitingBytes: count("maxWaitingBytes", options.maxWaitingBytes ?? 16 * MEBIBYTE),
    drops: options.onFull === "drop",
    onError: options.onError ?? teller(),
    timeoutMs: count("timeoutMs", options.timeoutMs ?? (manyContexts ? 8_000 : 30_000), 3_600_000),
    waits: waits(options.retry),
    manyContexts,
    now: now ?? Date.now,
    random: random ?? pooled(),
  };
}

function destination({ to, log, origin }: RecorderOptions): To {
  if (typeof to === "function" || (typeof to === "object" && to !== null && hasField(to, "write"))) {
    const instead = "give origin instead; for a log server give `to` its address or { url, fetch }";
    must(log === undefined, "log", "a transport has no log", instead);
    const name = "give the name that the log's checkpoints bear, such as example.com/audit";
    must(typeof origin === "string", "origin", "no origin", name);
    return { transport: to, origin };
  }
  const address = "give the log server's address (is the variable set?), { url, fetch }, a function, or memory()";
  must(to !== undefined && to !== null && to !== "", "to", "nothing takes the lines", address);
  const logServer = typeof to === "string" || to instanceof URL ? { url: to } : to;
  const { url, fetch } = ownFields(Object(logServer), ["url", "fetch"]) as Partial<LogServerOptions>;
  const isAddress = typeof url === "string" || url instanceof URL;
  const binding =
    'give { url: "https://log", fetch: (url, init) => env.LOG.fetch(url, init) }: any name does for the host';
  must(isAddress || fetch === undefined, "to", "a binding alone has no address", binding);
  must(isAddress, "to", "nothing that takes lines", address);
  must(
    typeof log === "string" && log !== "",
    "log",
    "no log to believe proofs of",
    "give the log's vkey, such as example.com/audit+1a2b3c4d+A… (is the variable set?): who runs the log has it, `countersign serve` prints it",
  );
  must(origin === undefined, "origin", "the log's origin is in its vkey", "leave origin out");
  return { logServer: new LogServer(logServer as LogServerOptions), log };
}

/** What is redacted: fields to redact, fields to keep, and whether known secrets are redacted too. */
interface Redaction {
  readonly paths: readonly string[];
  readonly kept: readonly string[];
  readonly known: boolean;
}

/** Reads the option `redact`. */
export function redaction(redact: CommonOptions["redact"]): Redaction {
  if (redact === undefined || redact === false) {
    return { paths: [], kept: [], known: redact === undefined };
  }
  if (Array.isArray(redact) || !isMembers(redact)) {
    return { paths: fields("redact", redact), kept: [], known: true };
  }
  const chosen: { only?: unknown; also?: unknown; keep?: unknown } = ownOptions(
    Object(redact),
    ["only", "also", "keep"],
    "redact",
  );
  const { only, also = [], keep = [] } = chosen;
  if (only !== undefined) {
    const alone = !("also" in chosen || "keep" in chosen);
    must(alone, "redact", "`only` can't be combined with `also` or `keep`", "leave out `only`, or the others");
    return { paths: fields("redact", only), kept: [], known: false };
  }
  return { paths: fields("redact.also", also), kept: fields("redact.keep", keep), known: true };
}

function fields(option: string, paths: unknown): readonly string[] {
  const isName = (name: unknown) => typeof name === "string" && name !== "" && name.isWellFormed();
  const areNames = Array.isArray(paths) && paths.every(isName);
  must(areNames, option, "not a list of names", 'give names or paths, such as ["ssn", "card.number"]');
  return paths;
}

function autoFlush(given: AutoFlushOptions | false | undefined) {
  if (given === false) {
    return undefined;
  }
  const message = "autoFlush must be false or an object";
  const hint = "give { maxEvents, maxBytes, maxDelayMs }, any of them, or false";
  must(given === undefined || isMembers(given), "autoFlush", message, hint);
  const names = ["maxEvents", "maxBytes", "maxDelayMs"];
  const { maxEvents = 64, maxBytes = 256 << 10, maxDelayMs = 1000 } = ownOptions(given ?? {}, names, "autoFlush");
  return {
    maxEvents: count("autoFlush.maxEvents", maxEvents),
    maxBytes: count("autoFlush.maxBytes", maxBytes),
    maxDelayMs: count("autoFlush.maxDelayMs", maxDelayMs, LONGEST),
  };
}

function waits(retry: CommonOptions["retry"]): Waits {
  const any = "give { initialDelayMs, maxDelayMs }, or one of them";
  must(retry === undefined || isMembers(retry), "retry", "retry must be an object", any);
  const { initialDelayMs = 500, maxDelayMs = 60_000 } = ownOptions(
    retry ?? {},
    ["initialDelayMs", "maxDelayMs"],
    "retry",
  );
  return {
    first: count("retry.initialDelayMs", initialDelayMs, 3_600_000),
    longest: count("retry.maxDelayMs", maxDelayMs, 3_600_000),
  };
}

function isMembers(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function count(member: string, value: number, most = Number.MAX_SAFE_INTEGER): number {
  const isWhole = Number.isInteger(value) && value >= 1 && value <= most;
  must(isWhole, member, "not a whole number above 0", "leave it out for the default");
  return value;
}

/** Secure random bytes, asked of the system for many events at a time. */
function pooled(): (bytes: Uint8Array<ArrayBuffer>) => void {
  const pool = new Uint8Array(2048);
  let left = 0;
  return (bytes) => {
    if (left < bytes.length) {
      crypto.getRandomValues(pool);
      left = pool.length;
    }
    left -= bytes.length;
    // So few are copied sooner than a view of them is made.
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = pool[left + at] ?? 0;
    }
  };
}
