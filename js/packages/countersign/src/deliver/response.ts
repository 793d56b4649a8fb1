/** Interprets answers of a log server (crates/log/README.md). */

import { CountersignError, type ErrorCode } from "../error.js";
import { repeatable } from "../foreign.js";
import { passes } from "../reason.js";
import type { LogServerResponse } from "./log-server.js";
import { Failure, type Scope } from "./failure.js";

/** What the log says of a chain that it took. */
export interface Tip {
  readonly seq: number;
  readonly proof: string;
}

/** What is to be sent instead. */
export type Otherwise =
  /** Links are missing: the chain from there on. */
  | { kind: "from"; seq: number; failure: Failure }
  /** Less at a time. */
  | { kind: "less"; bytes: number | undefined; lines: number | undefined; failure: Failure };

/** An answer that is to be acted on. */
export type SubmitResult =
  | { kind: "taken"; tip(chain: string): Tip | undefined; note(place: number): string | undefined }
  | Otherwise
  | { kind: "failed"; failure: Failure };

/** Refusals of what was sent, each a code of this package's too. */
const DENIALS: ReadonlySet<string> = new Set<ErrorCode>(["export.invalid", "log.refused", "signature.invalid"]);

/** Reads an answer. */
export function readResponse(response: LogServerResponse): SubmitResult {
  const { status, body } = response;
  if (status === 200 && body !== undefined) {
    return { kind: "taken", tip: (chain) => tip(body, chain), note: (place) => note(body, place) };
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
  const says = message === "" ? `${from} answered with status ${status}` : `the logServer says: ${message}`;
  const failure = (scope: Scope, own: ErrorCode, todo: string, logTime?: number) =>
    new Failure(scope, new CountersignError(own, says, { hint: todo, line }), retryAfter, logTime);
  if (code === "submit.early") {
    const todo =
      "set this machine's clock, or the log's: whichever is wrong. The events are kept, and are taken when the log's clock has come to their times";
    return failure("chain", "clock.ahead", todo, moment(response.body?.now));
  }
  if (status === 413) {
    const todo = "a batch is larger than the log server takes: have its limits raised, or record smaller events";
    return failure("chain", "submit.too_large", todo);
  }
  if (code === "log.unauthorized") {
    const todo = hint ?? "the key needs a grant in the log, or a line in the log's trust file";
    return failure("chain", "log.unauthorized", `${todo}; and \`log\` must be this log_server's log`);
  }
  if (code === "log.fork") {
    const todo =
      "this chain was continued twice: the key was used elsewhere, or storage was restored from a copy. Find out which";
    return failure("denied", "log.fork", todo);
  }
  if (code === "log.gap") {
    return failure("chain", "log.gap", hint ?? "links before these are missing");
  }
  if (status === 400 && DENIALS.has(code)) {
    const todo = hint ?? "what is kept is not what this recorder wrote, or the log server is another version";
    return failure("denied", code as ErrorCode, todo);
  }
  if (passes(status)) {
    const [own, todo]: [ErrorCode, string] =
      status === 503 || status < 500
        ? ["log_server.busy", "the log server has too much to do: if this goes on, ask who runs it"]
        : ["log_server.failed", "ask who runs the log server, if this goes on"];
    return failure("log_server", own, todo);
  }
  const todo =
    status === 0 || (status >= 300 && status < 400)
      ? `it redirects: give the address of the logServer itself${location === undefined ? "" : `, which may be ${location.replace(/\/submit$/, "")}`}`
      : status === 401 || (status === 403 && code === "")
        ? "something before the log server asks who this is; exempt /submit from it, as the links' signatures say who sends them"
        : `is this the address of a logServer? GET ${from.replace(/submit$/, "checkpoint")} must show the log's checkpoint`;
  return failure("log_server", "log_server.unexpected", todo);
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

/** A time of the format, in milliseconds from the epoch. */
function moment(text: unknown): number | undefined {
  const millis = typeof text === "string" && /^\d{4}-[\d:T.-]{18}Z$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isFinite(millis) ? millis : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
