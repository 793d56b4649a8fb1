/** Interprets responses of a log server (crates/log/README.md). */

import { CountersignError, type ErrorCode } from "../error.js";
import { repeatable } from "../foreign.js";
import { isRetryable } from "../reason.js";
import type { AnchorProof } from "./evidence.js";
import { Failure, type Scope } from "./failure.js";
import type { LogServerResponse } from "./log-server.js";
import type { HeadAnswer } from "./newest-head.js";

/** The head of a chain in the log: its last link's `seq` and its proof, in a tenant log its receipt. */
export interface Tip {
  readonly seq: number;
  readonly proof: string;
}

/** The links to send instead. */
export type ResendResult =
  /** Links are missing: resend the chain from `seq` on. */
  | { kind: "from"; seq: number; failure: Failure }
  /** The request is too large: send less at a time. */
  | { kind: "less"; bytes: number | undefined; lines: number | undefined; failure: Failure };

/** The result of a submission. */
export type SubmitResult =
  | {
      kind: "taken";
      tip(chain: string): Tip | undefined;
      note(place: number): string | undefined;
      /** The head of a tenant log, and how the log grew since the head that was stated. */
      growth: HeadAnswer | undefined;
    }
  | ResendResult
  | { kind: "failed"; failure: Failure };

/** Error codes for invalid submissions, shared with the log server. */
const DENIAL_CODES: ReadonlySet<string> = new Set<ErrorCode>(["export.invalid", "log.refused", "signature.invalid"]);

/** Interprets a response: that of an ordinary log, or of the tenant log with this origin. */
export function readResponse(response: LogServerResponse, tenant?: string): SubmitResult {
  const { status, body } = response;
  if (status === 200 && body !== undefined) {
    if (tenant !== undefined) {
      return { kind: "taken", ...receiptsOf(body, tenant) };
    }
    return {
      kind: "taken",
      tip: (chain) => tip(body, chain),
      note: (place) => note(body, place),
      growth: undefined,
    };
  }
  const failure = failed(response);
  const { code } = errorOf(response);
  if (status === 409 && code === "log.gap") {
    const seq = body?.expected;
    return isCount(seq) ? { kind: "from", seq, failure } : { kind: "failed", failure };
  }
  if (status === 413) {
    const limits = asObject(body?.limits);
    const bound = (value: unknown) => (isCount(value) ? value : undefined);
    return { kind: "less", bytes: bound(limits?.bytes), lines: bound(limits?.lines), failure };
  }
  return { kind: "failed", failure };
}

function failed(response: LogServerResponse): Failure {
  const { status, from, location, retryAfter } = response;
  const { code, message, hint, line } = errorOf(response);
  const says = message === "" ? `${from} returned HTTP status ${status}` : `the log server reported: ${message}`;
  const failure = (scope: Scope, own: ErrorCode, todo: string, logTime?: number) =>
    new Failure(scope, new CountersignError(own, says, { hint: todo, line }), retryAfter, logTime);
  if (code === "submit.early") {
    const todo =
      "set this machine's clock, or have the log server's clock set if that one is wrong; events stay queued until the log's clock reaches their times";
    return failure("chain", "clock.ahead", todo, moment(response.body?.now));
  }
  if (status === 413) {
    const todo = "record smaller events, or raise the limits of the log server";
    return failure("chain", "submit.too_large", todo);
  }
  if (status === 404 && code === "tenant.unknown") {
    const todo =
      "check that `tenants` returns the origin of a log of this server; the log may also be too new for it, in which case the events are delivered later";
    return failure("server", "tenant.unknown", todo);
  }
  if (status === 410 && code === "log.ended") {
    const todo =
      hint ?? "record no more events for this tenant, or get the origin of its new log from the log operator";
    return failure("denied", "log.ended", todo);
  }
  if (code === "log.unauthorized") {
    const todo = hint ?? "grant the key in the log, or add it to the log's trust file";
    return failure("chain", "log.unauthorized", `${todo}; check that \`log\` is the log of this server`);
  }
  if (code === "log.fork") {
    const todo =
      "find out whether the key was used elsewhere or storage was restored from a copy, because this chain was continued twice";
    return failure("denied", "log.fork", todo);
  }
  if (code === "log.gap") {
    return failure("chain", "log.gap", hint ?? "send the earlier links first");
  }
  if (status === 400 && DENIAL_CODES.has(code)) {
    const todo = hint ?? "check that the outbox was not changed and that the log server's version is compatible";
    return failure("denied", code as ErrorCode, todo);
  }
  if (isRetryable(status)) {
    const [own, todo]: [ErrorCode, string] =
      status === 503 || status < 500
        ? ["log_server.busy", "contact the log operator if the log server stays overloaded"]
        : ["log_server.failed", "contact the log operator if this continues"];
    return failure("server", own, todo);
  }
  const todo =
    status === 0 || (status >= 300 && status < 400)
      ? `use the URL that the server redirects to${location === undefined ? "" : `, probably ${location.replace(/\/submit$/, "")}`}`
      : status === 401 || (status === 403 && code === "")
        ? "exempt /submit from the authentication in front of the log server; links are authenticated by their signatures"
        : `check the URL; GET ${from.replace(/submit$/, "checkpoint")} must return the log's checkpoint`;
  return failure("server", "log_server.unexpected", todo);
}

function errorOf({ body }: LogServerResponse) {
  const error = asObject(body?.error);
  return {
    code: repeatable(error?.code) ?? "",
    message: repeatable(error?.message) ?? "",
    hint: repeatable(error?.hint),
    line: isCount(error?.line) ? error.line : undefined,
  };
}

/** Returns the receipts in the response of a tenant log (SPEC section 16.8). None of them is verified yet. */
function receiptsOf(body: Readonly<Record<string, unknown>>, origin: string) {
  const member = (of: unknown, name: string) => {
    const object = asObject(of);
    return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;
  };
  const log = member(member(body, "logs"), origin);
  const receipt = (entry: unknown): string | undefined => {
    const [head, root, index, hashes] = [
      member(log, "head"),
      member(body, "root"),
      member(entry, "index"),
      member(entry, "hashes"),
    ];
    const isWhole = typeof head === "string" && typeof root === "string" && isCount(index) && Array.isArray(hashes);
    return isWhole
      ? `countersign/v1 receipt\n${index}\n${hashes.map((hash) => `${hash}\n`).join("")}\n${head}\n${root}`
      : undefined;
  };
  return {
    tip(chain: string): Tip | undefined {
      const found = member(member(log, "chains"), chain);
      const [seq, proof] = [member(found, "seq"), receipt(found)];
      return isCount(seq) && proof !== undefined ? { seq, proof } : undefined;
    },
    note(place: number): string | undefined {
      const notes = member(log, "notes");
      return Array.isArray(notes) ? receipt(notes[place]) : undefined;
    },
    growth: growthOf(member(log, "head"), member(body, "root"), member(log, "anchors"), member(log, "consistency")),
  };
}

function growthOf(head: unknown, root: unknown, anchors: unknown, consistency: unknown): HeadAnswer | undefined {
  if (typeof head !== "string" || typeof root !== "string" || !Array.isArray(anchors) || !areStrings(consistency)) {
    return undefined;
  }
  const proofs: AnchorProof[] = [];
  for (const one of anchors) {
    const { anchor, consistency } = asObject(one) ?? {};
    if (typeof anchor !== "string" || !areStrings(consistency)) {
      return undefined;
    }
    proofs.push({ anchor, consistency });
  }
  return { head: `${head}\n${root}`, anchors: proofs, consistency };
}

function areStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function tip(body: Readonly<Record<string, unknown>>, chain: string): Tip | undefined {
  const chains = asObject(body.chains);
  const found = chains !== undefined && Object.hasOwn(chains, chain) ? asObject(chains[chain]) : undefined;
  const { seq, proof } = found ?? {};
  return isCount(seq) && typeof proof === "string" ? { seq, proof } : undefined;
}

function note(body: Readonly<Record<string, unknown>>, place: number): string | undefined {
  const notes = Array.isArray(body.notes) ? (body.notes as unknown[]) : [];
  const proof = asObject(notes[place])?.proof;
  return typeof proof === "string" ? proof : undefined;
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** Parses a timestamp in the format of SPEC section 2 to milliseconds since the epoch. */
function moment(text: unknown): number | undefined {
  const millis = typeof text === "string" && /^\d{4}-[\d:T.-]{18}Z$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isFinite(millis) ? millis : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
