/** Reads a log's settings from the Worker's environment. */

import { must } from "@countersign/shared/error.js";
import { nameOf, SIGNER_PREFIX } from "@countersign/shared/keys.js";
import type { LogEnv, ObjectId } from "./platform.js";

/** The settings of a log. */
export interface LogSettings {
  /** The log's private key, whose name is the log's origin. */
  key: string;
  /** The text of the trust file. */
  trust: string;
  /** The lines of `readers.txt`. */
  readers: string;
  /** Origins of pages that may send requests, separated by spaces, or `*`. */
  cors: string;
  /**
   * Quota of each key.
   *
   * @default none: as much as the log can handle
   */
  quota?: LogQuota;
  /**
   * The reads to record on the log's own chain. `all` includes proofs and live views.
   *
   * @default "exports" if the trust file has an `emitter` line with the log's key, which identifies the records to
   * readers; otherwise "none"
   */
  recordReads?: (typeof READS)[number] | undefined;
  /**
   * Set for a root log with a log for each tenant. An existing log can't get tenants.
   *
   * @default none: the log has no tenants
   */
  tenants?: LogTenants | undefined;
}

/** The settings of a log with tenants. */
export interface LogTenants {
  /**
   * Milliseconds between two ticks, from 1000 up. `changes` ticks when something is recorded, and every 10 minutes.
   * Everyone who reads the root log then sees when something was recorded for any tenant.
   *
   * @default "changes"
   */
  tickMs?: number | "changes" | undefined;
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
/** Maximum milliseconds between two ticks. Readers consider a log silent after that time. */
const MAX_TICK_MS = 600_000;
const READS = ["none", "exports", "all"] as const;

/** Returns the private keys in the environment by their origins. */
export function keys(env: LogEnv): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of (env.AUDIT_LOG_KEY ?? "").split("\n")) {
    const key = line.trim();
    const name = key.startsWith(SIGNER_PREFIX) ? nameOf(key.slice(SIGNER_PREFIX.length)) : "";
    if (key !== "") {
      const hint = "set it to lines of the form PRIVATE+KEY+… from `countersign keygen`";
      check(name !== "", "AUDIT_LOG_KEY has a line that is not a private key", hint);
      found.set(name, key);
    }
  }
  check(
    found.size > 0,
    "AUDIT_LOG_KEY is missing in the Worker's environment",
    "create a key with `countersign keygen`, and set it with wrangler secret put AUDIT_LOG_KEY",
  );
  return found;
}

/** Returns the settings of the log whose origin is this object's name. */
export function settingsOf(env: LogEnv, id: ObjectId): LogSettings {
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

function tenants(env: LogEnv): LogTenants | undefined {
  const [has = "", tick = ""] = [env.AUDIT_TENANTS, env.AUDIT_TICK];
  check(
    has === "" || has === "1",
    `AUDIT_TENANTS must be 1, not ${JSON.stringify(has)}`,
    "omit it for a log without tenants",
  );
  check(has !== "" || tick === "", "AUDIT_TICK is set, but AUDIT_TENANTS isn't", "set AUDIT_TENANTS to 1, or omit it");
  if (has === "") {
    return undefined;
  }
  if (tick === "" || tick === "changes") {
    return { tickMs: "changes" };
  }
  const [, seconds = ""] = /^([1-9][0-9]{0,2})s$/.exec(tick) ?? [];
  const tickMs = Number(seconds) * 1000;
  check(
    tickMs >= MIN_TICK_MS && tickMs <= MAX_TICK_MS,
    `AUDIT_TICK must be changes, or 1s to ${MAX_TICK_MS / 1000}s, not ${JSON.stringify(tick)}`,
    "correct it, or omit it",
  );
  return { tickMs };
}

function rate(env: LogEnv, name: "AUDIT_QUOTA_EVENTS" | "AUDIT_QUOTA_BYTES" | "AUDIT_QUOTA_BURST"): number | undefined {
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
