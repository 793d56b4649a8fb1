/** A server's key that grants and revokes emitters' keys, by signed notes in a log. */

import { artifact } from "#recorder";
import { Failure } from "../deliver/failure.js";
import { LogServer, type LogServerOptions } from "../deliver/log-server.js";
import { readResponse } from "../deliver/response.js";
import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { inCore, loader } from "../record/core.js";
import { brokenSignerKey, noSignerKey, refuseQuotes, SIGNER_KEY, SIGNER_PREFIX, signerKey } from "../record/signer.js";
import { MAX_TIMER_MS, pause, sleep } from "../timers.js";
import {
  type Granted,
  type GrantOptions,
  type GrantRequest,
  grantHandler,
  type HandlerOptions,
  invalidRequest,
  type Noted,
  type Revoked,
} from "./handler.js";
import { isUnder, nameOf } from "./name.js";

/** Default validity of a grant: 12 hours, so that it barely outlives a session. */
const TTL_MS = 12 * 3_600_000;
const WAITS = { first: 300, longest: 3_000 };

/** Options of an issuer. Required ones accept `undefined` only to be rejected when the issuer is created. */
export interface IssuerOptions {
  /**
   * The issuer's private key: one line that begins with `PRIVATE+KEY+`. The log's trust file lists its vkey as
   * `issuer`.
   *
   * @example
   * ```ts
   * key: process.env.AUDIT_ISSUER
   * ```
   */
  key: string | undefined;
  /**
   * The log server: its URL, or `{ url, fetch }`.
   *
   * @example
   * ```ts
   * to: "https://log.example"
   * ```
   */
  to: string | URL | LogServerOptions | undefined;
  /**
   * The log: its vkey, or a trust file with one `log` line. It verifies the proofs of notes.
   *
   * @example
   * ```ts
   * log: "example.com/audit+1a2b3c4d+A…"
   * ```
   */
  log: string | undefined;
  /**
   * Milliseconds to retry failed requests.
   *
   * @default 10000
   * @example
   * ```ts
   * retryForMs: 30_000
   * ```
   */
  retryForMs?: number | undefined;
  /**
   * Timeout of a request to the log server, in milliseconds.
   *
   * @default 10000
   * @example
   * ```ts
   * timeoutMs: 5_000
   * ```
   */
  timeoutMs?: number | undefined;
}

/** Grants and revokes keys. */
export interface Issuer {
  /** The name of the issuer's key. Keys that it grants have this name followed by a slash and more. */
  readonly name: string;
  /**
   * Allows a key to sign chains that begin after this. Resolves when the log has proven that it contains the note. A
   * grant added before the previous one ends extends it for chains that begin afterwards.
   */
  grant(vkey: string, options?: GrantOptions): Promise<Granted>;
  /**
   * Revokes a key permanently: the log accepts nothing that it signs afterwards, and earlier entries are suspect from
   * `since` on; `null` for all of them.
   *
   * `since` defaults to the current time.
   */
  revoke(vkey: string, options?: { since?: Date | null | undefined }): Promise<Revoked>;
  /** Returns a handler for grant requests of browsers (`grantedKey` from `countersign/browser`). */
  handler(options: HandlerOptions): (request: Request) => Promise<Response>;
}

const load = /* @__PURE__ */ loader(artifact);

/** Creates an issuer. Nothing is sent before it grants or revokes. */
export function createIssuer(options: IssuerOptions): Issuer {
  return createIssuerAt(() => Date.now(), options);
}

/** Creates an issuer with its own clock: milliseconds since the epoch. */
export function createIssuerAt(now: () => number, options: IssuerOptions): Issuer {
  const { key, logServer, log, retryForMs, timeout } = checked(options);
  const name = nameOf(key.slice(SIGNER_PREFIX.length));

  const publish = async (vkey: string, statement: string): Promise<Noted> => {
    checkVkey(vkey, name);
    const core = await load();
    const trust = inCore(() => new core.LogTrust(log));
    try {
      const note = ofKeys(() => core.signKeyNote(key, trust.origin, [statement]));
      const proof = await submit(logServer, note, { retryForMs, timeout });
      return { vkey, note, proof, index: inCore(() => trust.prove(proof, note)) };
    } finally {
      trust.free();
    }
  };

  const open = async (request: string): Promise<GrantRequest | CountersignError> => {
    const core = await load();
    try {
      const [vkey = "", time = ""] = inCore(() => core.openGrantRequest(request));
      return { vkey, time };
    } catch (cause) {
      if (cause instanceof CountersignError && cause.code !== "wasm.failed") {
        return invalidRequest(`invalid grant request: ${cause.message}`);
      }
      throw cause;
    }
  };

  const issuer: Issuer = {
    name,
    grant: async (vkey, options = {}) => {
      const { from, until } = bounds(ownOptions(options, ["until", "ttlMs", "from"]), now());
      const noted = await publish(vkey, `grant ${vkey} ${bound(from)} ${bound(until)}`);
      return { ...noted, from, until };
    },
    revoke: async (vkey, options = {}) => {
      const { since: given } = ownOptions(options, ["since"]);
      const since = given === null ? undefined : (given ?? new Date(now()));
      checkDate(since, "since");
      const noted = await publish(vkey, `revoke ${vkey} ${bound(since)}`);
      return { ...noted, since };
    },
    handler: (options) => grantHandler({ name, grant: issuer.grant, open }, now, options),
  };
  return issuer;
}

function checked(options: IssuerOptions) {
  const {
    key,
    to,
    log,
    retryForMs = 10_000,
    timeoutMs: timeout = 10_000,
  } = ownOptions(options ?? {}, ["key", "to", "log", "retryForMs", "timeoutMs"]);
  const createHint = "create one with `npx countersign keygen`, and list its vkey as `issuer` in the log's trust file";
  must(typeof key === "string", "key", "`key` is required: the issuer's private key", createHint);
  const signer = signerKey(key.trim());
  if (nameOf(signer.slice(SIGNER_PREFIX.length)) === "") {
    throw noSignerKey();
  }
  // Only the core, which isn't loaded yet, can check it completely.
  if (!SIGNER_KEY.test(signer)) {
    throw brokenSignerKey();
  }
  must(
    to !== undefined && to !== null,
    "to",
    "`to` is required: the log server's URL",
    "pass a URL such as https://log.example",
  );
  const vkey = "pass the log's vkey, from the log operator, or a trust file with a `log` line";
  must(typeof log === "string" && log.trim() !== "", "log", "`log` is required: the log's public key (vkey)", vkey);
  refuseQuotes(log.trim(), "log");
  for (const [member, value] of Object.entries({ retryForMs, timeoutMs: timeout })) {
    const isTime = Number.isFinite(value) && value >= 0 && value <= MAX_TIMER_MS;
    must(
      isTime,
      member,
      `\`${member}\` must be a number of milliseconds from 0 to ${MAX_TIMER_MS}`,
      "omit it for 10 seconds",
    );
  }
  const logServer = new LogServer(typeof to === "string" || to instanceof URL ? { url: to } : to);
  return { key: signer, logServer, log: log.trim(), retryForMs, timeout };
}

/** Signs a note and converts the core's errors. The core checks the key in the note first, then the signing key. */
function ofKeys(work: () => string): string {
  try {
    return inCore(work);
  } catch (cause) {
    if (cause instanceof CountersignError && cause.code === "note.invalid") {
      throw noVerifierKey();
    }
    throw cause instanceof CountersignError && cause.code === "key.invalid" ? brokenSignerKey() : cause;
  }
}

/**
 * Rejects keys that the issuer may not grant. The error does not repeat the text, which may be a private key passed by
 * mistake.
 */
function checkVkey(vkey: unknown, issuer: string): asserts vkey is string {
  if (typeof vkey !== "string" || /\s/.test(vkey) || vkey.startsWith(SIGNER_PREFIX) || nameOf(vkey) === "") {
    throw noVerifierKey();
  }
  const type = unsupportedType(vkey);
  if (type !== undefined) {
    throw new CountersignError("key.invalid", `unsupported key type ${type}`, {
      member: "vkey",
      hint: "use an Ed25519 key (type 0x01)",
    });
  }
  if (!isUnder(issuer, nameOf(vkey))) {
    throw new CountersignError("name.invalid", `the key's name is not under the issuer's, ${issuer}`, {
      member: "vkey",
      hint: `use a key whose name begins with "${issuer}/", such as from browserKey({ issuer: "${issuer}" })`,
    });
  }
}

/** Types of the signed-note specification that are not supported. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [0x02, "0x02 (ECDSA)"],
  [0x05, "0x05 (RFC 6962)"],
  [0x06, "0x06 (ML-DSA-44)"],
  [0xff, "0xff"],
]);

/** Returns the type of a vkey if it is unsupported. The base64 part begins with the type's byte. */
function unsupportedType(vkey: string): string | undefined {
  const [, begin] = /^[^+]+\+[0-9a-f]{8}\+([A-Za-z0-9+/]{4})/.exec(vkey) ?? [];
  return begin === undefined ? undefined : UNSUPPORTED.get(atob(begin).charCodeAt(0));
}

function noVerifierKey(): CountersignError {
  return new CountersignError("key.invalid", "`vkey` must be a public key (vkey)", {
    member: "vkey",
    hint: "pass one line of the form name+hhhhhhhh+base64",
  });
}

function bounds({ until, ttlMs, from }: GrantOptions, now: number) {
  const isOne = until === undefined || ttlMs === undefined;
  must(isOne, "ttlMs", "`until` and `ttlMs` can't be combined", "pass one of them");
  const isLife = ttlMs === undefined || (Number.isFinite(ttlMs) && ttlMs > 0);
  must(isLife, "ttlMs", "`ttlMs` must be a positive number of milliseconds", "omit it for 12 hours");
  const end = until === null ? undefined : (until ?? new Date(now + (ttlMs ?? TTL_MS)));
  checkDate(end, "until");
  checkDate(from, "from");
  const isAhead = end === undefined || end.getTime() > Math.max(now, from?.getTime() ?? now);
  must(isAhead, "until", "`until` must be in the future and after `from`", "check the dates and this server's clock");
  return { from, until: end };
}

function checkDate(date: unknown, member: string): void {
  // Other years have more digits than notes allow.
  const isWritable = (date: Date) => !Number.isNaN(date.getTime()) && date.toISOString().length === 24;
  const isDate = date === undefined || (date instanceof Date && isWritable(date));
  must(isDate, member, `\`${member}\` must be a valid Date`, "pass a Date in the years 0 to 9999");
}

function bound(date: Date | undefined): string {
  return date?.toISOString() ?? "-";
}

/** Submits a note and returns its unverified proof. The log proves an already existing note again. */
async function submit(
  logServer: LogServer,
  note: string,
  { retryForMs, timeout }: { retryForMs: number; timeout: number },
): Promise<string> {
  const line = new TextEncoder().encode(`${JSON.stringify({ note })}\n`);
  const end = performance.now() + retryForMs;
  for (let failures = 1; ; failures++) {
    const response = await post(logServer, line, timeout);
    if (typeof response === "string") {
      return response;
    }
    const { error, scope, retryAfter } = response;
    const isLasting = scope !== "server" || error.code === "log_server.unexpected";
    const wait = pause(WAITS, failures, retryAfter);
    if (isLasting || performance.now() + wait > end) {
      throw explained(error);
    }
    await sleep(wait);
  }
}

/** Returns the proof, or a failure. */
async function post(logServer: LogServer, line: Uint8Array<ArrayBuffer>, timeout: number): Promise<string | Failure> {
  const request = logServer.post(line, { timeout, keepalive: false });
  const response = await request.catch((error: CountersignError) => new Failure("server", error));
  if (response instanceof Failure) {
    return response;
  }
  const result = readResponse(response);
  return result.kind === "taken" ? (result.note(0) ?? new Failure("chain", unproven())) : result.failure;
}

function unproven(): CountersignError {
  return new CountersignError("proof.invalid", "the response has no proof of the note", {
    hint: "check that `to` is the server of the log in `log`",
  });
}

/** Replaces the hint of a rejection by one for issuers. */
function explained(error: CountersignError): CountersignError {
  if (error.code !== "log.unauthorized") {
    return error;
  }
  const { code, message, line, cause } = error;
  const hint = "add this issuer to the log's trust file: issuer VKEY";
  return new CountersignError(code, message, { hint, line, cause });
}
