/** What a log is to be, out of the Worker's environment. */

import { must } from "@countersign/shared/error.js";
import { nameOf, SIGNER_PREFIX } from "@countersign/shared/keys.js";
import type { LogEnv, ObjectId } from "./platform.js";

/** What a log is to be. */
export interface LogSettings {
  /** Its private key, whose name is the log's origin. */
  key: string;
  /** Its trust file's text. */
  trust: string;
  /** The lines of `readers.txt`. */
  readers: string;
  /** The origins of pages that may ask, with blanks between them, or `*`. */
  cors: string;
  /** How much a key may bring a second, over time; default: as much as the log can take. */
  quota?: LogQuota;
  /**
   * Which reads are recorded on the log's own chain; `all` has proofs and live views too. Default: `exports` where the trust file
   * has a line `emitter` with the log's key, by which readers know the records, else `none`.
   */
  recordReads?: (typeof READS)[number] | undefined;
}

/** How much a key may bring: whole numbers from 1 on. */
export interface LogQuota {
  /** Events a second. */
  events?: number | undefined;
  /** Bytes a second. */
  bytes?: number | undefined;
  /** How many seconds' worth may come at once after a rest; default 10. */
  burst?: number | undefined;
}

const READS = ["none", "exports", "all"] as const;

/** The private keys of the environment, by their origins. */
export function keys(env: LogEnv): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of (env.AUDIT_LOG_KEY ?? "").split("\n")) {
    const key = line.trim();
    const name = key.startsWith(SIGNER_PREFIX) ? nameOf(key.slice(SIGNER_PREFIX.length)) : "";
    if (key !== "") {
      const hint = "it is what `countersign keygen` wrote: PRIVATE+KEY+…";
      check(name !== "", "AUDIT_LOG_KEY has a line that is not a private key", hint);
      found.set(name, key);
    }
  }
  check(
    found.size > 0,
    "there is no AUDIT_LOG_KEY in the Worker's environment",
    "make a key with `countersign keygen`, and set it: wrangler secret put AUDIT_LOG_KEY",
  );
  return found;
}

/** The settings of the log that is this object: the one whose origin is the object's name. */
export function settingsOf(env: LogEnv, id: ObjectId): LogSettings {
  const bind = "bind the class CountersignLog as LOG";
  check(env.LOG !== undefined, "there is no binding LOG in the Worker's environment", bind);
  const [, key] = [...keys(env)].find(([origin]) => env.LOG.idFromName(origin).equals(id)) ?? [];
  check(
    key !== undefined,
    "AUDIT_LOG_KEY has no key for this object",
    "an object's name is its log's origin, the name in its key: env.LOG.idFromName(origin)",
  );
  return {
    key,
    trust: env.AUDIT_TRUST ?? "",
    readers: env.AUDIT_READERS ?? "",
    cors: env.AUDIT_CORS ?? "",
    quota: {
      events: pace(env, "AUDIT_QUOTA_EVENTS"),
      bytes: pace(env, "AUDIT_QUOTA_BYTES"),
      burst: pace(env, "AUDIT_QUOTA_BURST"),
    },
    recordReads: reads(env),
  };
}

function pace(env: LogEnv, name: "AUDIT_QUOTA_EVENTS" | "AUDIT_QUOTA_BYTES" | "AUDIT_QUOTA_BURST"): number | undefined {
  const text = env[name] ?? "";
  if (text === "") {
    return undefined;
  }
  const number = /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : 2 ** 32;
  check(number < 2 ** 32, `${name} is ${JSON.stringify(text)}`, "it is a whole number from 1 to 4294967295");
  return number;
}

function reads(env: LogEnv): (typeof READS)[number] | undefined {
  const text = env.AUDIT_RECORD_READS ?? "";
  if (text === "") {
    return undefined;
  }
  const which = READS.find((known) => known === text);
  check(which !== undefined, `AUDIT_RECORD_READS is ${JSON.stringify(text)}`, `it is one of ${READS.join(", ")}`);
  return which;
}

function check(isRight: boolean, message: string, hint: string): asserts isRight {
  must(isRight, undefined, message, hint);
}
