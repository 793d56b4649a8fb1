/** A server's key that grants emitters' keys, and revokes them, by notes that it signs and a log keeps. */

import { artifact } from "#recorder";
import { LogServer, type LogServerOptions } from "../deliver/log-server.js";
import { Failure } from "../deliver/failure.js";
import { readResponse } from "../deliver/response.js";
import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { inCore, loader } from "../record/core.js";
import { brokenSignerKey, noSignerKey, refuseQuotes, SIGNER_KEY, SIGNER_PREFIX, signerKey } from "../record/signer.js";
import { LONGEST, pause, sleep } from "../timers.js";
import {
  type Granted,
  type GrantOptions,
  grantHandler,
  type HandlerOptions,
  type Noted,
  type Revoked,
} from "./handler.js";
import { isUnder, nameOf } from "./name.js";

/** Half a day: a session's grant need not outlive it by much. */
const TTL_MS = 12 * 3_600_000;
const WAITS = { first: 300, longest: 3_000 };

/** Who grants, and in which log. That an environment's variable is missing is told when the issuer is created. */
export interface IssuerOptions {
  /** The issuer's signer key: one line that begins with `PRIVATE+KEY+`. The log's trust file names its vkey as `issuer`. */
  key: string | undefined;
  /** The log's log server: its address, or how it is reached. */
  to: string | URL | LogServerOptions | undefined;
  /** The log: its vkey, or a trust file with one `log` line. It is who proves that a note is in it. */
  log: string | undefined;
  /** Milliseconds for which failed requests are retried. Default: 10,000. */
  retryForMs?: number | undefined;
  /** How many milliseconds the log server may take for an answer. By default 10,000. */
  timeoutMs?: number | undefined;
}

/** Grants keys and revokes them. */
export interface Issuer {
  /** The name of the issuer's key: keys that it grants have it, a slash and more as theirs. */
  readonly name: string;
  /**
   * Lets a key sign chains: those that begin after this. Resolves when the log has proven to hold the note. Calling it
   * again before the grant ends makes the windows one, for chains that begin then.
   */
  grant(vkey: string, options?: GrantOptions): Promise<Granted>;
  /**
   * Takes a key's right away, for good: nothing that it signs after this is taken, and what the log has of it is
   * suspect from `since` on, by default from now on; `null` for all of it.
   */
  revoke(vkey: string, options?: { since?: Date | null | undefined }): Promise<Revoked>;
  /** Answers requests of browsers for a grant (`grantedKey` of the entry `countersign/browser`). */
  handler(options: HandlerOptions): (request: Request) => Promise<Response>;
}

const load = /* @__PURE__ */ loader(artifact);

/** Makes an issuer. Nothing is sent before it grants or revokes. */
export function createIssuer(options: IssuerOptions): Issuer {
  return createIssuerAt(() => Date.now(), options);
}

/** Makes an issuer with a clock of its own: milliseconds from the epoch. */
export function createIssuerAt(now: () => number, options: IssuerOptions): Issuer {
  const { key, logServer, log, retryForMs, timeout } = checked(options);
  const name = nameOf(key.slice(SIGNER_PREFIX.length));

  const state = async (vkey: string, statement: string): Promise<Noted> => {
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

  const issuer: Issuer = {
    name,
    grant: async (vkey, options = {}) => {
      const { from, until } = bounds(ownOptions(options, ["until", "ttlMs", "from"]), now());
      const noted = await state(vkey, `grant ${vkey} ${bound(from)} ${bound(until)}`);
      return { ...noted, from, until };
    },
    revoke: async (vkey, options = {}) => {
      const { since: asked } = ownOptions(options, ["since"]);
      const since = asked === null ? undefined : (asked ?? new Date(now()));
      checkDate(since, "since");
      const noted = await state(vkey, `revoke ${vkey} ${bound(since)}`);
      return { ...noted, since };
    },
    handler: (options) => grantHandler(issuer, now, options),
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
  const made = "make one with countersign keygen, and name its vkey as issuer in the log's trust file";
  must(typeof key === "string", "key", "no issuer's key", made);
  const signer = signerKey(key.trim());
  if (nameOf(signer.slice(SIGNER_PREFIX.length)) === "") {
    throw noSignerKey();
  }
  // Whether it is whole only the core can tell, which is not loaded yet.
  if (!SIGNER_KEY.test(signer)) {
    throw brokenSignerKey();
  }
  must(to !== undefined && to !== null, "to", "no log server", "give its address, such as https://log.example.com");
  const vkey = "give the log's vkey, which its operator has, or a trust file with its log line";
  must(typeof log === "string" && log.trim() !== "", "log", "no log", vkey);
  refuseQuotes(log.trim(), "log");
  for (const [member, value] of Object.entries({ retryForMs, timeoutMs: timeout })) {
    const isTime = Number.isFinite(value) && value >= 0 && value <= LONGEST;
    must(isTime, member, "no number of milliseconds", `leave it out for 10 seconds; at most it is ${LONGEST}`);
  }
  const logServer = new LogServer(typeof to === "string" || to instanceof URL ? { url: to } : to);
  return { key: signer, logServer, log: log.trim(), retryForMs, timeout };
}

/** What the core says of the two keys of a note: first of that which is stated, then of that which signs. */
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

/** Refuses keys that the issuer has no say about. The text is not repeated: it may be a secret, given in the wrong place. */
function checkVkey(vkey: unknown, issuer: string): asserts vkey is string {
  if (typeof vkey !== "string" || /\s/.test(vkey) || vkey.startsWith(SIGNER_PREFIX) || nameOf(vkey) === "") {
    throw noVerifierKey();
  }
  const type = unsupportedType(vkey);
  if (type !== undefined) {
    throw new CountersignError("key.invalid", `unsupported key type ${type}`, {
      member: "vkey",
      hint: "give an Ed25519 key: type 0x01",
    });
  }
  if (!isUnder(issuer, nameOf(vkey))) {
    throw new CountersignError("name.invalid", `the key's name is not under the issuer's, ${issuer}`, {
      member: "vkey",
      hint: `its name has to begin with "${issuer}/": browserKey({ issuer: "${issuer}" }) names it so`,
    });
  }
}

/** The types of the signed-note specification that aren't supported here. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [0x02, "0x02 (ECDSA)"],
  [0x05, "0x05 (RFC 6962)"],
  [0x06, "0x06 (ML-DSA-44)"],
  [0xff, "0xff"],
]);

/** Returns the type of a vkey that has an unsupported one. Its base64 begins with the type's byte. */
function unsupportedType(vkey: string): string | undefined {
  const [, begin] = /^[^+]+\+[0-9a-f]{8}\+([A-Za-z0-9+/]{4})/.exec(vkey) ?? [];
  return begin === undefined ? undefined : UNSUPPORTED.get(atob(begin).charCodeAt(0));
}

function noVerifierKey(): CountersignError {
  return new CountersignError("key.invalid", "this is not a verifier key", {
    member: "vkey",
    hint: "a verifier key is one line, name+hhhhhhhh+base64",
  });
}

function bounds({ until, ttlMs, from }: GrantOptions, now: number) {
  const isOne = until === undefined || ttlMs === undefined;
  must(isOne, "ttlMs", "an end and a life at the same time", "give until or ttlMs");
  const isLife = ttlMs === undefined || (Number.isFinite(ttlMs) && ttlMs > 0);
  must(isLife, "ttlMs", "ttlMs must be a positive number of milliseconds", "leave it out for 12 hours");
  const end = until === null ? undefined : (until ?? new Date(now + (ttlMs ?? TTL_MS)));
  checkDate(end, "until");
  checkDate(from, "from");
  const isAhead = end === undefined || end.getTime() > Math.max(now, from?.getTime() ?? now);
  must(isAhead, "until", "a grant that is over before it begins", "is this server's clock right?");
  return { from, until: end };
}

function checkDate(date: unknown, member: string): void {
  // The year of another has more digits than notes have for it.
  const isWritable = (date: Date) => !Number.isNaN(date.getTime()) && date.toISOString().length === 24;
  const isDate = date === undefined || (date instanceof Date && isWritable(date));
  must(isDate, member, "no Date", "give a Date of the years 0 to 9999");
}

function bound(date: Date | undefined): string {
  return date?.toISOString() ?? "-";
}

/** Has the log take a note, and gives its proof, not yet verified. A note that is there already is proven again. */
async function submit(
  logServer: LogServer,
  note: string,
  { retryForMs, timeout }: { retryForMs: number; timeout: number },
): Promise<string> {
  const line = new TextEncoder().encode(`${JSON.stringify({ note })}\n`);
  const end = performance.now() + retryForMs;
  for (let failures = 1; ; failures++) {
    const answer = await post(logServer, line, timeout);
    if (typeof answer === "string") {
      return answer;
    }
    const { error, scope, retryAfter } = answer;
    const isLasting = scope !== "log_server" || error.code === "log_server.unexpected";
    const wait = pause(WAITS, failures, retryAfter);
    if (isLasting || performance.now() + wait > end) {
      throw explained(error);
    }
    await sleep(wait);
  }
}

/** The proof, or why there is none. */
async function post(logServer: LogServer, line: Uint8Array<ArrayBuffer>, timeout: number): Promise<string | Failure> {
  const sending = logServer.post(line, { timeout, keepalive: false });
  const answer = await sending.catch((error: CountersignError) => new Failure("log_server", error));
  if (answer instanceof Failure) {
    return answer;
  }
  const meant = readResponse(answer);
  return meant.kind === "taken" ? (meant.note(0) ?? new Failure("chain", unproven())) : meant.failure;
}

function unproven(): CountersignError {
  return new CountersignError("proof.invalid", "the log proved nothing of the note", {
    hint: "is this the address of the log that is named?",
  });
}

/** What a refusal means for an issuer. */
function explained(error: CountersignError): CountersignError {
  if (error.code !== "log.unauthorized") {
    return error;
  }
  const { code, message, line, cause } = error;
  const hint = "the log's trust file must name this issuer: issuer VKEY";
  return new CountersignError(code, message, { hint, line, cause });
}
