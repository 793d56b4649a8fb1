/** Options of a recorder and their validation. */

import { LogServer, type LogServerOptions } from "../deliver/log-server.js";
import { type CountersignError, consoleReporter, must } from "../error.js";
import { ownOptions } from "../known.js";
import type { Outbox } from "../outbox/outbox.js";
import { field, hasField, own, ownFields } from "../own.js";
import { MAX_TIMER_MS, type Waits } from "../timers.js";
import type { Transport } from "../transport/transport.js";
import type { AuditEvent, Catalog, EventInput } from "./event.js";
import { isDevelopment } from "./intake.js";
import { type Service, serviceOf } from "./service.js";
import type { KeyHandle, Signer } from "./signer.js";

/** Thresholds of automatic flushes. A flush starts as soon as one of them is reached. */
export interface AutoFlushOptions {
  /**
   * Number of waiting events.
   *
   * @default 64
   * @example
   * ```ts
   * maxEvents: 256
   * ```
   */
  maxEvents?: number | undefined;
  /**
   * Total size of the waiting events, in bytes.
   *
   * @default 262144 (256 KiB)
   * @example
   * ```ts
   * maxBytes: 1 << 20
   * ```
   */
  maxBytes?: number | undefined;
  /**
   * Age of the oldest waiting event, in milliseconds.
   *
   * @default 1000
   * @example
   * ```ts
   * maxDelayMs: 5_000
   * ```
   */
  maxDelayMs?: number | undefined;
}

/** Fields to redact or to keep, each by its name or by a path of names separated by dots. */
export type RedactOptions =
  | readonly string[]
  | { readonly also?: readonly string[] | undefined; readonly keep?: readonly string[] | undefined }
  | { readonly only: readonly string[] }
  | false;

/** Options of every recorder. */
export interface CommonOptions<Events = unknown> {
  /**
   * Signs the events: a private key as text (`PRIVATE+KEY+…`), a WebCrypto key with its name, or a function that signs
   * elsewhere, such as in a KMS. `undefined` is in the type so that you can pass `process.env.AUDIT_KEY`, and is
   * rejected when the recorder is created.
   *
   * @default the environment variable `AUDIT_KEY`, if the option is absent
   * @example
   * ```ts
   * key: process.env.AUDIT_KEY
   * ```
   */
  key?: string | KeyHandle | Signer | undefined;
  /**
   * Stores events until they are delivered, so that they survive a kill and a restart: the result of `fileOutbox`,
   * `indexedDbOutbox`, or `durableObjectOutbox`. If the program can't use the outbox where it runs, such as a file on a
   * read-only disk, events wait in memory, and `onError` receives `outbox.unavailable` at each start.
   *
   * @default none: events wait in memory
   * @example
   * ```ts
   * outbox: fileOutbox("audit.outbox")
   * ```
   */
  outbox?: Outbox | undefined;
  /**
   * Starts flushes automatically. With `false`, only `flush()`, `rotate()`, and `close()` send events.
   *
   * @default { maxEvents: 64, maxBytes: 262144, maxDelayMs: 1000 }
   * @example
   * ```ts
   * autoFlush: { maxDelayMs: 5_000 }
   * ```
   */
  autoFlush?: AutoFlushOptions | false | undefined;
  /**
   * Replaces fields with `"[redacted]"` before an event is stored or hashed. By default, fields that are secrets by
   * their name (`password`, `authorization`, …) or by their value (tokens, private keys, …) are replaced.
   *
   * - An array, or `also`: redacts these fields too. Each is a name, or a path such as `card.number`, at any depth.
   * - `keep`: never redacts these fields, whatever they contain. Fields inside a kept object are still checked by their
   *   own names. `also` takes precedence over `keep`.
   * - `only`: redacts nothing but these fields.
   * - `false`: redacts nothing.
   *
   * @example
   * ```ts
   * redact: { also: ["ssn", "card.number"], keep: ["token_count"] }
   * ```
   *
   * @default fields that are secrets
   */
  redact?: RedactOptions | undefined;
  /**
   * Replaces identifiers in the fields `http.path` and `http.url` before an event is stored or hashed: `/jobs/42`
   * becomes `/jobs/{number}`. Numbers, UUIDs, hashes, dates, email addresses, ULIDs, and tokens are replaced, and the
   * query is removed.
   *
   * @default false
   * @example
   * ```ts
   * pathShapes: true
   * ```
   */
  pathShapes?: boolean | undefined;
  /**
   * Restricts `record` to the events listed by `defineEvents`. Each is checked against its action's schema, after
   * `beforeRecord`.
   *
   * @default undefined: events may have any action
   * @example
   * ```ts
   * events: defineEvents({ "job.delete": schema })
   * ```
   */
  events?: Catalog<Events> | undefined;
  /**
   * The program that records: its name, or `{ name, version }`. Recorded as `metadata.service` in each event passed to
   * `record` whose `metadata` has no `service`; `recordJson` leaves events as they are. `false` records none.
   *
   * @default the environment variable `OTEL_SERVICE_NAME`, or else `service.name` in `OTEL_RESOURCE_ATTRIBUTES`; the
   * version is `service.version` there
   * @example
   * ```ts
   * service: { name: "billing", version: "1.4.2" }
   * ```
   */
  service?: string | Service | false | undefined;
  /**
   * Called synchronously with each event passed to `record`, before redaction. Returns the event to record: the same
   * one or a replacement. If it throws, `record` throws `event.invalid` with the error as its cause.
   *
   * @default undefined: events are recorded as they are
   * @example
   * ```ts
   * beforeRecord: (event) => ({ ...event, tenant: event.tenant ?? "internal" })
   * ```
   */
  beforeRecord?: ((event: AuditEvent) => EventInput) | undefined;
  /**
   * Behavior of `record` for an invalid event. `"throw"` throws `event.invalid` and records nothing. `"report"` calls
   * `onError` and records the valid fields, with a list of the problems in `metadata.countersign_problems`. An input
   * that isn't an event at all, such as invalid JSON passed to `recordJson`, is recorded as `countersign.dropped`, and
   * its handle rejects.
   *
   * @default "throw" if `NODE_ENV` is `development` or `test`, or under `node --test`; otherwise "report", so that an
   * audit event can't make a handler fail
   * @example
   * ```ts
   * onInvalid: "throw"
   * ```
   */
  onInvalid?: "throw" | "report" | undefined;
  /**
   * Maximum number of bytes that may wait for delivery. Each event counts its own size and about 400 bytes for its
   * link.
   *
   * @default 16777216 (16 MiB)
   * @example
   * ```ts
   * maxWaitingBytes: 64 << 20
   * ```
   */
  maxWaitingBytes?: number | undefined;
  /**
   * Behavior of `record` when `maxWaitingBytes` is reached: `"throw"` throws `recorder.full`, `"drop"` drops the event.
   * `status().dropped` counts dropped events, `onError` receives `recorder.full` at most once a minute, and
   * `countersign.dropped` is recorded as soon as there is room.
   *
   * @default "throw"
   * @example
   * ```ts
   * onFull: "drop"
   * ```
   */
  onFull?: "throw" | "drop" | undefined;
  /**
   * Called with each failure to start, and with each background failure that no pending `flush()` reports.
   *
   * @default `console.warn`, without repeating the same error code in a row
   * @example
   * ```ts
   * onError: ({ code, message, hint }) => logger.error({ code, hint }, message)
   * ```
   */
  onError?: ((error: CountersignError) => void) | undefined;
  /**
   * Timeout of a request to the log server, in milliseconds.
   *
   * @default 30000, and 8000 in a request of a Worker
   * @example
   * ```ts
   * timeoutMs: 10_000
   * ```
   */
  timeoutMs?: number | undefined;
  /**
   * Exponential backoff with jitter after failed flushes: the initial and the maximum delay, in milliseconds.
   *
   * @default { initialDelayMs: 500, maxDelayMs: 60000 }
   * @example
   * ```ts
   * retry: { maxDelayMs: 10_000 }
   * ```
   */
  retry?: { initialDelayMs?: number | undefined; maxDelayMs?: number | undefined } | undefined;
}

/**
 * Options for recording into a log. `key`, `to`, and `log` come from environment variables if they are absent. If one is
 * `undefined`, creating the recorder throws.
 */
export interface LogOptions<Events = unknown> extends CommonOptions<Events> {
  /**
   * The log server: its URL, or `{ url, fetch }`.
   *
   * @default the environment variable `AUDIT_URL`, if the option is absent
   * @example
   * ```ts
   * to: "https://log.example"
   * ```
   */
  to?: string | URL | LogServerOptions | undefined;
  /**
   * The log's public key (vkey), such as `example.com/audit+1a2b3c4d+A…`, or a trust file with one `log` line and
   * optionally a quorum of witnesses. Get it from the log operator, never from the log server. Chains name the log's
   * origin, and proofs of delivery must be signed by the log's key.
   *
   * @default the environment variable `AUDIT_LOG`, if the option is absent
   * @example
   * ```ts
   * log: "example.com/audit+1a2b3c4d+A…"
   * ```
   */
  log?: string | undefined;
  /**
   * Records each event in the log of its `tenant`, if the log is the root log of a server that runs with `--tenants`.
   * `log` is then the root log's, and `to` its server.
   *
   * - `"create"`: the server creates a log for each tenant with the first event. The recorder's key must be an
   *   `emitter` of the server's trust file.
   * - An object, or a function that may be asynchronous: the origin of the tenant's log, such as
   *   `log.example/t/8f000000000000000000000000000001`, by the application's ID of the tenant. Each is looked up once,
   *   and remembered. If there is none, the event's handle rejects with `tenant.unknown`.
   *
   * Receipts arrive with the log's next tick: usually after a second, and later if witnesses are slow. In an outbox, the
   * recorder also remembers the origins, and rejects events with `tenant.changed` if a tenant gets another one.
   *
   * @default undefined: all events are recorded in one log
   * @example
   * ```ts
   * tenants: "create"
   * ```
   */
  tenants?: TenantsOption | undefined;
  /**
   * With `tenants`, the tenant of events without the field `tenant`. The events themselves don't change.
   *
   * @default undefined: such an event is invalid
   * @example
   * ```ts
   * defaultTenant: "internal"
   * ```
   */
  defaultTenant?: string | undefined;
  origin?: undefined;
}

/** The places of tenants' logs. See {@link LogOptions.tenants}. */
export type TenantsOption =
  | "create"
  | Readonly<Record<string, string>>
  | ((id: string) => string | undefined | PromiseLike<string | undefined>);

/** Options for recording without a log. */
export interface TransportOptions<Events = unknown> extends CommonOptions<Events> {
  /**
   * Receives the signed lines.
   *
   * @example
   * ```ts
   * to: fileTransport("audit.ndjson")
   * ```
   */
  to: Transport;
  /**
   * The origin of the log that the chain is for, as in its checkpoints: `example.com/audit`.
   *
   * @example
   * ```ts
   * origin: "example.com/audit"
   * ```
   */
  origin: string;
  log?: undefined;
  tenants?: undefined;
  defaultTenant?: undefined;
}

/**
 * Options of a recorder: `key`, `to`, and `log` to record into a log, or `key`, `to`, and `origin` to record without
 * one.
 */
export type RecorderOptions<Events = unknown> = LogOptions<Events> | TransportOptions<Events>;

/** Settings that the entry point makes, as opposed to the caller's options. */
export interface Environment {
  /** True if contexts end one by one, as the requests of a Worker do. Default: false. */
  readonly inContexts?: boolean | undefined;
  /** True if each such context flushes separately. Default: `inContexts`, unless there is an outbox. */
  readonly manyContexts?: boolean | undefined;
  /** The clock: milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Fills bytes with random values, such as salts. Default: cryptographically secure. */
  readonly random?: ((bytes: Uint8Array<ArrayBuffer>) => unknown) | undefined;
}

/** Validated options with all defaults applied. */
export type Settings = ReturnType<typeof settings>;

/** The destination of lines. */
type To = { logServer: LogServer; log: string } | { transport: Transport; origin: string };

const MEBIBYTE = 1 << 20;

const isFunction = (value: unknown) => typeof value === "function";
const oneOf =
  (...words: readonly unknown[]) =>
  (value: unknown) =>
    words.includes(value);

/** Options with a default or with rules that involve others. */
const READ = [
  "key",
  "to",
  "log",
  "origin",
  "tenants",
  "defaultTenant",
  "autoFlush",
  "redact",
  "service",
  "maxWaitingBytes",
  "timeoutMs",
  "retry",
] as const;

/** Each other option: its check, and the message and hint if it fails. */
const RULES: Readonly<
  Record<Exclude<keyof LogOptions, (typeof READ)[number]>, readonly [(value: unknown) => boolean, string, string]>
> = {
  outbox: [
    has("write"),
    "`outbox` must be an outbox",
    "pass the result of indexedDbOutbox, fileOutbox, or durableObjectOutbox",
  ],
  pathShapes: [oneOf(true, false), "`pathShapes` must be true or false", "omit it to record paths unchanged"],
  events: [has("check"), "`events` must be a catalog of events", "pass the result of defineEvents"],
  beforeRecord: [
    isFunction,
    "`beforeRecord` must be a function",
    "pass a function that takes an event and returns the event to record",
  ],
  onInvalid: [oneOf("throw", "report"), '`onInvalid` must be "throw" or "report"', "omit it for the default"],
  onFull: [oneOf("throw", "drop"), '`onFull` must be "throw" or "drop"', "omit it for the default"],
  onError: [isFunction, "`onError` must be a function", "pass a function that takes an error"],
};

const OPTIONS: readonly string[] = [...READ, ...Object.keys(RULES)];

/** Returns a check for a method of that name. */
function has(method: string): (value: unknown) => boolean {
  return (value) => typeof field(value, method) === "function";
}

/** Returns a copy of the options with own fields only. Unknown fields are kept, to be rejected later. */
export function ownRecorderOptions<Options extends object>(options: Options): Options {
  return Object(options) === options ? own({ ...options, ...ownFields(options, OPTIONS) }) : options;
}

/** Validates options for a recorder in this environment. */
export function settings(given: RecorderOptions, environment: Environment = own({})) {
  const isGiven = typeof given === "object" && given !== null;
  must(
    isGiven,
    "key",
    "recorder options must be an object",
    "pass key, to, and log (or origin, without a log), or omit the options to read AUDIT_KEY, AUDIT_URL, and AUDIT_LOG",
  );
  const options = ownOptions(given, OPTIONS);
  const { key, outbox, beforeRecord, events } = options;
  const { inContexts = false, manyContexts = inContexts && outbox === undefined, now, random } = environment;
  must(
    key !== undefined && key !== null && (typeof key !== "string" || key.trim() !== ""),
    "key",
    "`key` is required: the private key that signs events",
    "check that the secret or variable is set, or omit `key` to read AUDIT_KEY; create a key with `npx countersign keygen NAME`, or pass { vkey, privateKey } or { vkey, sign }",
  );
  for (const [member, [isRight, message, hint]] of Object.entries(RULES)) {
    const value = options[member as keyof typeof RULES];
    must(value === undefined || isRight(value), member, message, hint);
  }
  return {
    to: destination(options),
    tenants: tenants(options),
    key,
    outbox,
    /** Why the recorder does without its outbox. */
    outboxError: undefined as CountersignError | undefined,
    autoFlush: autoFlush(options.autoFlush),
    redact: redaction(options.redact),
    pathShapes: options.pathShapes === true,
    events,
    beforeRecord,
    service: serviceOf(options.service),
    reports: options.onInvalid === undefined ? !isDevelopment() : options.onInvalid === "report",
    maxWaitingBytes: count("maxWaitingBytes", options.maxWaitingBytes ?? 16 * MEBIBYTE),
    drops: options.onFull === "drop",
    onError: options.onError ?? consoleReporter(),
    timeoutMs: count("timeoutMs", options.timeoutMs ?? (manyContexts ? 8_000 : 30_000), 3_600_000),
    waits: waits(options.retry),
    manyContexts,
    now: now ?? Date.now,
    random: random ?? pooled(),
  };
}

function destination({ to, log, origin }: RecorderOptions): To {
  if (typeof to === "function" || (typeof to === "object" && to !== null && hasField(to, "write"))) {
    const instead = "pass `origin` instead; for a log server, set `to` to its URL or { url, fetch }";
    must(log === undefined, "log", "`log` can't be used with a transport", instead);
    const name = "pass the origin in the log's checkpoints, such as example.com/audit";
    must(typeof origin === "string", "origin", "`origin` is required with a transport", name);
    return { transport: to, origin };
  }
  const address = "pass the log server's URL (check that the variable is set), { url, fetch }, a function, or memory()";
  must(to !== undefined && to !== null && to !== "", "to", "`to` is required: the log server's URL", address);
  const logServer = typeof to === "string" || to instanceof URL ? { url: to } : to;
  const { url, fetch } = ownFields(Object(logServer), ["url", "fetch"]) as Partial<LogServerOptions>;
  const isAddress = typeof url === "string" || url instanceof URL;
  const binding =
    'pass { url: "https://log", fetch: (url, init) => env.LOG.fetch(url, init) }; the host can be any name';
  must(isAddress || fetch === undefined, "to", "`to` needs a URL in addition to a binding", binding);
  must(isAddress, "to", "`to` must be the log server's URL, an object with `url`, or a transport", address);
  must(
    typeof log === "string" && log !== "",
    "log",
    "`log` is required: the log's public key (vkey)",
    "pass the log's vkey, such as example.com/audit+1a2b3c4d+A… (check that the variable is set); `countersign serve` prints it, and the log operator has it",
  );
  must(
    origin === undefined,
    "origin",
    "`origin` can't be used with `log`",
    "omit it; the log's vkey contains the origin",
  );
  return { logServer: new LogServer(logServer as LogServerOptions), log };
}

/** The places of tenants' logs, and the tenant of events without one. */
export interface TenantSettings {
  readonly lookup: TenantsOption;
  readonly defaultTenant: string | undefined;
}

/** Validates the options `tenants` and `defaultTenant`. */
function tenants({ tenants: lookup, defaultTenant, origin }: RecorderOptions): TenantSettings | undefined {
  const isId = (value: unknown) => typeof value === "string" && value !== "" && value.isWellFormed();
  must(
    defaultTenant === undefined || (lookup !== undefined && isId(defaultTenant)),
    "defaultTenant",
    lookup === undefined ? "`defaultTenant` needs `tenants`" : "`defaultTenant` must be a tenant's ID",
    "omit it to reject events without a tenant",
  );
  if (lookup === undefined) {
    return undefined;
  }
  must(origin === undefined, "tenants", "`tenants` can't be used with a transport", "record into a log server");
  const isLookup =
    lookup === "create" || isFunction(lookup) || (isMembers(lookup) && Object.values(lookup).every(isId));
  must(
    isLookup,
    "tenants",
    '`tenants` must be "create", an object of origins, or a function that returns one',
    'pass { acme: "log.example/t/…" } with the origins that `countersign tenant add` prints',
  );
  // A copy, since the object could change.
  return { lookup: isMembers(lookup) ? own({ ...(lookup as object) }) : lookup, defaultTenant };
}

/** Fields to redact, fields to keep, and whether known secrets are redacted. */
interface Redaction {
  readonly paths: readonly string[];
  readonly kept: readonly string[];
  readonly known: boolean;
}

/** Validates the option `redact`. */
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
    must(alone, "redact", "`only` can't be combined with `also` or `keep`", "omit `only`, or the others");
    return { paths: fields("redact", only), kept: [], known: false };
  }
  return { paths: fields("redact.also", also), kept: fields("redact.keep", keep), known: true };
}

function fields(option: string, paths: unknown): readonly string[] {
  const isName = (name: unknown) => typeof name === "string" && name !== "" && name.isWellFormed();
  const areNames = Array.isArray(paths) && paths.every(isName);
  must(
    areNames,
    option,
    `\`${option}\` must be an array of field names`,
    'pass names or paths, such as ["ssn", "card.number"]',
  );
  return paths;
}

function autoFlush(given: AutoFlushOptions | false | undefined) {
  if (given === false) {
    return undefined;
  }
  const message = "`autoFlush` must be false or an object";
  const hint = "pass any of { maxEvents, maxBytes, maxDelayMs }, or false";
  must(given === undefined || isMembers(given), "autoFlush", message, hint);
  const names = ["maxEvents", "maxBytes", "maxDelayMs"];
  const { maxEvents = 64, maxBytes = 256 << 10, maxDelayMs = 1000 } = ownOptions(given ?? {}, names, "autoFlush");
  return {
    maxEvents: count("autoFlush.maxEvents", maxEvents),
    maxBytes: count("autoFlush.maxBytes", maxBytes),
    maxDelayMs: count("autoFlush.maxDelayMs", maxDelayMs, MAX_TIMER_MS),
  };
}

function waits(retry: CommonOptions["retry"]): Waits {
  const any = "pass { initialDelayMs, maxDelayMs }, or one of them";
  must(retry === undefined || isMembers(retry), "retry", "`retry` must be an object", any);
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

function count(member: string, value: number, max = Number.MAX_SAFE_INTEGER): number {
  const isWhole = Number.isInteger(value) && value >= 1 && value <= max;
  must(isWhole, member, `\`${member}\` must be a whole number from 1 to ${max}`, "omit it for the default");
  return value;
}

/** Returns a source of secure random bytes that asks the system for many at a time. */
function pooled(): (bytes: Uint8Array<ArrayBuffer>) => void {
  const pool = new Uint8Array(2048);
  let left = 0;
  return (bytes) => {
    if (left < bytes.length) {
      crypto.getRandomValues(pool);
      left = pool.length;
    }
    left -= bytes.length;
    // A loop is faster than a view for this few bytes.
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = pool[left + at] ?? 0;
    }
  };
}
