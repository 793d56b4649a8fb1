/** Reads a log's settings from the Worker's environment. */

import { must } from "@countersign/shared/error.js";
import { nameOf, SIGNER_PREFIX } from "@countersign/shared/keys.js";
import type { LogEnv, ObjectId } from "./platform.js";

/** The settings of a log. */
export interface LogSettings {
  /**
   * The log's private key, whose name is the log's origin.
   *
   * @example
   * ```ts
   * key: env.AUDIT_LOG_KEY
   * ```
   */
  key: string;
  /**
   * The text of the trust file.
   *
   * @example
   * ```ts
   * trust: env.AUDIT_TRUST
   * ```
   */
  trust: string;
  /**
   * The lines of `readers.txt`.
   *
   * @example
   * ```ts
   * readers: env.AUDIT_READERS
   * ```
   */
  readers: string;
  /**
   * Origins of pages that may send requests, separated by spaces, or `*`.
   *
   * @example
   * ```ts
   * cors: "https://dashboard.example.com"
   * ```
   */
  cors: string;
  /**
   * Quota of each key.
   *
   * @default none: as much as the log can handle
   * @example
   * ```ts
   * quota: { events: 100 }
   * ```
   */
  quota?: LogQuota;
  /**
   * The reads to record on the log's own chain. `all` includes proofs and live views.
   *
   * @default "exports" if the trust file has an `emitter` line with the log's key, which identifies the records to
   * readers; otherwise "none"
   * @example
   * ```ts
   * recordReads: "all"
   * ```
   */
  recordReads?: (typeof READS)[number] | undefined;
  /**
   * Set for a root log with a log for each tenant. An existing log can't get tenants.
   *
   * @default none: the log has no tenants
   * @example
   * ```ts
   * tenants: { tickMs: 1_000 }
   * ```
   */
  tenants?: LogTenants | undefined;
}

/** The settings of a log with tenants. */
export interface LogTenants {
  /**
   * Milliseconds between two ticks, from 1000 to 20000: submissions wait for the next one, and clients and proxies give
   * up after 30 seconds. `changes` ticks when something is recorded, and every 10 minutes.
   * Everyone who reads the root log then sees when something was recorded for any tenant.
   *
   * @default "changes"
   */
  tickMs?: number | "changes" | undefined;
  /**
   * Quota of each tenant's log, for all keys together. `burst` is that of the keys' quota.
   *
   * @default none
   */
  quota?: Omit<LogQuota, "burst"> | undefined;
  /**
   * Maximum number of bytes of events that wait for a tick, in all logs of the isolate together, from 1 MiB to 64 MiB.
   * Further submissions get 503 `server.busy`, and recorders keep their events.
   *
   * @default 16 MiB: an isolate has 128 MB in total, and events take a multiple of their size
   */
  maxWaitingBytes?: number | undefined;
}

/** Quota of a key, in whole numbers from 1. */
export interface LogQuota {
  /** Events per second on average. */
  events?: number | undefined;
  /** Bytes per second on average. */
  bytes?: number | undefined;
  /**
   * Burst size in seconds of the average rate.
   *
   * @default 10
   */
  burst?: number | undefined;
}

/** Minimum milliseconds between two ticks. */
const MIN_TICK_MS = 1_000;
/**
 * Maximum milliseconds between two ticks. A submission waits for its tick and for witnesses, and recorders and proxies
 * commonly wait 30 seconds for an answer.
 */
const MAX_TICK_MS = 20_000;
/** Limits of `maxWaitingBytes`. */
const [MIN_WAITING_BYTES, MAX_WAITING_BYTES] = [1 << 20, 64 << 20];
const READS = ["none", "exports", "all"] as const;
/** The variables that only a log with tenants has. */
const TENANT_VARIABLES = [
  "AUDIT_TICK",
  "AUDIT_QUOTA_TENANT_EVENTS",
  "AUDIT_QUOTA_TENANT_BYTES",
  "AUDIT_MAX_WAITING",
] as const;

/** Returns the private keys in the environment by their origins. */
export function keys(env: LogEnv): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of (env.AUDIT_LOG_KEY ?? "").split("\n")) {
    const key = line.trim();
    const name = key.startsWith(SIGNER_PREFIX) ? nameOf(key.slice(SIGNER_PREFIX.length)) : "";
    if (key !== "") {
      const hint = "set it to lines of the form PRIVATE+KEY+… from `npx countersign keygen`";
      check(name !== "", "AUDIT_LOG_KEY has a line that is not a private key", hint);
      found.set(name, key);
    }
  }
  check(
    found.size > 0,
    "AUDIT_LOG_KEY is missing in the Worker's environment",
    "create a key with `npx countersign keygen`, and set it with wrangler secret put AUDIT_LOG_KEY",
  );
  return found;
}

/** Returns the settings of the log whose origin is this object's name. */
export function settingsOf(env: LogEnv, id: ObjectId): LogSettings {
  checkUnsupported(env);
  const bind = "bind the class CountersignLog as LOG";
  check(env.LOG !== undefined, "the binding LOG is missing in the Worker's environment", bind);
  const [, key] = [...keys(env)].find(([origin]) => env.LOG.idFromName(origin).equals(id)) ?? [];
  check(
    key !== undefined,
    "AUDIT_LOG_KEY has no key for this object",
    "use env.LOG.idFromName(origin), with the origin in the log's key",
  );
  return {
    key,
    trust: env.AUDIT_TRUST ?? "",
    readers: env.AUDIT_READERS ?? "",
    cors: env.AUDIT_CORS ?? "",
    quota: {
      events: rate(env, "AUDIT_QUOTA_EVENTS"),
      bytes: rate(env, "AUDIT_QUOTA_BYTES"),
      burst: rate(env, "AUDIT_QUOTA_BURST"),
    },
    recordReads: reads(env),
    tenants: tenants(env),
  };
}

/** Returns the interval of ticks in milliseconds, 0 if they depend on growth, or undefined for a log without tenants. */
export function tickMsOf({ tenants }: LogSettings): number | undefined {
  if (tenants === undefined) {
    return undefined;
  }
  const { tickMs = "changes" } = tenants;
  const isInterval = typeof tickMs === "number" && tickMs >= MIN_TICK_MS && tickMs <= MAX_TICK_MS;
  const rule = `tickMs must be "changes", or a number of milliseconds from ${MIN_TICK_MS} to ${MAX_TICK_MS}`;
  check(tickMs === "changes" || isInterval, rule, "correct it, or omit it");
  return tickMs === "changes" ? 0 : tickMs;
}

/** Returns the maximum number of bytes of events that wait for a tick, or undefined for the default. */
export function maxWaitingBytesOf({ tenants }: LogSettings): number | undefined {
  const bytes = tenants?.maxWaitingBytes;
  const isValid = bytes === undefined || (bytes >= MIN_WAITING_BYTES && bytes <= MAX_WAITING_BYTES);
  const rule = `maxWaitingBytes must be a number of bytes from ${MIN_WAITING_BYTES} to ${MAX_WAITING_BYTES}`;
  check(isValid, rule, "correct it, or omit it");
  return bytes;
}

/** Rejects variables for what a Durable Object can't do. */
function checkUnsupported(env: LogEnv): void {
  for (const name of ["AUDIT_RETAIN", "AUDIT_HOLD"] as const) {
    const hint = "remove it, and erase events with POST /erase";
    check((env[name] ?? "") === "", `${name} is not supported in a Durable Object`, hint);
  }
}

function tenants(env: LogEnv): LogTenants | undefined {
  const [has = "", tick = ""] = [env.AUDIT_TENANTS, env.AUDIT_TICK];
  check(
    has === "" || has === "1",
    `AUDIT_TENANTS must be 1, not ${JSON.stringify(has)}`,
    "omit it for a log without tenants",
  );
  for (const name of TENANT_VARIABLES) {
    const isMeant = has !== "" || (env[name] ?? "") === "";
    check(isMeant, `${name} is set, but AUDIT_TENANTS isn't`, "set AUDIT_TENANTS to 1, or omit it");
  }
  if (has === "") {
    return undefined;
  }
  const waitingMiB = rate(env, "AUDIT_MAX_WAITING");
  const maxMiB = MAX_WAITING_BYTES >> 20;
  check(
    waitingMiB === undefined || waitingMiB <= maxMiB,
    `AUDIT_MAX_WAITING must be a number of MiB from 1 to ${maxMiB}, not ${waitingMiB}`,
    "correct it, or omit it",
  );
  const limits = {
    quota: { events: rate(env, "AUDIT_QUOTA_TENANT_EVENTS"), bytes: rate(env, "AUDIT_QUOTA_TENANT_BYTES") },
    maxWaitingBytes: waitingMiB === undefined ? undefined : waitingMiB << 20,
  };
  if (tick === "" || tick === "changes") {
    return { tickMs: "changes", ...limits };
  }
  const [, seconds = ""] = /^([1-9][0-9]{0,2})s$/.exec(tick) ?? [];
  const tickMs = Number(seconds) * 1000;
  check(
    tickMs >= MIN_TICK_MS && tickMs <= MAX_TICK_MS,
    `AUDIT_TICK must be changes, or 1s to ${MAX_TICK_MS / 1000}s, not ${JSON.stringify(tick)}`,
    "correct it, or omit it",
  );
  return { tickMs, ...limits };
}

function rate(
  env: LogEnv,
  name: Extract<keyof LogEnv, `AUDIT_QUOTA_${string}` | "AUDIT_MAX_WAITING">,
): number | undefined {
  const text = env[name] ?? "";
  if (text === "") {
    return undefined;
  }
  const number = /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : 2 ** 32;
  check(
    number < 2 ** 32,
    `${name} must be a whole number from 1 to 4294967295, not ${JSON.stringify(text)}`,
    "correct it, or omit it",
  );
  return number;
}

function reads(env: LogEnv): (typeof READS)[number] | undefined {
  const text = env.AUDIT_RECORD_READS ?? "";
  if (text === "") {
    return undefined;
  }
  const which = READS.find((known) => known === text);
  check(
    which !== undefined,
    `AUDIT_RECORD_READS must be one of ${READS.join(", ")}, not ${JSON.stringify(text)}`,
    "correct it, or omit it",
  );
  return which;
}

function check(isRight: boolean, message: string, hint: string): asserts isRight {
  must(isRight, undefined, message, hint);
}
